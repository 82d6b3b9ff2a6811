#include "audit/log.h"

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <map>
#include <utility>

#include "audit/hash.h"
#include "audit/head_file.h"
#include "audit/line_reader.h"
#include "audit/record.h"
#include "base/sys.h"

namespace mayfly::audit {
namespace {

constexpr mode_t kOthersMayNotWrite = 022;

// Held while one record is written; other servers wait.
class Locked {
 public:
  explicit Locked(int fd) : fd_(fd) {}
  ~Locked() { ::flock(fd_, LOCK_UN); }
  Locked(const Locked&) = delete;
  Locked& operator=(const Locked&) = delete;

 private:
  const int fd_;
};

Status lock(int fd, const std::string& path) {
  while (::flock(fd, LOCK_EX) != 0) {
    if (errno != EINTR) return fail(system_error("flock " + path, errno));
  }
  return {};
}

// Whether `name` still means the open file.
bool is_at(int fd, const Place& place, const std::string& name) {
  struct ::stat open {};
  struct ::stat named {};
  return fd >= 0 && ::fstat(fd, &open) == 0 &&
         ::fstatat(place.directory.get(), name.c_str(), &named, AT_SYMLINK_NOFOLLOW) == 0 &&
         open.st_dev == named.st_dev && open.st_ino == named.st_ino;
}

// A write beyond RLIMIT_FSIZE has to be an error, not the server's end. A handler, unlike SIG_IGN,
// is not inherited by what we exec.
void outlive_large_files() {
  struct sigaction now {};
  if (::sigaction(SIGXFSZ, nullptr, &now) != 0 || now.sa_handler != SIG_DFL) return;
  struct sigaction ours {};
  ours.sa_handler = [](int) {};
  ours.sa_flags = SA_RESTART;
  ::sigaction(SIGXFSZ, &ours, nullptr);
}

}  // namespace

namespace {

Missing missing_of(const LogOptions& options, const std::string& path) {
  const bool own =
      std::any_of(options.own_places.begin(), options.own_places.end(),
                  [&](const std::string& each) { return path.starts_with(each + "/"); });
  return own ? Missing::kMakeAll : Missing::kMake;
}

// Before anything is made beside it.
Status judge_log(const Place& place) {
  const auto there = open_own(place, place.name, O_RDWR | O_APPEND, kOthersMayNotWrite);
  if (!there && there.error().os_errno != ENOENT) return fail(there.error());
  return {};
}

}  // namespace

std::string heads_name(const std::string& name) { return name + ".head"; }

std::string part_name(const std::string& name, unsigned number) {
  return name + "." + std::to_string(number);
}

Result<std::vector<unsigned>> rotated_parts(const Place& place) {
  const OwnedFd listed = TRY(sys::openat(place.directory.get(), ".", O_RDONLY | O_DIRECTORY));
  DIR* directory = ::fdopendir(::dup(listed.get()));
  if (directory == nullptr) return fail(system_error("list the directory of " + place.path, errno));
  std::vector<unsigned> out;
  const std::string prefix = place.name + ".";
  while (const dirent* entry = ::readdir(directory)) {
    const std::string_view name = entry->d_name;
    if (!name.starts_with(prefix)) continue;
    const std::string_view digits = name.substr(prefix.size());
    unsigned number = 0;
    const char* end = digits.data() + digits.size();
    const auto parsed = std::from_chars(digits.data(), end, number);
    if (parsed.ec == std::errc() && parsed.ptr == end && digits.front() != '0' &&
        number < 1'000'000) {
      out.push_back(number);
    }
  }
  ::closedir(directory);
  std::sort(out.begin(), out.end());
  return out;
}

Log::Log(LogOptions options, Place place, Key key, std::string chain)
    : options_(std::move(options)),
      place_(std::move(place)),
      key_(std::move(key)),
      chain_(std::move(chain)),
      hash_(no_hash()) {}

Result<std::unique_ptr<Log>> Log::open(LogOptions options) {
  Place place = TRY(open_place(options.file, missing_of(options, options.file)));
  TRY(judge_log(place));
  Key key = TRY(Key::make_or_read(options.key_file, missing_of(options, options.key_file)));
  options.keep = std::max(options.keep, 1U);
  std::string chain = hex(TRY(random_bytes(16)));
  std::unique_ptr<Log> log(
      new Log(std::move(options), std::move(place), std::move(key), std::move(chain)));
  TRY(log->open_files());
  outlive_large_files();
  return log;
}

// Again too when somebody moved one away: what is written must be where readers look.
Status Log::open_files() {
  const std::string heads = heads_name(place_.name);
  if (!is_at(heads_.get(), place_, heads)) {
    heads_ = TRY(open_own(place_, heads, O_RDWR | O_CREAT, kOthersMayNotWrite));
  }
  return {};
}

Status Log::append(std::string_view event, Json fields, Last last) {
  const std::lock_guard guard(mutex_);
  TRY(open_files());
  TRY(lock(heads_.get(), place_.path));
  const Locked locked(heads_.get());
  if (!is_at(heads_.get(), place_, heads_name(place_.name))) {
    return fail(system_error("lock " + place_.path + ".head, which was just replaced", ESTALE));
  }
  if (!is_at(file_.get(), place_, place_.name)) {
    file_ = TRY(open_own(place_, place_.name, O_RDWR | O_APPEND | O_CREAT, kOthersMayNotWrite));
  }
  static_cast<void>(TRY(repaired_size()));
  if (cut_bytes_ > 0) {
    const std::uint64_t bytes = cut_bytes_;
    TRY(append_locked("log_repaired", {{"torn_bytes", bytes}}, Last::kNo));
    cut_bytes_ = 0;
  }
  return append_locked(event, std::move(fields), last);
}

Status Log::append_locked(std::string_view event, Json fields, Last last) {
  std::uint64_t size = TRY(repaired_size());
  Sealed sealed = seal(seq_ + 1, chain_, event, std::move(fields), hash_, key_);
  if (size > 0 && size + sealed.line.size() > options_.rotate_bytes) {
    TRY_TO("rotate " + place_.path, rotate());
    size = TRY(repaired_size());
  }
  TRY(write_line(sealed.line, size));
  const Head head{chain_, seq_ + 1, sealed.hash, 0, last == Last::kYes};
  if (auto put = HeadFile::put(heads_.get(), key_, head, slot_); !put) {
    (void)!::ftruncate(file_.get(), static_cast<off_t>(size));
    return put;
  }
  ++seq_;
  hash_ = std::move(sealed.hash);
  if (options_.flush == Flush::kNone) return {};
  if (::fdatasync(file_.get()) != 0 || ::fdatasync(heads_.get()) != 0) {
    return fail(system_error("fdatasync " + place_.path, errno));
  }
  return {};
}

// A server that was killed, or a machine that lost power, in the middle of a write leaves a torn
// line, which would spoil the next one.
Result<std::uint64_t> Log::repaired_size() {
  const struct ::stat status = TRY(sys::fstat(file_.get()));
  auto size = static_cast<std::uint64_t>(status.st_size);
  char last = '\n';
  if (size == 0 || (::pread(file_.get(), &last, 1, status.st_size - 1) == 1 && last == '\n')) {
    return size;
  }
  std::uint64_t whole = size;
  std::string piece(4096, '\0');
  while (whole > 0) {
    const std::uint64_t from = whole > piece.size() ? whole - piece.size() : 0;
    const ssize_t got = ::pread(file_.get(), piece.data(), static_cast<std::size_t>(whole - from),
                                static_cast<off_t>(from));
    if (got <= 0) return fail(system_error("read " + place_.path, errno));
    const auto newline = std::string_view(piece.data(), static_cast<std::size_t>(got)).rfind('\n');
    whole = newline == std::string_view::npos ? from : from + newline + 1;
    if (newline != std::string_view::npos) break;
  }
  if (::ftruncate(file_.get(), static_cast<off_t>(whole)) != 0) {
    return fail(system_error("cut the torn line of " + place_.path, errno));
  }
  cut_bytes_ += size - whole;
  return whole;
}

Status Log::write_line(const std::string& line, std::uint64_t size) {
  const ssize_t wrote = ::write(file_.get(), line.data(), line.size());
  if (wrote == static_cast<ssize_t>(line.size())) return {};
  const int number = wrote < 0 ? errno : ENOSPC;
  if (wrote > 0) (void)!::ftruncate(file_.get(), static_cast<off_t>(size));
  return fail(system_error("write " + place_.path, number));
}

Status Log::rotate() {
  auto parts = TRY(rotated_parts(place_));
  TRY(prune(parts));
  const int directory = place_.directory.get();
  for (unsigned number = options_.keep; number-- > 0;) {
    const std::string from = number == 0 ? place_.name : part_name(place_.name, number);
    const std::string to = part_name(place_.name, number + 1);
    if (::renameat(directory, from.c_str(), directory, to.c_str()) != 0 && errno != ENOENT) {
      return fail(system_error("rename " + from + " to " + to, errno));
    }
  }
  file_ =
      TRY(open_own(place_, place_.name, O_RDWR | O_APPEND | O_CREAT | O_EXCL, kOthersMayNotWrite));
  return {};
}

// Notes in the heads what goes, before it goes, so that its absence is no fault.
Status Log::prune(const std::vector<unsigned>& parts) {
  std::map<std::string, std::uint64_t> gone;
  std::vector<std::string> names;
  for (const unsigned number : parts) {
    if (number < options_.keep) continue;
    const std::string name = part_name(place_.name, number);
    const OwnedFd part = TRY(open_own(place_, name, O_RDONLY, kOthersMayNotWrite));
    const struct ::stat status = TRY(sys::fstat(part.get()));
    LineReader reader(part.get(), static_cast<std::uint64_t>(status.st_size));
    while (const auto line = TRY(reader.next())) {
      const auto label = line->too_long ? std::nullopt : label_of(line->text, key_);
      if (label) gone[label->chain] = std::max(gone[label->chain], label->seq);
    }
    names.push_back(name);
  }
  if (names.empty()) return {};
  TRY(HeadFile::rewrite(heads_.get(), key_, [&](Head& head) {
    if (const auto found = gone.find(head.chain); found != gone.end()) {
      head.pruned = std::max(head.pruned, found->second);
    }
    // A server that still runs goes on from there.
    return head.pruned < head.seq || !head.ended;
  }));
  slot_ = 0;
  for (const std::string& name : names) {
    if (::unlinkat(place_.directory.get(), name.c_str(), 0) != 0) {
      return fail(system_error("remove " + name, errno));
    }
  }
  return {};
}

}  // namespace mayfly::audit
