#include "sandbox/linux/host_look.h"

#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <cstdint>
#include <ctime>
#include <iterator>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include "base/sys.h"
#include "base/text.h"
#include "sandbox/private_places.h"
#include "sandbox/workspace.h"

namespace mayfly::sandbox {
namespace {

constexpr std::size_t kMostBytes = 990;
constexpr std::size_t kMostLinks = 8;
constexpr std::size_t kMostComponents = 256;
constexpr std::string_view kLocal[] = {"ext2",  "ext3",    "ext4",     "xfs",      "btrfs",
                                       "tmpfs", "overlay", "zfs",      "f2fs",     "bcachefs",
                                       "ramfs", "erofs",   "squashfs", "reiserfs", "jfs",
                                       "vfat",  "exfat",   "ntfs3",    "iso9660",  "udf"};

bool has_controls(const std::string& path) {
  return std::any_of(path.begin(), path.end(), [](char c) {
    return static_cast<unsigned char>(c) < 0x20 || c == 0x7f || c == '\\';
  });
}

// "\040" of mountinfo.
std::string unescaped(const std::string& text) {
  std::string out;
  for (std::size_t at = 0; at < text.size(); ++at) {
    if (text[at] != '\\' || at + 3 >= text.size()) {
      out += text[at];
      continue;
    }
    out += static_cast<char>((text[at + 1] - '0') * 64 + (text[at + 2] - '0') * 8 +
                             (text[at + 3] - '0'));
    at += 3;
  }
  return out;
}

std::chrono::nanoseconds now(clockid_t clock) {
  struct timespec time {};
  ::clock_gettime(clock, &time);
  return std::chrono::seconds(time.tv_sec) + std::chrono::nanoseconds(time.tv_nsec);
}

// Takes what passes in its life off a budget.
class Charge {
 public:
  explicit Charge(LookBudget& budget) : budget_(budget) {}
  ~Charge() { take(); }
  Charge(const Charge&) = delete;
  Charge& operator=(const Charge&) = delete;

  // Whether there is enough for one more step.
  bool step() {
    take();
    if (budget_.is_spent()) return false;
    --budget_.steps;
    return true;
  }

 private:
  void take() {
    const auto processor = now(CLOCK_THREAD_CPUTIME_ID);
    const auto clock = now(CLOCK_MONOTONIC);
    budget_.processor -= processor - processor_;
    budget_.clock -= clock - clock_;
    processor_ = processor;
    clock_ = clock;
  }

  LookBudget& budget_;
  std::chrono::nanoseconds processor_ = now(CLOCK_THREAD_CPUTIME_ID);
  std::chrono::nanoseconds clock_ = now(CLOCK_MONOTONIC);
};

bool is_left_alone(const std::string& path) {
  for (const char* top : {"/proc", "/sys", "/dev"}) {
    if (is_within(path, top)) return true;
  }
  return false;
}

}  // namespace

// One look. Each step costs the same, however long the way to it was.
class HostWalk {
 public:
  explicit HostWalk(HostLooks& looks) : looks_(looks) {}

  HostPlace look(const std::string& path) {
    Charge charge(looks_.budget_);
    auto root = sys::open("/", O_PATH | O_DIRECTORY);
    if (!root || !add(path)) return {};
    enter(*std::move(root));
    while (!pending_.empty()) {
      if (!charge.step()) return {};
      const std::string name = std::move(pending_.back());
      pending_.pop_back();
      if (auto end = step(name)) return *std::move(end);
    }
    return {HostPlace::Kind::kDirectory, here_.empty() ? "/" : here_, std::move(links_)};
  }

 private:
  struct Level {
    OwnedFd directory;
    bool open = false;  // anybody may look what is in it
  };

  void enter(OwnedFd directory) {
    const auto info = sys::fstat(directory.get());
    levels_.push_back({std::move(directory), info && (info->st_mode & S_IXOTH) != 0});
  }

  // In front of what is still to be walked. False: that is too much.
  bool add(const std::string& path) {
    const std::size_t before = pending_.size();
    for (std::size_t begin = 0; begin < path.size();) {
      const std::size_t end = std::min(path.find('/', begin), path.size());
      const std::string_view part = std::string_view(path).substr(begin, end - begin);
      begin = end + 1;
      if (part.empty() || part == ".") continue;
      if (++components_ > kMostComponents) return false;
      pending_.emplace_back(part);
    }
    std::reverse(pending_.begin() + static_cast<std::ptrdiff_t>(before), pending_.end());
    return true;
  }

  bool may_look_here() const {
    const std::string& home = looks_.home_;
    return levels_.back().open || (home.size() > 1 && is_within(here_, home));
  }

  // Nothing as long as the walk goes on.
  std::optional<HostPlace> step(const std::string& name) {
    const HostPlace unknown{};
    if (name == "..") {
      if (levels_.size() == 1) return std::nullopt;
      here_.resize(here_.rfind('/'));
      levels_.pop_back();
      return std::nullopt;
    }
    if (name.size() > NAME_MAX || here_.size() + name.size() + 1 >= PATH_MAX) return unknown;
    const std::string path = here_ + "/" + name;
    if (is_left_alone(path) || is_private_entry(path, looks_.home_) || !may_look_here()) {
      return unknown;
    }
    auto entry = open_entry(name, path);
    if (!entry) {
      const int why = entry.error().os_errno;
      if (why == ENOENT || why == ENOTDIR) return HostPlace{HostPlace::Kind::kAbsent, "", {}};
      return unknown;
    }
    const auto info = sys::fstat(entry->get());
    if (!info) return unknown;
    if (S_ISLNK(info->st_mode)) return follow(*entry, path);
    if (S_ISDIR(info->st_mode)) {
      here_ = path;
      enter(*std::move(entry));
      return std::nullopt;
    }
    if (!pending_.empty()) return HostPlace{HostPlace::Kind::kAbsent, "", {}};
    const bool file = S_ISREG(info->st_mode);
    return HostPlace{file ? HostPlace::Kind::kFile : HostPlace::Kind::kOther, path,
                     std::move(links_)};
  }

  Result<OwnedFd> open_entry(const std::string& name, const std::string& path) {
    constexpr std::uint64_t kFlags = O_PATH | O_NOFOLLOW;
    const int directory = levels_.back().directory.get();
    auto entry = sys::openat2(directory, name, kFlags, RESOLVE_NO_XDEV);
    if (entry || entry.error().os_errno != EXDEV) return entry;
    // A mount. What it is has to be known before it is touched.
    const std::string type = looks_.mounted_at(path);
    if (std::find(std::begin(kLocal), std::end(kLocal), type) == std::end(kLocal)) return entry;
    return sys::openat2(directory, name, kFlags, 0);
  }

  std::optional<HostPlace> follow(const OwnedFd& link, const std::string& path) {
    char target[kMostBytes + 1];
    const ssize_t size = ::readlinkat(link.get(), "", target, sizeof target);
    if (size <= 0 || static_cast<std::size_t>(size) == sizeof target) return HostPlace{};
    if (links_.size() >= kMostLinks) return HostPlace{};
    links_.push_back(path);
    const std::string to(target, static_cast<std::size_t>(size));
    if (to.front() == '/') {
      here_.clear();
      levels_.resize(1);
    }
    if (!add(to)) return HostPlace{};
    return std::nullopt;
  }

  HostLooks& looks_;
  std::vector<std::string> pending_;  // the next one last
  std::size_t components_ = 0;
  std::vector<Level> levels_;  // from "/" on
  std::string here_;           // of the last level; empty for "/"
  std::vector<std::string> links_;
};

std::string HostLooks::mounted_at(const std::string& path) {
  constexpr std::size_t kMostMountInfo = 8U << 20;
  if (!mounts_.has_value()) {
    mounts_.emplace();
    const auto file = sys::open("/proc/self/mountinfo", O_RDONLY);
    if (!file) return "";
    const auto all = sys::read_file(file->get(), kMostMountInfo);
    if (!all) return "";
    for (const std::string& line : text::split(*all, '\n')) {
      const auto words = text::split(line, ' ');
      const auto dash = std::find(words.begin(), words.end(), "-");
      if (words.size() < 5 || dash == words.end() || dash + 1 == words.end()) continue;
      (*mounts_)[unescaped(words[4])] = *(dash + 1);
    }
  }
  const auto found = mounts_->find(path);
  return found == mounts_->end() ? "" : found->second;
}

HostPlace HostLooks::look(const std::string& path) {
  if (path.empty() || path.front() != '/' || path.size() > kMostBytes || has_controls(path)) {
    return {};
  }
  if ((path + "/").find("/../") != std::string::npos) return {};
  const auto known = seen_.find(path);
  if (known != seen_.end()) return known->second;
  if (budget_.is_spent()) return {};
  return seen_.emplace(path, HostWalk(*this).look(path)).first->second;
}

}  // namespace mayfly::sandbox
