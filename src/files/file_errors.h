#pragma once

#include <sys/types.h>

#include <string>
#include <string_view>

#include "base/error.h"

// What is said when a file cannot be had. All of these name the path as the caller does (`shown`)
// in the field "path", and what to do instead.
namespace mayfly::files {

Error path_error(ErrorCode code, std::string_view shown, std::string_view message,
                 std::string_view remedy);

// The kernel's answer `number` to `call`, which did something with the path.
Error kernel_refused(std::string_view shown, std::string_view call, int number);

// For what is there and is no regular file: a directory, a FIFO, a device, a socket.
Error wrong_kind(std::string_view shown, mode_t mode);

// Somebody else was at work on it.
Error changed_meanwhile(std::string_view shown, std::string_view while_what);

}  // namespace mayfly::files
