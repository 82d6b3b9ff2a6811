#include "files/list.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstring>

#include "base/fd.h"
#include "files/glob.h"
#include "files/ignore_rules.h"
#include "files/repository_above.h"

namespace mayfly::files {
namespace {

constexpr std::uint32_t kDeepest = 100;
constexpr std::uint64_t kMostOnPage = 10'000;
constexpr std::size_t kMostPageBytes = 16U << 20;
constexpr std::size_t kMostCounted = 1000;  // entries of a directory that is not descended into
constexpr std::size_t kMostUnreadable = 20;

constexpr int kOpenDirectory = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC;

struct Name {
  std::string name;
  unsigned char type = DT_UNKNOWN;
};

// Calls `each` with every entry but "." and "..", until it returns false or there are no more.
template <typename Each>
bool for_each_name(int directory, const Each& each) {
  alignas(dirent64) char buffer[32768];
  while (true) {
    const ssize_t got = ::getdents64(directory, buffer, sizeof buffer);
    if (got < 0) return false;
    if (got == 0) return true;
    for (ssize_t at = 0; at < got;) {
      const auto* entry = reinterpret_cast<const dirent64*>(buffer + at);
      at += entry->d_reclen;
      const std::string_view name = entry->d_name;
      if (name == "." || name == ".." || name.find('/') != std::string_view::npos) continue;
      if (!each(name, entry->d_type)) return true;
    }
  }
}

ListEntry::Kind kind_of(mode_t mode) {
  using Kind = ListEntry::Kind;
  switch (mode & S_IFMT) {
    case S_IFREG:
      return Kind::kFile;
    case S_IFDIR:
      return Kind::kDirectory;
    case S_IFLNK:
      return Kind::kLink;
    case S_IFIFO:
      return Kind::kFifo;
    case S_IFSOCK:
      return Kind::kSocket;
    case S_IFCHR:
    case S_IFBLK:
      return Kind::kDevice;
    default:
      return Kind::kUnknown;
  }
}

// Walks one tree. Each directory is opened by its name in the one above, never through a link, so
// whatever is moved about meanwhile, the walk stays in directories that were below its start.
class Walk {
 public:
  Walk(const ListRequest& request, Glob glob, const ListBounds& bounds)
      : request_(request),
        bounds_(bounds),
        glob_(std::move(glob)),
        ignore_(work_),
        page_full_(request.max_entries == 0) {}

  void start(int directory) {
    if (honours()) {
      path_ = enter_above(directory, request_.target.area, ignore_);
      start_ = path_.size();
    }
    descend(directory, 1);
    if (!ignore_.complete()) answer_.total_exact = false;
  }
  ListAnswer take() { return std::move(answer_); }

 private:
  bool honours() const { return request_.ignore == IgnoreFiles::kHonour; }
  std::string_view relative() const { return std::string_view(path_).substr(start_); }

  void give_up() {
    stopped_ = true;
    answer_.total_exact = false;
  }

  void unreadable() {
    std::string_view path = relative();
    if (path.ends_with('/')) path.remove_suffix(1);
    if (path.empty()) path = ".";
    if (answer_.unreadable.size() < kMostUnreadable) answer_.unreadable.emplace_back(path);
  }

  std::vector<Name> read_names(int directory) {
    std::vector<Name> names;
    const bool readable = for_each_name(directory, [&](std::string_view name, unsigned char type) {
      if (looked_ == bounds_.entries || names.size() == bounds_.in_directory) {
        answer_.total_exact = false;
        return false;
      }
      ++looked_;
      names.push_back({std::string(name), type});
      return true;
    });
    if (!readable) unreadable();
    const auto by_name = [](const Name& a, const Name& b) { return a.name < b.name; };
    std::sort(names.begin(), names.end(), by_name);
    return names;
  }

  // `path_` is the directory's, with a '/' at its end unless it is empty.
  void descend(int directory, std::uint32_t level) {
    if (honours()) ignore_.enter(directory, path_);
    const std::size_t length = path_.size();
    for (const Name& name : read_names(directory)) {
      path_.resize(length);
      path_ += name.name;
      look_at(directory, name, level);
      if (work_.left == 0) give_up();
      if (stopped_) break;
    }
    path_.resize(length);
    if (honours()) ignore_.leave();
  }

  void look_at(int directory, const Name& name, std::uint32_t level) {
    if (honours() && name.name == ".git") return;
    bool is_directory = name.type == DT_DIR;
    struct stat status {};
    if (name.type == DT_UNKNOWN &&
        ::fstatat(directory, name.name.c_str(), &status, AT_SYMLINK_NOFOLLOW) == 0) {
      is_directory = S_ISDIR(status.st_mode);
    }
    if (honours() && ignore_.ignored(path_, is_directory)) {
      ++answer_.ignored;
      return;
    }
    const bool deeper = is_directory && level < request_.depth;
    if (glob_.matches(relative(), is_directory, work_)) add(directory, name, deeper);
    if (!deeper || work_.left == 0) return;
    if (level >= kDeepest || looked_ == bounds_.entries) {
      answer_.total_exact = false;
      return;
    }
    const OwnedFd child(::openat(directory, name.name.c_str(), kOpenDirectory));
    if (!child.valid()) {
      // Gone, or no directory any more: somebody is at work here.
      if (errno == ENOENT || errno == ELOOP || errno == ENOTDIR) return;
      return unreadable();
    }
    path_ += '/';
    descend(child.get(), level + 1);
  }

  void add(int directory, const Name& name, bool deeper) {
    const std::uint64_t index = answer_.total++;
    if (index < request_.offset || page_full_) return;
    ListEntry entry;
    entry.path = relative();
    describe_entry(directory, name, deeper, entry);
    page_bytes_ += sizeof entry + entry.path.size() + entry.link.size();
    answer_.entries.push_back(std::move(entry));
    page_full_ = answer_.entries.size() >= std::min(request_.max_entries, kMostOnPage) ||
                 page_bytes_ > kMostPageBytes;
  }

  void describe_entry(int directory, const Name& name, bool deeper, ListEntry& entry) {
    struct stat status {};
    if (::fstatat(directory, name.name.c_str(), &status, AT_SYMLINK_NOFOLLOW) != 0) {
      entry.kind = name.type == DT_UNKNOWN ? ListEntry::Kind::kUnknown : kind_of(DTTOIF(name.type));
      return;
    }
    entry.kind = kind_of(status.st_mode);
    entry.modified_ns =
        std::int64_t{status.st_mtim.tv_sec} * 1'000'000'000 + status.st_mtim.tv_nsec;
    if (entry.kind == ListEntry::Kind::kFile) {
      entry.size = static_cast<std::uint64_t>(status.st_size);
      entry.executable = (status.st_mode & 0111) != 0;
    } else if (entry.kind == ListEntry::Kind::kLink) {
      char target[4096];
      const ssize_t size = ::readlinkat(directory, name.name.c_str(), target, sizeof target);
      if (size > 0) entry.link.assign(target, static_cast<std::size_t>(size));
    } else if (entry.kind == ListEntry::Kind::kDirectory && !deeper) {
      count_entries(directory, name, entry);
    }
  }

  void count_entries(int directory, const Name& name, ListEntry& entry) {
    if (counted_ >= bounds_.entries) return;
    const OwnedFd child(::openat(directory, name.name.c_str(), kOpenDirectory));
    if (!child.valid()) return;
    std::size_t count = 0;
    const bool readable = for_each_name(
        child.get(), [&](std::string_view, unsigned char) { return ++count <= kMostCounted; });
    counted_ += count;
    if (!readable || count > kMostCounted) return;
    entry.size = count;
    entry.entries_known = true;
  }

  const ListRequest& request_;
  const ListBounds bounds_;
  Glob glob_;
  Work work_{bounds_.work};
  IgnoreChain ignore_;
  ListAnswer answer_;
  std::string path_;       // of the entry looked at, from the topmost directory with rules
  std::size_t start_ = 0;  // where in it the path below the listed directory begins
  std::uint64_t looked_ = 0;
  std::uint64_t counted_ = 0;
  std::size_t page_bytes_ = 0;
  bool page_full_;
  bool stopped_ = false;
};

}  // namespace

Result<ListAnswer> list(int directory, const ListRequest& request, const ListBounds& bounds) {
  Glob glob = TRY(Glob::parse(request.glob));
  const OwnedFd top(::openat(directory, ".", kOpenDirectory));
  if (!top.valid()) {
    if (errno == ENOTDIR) {
      return fail(input_error(ErrorCode::kInvalidArgument, "path", request.target.shown,
                              "is not a directory", "give a directory, or read it as a file"));
    }
    return fail(system_error("open the directory " + request.target.shown, errno));
  }
  Walk walk(request, std::move(glob), bounds);
  walk.start(top.get());
  return walk.take();
}

}  // namespace mayfly::files
