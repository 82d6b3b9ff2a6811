#include "files/edit.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <cerrno>
#include <string>

#include "base/fd.h"
#include "base/sys.h"
#include "files/text_file.h"
#include "files/unified_diff.h"

namespace mayfly::files {
namespace {

Error refused(const EditRequest& request, const std::string& message, const std::string& remedy) {
  return input_error(ErrorCode::kInvalidArgument, "path", request.target.shown, message, remedy);
}

struct Content {
  std::string bytes;
  struct ::stat status {};
};

// The file as it is now. What is no regular file is not opened: that alone can do something.
Result<Content> read_whole(const Spot& spot, const EditRequest& request) {
  Content content;
  const char* name = spot.name.c_str();
  if (::fstatat(spot.directory.get(), name, &content.status, AT_SYMLINK_NOFOLLOW) != 0) {
    if (errno != ENOENT) return fail(system_error("stat " + request.target.shown, errno));
    return fail(input_error(ErrorCode::kNotFound, "path", request.target.shown, "does not exist",
                            "write it with write_file"));
  }
  const auto not_a_file = [&] {
    return fail(refused(request, "is not a regular file", "give the path of a text file"));
  };
  if (!S_ISREG(content.status.st_mode)) return not_a_file();
  const OwnedFd file = TRY_TO(
      "open " + request.target.shown,
      sys::openat(spot.directory.get(), spot.name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY));
  content.status = TRY(sys::fstat(file.get()));
  if (!S_ISREG(content.status.st_mode)) return not_a_file();
  auto bytes = sys::read_file(file.get(), kMostWhole);
  if (!bytes && bytes.error().code == ErrorCode::kOutOfResources) {
    return fail(refused(request, "is too large to edit here (64 MiB at most)",
                        "use run_command with sed or python"));
  }
  content.bytes = TRY_TO("read " + request.target.shown, std::move(bytes));
  return content;
}

bool same_version(const struct ::stat& a, const struct ::stat& b) {
  return a.st_dev == b.st_dev && a.st_ino == b.st_ino && a.st_size == b.st_size &&
         a.st_mtim.tv_sec == b.st_mtim.tv_sec && a.st_mtim.tv_nsec == b.st_mtim.tv_nsec &&
         a.st_ctim.tv_sec == b.st_ctim.tv_sec && a.st_ctim.tv_nsec == b.st_ctim.tv_nsec;
}

// Just before the replacement: what another process wrote in between is not to be lost.
Status check_unchanged(const Spot& spot, const EditRequest& request, const Content& before) {
  struct ::stat now {};
  if (::fstatat(spot.directory.get(), spot.name.c_str(), &now, AT_SYMLINK_NOFOLLOW) == 0 &&
      same_version(now, before.status)) {
    return {};
  }
  return fail(refused(request, "was changed by something else meanwhile; nothing was changed here",
                      "read it again, then edit"));
}

}  // namespace

Result<EditAnswer> edit(const Spot& spot, const EditRequest& request) {
  const Content before = TRY(read_whole(spot, request));
  const std::string found = digest(before.bytes);
  if (!request.expected_digest.empty() && request.expected_digest != found) {
    return fail(input_error(ErrorCode::kInvalidArgument, "expected_digest", request.expected_digest,
                            "is not the content of " + request.target.shown + ", which is " +
                                found + " now (" + std::to_string(before.bytes.size()) +
                                " bytes); nothing was changed",
                            "read it again, then edit"));
  }
  const Charset charset = detect(before.bytes);
  if (charset == Charset::kBinary || charset == Charset::kUnknown8) {
    return fail(refused(request,
                        charset == Charset::kBinary ? "is not a text file"
                                                    : "is text in an unknown encoding, not UTF-8",
                        "use run_command with sed or python"));
  }
  const std::string text = decode(before.bytes, charset);
  if (TRY(encode(text, charset)) != before.bytes) {
    return fail(refused(request, std::string("is not correct ") + to_string(charset),
                        "use run_command with sed or python"));
  }
  EditAnswer answer;
  const std::string edited = TRY(apply(text, request.edits, request.matching, answer.replacements));
  CutDiff diff = unified_diff(text, edited, request.target.shown, request.max_diff_chars);
  answer.diff = std::move(diff.text);
  answer.diff_cut = diff.cut;

  const std::string bytes = TRY(encode(edited, charset));
  answer.size = bytes.size();
  answer.digest = digest(bytes);
  answer.other_links = before.status.st_nlink > 0 ? before.status.st_nlink - 1 : 0;
  if (request.dry_run || bytes == before.bytes) return answer;
  TRY(check_unchanged(spot, request, before));
  WriteAnswer written;
  TRY(replace(spot, bytes, written));
  answer.other_links = written.other_links;
  return answer;
}

}  // namespace mayfly::files
