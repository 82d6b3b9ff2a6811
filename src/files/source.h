#pragma once

#include <sys/stat.h>

#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"

namespace mayfly::files {

// A regular file as it is when a reader looks at it first. Nothing past the size that it had then
// is read, so that a file that grows does not keep the reader busy; one that shrinks gives less.
// A file that says that it has no bytes may have some all the same (procfs): it is read at once,
// and what came is the file.
// Borrows the descriptor. Not thread-safe.
class Source {
 public:
  // E5001 for what is no regular file, and for one without a size that has more than kMostUnsized.
  // `shown` is for messages.
  static Result<Source> look_at(int file, const std::string& shown);

  std::uint64_t size() const {
    return unsized_.empty() ? static_cast<std::uint64_t>(info_.st_size) : unsized_.size();
  }
  const struct stat& info() const { return info_; }

  // At most `count` bytes from `from` on; fewer only at the end. Valid until the next call.
  Result<std::string_view> at(std::uint64_t from, std::uint64_t count);
  // Whether the file has been written to, or been replaced, since it was looked at.
  bool has_changed() const;

  // How much is read at once by those who go through all of it.
  static constexpr std::uint64_t kChunk = 256 * 1024;
  static constexpr std::uint64_t kMostUnsized = 16ULL << 20;

 private:
  Source(int file, const struct stat& info, std::string shown)
      : file_(file), info_(info), shown_(std::move(shown)) {}

  Status read_unsized();

  int file_;
  struct stat info_;
  std::string unsized_;  // the bytes of a file that has no size
  std::string shown_;
  std::string buffer_;
};

}  // namespace mayfly::files
