#include "base/error.h"

#include <cerrno>
#include <string>

#include "catch_shim.h"

namespace mayfly {
namespace {

using test::contains;

TEST_CASE("codes are spelled with their family") {
  CHECK(to_string(ErrorCode::kWorkspaceUnusable) == "E1003");
  CHECK(to_string(ErrorCode::kSystemCall) == "E6001");
}

TEST_CASE("a kernel's refusal keeps its number and says it in words") {
  const Error error = system_error("openat2 /etc/shadow", EACCES);
  CHECK(error.code == ErrorCode::kSystemCall);
  CHECK(error.os_errno == EACCES);
  CHECK(error.message == "openat2 /etc/shadow: Permission denied");
}

TEST_CASE("context goes in front of the message and leaves the rest alone") {
  const Error plain = system_error("clone3", EPERM);
  const Error wrapped = Error(plain).within("start the zygote");
  CHECK(wrapped.message == "start the zygote: clone3: Operation not permitted");
  CHECK(wrapped.os_errno == EPERM);
  CHECK(Error(plain).with_remedy("enable user namespaces").remedy == "enable user namespaces");
}

TEST_CASE("a refused input is shown short and on one line") {
  const Error error = input_error(ErrorCode::kInvalidArgument, "cwd", std::string(5000, 'x') + "\n",
                                  "is not a directory", "give a directory");
  CHECK(error.field == "cwd");
  CHECK(error.value.size() <= 200);
  const std::string line = describe(error);
  CHECK_THAT(line, contains("E5001 cwd \"xxx"));
  CHECK_THAT(line, contains(": is not a directory. Remedy: give a directory"));
  CHECK(line.find('\n') == std::string::npos);
}

TEST_CASE("describe leaves out what an error does not have") {
  CHECK(describe(system_error("mount /proc", EBUSY)) ==
        "E6001 mount /proc: Device or resource busy");
}

}  // namespace
}  // namespace mayfly
