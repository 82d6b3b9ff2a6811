#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace mayfly {

// The stable codes of everything that can go wrong. The thousands name the family:
// E1 configuration, E2 security, E3 execution, E4 resources, E5 protocol, E6 system.
// Numbers are part of the contract with clients: never reuse one.
enum class ErrorCode : std::uint16_t {
  kInvalidConfiguration = 1001,
  kUnknownProfile = 1002,
  kWorkspaceUnusable = 1003,
  kWorkspaceRefused = 1004,
  kPathRefused = 2001,
  kHostCannotEnforce = 2002,
  kWideningRefused = 2003,
  kProgramNotStarted = 3001,
  kSetupFailed = 3002,
  kCancelled = 3003,
  kBusy = 4001,
  kOutOfResources = 4002,
  kInvalidArgument = 5001,
  kNotFound = 5002,
  kSystemCall = 6001,
  kSandboxLost = 6002,
};

// "E1003".
std::string to_string(ErrorCode code);

// One failure, told so that the reader can act on it. `message` is a sentence that names the system
// call or the object; `field` and `value` are set when an input was at fault; `remedy` says what
// to do. `os_errno` is 0 unless the kernel refused.
struct Error {
  ErrorCode code = ErrorCode::kSystemCall;
  std::string message;
  std::string field;
  std::string value;
  std::string remedy;
  int os_errno = 0;
  std::string details;  // lines of text that belong to it, such as an excerpt of a file

  // Puts what was being attempted in front: "start the zygote: clone3: Operation not permitted".
  Error within(std::string_view attempt) &&;
  Error with_remedy(std::string text) &&;

  bool operator==(const Error&) const = default;
};

// `what` names the call and its object, as in "openat2 /etc/shadow"; the text of `number` is added.
Error system_error(std::string_view what, int number);

// A refused input: `field` is the argument or key, `value` what was given (shortened for display).
Error input_error(ErrorCode code, std::string_view field, std::string_view value,
                  std::string_view message, std::string_view remedy);

// "E1003 workspace "/nowhere": not a directory. Remedy: …", on one line, without the details.
std::string describe(const Error& error);

}  // namespace mayfly
