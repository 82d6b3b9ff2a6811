#include "sandbox/shipped_profiles.h"

#include <algorithm>

#include "catch_shim.h"
#include "sandbox/profile_format.h"

namespace mayfly::sandbox {
namespace {

bool denies(const Profile& profile, const std::string& call) {
  return std::any_of(profile.syscalls_deny.begin(), profile.syscalls_deny.end(),
                     [&](const auto& rule) { return rule.value.text == call; });
}

}  // namespace

TEST_CASE("each shipped profile opens with who it is for and what it stops") {
  for (const auto& [name, text] : shipped_profile_texts()) {
    INFO(name);
    CHECK(text.starts_with("# " + std::string(name) + ": for "));
    CHECK_THAT(std::string(text), test::contains("\n# It stops"));
    const Profile profile = find_profile(std::string(name)).value();
    REQUIRE(profile.description.has_value());
    CHECK(profile.description->value.starts_with("For "));
  }
  CHECK(shipped_profiles() ==
        std::vector<std::string>{"default", "readonly", "strict", "build", "network"});
}

TEST_CASE("a shipped profile's every value stands in a shipped file, and prints to itself") {
  for (const std::string& name : shipped_profiles()) {
    const Profile profile = find_profile(name).value();
    for (const auto& rule : profile.paths) {
      CHECK(settings::trust_of(rule.at) == settings::Trust::kShipped);
      CHECK_THAT(to_string(rule.at), test::contains("(shipped):"));
    }
    settings::Diagnostics diagnostics;
    auto again = parse_profile(print_profile(profile), name, nullptr, diagnostics);
    REQUIRE(again.has_value());
    again->layers = profile.layers;
    CHECK(*again == profile);
  }
}

TEST_CASE("strict is nowhere wider than readonly, and readonly nowhere than default") {
  const Profile standard = find_profile("default").value();
  const Profile readonly = find_profile("readonly").value();
  const Profile strict = find_profile("strict").value();
  for (const Profile* narrower : {&readonly, &strict}) {
    CHECK(narrower->paths == standard.paths);
    CHECK(workspace_of(*narrower) == WorkspaceAccess::kReadOnly);
    CHECK(narrower->network->value == NetworkMode::kNone);
    CHECK(narrower->syscalls_allow == standard.syscalls_allow);
    CHECK(narrower->syscalls_danger_allow.empty());
    CHECK(narrower->capabilities_danger_keep.empty());
    CHECK(narrower->danger_unprotect.empty());
  }
  const Limits wide = limits_of(standard);
  const Limits small = limits_of(strict);
  CHECK(small.wall < wide.wall);
  CHECK(small.memory_bytes < wide.memory_bytes);
  CHECK(small.processes < wide.processes);
  CHECK(small.disk_bytes < wide.disk_bytes);
  CHECK(denies(strict, "@tracing"));
  CHECK(watched_of(strict) == Watched{});
}

TEST_CASE("no shipped profile has a danger_ key, a bind or a writable path") {
  for (const std::string& name : shipped_profiles()) {
    INFO(name);
    const Profile profile = find_profile(name).value();
    CHECK(profile.syscalls_danger_allow.empty());
    CHECK(profile.capabilities_danger_keep.empty());
    CHECK(profile.danger_unprotect.empty());
    CHECK(profile.binds.empty());
    CHECK(profile.environment_pass.empty());
    CHECK(profile.network->value != NetworkMode::kHost);
    CHECK(std::all_of(profile.paths.begin(), profile.paths.end(),
                      [](const auto& rule) { return rule.value.access == PathAccess::kRead; }));
  }
}

}  // namespace mayfly::sandbox
