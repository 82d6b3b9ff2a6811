#include "sandbox/linux/pattern_search.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>

#include <cerrno>
#include <memory>

#include "base/sys.h"
#include "base/text.h"
#include "sandbox/linux/tree_paths.h"
#include "sandbox/path_rules.h"

namespace mayfly::sandbox {
namespace {

constexpr std::size_t kMostEntries = 200'000;
constexpr std::size_t kMostMatches = 4'096;
constexpr int kDeepest = 128;
constexpr std::size_t kLongestPath = 3'500;

bool is_dot(const std::string& name) { return name == "." || name == ".."; }

bool is_kernels(const std::string& path) {
  return path == "/proc" || path == "/dev" || path == "/sys";
}

class Search {
 public:
  explicit Search(const std::string& pattern) : pattern_text_(pattern), pattern_(pattern) {}

  Result<std::vector<std::string>> run() {
    const std::string top = fixed_directory(pattern_text_);
    auto opened = open_top(top);
    if (!opened) {
      const int number = opened.error().os_errno;
      // The program does not get there either.
      if (number == ENOENT || number == ENOTDIR || number == ELOOP) return std::move(found_);
      return fail(std::move(opened).error());
    }
    TRY(look_through(opened->get(), top_ == "/" ? "" : top_, pattern_.follow(top), 0));
    return std::move(found_);
  }

 private:
  struct Entry {
    std::string name;
    unsigned char type;
  };

  Result<OwnedFd> open_top(const std::string& top) {
    const auto found = open_in_tree(top, Links::kFollow);
    if (!found || TRY(path_in_tree(found->get())) != top) {
      // What leads there, as far as it goes, must still lead there in the next call.
      (void)open_pinned(top, Pin::kWhole);
    }
    if (!found) return fail(found.error());
    top_ = TRY(path_in_tree(found->get()));
    return open_pinned(top_, Pin::kWhole);
  }

  Error too_many(std::size_t most, const char* what) const {
    return input_error(
        ErrorCode::kSetupFailed, "filesystem", pattern_text_,
        "more than " + std::to_string(most) + " " + what + " below " + text::one_line(top_),
        "Let the pattern start at a directory with fewer files, or name a directory "
        "that holds all of them");
  }

  Status add(const std::string& path) {
    if (found_.size() == kMostMatches) return fail(too_many(kMostMatches, "paths match"));
    found_.push_back(path);
    return {};
  }

  // `above` is an O_PATH descriptor of the directory `path`.
  Status look_through(int above, const std::string& path, const PathPattern::Progress& progress,
                      int depth) {
    if (!progress.open()) return {};
    if (depth > kDeepest || path.size() > kLongestPath) return add(path);
    auto directory = sys::openat(above, ".", O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_NONBLOCK);
    if (!directory && directory.error().os_errno == EACCES) return add(path);
    if (!directory) return gone_or_failed(std::move(directory).error());
    const auto entries = TRY(entries_of(*std::move(directory), path));
    if (!entries.first) return add(path);
    for (const Entry& entry : entries.second) {
      TRY(look_at(above, path + "/" + entry.name, entry, progress, depth));
    }
    return {};
  }

  Status look_at(int above, const std::string& path, const Entry& entry,
                 const PathPattern::Progress& progress, int depth) {
    if (is_kernels(path)) return {};
    const PathPattern::Progress here = pattern_.step(progress, entry.name);
    if (here.complete()) return add(path);
    if (entry.type != DT_DIR || !here.open()) return {};
    const auto below = sys::openat(above, entry.name, O_PATH | O_DIRECTORY | O_NOFOLLOW);
    if (!below) return gone_or_failed(below.error());
    return look_through(below->get(), path, here, depth + 1);
  }

  static Status gone_or_failed(Error error) {
    const int number = error.os_errno;
    if (number == ENOENT || number == ENOTDIR || number == ELOOP || number == EACCES) return {};
    return fail(std::move(error));
  }

  // All at once, so that one descriptor a level is open. False: it cannot be read.
  Result<std::pair<bool, std::vector<Entry>>> entries_of(OwnedFd directory,
                                                         const std::string& path) {
    std::pair<bool, std::vector<Entry>> result{true, {}};
    const std::unique_ptr<DIR, int (*)(DIR*)> list(::fdopendir(directory.get()), ::closedir);
    if (list == nullptr) return fail(system_error("fdopendir " + path, errno));
    (void)directory.release();
    while (true) {
      errno = 0;
      const dirent* entry = ::readdir(list.get());
      if (entry == nullptr) {
        // One that was removed meanwhile reads as ENOENT.
        result.first = errno == 0 || errno == ENOENT;
        return result;
      }
      Entry one{entry->d_name, entry->d_type};
      if (is_dot(one.name)) continue;
      if (++entries_ > kMostEntries) return fail(too_many(kMostEntries, "entries are"));
      if (one.type == DT_UNKNOWN) one.type = type_of(::dirfd(list.get()), one.name);
      result.second.push_back(std::move(one));
    }
  }

  static unsigned char type_of(int directory, const std::string& name) {
    struct stat info {};
    if (::fstatat(directory, name.c_str(), &info, AT_SYMLINK_NOFOLLOW) < 0) return DT_UNKNOWN;
    return static_cast<unsigned char>(IFTODT(info.st_mode));
  }

  const std::string pattern_text_;
  const PathPattern pattern_;
  std::string top_;  // where the fixed directory really is
  std::size_t entries_ = 0;
  std::vector<std::string> found_;
};

}  // namespace

Result<std::vector<std::string>> find_in_tree(const std::string& pattern) {
  return Search(pattern).run();
}

}  // namespace mayfly::sandbox
