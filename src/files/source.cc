#include "files/source.h"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "base/sys.h"
#include "files/file_errors.h"

namespace mayfly::files {
namespace {

bool same(const timespec& a, const timespec& b) {
  return a.tv_sec == b.tv_sec && a.tv_nsec == b.tv_nsec;
}

}  // namespace

Result<Source> Source::look_at(int file, const std::string& shown) {
  const struct stat info = TRY(sys::fstat(file));
  if (!S_ISREG(info.st_mode)) return fail(wrong_kind(shown, info.st_mode));
  return Source(file, info, shown);
}

Result<std::string_view> Source::at(std::uint64_t from, std::uint64_t count) {
  const std::uint64_t left = from < size() ? size() - from : 0;
  buffer_.resize(static_cast<std::size_t>(std::min(count, left)));
  std::size_t filled = 0;
  while (filled < buffer_.size()) {
    const auto offset = static_cast<off_t>(from + filled);
    const ssize_t got = ::pread(file_, buffer_.data() + filled, buffer_.size() - filled, offset);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return fail(kernel_refused(shown_, "pread", errno));
    if (got == 0) break;
    filled += static_cast<std::size_t>(got);
  }
  buffer_.resize(filled);
  return std::string_view(buffer_);
}

bool Source::has_changed() const {
  const auto now = sys::fstat(file_);
  // The time of the last change of the inode too: a writer can set the other back.
  return !now || now->st_size != info_.st_size || !same(now->st_mtim, info_.st_mtim) ||
         !same(now->st_ctim, info_.st_ctim);
}

}  // namespace mayfly::files
