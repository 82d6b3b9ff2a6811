#include "audit/line_reader.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "audit/log.h"
#include "audit/own_file.h"
#include "base/sys.h"

namespace mayfly::audit {

Status LineReader::fill() {
  constexpr std::size_t kPiece = 64U << 10;
  buffer_.erase(0, start_);
  start_ = 0;
  const std::size_t had = buffer_.size();
  const std::size_t wanted =
      static_cast<std::size_t>(std::min<std::uint64_t>(kPiece, size_ - read_));
  buffer_.resize(had + wanted);
  const ssize_t got = ::pread(fd_, buffer_.data() + had, wanted, static_cast<off_t>(read_));
  if (got < 0) return fail(system_error("read the audit log", errno));
  buffer_.resize(had + static_cast<std::size_t>(got));
  read_ = got == 0 ? size_ : read_ + static_cast<std::uint64_t>(got);
  return {};
}

Result<std::optional<LineReader::Line>> LineReader::next() {
  std::size_t looked = start_;
  bool too_long = false;
  while (true) {
    const std::size_t end = buffer_.find('\n', looked);
    if (end != std::string::npos) {
      Line line{std::string_view(buffer_).substr(start_, end - start_), ++number_};
      line.too_long = too_long || line.text.size() > kMostBytes;
      start_ = end + 1;
      return line;
    }
    if (buffer_.size() - start_ > kMostBytes) {
      too_long = true;
      buffer_.clear();
      start_ = 0;
    }
    looked = buffer_.size() - start_;
    if (read_ >= size_) break;
    TRY(fill());
  }
  if (start_ == buffer_.size() && !too_long) return std::nullopt;
  Line line{std::string_view(buffer_).substr(start_), ++number_, too_long, true};
  start_ = buffer_.size();
  return line;
}

Result<LogView> open_log(const std::string& file) {
  const Place place = TRY(open_place(file, Missing::kFail));
  LogView view;
  auto heads = open_own(place, heads_name(place.name), O_RDONLY, 022);
  if (!heads && heads.error().os_errno != ENOENT) return fail(std::move(heads).error());
  if (heads) view.heads = *std::move(heads);
  // Nobody appends meanwhile, so that log and heads are of one moment. Reading needs no lock.
  if (view.heads.valid() && ::flock(view.heads.get(), LOCK_SH) != 0) {
    return fail(system_error("flock " + file + ".head", errno));
  }
  auto numbers = TRY(rotated_parts(place));
  std::vector<std::string> names;
  for (auto number = numbers.rbegin(); number != numbers.rend(); ++number) {
    names.push_back(part_name(place.name, *number));
  }
  names.push_back(place.name);
  for (const std::string& name : names) {
    auto part = open_own(place, name, O_RDONLY, 022);
    if (!part && part.error().os_errno == ENOENT) continue;
    if (!part) return fail(std::move(part).error());
    const struct ::stat status = TRY(sys::fstat(part->get()));
    view.parts.push_back({place.path.substr(0, place.path.rfind('/') + 1) + name, *std::move(part),
                          static_cast<std::uint64_t>(status.st_size)});
  }
  if (view.heads.valid()) {
    // What is read of the heads must be of this moment too: the caller reads them from a copy.
    const struct ::stat status = TRY(sys::fstat(view.heads.get()));
    constexpr off_t kMostHeads = off_t{512} << 20;
    if (status.st_size > kMostHeads) {
      return fail(input_error(ErrorCode::kInvalidArgument, "file", file + ".head",
                              "is larger than the heads of any log", "name the right file"));
    }
    OwnedFd copy = TRY(sys::memfd_unsealed("audit heads"));
    off_t at = 0;
    std::string piece(1U << 20, '\0');
    while (at < status.st_size) {
      const ssize_t got = ::pread(view.heads.get(), piece.data(), piece.size(), at);
      if (got <= 0) break;
      TRY(sys::write_all(copy.get(), {piece.data(), static_cast<std::size_t>(got)}));
      at += got;
    }
    view.heads = std::move(copy);  // and so unlocked
  }
  return view;
}

}  // namespace mayfly::audit
