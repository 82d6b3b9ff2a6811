#include "settings/location.h"

#include "catch_shim.h"

namespace mayfly::settings {

TEST_CASE("a location is written as editors and compilers write it") {
  const auto source = std::make_shared<Source>(Source{"/etc/a.toml", Trust::kOperator});
  CHECK(to_string(Location{source, 12, 8}) == "/etc/a.toml:12:8");
  CHECK(to_string(Location{source, 12, 0}) == "/etc/a.toml:12");
  CHECK(to_string(Location{source, 0, 0}) == "/etc/a.toml");
  CHECK(to_string(Location{}) == "built in");
}

TEST_CASE("two values are the same wherever they were written") {
  const auto source = std::make_shared<Source>(Source{"a", Trust::kProject});
  CHECK(Located<int>{1, {source, 1, 1}} == Located<int>{1, {}});
  CHECK_FALSE(Located<int>{1, {}} == Located<int>{2, {}});
}

TEST_CASE("what the program made itself is trusted, and a project's file is not") {
  const auto project = std::make_shared<Source>(Source{"a", Trust::kProject});
  CHECK(trust_of({}) == Trust::kShipped);
  CHECK(trust_of({project, 3, 1}) == Trust::kProject);
}

}  // namespace mayfly::settings
