#include "settings/diagnostics.h"

#include <algorithm>

#include "catch_shim.h"

namespace mayfly::settings {
namespace {

Location at(int line, int column) {
  static const auto source = std::make_shared<Source>(Source{"a.toml", Trust::kOperator});
  return {source, line, column};
}

}  // namespace

TEST_CASE("a diagnostic names the place, the text, what is wrong and what to do") {
  Diagnostics diagnostics;
  diagnostics.error(at(3, 10), "512X", "is not a size", "write it like 512M");
  CHECK(diagnostics.failed());
  CHECK(to_string(diagnostics.all().front()) ==
        "a.toml:3:10: error: \"512X\" is not a size; write it like 512M");
}

TEST_CASE("warnings alone are no failure") {
  Diagnostics diagnostics;
  diagnostics.warn(at(1, 1), "x", "is odd", "");
  CHECK_FALSE(diagnostics.failed());
  CHECK(to_string(diagnostics.all().front()) == "a.toml:1:1: warning: \"x\" is odd");
}

TEST_CASE("diagnostics come in the order of the text, however they were found") {
  Diagnostics diagnostics;
  for (const int line : {7, 2, 9, 2, 1}) diagnostics.error(at(line, line), "", "is wrong", "");
  std::vector<int> lines;
  for (const Diagnostic& each : diagnostics.all()) lines.push_back(each.at.line);
  CHECK(lines == std::vector<int>{1, 2, 2, 7, 9});
}

TEST_CASE("what a hostile file says stays one short line of printable text") {
  Diagnostics diagnostics;
  const std::string hostile = "a\nb.toml:1:1: error: fake\x1b[2J\xff" + std::string(100'000, 'x');
  diagnostics.error(at(1, 1), hostile, hostile, hostile);
  const std::string text = to_string(diagnostics.all().front());
  CHECK(text.find('\n') == std::string::npos);
  CHECK(text.find('\x1b') == std::string::npos);
  CHECK(text.size() < 3'000);
  CHECK(diagnostics.all().front().value.size() <= 80);
}

TEST_CASE("a thousand errors are counted and the first of them told") {
  Diagnostics diagnostics;
  for (int line = 1; line <= 1000; ++line) diagnostics.error(at(line, 1), "", "is wrong", "");
  CHECK(diagnostics.all().size() == 100);
  CHECK(diagnostics.full());
  CHECK(diagnostics.errors() == 1000);
  CHECK(diagnostics.left_out() == 900);
  const Error error = diagnostics.to_error();
  CHECK(error.code == ErrorCode::kInvalidConfiguration);
  CHECK(std::count(error.message.begin(), error.message.end(), '\n') == 10);
  CHECK_THAT(error.message, test::contains("a.toml:10:1"));
  CHECK_THAT(error.message, test::contains("and 990 more"));
}

}  // namespace mayfly::settings
