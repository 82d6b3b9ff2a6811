#include "files/write.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>

#include "base/sys.h"
#include "files/codec.h"
#include "files/digest.h"
#include "files/file_errors.h"
#include "files/lines.h"
#include "files/replacement.h"
#include "files/source.h"

namespace mayfly::files {
namespace {

std::uint64_t size_of(const struct stat& info) { return static_cast<std::uint64_t>(info.st_size); }

// What is at the spot now; nothing there: no value.
Result<std::optional<struct stat>> look_at(const Spot& spot) {
  struct stat info {};
  if (::fstatat(spot.directory.get(), spot.name.c_str(), &info, AT_SYMLINK_NOFOLLOW) == 0) {
    return std::optional<struct stat>(info);
  }
  if (errno == ENOENT) return std::optional<struct stat>();
  return fail(kernel_refused(spot.shown, "fstatat", errno));
}

Status expect_digest(const Replacement& replacement, const Spot& spot,
                     const std::string& expected) {
  if (expected.empty()) return {};
  const auto differs = [&](const std::string& message) {
    return fail(path_error(ErrorCode::kInvalidArgument, spot.shown, message,
                           "read it again, then repeat with the digest of that answer"));
  };
  if (!replacement.old())
    return differs("nothing is there, and digest " + expected + " is expected");
  if (replacement.old_file() < 0) return fail(kernel_refused(spot.shown, "openat", EACCES));
  Source source = TRY(Source::look_at(replacement.old_file(), spot.shown));
  if (source.size() > kMostWhole) {
    return fail(path_error(ErrorCode::kInvalidArgument, spot.shown,
                           "is larger than 64 MiB, and so large a file is not digested",
                           "leave the expected digest out"));
  }
  const std::string now = TRY(digest_of(source));
  if (now == expected) return {};
  return differs("its digest is now " + now + ", not " + expected + ": it has changed");
}

std::string digest_if_small(std::string_view bytes) {
  return bytes.size() <= kMostWhole ? digest(bytes) : std::string();
}

void describe_new(const Replacement& replacement, WriteAnswer& answer) {
  answer.created = !replacement.old().has_value();
  answer.other_links = replacement.old() ? replacement.old()->st_nlink - 1 : 0;
}

tl::unexpected<Error> exists(const Spot& spot, const struct stat& there) {
  if (!S_ISREG(there.st_mode)) return fail(wrong_kind(spot.shown, there.st_mode));
  return fail(path_error(ErrorCode::kInvalidArgument, spot.shown, "exists already",
                         "mode \"overwrite\" replaces it, \"append\" adds to it, edit_file changes "
                         "parts of it"));
}

Result<WriteAnswer> create(const Spot& spot, std::string_view bytes, const std::string& expected) {
  if (const auto there = TRY(look_at(spot))) return exists(spot, *there);
  Replacement replacement = TRY(Replacement::begin(spot));
  if (replacement.old()) return exists(spot, *replacement.old());
  TRY(expect_digest(replacement, spot, expected));
  TRY(replacement.add(bytes));
  TRY(replacement.put_in_place());
  return WriteAnswer{.created = true, .size = bytes.size(), .digest = digest_if_small(bytes)};
}

Result<WriteAnswer> overwrite(const Spot& spot, std::string_view bytes,
                              const std::string& expected) {
  Replacement replacement = TRY(Replacement::begin(spot));
  TRY(expect_digest(replacement, spot, expected));
  TRY(replacement.add(bytes));
  TRY(replacement.put_in_place());
  WriteAnswer answer{.size = bytes.size(), .digest = digest_if_small(bytes)};
  describe_new(replacement, answer);
  return answer;
}

Status append_by_copy(const Spot& spot, std::string_view bytes, const std::string& expected,
                      WriteAnswer& answer) {
  Replacement replacement = TRY(Replacement::begin(spot));
  TRY(expect_digest(replacement, spot, expected));
  Digest sum;
  if (replacement.old()) {
    if (replacement.old_file() < 0) return fail(kernel_refused(spot.shown, "openat", EACCES));
    Source old = TRY(Source::look_at(replacement.old_file(), spot.shown));
    while (answer.size < old.size()) {
      const std::string_view chunk = TRY(old.at(answer.size, Source::kChunk));
      if (chunk.empty()) return fail(changed_meanwhile(spot.shown, "copied"));
      sum.add(chunk);
      TRY(replacement.add(chunk));
      answer.size += chunk.size();
    }
  }
  sum.add(bytes);
  TRY(replacement.add(bytes));
  TRY(replacement.put_in_place());
  describe_new(replacement, answer);
  answer.size += bytes.size();
  if (answer.size <= kMostWhole) answer.digest = sum.take();
  return {};
}

// A copy of a large file costs too much. What was written before an error is taken off again,
// unless somebody else has written behind it.
Status append_in_place(const Spot& spot, std::string_view bytes, WriteAnswer& answer) {
  constexpr int kFlags = O_WRONLY | O_APPEND | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY;
  const auto file = sys::openat(spot.directory.get(), spot.name, kFlags);
  if (!file) return fail(kernel_refused(spot.shown, "openat", file.error().os_errno));
  const struct stat before = TRY(sys::fstat(file->get()));
  if (!S_ISREG(before.st_mode)) return fail(wrong_kind(spot.shown, before.st_mode));
  std::uint64_t written = 0;
  int number = 0;
  while (written < bytes.size() && number == 0) {
    const ssize_t put = ::write(file->get(), bytes.data() + written, bytes.size() - written);
    if (put >= 0) written += static_cast<std::uint64_t>(put);
    if (put < 0 && errno != EINTR) number = errno;
  }
  if (number == 0 && ::fsync(file->get()) < 0) number = errno;
  const struct stat after = TRY(sys::fstat(file->get()));
  answer.size = size_of(after);
  if (number == 0) return {};
  Error error = kernel_refused(spot.shown, "write", number);
  if (size_of(after) != size_of(before) + written || ::ftruncate(file->get(), before.st_size) < 0) {
    error.message = "the first " + std::to_string(written) +
                    " bytes were added, then: " + system_error("write", number).message;
    error.remedy = "look at its end before you repeat";
  }
  return fail(std::move(error));
}

// What is added to a file must be in its encoding, and without another mark in the middle.
Result<std::string_view> without_mark(const Spot& spot, std::string_view bytes, Charset charset) {
  const auto file =
      sys::openat(spot.directory.get(), spot.name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);
  if (!file) return fail(kernel_refused(spot.shown, "openat", file.error().os_errno));
  Source source = TRY(Source::look_at(file->get(), spot.shown));
  const std::string_view start = TRY(source.at(0, 4));
  for (const Charset marked : {Charset::kUtf16Le, Charset::kUtf16Be}) {
    if (charset == marked || charset == Charset::kBinary || mark_size(start, marked) == 0) continue;
    return fail(path_error(ErrorCode::kInvalidArgument, spot.shown,
                           std::string("is ") + to_string(marked) +
                               ", and what is to be added is " + to_string(charset),
                           std::string("use the encoding ") + to_string(marked)));
  }
  return bytes.substr(source.size() > 0 ? mark_size(bytes, charset) : 0);
}

Result<WriteAnswer> append(const Spot& spot, std::string_view bytes, const WriteRequest& request) {
  WriteAnswer answer;
  const std::optional<struct stat> there = TRY(look_at(spot));
  if (there && !S_ISREG(there->st_mode)) return fail(wrong_kind(spot.shown, there->st_mode));
  if (there) bytes = TRY(without_mark(spot, bytes, request.charset));
  if (there && size_of(*there) > kMostWhole && request.expected_digest.empty()) {
    TRY(append_in_place(spot, bytes, answer));
  } else {
    TRY(append_by_copy(spot, bytes, request.expected_digest, answer));
  }
  return answer;
}

}  // namespace

Status replace(const Spot& spot, std::string_view bytes, WriteAnswer& answer,
               const std::string& expected_digest) {
  answer = TRY(overwrite(spot, bytes, expected_digest));
  return {};
}

Result<WriteAnswer> write(const Spot& spot, const WriteRequest& request) {
  auto bytes = encode(request.content, request.charset);
  if (!bytes) {
    Error error = std::move(bytes).error();
    error.field = "content";
    return fail(std::move(error));
  }
  switch (request.mode) {
    case WriteMode::kCreate:
      return create(spot, *bytes, request.expected_digest);
    case WriteMode::kOverwrite:
      return overwrite(spot, *bytes, request.expected_digest);
    case WriteMode::kAppend:
      return append(spot, *bytes, request);
  }
  return fail(codec::broken("a request to write"));
}

}  // namespace mayfly::files
