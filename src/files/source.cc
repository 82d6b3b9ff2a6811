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
  Source source(file, info, shown);
  if (info.st_size == 0) TRY(source.read_unsized());
  return source;
}

Status Source::read_unsized() {
  std::string buffer(64 * 1024, '\0');
  while (true) {
    const auto offset = static_cast<off_t>(unsized_.size());
    const ssize_t got = ::pread(file_, buffer.data(), buffer.size(), offset);
    if (got < 0 && errno == EINTR) continue;
    // What would have to be waited for is not there.
    if (got == 0 || (got < 0 && errno == EAGAIN)) return {};
    if (got < 0) return fail(kernel_refused(shown_, "pread", errno));
    unsized_.append(buffer, 0, static_cast<std::size_t>(got));
    if (unsized_.size() > kMostUnsized) {
      return fail(path_error(ErrorCode::kInvalidArgument, shown_,
                             "it says that it has no size and gives more than 16 MiB",
                             "read a part of it with run_command (head, grep)"));
    }
  }
}

Result<std::string_view> Source::at(std::uint64_t from, std::uint64_t count) {
  if (!unsized_.empty()) {
    return std::string_view(unsized_).substr(std::min<std::uint64_t>(from, size()), count);
  }
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
