#include "sandbox/beneath.h"

#include <dirent.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <linux/openat2.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <climits>
#include <cstdio>
#include <memory>
#include <vector>

#include "base/sys.h"
#include "base/text.h"

namespace mayfly::sandbox::beneath {
namespace {

constexpr std::uint64_t kNoEscape = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS;
constexpr std::size_t kTreeEntries = 4096;
constexpr std::size_t kTreeBytes = 4 << 20;
constexpr int kTreeDepth = 8;

Result<OwnedFd> open_short(int directory, const std::string& path, int flags) {
  // A path operation that races with a rename may be told to try again.
  for (int attempt = 0;; ++attempt) {
    auto fd = sys::openat2(directory, path.empty() ? "." : path, static_cast<std::uint64_t>(flags),
                           kNoEscape);
    if (fd || fd.error().os_errno != EAGAIN || attempt == 100) return fd;
  }
}

Entry::Kind kind_of(mode_t mode) {
  if (S_ISREG(mode)) return Entry::Kind::kFile;
  if (S_ISDIR(mode)) return Entry::Kind::kDirectory;
  if (S_ISLNK(mode)) return Entry::Kind::kLink;
  return Entry::Kind::kOther;
}

bool same_time(const timespec& a, const timespec& b) {
  return a.tv_sec == b.tv_sec && a.tv_nsec == b.tv_nsec;
}

int rename_noreplace(int parent, const std::string& from, const std::string& to) {
  if (syscall(SYS_renameat2, parent, from.c_str(), parent, to.c_str(), RENAME_NOREPLACE) == 0) {
    return 0;
  }
  if (errno != EINVAL && errno != ENOSYS) return errno;
  // A file system that does not know the flag (some FUSE and network ones).
  struct ::stat info {};
  if (fstatat(parent, to.c_str(), &info, AT_SYMLINK_NOFOLLOW) == 0) return EEXIST;
  return renameat(parent, from.c_str(), parent, to.c_str()) == 0 ? 0 : errno;
}

struct CloseDirectory {
  void operator()(DIR* stream) const { (void)closedir(stream); }
};

// Gives the owner of `directory` the permission to change it, until destroyed.
class WritableForNow {
 public:
  // The descriptor may be O_PATH, which fchmod(2) refuses; /proc has the same object.
  explicit WritableForNow(int directory) : name_("/proc/self/fd/" + std::to_string(directory)) {
    struct ::stat info {};
    if (fstat(directory, &info) != 0 || info.st_uid != geteuid()) return;
    mode_ = info.st_mode & 07777U;
    changed_ = (mode_ & 0700U) != 0700U && chmod(name_.c_str(), mode_ | 0700U) == 0;
  }
  WritableForNow(const WritableForNow&) = delete;
  WritableForNow& operator=(const WritableForNow&) = delete;
  ~WritableForNow() {
    if (changed_) (void)chmod(name_.c_str(), mode_);
  }

 private:
  std::string name_;
  mode_t mode_ = 0;
  bool changed_ = false;
};

Result<std::string> rename_aside(int parent, const std::string& from, const std::string& name) {
  // Leaves room for the suffix: NAME_MAX is 255.
  const std::string stem = name.substr(0, 220);
  for (int number = 1; number < 10000; ++number) {
    const std::string aside = stem + ".mayfly-blocked-" + std::to_string(number);
    const int failure = rename_noreplace(parent, from, aside);
    if (failure == 0) return aside;
    if (failure != EEXIST) return fail(system_error("renameat2 " + text::one_line(name), failure));
  }
  return fail(system_error("renameat2 " + text::one_line(name), EEXIST));
}

}  // namespace

Result<OwnedFd> open(int directory, const std::string& path, int flags) {
  // openat2 refuses flags that mean nothing together with O_PATH.
  flags |= (flags & O_PATH) != 0 ? O_NOFOLLOW : O_NONBLOCK | O_NOCTTY | O_NOFOLLOW;
  OwnedFd step;
  int from = directory;
  std::size_t start = 0;
  while (path.size() - start >= PATH_MAX) {
    const std::size_t cut = path.rfind('/', start + PATH_MAX - 2);
    if (cut == std::string::npos || cut <= start) {
      return fail(system_error("openat2", ENAMETOOLONG));
    }
    step = TRY(open_short(from, path.substr(start, cut - start), O_PATH | O_DIRECTORY));
    from = step.get();
    start = cut + 1;
  }
  return open_short(from, path.substr(start), flags);
}

std::string parent_of(const std::string& path) {
  const std::size_t slash = path.rfind('/');
  return slash == std::string::npos ? "" : path.substr(0, slash);
}

std::string name_of(const std::string& path) { return path.substr(path.rfind('/') + 1); }

std::string join(const std::string& directory, const std::string& name) {
  return directory.empty() ? name : directory + "/" + name;
}

Result<std::string> normal(const std::string& path) {
  if (!path.empty() && path.front() == '/') return fail(system_error("an absolute path", EXDEV));
  std::vector<std::string> parts;
  for (const std::string& part : text::split(path, '/')) {
    if (part.empty() || part == ".") continue;
    if (part != "..") {
      parts.push_back(part);
    } else if (parts.empty()) {
      return fail(system_error("a path that climbs out", EXDEV));
    } else {
      parts.pop_back();
    }
  }
  return text::join(parts, "/");
}

bool Entry::same_object(const Entry& other) const {
  return kind == other.kind && info.st_dev == other.info.st_dev && info.st_ino == other.info.st_ino;
}

bool Entry::untouched_since(const Entry& earlier) const {
  if (kind == Kind::kAbsent || earlier.kind == Kind::kAbsent) return kind == earlier.kind;
  return same_object(earlier) && info.st_size == earlier.info.st_size &&
         info.st_mode == earlier.info.st_mode && same_time(info.st_ctim, earlier.info.st_ctim);
}

bool Entry::equal_content(const Entry& other) const {
  return kind == other.kind && content_known && other.content_known && content == other.content;
}

Entry look(int parent, const std::string& name, const Entry* earlier) {
  Entry entry;
  if (fstatat(parent, name.c_str(), &entry.info, AT_SYMLINK_NOFOLLOW) != 0) {
    // Whatever cannot be looked at is something.
    if (errno != ENOENT && errno != ENOTDIR) entry.kind = Entry::Kind::kOther;
    return entry;
  }
  entry.kind = kind_of(entry.info.st_mode);
  if (earlier != nullptr && earlier->content_known && entry.untouched_since(*earlier)) {
    entry.content = earlier->content;
    entry.content_known = true;
    return entry;
  }
  if (entry.kind == Entry::Kind::kLink) {
    std::string target(PATH_MAX, '\0');
    const ssize_t size = readlinkat(parent, name.c_str(), target.data(), target.size());
    if (size >= 0) {
      target.resize(static_cast<std::size_t>(size));
      entry.content = target;
      entry.content_known = true;
    }
  } else if (entry.kind == Entry::Kind::kFile &&
             static_cast<std::size_t>(entry.info.st_size) <= kContentLimit) {
    auto file = open(parent, name, O_RDONLY);
    struct ::stat opened {};
    // Between the two looks another object may have come to the name: describe the one we read.
    if (!file || fstat(file->get(), &opened) != 0 || !S_ISREG(opened.st_mode)) return entry;
    if (auto content = sys::read_file(file->get(), kContentLimit)) {
      if (fstat(file->get(), &entry.info) != 0) return entry;
      entry.content = *std::move(content);
      entry.content_known = true;
    }
  }
  return entry;
}

Tree look_below(int directory, const Tree* earlier) {
  Tree tree;
  std::size_t bytes = 0;
  std::vector<std::pair<std::string, int>> pending = {{"", 0}};
  while (!pending.empty()) {
    const auto [path, depth] = pending.back();
    pending.pop_back();
    auto opened = open(directory, path, O_RDONLY | O_DIRECTORY);
    if (!opened) {
      tree.complete = false;
      continue;
    }
    const int fd = opened->get();
    const std::unique_ptr<DIR, CloseDirectory> stream(fdopendir(fd));
    if (!stream) {
      tree.complete = false;
      continue;
    }
    (void)opened->release();
    while (const dirent* item = readdir(stream.get())) {
      const std::string name = item->d_name;
      if (name == "." || name == "..") continue;
      if (tree.entries.size() >= kTreeEntries || bytes >= kTreeBytes) {
        tree.complete = false;
        return tree;
      }
      const std::string below = join(path, name);
      const Entry* before = nullptr;
      if (earlier != nullptr) {
        const auto found = earlier->entries.find(below);
        if (found != earlier->entries.end()) before = &found->second;
      }
      Entry entry = look(fd, name, before);
      bytes += entry.content.size();
      if (entry.kind == Entry::Kind::kDirectory) {
        if (depth < kTreeDepth)
          pending.emplace_back(below, depth + 1);
        else
          tree.complete = false;
      }
      tree.entries.emplace(below, std::move(entry));
    }
  }
  return tree;
}

Result<std::string> move_aside(int parent, const std::string& name) {
  auto aside = rename_aside(parent, name, name);
  if (aside || (aside.error().os_errno != EACCES && aside.error().os_errno != EPERM)) return aside;
  const WritableForNow writable(parent);
  return rename_aside(parent, name, name);
}

Result<std::string> restore(int parent, const std::string& name, const Entry& earlier) {
  const WritableForNow writable(parent);
  // Written completely under a name that no program looks for, then exchanged.
  std::string draft;
  OwnedFd file;
  for (int number = 1; !file.valid(); ++number) {
    draft = name.substr(0, 220) + ".mayfly-restored-" + std::to_string(number);
    auto created =
        sys::openat(parent, draft, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_NONBLOCK, 0600);
    if (created)
      file = *std::move(created);
    else if (created.error().os_errno != EEXIST || number == 10000)
      return fail(created.error());
  }
  const auto give_up = [&](Error error) {
    (void)unlinkat(parent, draft.c_str(), 0);
    return fail(std::move(error));
  };
  if (auto written = sys::write_all(file.get(), earlier.content); !written) {
    return give_up(written.error());
  }
  const bool foreign = earlier.info.st_uid != geteuid() || earlier.info.st_gid != getegid();
  if (foreign && fchown(file.get(), earlier.info.st_uid, earlier.info.st_gid) != 0 &&
      geteuid() == 0) {
    return give_up(system_error("fchown " + text::one_line(name), errno));
  }
  if (fchmod(file.get(), earlier.info.st_mode & 0777U) != 0) {
    return give_up(system_error("fchmod " + text::one_line(name), errno));
  }
  if (syscall(SYS_renameat2, parent, draft.c_str(), parent, name.c_str(), RENAME_EXCHANGE) == 0) {
    return rename_aside(parent, draft, name);
  }
  if (errno != ENOENT && errno != EINVAL && errno != ENOSYS) {
    return give_up(system_error("renameat2 " + text::one_line(name), errno));
  }
  std::string aside;
  struct ::stat info {};
  if (fstatat(parent, name.c_str(), &info, AT_SYMLINK_NOFOLLOW) == 0) {
    auto moved = rename_aside(parent, name, name);
    if (!moved) return give_up(moved.error());
    aside = *moved;
  }
  if (const int failure = rename_noreplace(parent, draft, name); failure != 0) {
    return give_up(system_error("renameat2 " + text::one_line(name), failure));
  }
  return aside;
}

}  // namespace mayfly::sandbox::beneath
