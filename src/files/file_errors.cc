#include "files/file_errors.h"

#include <sys/stat.h>

#include <cerrno>

namespace mayfly::files {

Error path_error(ErrorCode code, std::string_view shown, std::string_view message,
                 std::string_view remedy) {
  return input_error(code, "path", shown.empty() ? "." : shown, message, remedy);
}

Error kernel_refused(std::string_view shown, std::string_view call, int number) {
  const auto say = [&](ErrorCode code, std::string_view message, std::string_view remedy) {
    Error error = path_error(code, shown, message, remedy);
    error.os_errno = number;
    return error;
  };
  switch (number) {
    case ENOENT:
      return say(ErrorCode::kNotFound, "nothing is there", "list_directory shows what there is");
    case ENOTDIR:
      return say(ErrorCode::kNotFound, "something in the path is a file, not a directory",
                 "list_directory shows what there is");
    case EACCES:
    case EPERM:
      return say(ErrorCode::kPathRefused, std::string(call) + ": permission denied",
                 "its mode, its owner or the profile forbids it; ls -ld in run_command shows the "
                 "first two, sandbox_info the last");
    case EROFS:
      return say(ErrorCode::kPathRefused, "the profile shows this read-only",
                 "write in the workspace or another place that the profile makes writable; "
                 "sandbox_info lists them");
    case ENOSPC:
      return say(ErrorCode::kOutOfResources, "the disk is full; nothing was changed",
                 "remove what is not needed, then try again");
    case EDQUOT:
      return say(ErrorCode::kOutOfResources, "the disk quota is used up; nothing was changed",
                 "remove what is not needed, then try again");
    case EFBIG:
      return say(ErrorCode::kOutOfResources,
                 "it would be larger than one file may be; nothing was changed",
                 "write less; sandbox_info shows the limit of one file's size");
    case ENAMETOOLONG:
      return say(ErrorCode::kInvalidArgument, "the path or a name in it is too long",
                 "use names of at most 255 bytes and paths of at most 4095");
    case ELOOP:
      return say(ErrorCode::kInvalidArgument, "its links lead round in a circle",
                 "name the file itself");
    case EISDIR:
      return say(ErrorCode::kInvalidArgument, "is a directory", "list_directory shows it");
    case EBUSY:
      return say(ErrorCode::kInvalidArgument,
                 "is mounted by itself, so nothing can be put in its place in one step",
                 "write into it with run_command");
    default: {
      Error error = system_error(call, number);
      error.field = "path";
      error.value = path_error(error.code, shown, "", "").value;
      return error;
    }
  }
}

Error wrong_kind(std::string_view shown, mode_t mode) {
  if (S_ISDIR(mode)) return kernel_refused(shown, "open", EISDIR);
  const char* kind = S_ISFIFO(mode)   ? "is a FIFO, not a file"
                     : S_ISSOCK(mode) ? "is a socket, not a file"
                     : S_ISCHR(mode)  ? "is a character device, not a file"
                     : S_ISBLK(mode)  ? "is a block device, not a file"
                     : S_ISLNK(mode)  ? "is a link, not a file"
                                      : "is no regular file";
  return path_error(ErrorCode::kInvalidArgument, shown, kind,
                    "file tools take regular files only; run_command can use others");
}

Error changed_meanwhile(std::string_view shown, std::string_view while_what) {
  return path_error(ErrorCode::kInvalidArgument, shown,
                    "changed while it was being " + std::string(while_what),
                    "something else is at work on it; read it again, then repeat");
}

}  // namespace mayfly::files
