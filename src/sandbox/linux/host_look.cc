#include "sandbox/linux/host_look.h"

#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <deque>
#include <iterator>
#include <map>
#include <optional>
#include <vector>

#include "base/sys.h"
#include "base/text.h"
#include "sandbox/private_places.h"
#include "sandbox/workspace.h"

namespace mayfly::sandbox {
namespace {

constexpr std::size_t kMostBytes = 990;
constexpr int kMostLinks = 40;
constexpr std::size_t kMostSteps = 1000;
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

// What is mounted at `path`, the last one if there are several: "ext4". Empty if nothing is.
std::string mounted_at(const std::string& path) {
  constexpr std::size_t kMostMountInfo = 8U << 20;
  const auto file = sys::open("/proc/self/mountinfo", O_RDONLY);
  if (!file) return "";
  const auto all = sys::read_file(file->get(), kMostMountInfo);
  if (!all) return "";
  std::string type;
  for (const std::string& line : text::split(*all, '\n')) {
    const auto words = text::split(line, ' ');
    const auto dash = std::find(words.begin(), words.end(), "-");
    if (words.size() < 5 || dash == words.end() || dash + 1 == words.end()) continue;
    if (unescaped(words[4]) == path) type = *(dash + 1);
  }
  return type;
}

class Walk {
 public:
  explicit Walk(const std::string& home) : home_(home) {}

  HostPlace look(const std::string& path) {
    add(path);
    auto root = sys::open("/", O_PATH | O_DIRECTORY);
    if (!root) return {};
    directories_.push_back(*std::move(root));
    for (std::size_t steps = 0; !pending_.empty(); ++steps) {
      if (steps > kMostSteps) return {};
      const std::string name = std::move(pending_.front());
      pending_.pop_front();
      if (const auto end = step(name)) return *end;
    }
    HostPlace place{HostPlace::Kind::kDirectory, here(), std::move(links_)};
    return place;
  }

 private:
  // In front of what is still to be walked.
  void add(const std::string& path) {
    auto parts = text::split(path, '/');
    std::erase_if(parts, [](const std::string& part) { return part.empty() || part == "."; });
    pending_.insert(pending_.begin(), parts.begin(), parts.end());
  }

  std::string here() const { return names_.empty() ? "/" : "/" + text::join(names_, "/"); }

  bool may_look_here() const {
    const std::string path = here();
    if (home_.size() > 1 && is_within(path, home_)) return true;
    const auto info = sys::fstat(directories_.back().get());
    return info && (info->st_mode & S_IXOTH) != 0;
  }

  static bool is_left_alone(const std::string& path) {
    for (const char* top : {"/proc", "/sys", "/dev"}) {
      if (is_within(path, top)) return true;
    }
    return false;
  }

  // Nothing as long as the walk goes on.
  std::optional<HostPlace> step(const std::string& name) {
    const HostPlace unknown{};
    if (name == "..") {
      if (names_.empty()) return std::nullopt;
      names_.pop_back();
      directories_.pop_back();
      return std::nullopt;
    }
    const std::string path = names_.empty() ? "/" + name : here() + "/" + name;
    if (name.size() > NAME_MAX || path.size() >= PATH_MAX) return unknown;
    if (is_left_alone(path) || is_private_place(path, home_) || !may_look_here()) return unknown;
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
      names_.push_back(name);
      directories_.push_back(*std::move(entry));
      return std::nullopt;
    }
    if (!pending_.empty()) return HostPlace{HostPlace::Kind::kAbsent, "", {}};
    const bool file = S_ISREG(info->st_mode);
    return HostPlace{file ? HostPlace::Kind::kFile : HostPlace::Kind::kOther, path,
                     std::move(links_)};
  }

  Result<OwnedFd> open_entry(const std::string& name, const std::string& path) const {
    constexpr std::uint64_t kFlags = O_PATH | O_NOFOLLOW;
    auto entry = sys::openat2(directories_.back().get(), name, kFlags, RESOLVE_NO_XDEV);
    if (entry || entry.error().os_errno != EXDEV) return entry;
    // A mount. What it is has to be known before it is touched.
    const std::string type = mounted_at(path);
    if (std::find(std::begin(kLocal), std::end(kLocal), type) == std::end(kLocal)) return entry;
    return sys::openat2(directories_.back().get(), name, kFlags, 0);
  }

  std::optional<HostPlace> follow(const OwnedFd& link, const std::string& path) {
    char target[PATH_MAX];
    const ssize_t size = ::readlinkat(link.get(), "", target, sizeof target);
    if (size <= 0 || static_cast<std::size_t>(size) == sizeof target) return HostPlace{};
    if (links_.size() >= kMostLinks) return HostPlace{};
    links_.push_back(path);
    const std::string to(target, static_cast<std::size_t>(size));
    if (to.front() == '/') {
      names_.clear();
      directories_.resize(1);
    }
    add(to);
    return std::nullopt;
  }

  const std::string& home_;
  std::deque<std::string> pending_;
  std::vector<OwnedFd> directories_;  // from "/" on, one more than there are names
  std::vector<std::string> names_;
  std::vector<std::string> links_;
};

}  // namespace

HostPlace look_on_host(const std::string& path, const std::string& home) {
  if (path.empty() || path.front() != '/' || path.size() > kMostBytes || has_controls(path)) {
    return {};
  }
  const auto parts = text::split(path, '/');
  if (std::find(parts.begin(), parts.end(), "..") != parts.end()) return {};
  return Walk(home).look(path);
}

}  // namespace mayfly::sandbox
