#include "base/result.h"

#include <memory>
#include <string>

#include "catch_shim.h"

namespace mayfly {
namespace {

Error some_error() { return input_error(ErrorCode::kNotFound, "", "", "no such thing", ""); }

Result<int> parse(bool works) {
  if (!works) return fail(some_error());
  return 41;
}

Status succeed_or_not(bool works) {
  if (!works) return fail(some_error());
  return {};
}

Result<int> add_one(bool works) { return TRY(parse(works)) + 1; }

Result<std::string> both(bool first, bool second) {
  TRY(succeed_or_not(first));
  const int value = TRY_TO("read the number", parse(second));
  return std::to_string(value);
}

Result<std::unique_ptr<int>> make(bool works) {
  if (!works) return fail(some_error());
  return std::make_unique<int>(7);
}

Result<int> unwrap(bool works) {
  const auto owned = TRY(make(works));
  return *owned;
}

TEST_CASE("TRY hands over the value, or returns the error from the function around it") {
  CHECK(add_one(true).value() == 42);
  REQUIRE_FALSE(add_one(false));
  CHECK(add_one(false).error() == some_error());
}

TEST_CASE("TRY takes a Status too, and a value that can only be moved") {
  CHECK(both(true, true).value() == "41");
  CHECK(both(false, true).error() == some_error());
  CHECK(unwrap(true).value() == 7);
  CHECK_FALSE(unwrap(false));
}

TEST_CASE("TRY_TO names the attempt in front of the message") {
  CHECK(both(true, false).error().message == "read the number: no such thing");
}

}  // namespace
}  // namespace mayfly
