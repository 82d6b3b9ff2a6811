#include "sandbox/protection_journal.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <string_view>
#include <thread>

#include "base/sys.h"
#include "sandbox/beneath.h"

namespace mayfly::sandbox {
namespace {

constexpr off_t kTurnByte = 0;
constexpr off_t kCallsByte = 1;
constexpr std::chrono::milliseconds kLongestPause{16};
constexpr std::size_t kRecordLimit = 256 << 20;

// The first nine bytes are the same in every version; an idle record of any is replaced.
struct Header {
  std::array<char, 8> magic;
  char state;
  char format;
  std::array<char, 2> unused;
  // When the workspace's directory was made: inodes are used again.
  std::uint32_t born_nanoseconds;
  std::int64_t born_seconds;
  std::uint64_t checksum;
};
static_assert(sizeof(Header) == 32);
constexpr std::array<char, 8> kMagic = {'m', 'a', 'y', 'f', 'l', 'y', 'P', 'P'};
constexpr char kFormat = 1;
constexpr char kRunning = 'R';
constexpr char kIdle = 'I';

// Against a disk that lost part of it, not against an enemy: the file is the user's own.
std::uint64_t checksum(std::string_view bytes) {
  std::uint64_t sum = 0xcbf29ce484222325ULL ^ bytes.size();
  while (!bytes.empty()) {
    std::uint64_t word = 0;
    const std::size_t size = std::min(bytes.size(), sizeof word);
    std::memcpy(&word, bytes.data(), size);
    sum = (sum ^ word) * 0x9e3779b97f4a7c15ULL;
    sum ^= sum >> 32U;
    bytes.remove_prefix(size);
  }
  return sum;
}

// 0, or errno.
int set_lock(int fd, short type, off_t byte) {
  struct flock lock {};
  lock.l_type = type;
  lock.l_whence = SEEK_SET;
  lock.l_start = byte;
  lock.l_len = 1;
  while (fcntl(fd, F_OFD_SETLK, &lock) != 0) {
    if (errno != EINTR) return errno;
  }
  return 0;
}

bool is_taken(int failure) { return failure == EAGAIN || failure == EACCES; }

Error refused(const std::string& path, const std::string& why) {
  return input_error(ErrorCode::kPathRefused, "state", path, why,
                     "remove it, or set XDG_STATE_HOME to a directory of your own");
}

Result<OwnedFd> enter(int parent, const std::string& name, const std::string& path) {
  if (mkdirat(parent, name.c_str(), 0700) != 0 && errno != EEXIST) {
    return fail(system_error("mkdirat " + path, errno));
  }
  auto directory = beneath::open(parent, name, O_RDONLY | O_DIRECTORY);
  if (!directory) {
    const int number = directory.error().os_errno;
    if (number == ELOOP || number == ENOTDIR) return fail(refused(path, "is not a directory"));
    return fail(std::move(directory).error().within("enter " + path));
  }
  const struct ::stat info = TRY(sys::fstat(directory->get()));
  if (info.st_uid != geteuid()) return fail(refused(path, "belongs to another user"));
  if ((info.st_mode & 0777U) != 0700U && fchmod(directory->get(), 0700) != 0) {
    return fail(system_error("fchmod " + path, errno));
  }
  return directory;
}

// The user's own, and closed to others.
Status check_file(int fd, const std::string& path) {
  const struct ::stat info = TRY(sys::fstat(fd));
  if (!S_ISREG(info.st_mode) || info.st_uid != geteuid() || info.st_nlink > 1 ||
      (info.st_mode & 0077U) != 0) {
    return fail(refused(path, "is not a file that only this user can use"));
  }
  return {};
}

}  // namespace

ProtectionJournal::Turn::~Turn() {
  if (lock_ >= 0) (void)set_lock(lock_, F_UNLCK, kTurnByte);
}

Result<ProtectionJournal> ProtectionJournal::open(const std::string& state_root,
                                                  const Workspace& workspace,
                                                  int workspace_directory) {
  if (state_root.empty() || state_root.front() != '/') {
    return fail(refused(state_root, "is not an absolute path"));
  }
  if (is_within(state_root, workspace.path)) {
    return fail(refused(state_root, "is inside a workspace: a sandbox could write there"));
  }
  ProtectionJournal journal;
  const std::string parent = beneath::parent_of(state_root);
  if (!parent.empty()) TRY(sys::mkdir_parents(parent, 0700));
  // What is above the root is the operator's choice, and may be behind a link.
  const OwnedFd above = TRY(sys::open(parent.empty() ? "/" : parent, O_PATH | O_DIRECTORY));
  const OwnedFd root = TRY(enter(above.get(), beneath::name_of(state_root), state_root));
  const std::string directory = state_root + "/workspaces";
  journal.directory_ = TRY(enter(root.get(), "workspaces", directory));
  journal.name_ = std::to_string(workspace.device) + "-" + std::to_string(workspace.inode);
  journal.path_ = directory + "/" + journal.name_;
  const std::string lock = journal.name_ + ".lock";
  journal.lock_ = TRY(sys::openat(journal.directory_.get(), lock,
                                  O_RDWR | O_CREAT | O_NOFOLLOW | O_NONBLOCK, 0600));
  TRY(check_file(journal.lock_.get(), journal.path_ + ".lock"));

  struct ::statx birth {};
  if (statx(workspace_directory, "", AT_EMPTY_PATH, STATX_BTIME, &birth) == 0 &&
      (birth.stx_mask & STATX_BTIME) != 0) {
    journal.born_seconds_ = birth.stx_btime.tv_sec;
    journal.born_nanoseconds_ = birth.stx_btime.tv_nsec;
  }
  return journal;
}

Result<ProtectionJournal::Turn> ProtectionJournal::take_turn(
    std::chrono::milliseconds patience) const {
  const auto deadline = std::chrono::steady_clock::now() + patience;
  // Asked again and again, because only an attempt can be given up. A turn is short.
  for (std::chrono::milliseconds pause{1};; pause = std::min(pause * 2, kLongestPause)) {
    const int failure = set_lock(lock_.get(), F_WRLCK, kTurnByte);
    if (failure == 0) return Turn(lock_.get());
    if (!is_taken(failure)) return fail(system_error("fcntl F_OFD_SETLK " + path_, failure));
    if (std::chrono::steady_clock::now() >= deadline) {
      return fail(input_error(ErrorCode::kBusy, "workspace", path_ + ".lock",
                              "another server is looking through the workspace", "Try again"));
    }
    std::this_thread::sleep_for(pause);
  }
}

Result<bool> ProtectionJournal::alone() const {
  const int failure = set_lock(lock_.get(), F_WRLCK, kCallsByte);
  if (failure != 0 && !is_taken(failure)) {
    return fail(system_error("fcntl F_OFD_SETLK " + path_, failure));
  }
  return failure == 0;
}

Status ProtectionJournal::share() const {
  const int failure = set_lock(lock_.get(), F_RDLCK, kCallsByte);
  if (failure != 0) return fail(system_error("fcntl F_OFD_SETLK " + path_, failure));
  return {};
}

void ProtectionJournal::leave() const { (void)set_lock(lock_.get(), F_UNLCK, kCallsByte); }

Error ProtectionJournal::damaged(const std::string& why) const {
  return input_error(
      ErrorCode::kPathRefused, "state", path_,
      "what a server that ended in the middle of a call knew of the workspace " + why,
      "look for files that a sandbox may have left where programs of the host run "
      "them (.git/config, .mcp.json, .vscode), then delete " +
          path_);
}

Result<ProtectionJournal::State> ProtectionJournal::look() {
  struct ::stat named {};
  struct ::stat known {};
  replaced_ = true;
  if (fstatat(directory_.get(), name_.c_str(), &named, AT_SYMLINK_NOFOLLOW) != 0) {
    record_.reset();
    if (errno == ENOENT) return State::kMissing;
    return fail(system_error("fstatat " + path_, errno));
  }
  if (record_.valid() && fstat(record_.get(), &known) == 0 && known.st_dev == named.st_dev &&
      known.st_ino == named.st_ino) {
    replaced_ = false;
  } else {
    record_ = TRY(beneath::open(directory_.get(), name_, O_RDWR));
    TRY(check_file(record_.get(), path_));
  }
  Header header{};
  const ssize_t size = pread(record_.get(), &header, sizeof header, 0);
  if (size != sizeof header || header.magic != kMagic) return fail(damaged("is no record"));
  if (header.state == kIdle) return State::kIdle;
  if (header.state != kRunning) return fail(damaged("is no record"));
  if (header.format != kFormat) return fail(damaged("is in the format of another version"));
  const bool of_this_directory =
      header.born_seconds == born_seconds_ && header.born_nanoseconds == born_nanoseconds_;
  return of_this_directory ? State::kRunning : State::kMissing;
}

Result<ProtectionRecord> ProtectionJournal::read() {
  if (lseek(record_.get(), 0, SEEK_SET) != 0) return fail(system_error("lseek " + path_, errno));
  const std::string bytes = TRY(sys::read_file(record_.get(), kRecordLimit + sizeof(Header)));
  Header header{};
  if (bytes.size() < sizeof header) return fail(damaged("is no record"));
  std::memcpy(&header, bytes.data(), sizeof header);
  const std::string_view payload = std::string_view(bytes).substr(sizeof header);
  if (header.checksum != checksum(payload)) return fail(damaged("is damaged"));
  auto record = decode_protection_record(payload);
  if (!record) return fail(damaged("is damaged"));
  replaced_ = false;
  return record;
}

Status ProtectionJournal::write(DirectoryBind bind, const ProtectionSnapshot& snapshot) {
  std::string bytes(sizeof(Header), '\0');
  bytes += encode(bind, snapshot);
  if (bytes.size() > kRecordLimit) {
    return fail(input_error(ErrorCode::kOutOfResources, "workspace", path_,
                            "too much in its protected paths to remember",
                            "remove repositories or hooks that are not needed"));
  }
  const std::string_view payload = std::string_view(bytes).substr(sizeof(Header));
  const Header header{kMagic,        kRunning,         kFormat, {}, born_nanoseconds_,
                      born_seconds_, checksum(payload)};
  std::memcpy(bytes.data(), &header, sizeof header);

  const std::string draft = name_ + ".new";
  (void)unlinkat(directory_.get(), draft.c_str(), 0);  // of a server that died meanwhile
  OwnedFd file =
      TRY(sys::openat(directory_.get(), draft, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW, 0600));
  auto written = sys::write_all(file.get(), bytes);
  if (written && renameat(directory_.get(), draft.c_str(), directory_.get(), name_.c_str()) != 0) {
    written = fail(system_error("renameat " + path_, errno));
  }
  if (!written) {
    (void)unlinkat(directory_.get(), draft.c_str(), 0);
    return fail(std::move(written).error().within("remember protected paths in " + path_));
  }
  record_ = std::move(file);
  replaced_ = false;
  return {};
}

Status ProtectionJournal::mark(State state) const {
  const char byte = state == State::kRunning ? kRunning : kIdle;
  if (pwrite(record_.get(), &byte, 1, offsetof(Header, state)) != 1) {
    return fail(system_error("pwrite " + path_, errno));
  }
  return {};
}

void ProtectionJournal::remove() {
  (void)unlinkat(directory_.get(), name_.c_str(), 0);
  record_.reset();
  replaced_ = true;
}

}  // namespace mayfly::sandbox
