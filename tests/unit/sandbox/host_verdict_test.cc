#include "catch_shim.h"
#include "sandbox/host_probe.h"

namespace mayfly::sandbox {
namespace {

using State = Probe::State;

Probe row(const char* id, State state, std::vector<Tier> tiers = {}) {
  Probe probe;
  probe.id = id;
  probe.name = std::string("the ") + id;
  probe.state = state;
  probe.detail = state == State::kMissing ? "unshare: Operation not permitted (EPERM)" : "done";
  probe.remedy = state == State::kMissing ? std::string("sysctl -w ") + id + "=1" : "";
  probe.tiers = std::move(tiers);
  return probe;
}

std::vector<Probe> table(State namespaces, State landlock, State seccomp) {
  return {row("user_namespaces", namespaces, {Tier::kFull}),
          row("landlock", landlock, {Tier::kLandlock}),
          row("seccomp", seccomp, {Tier::kFull, Tier::kLandlock}),
          row("cgroup_memory", State::kMissing)};
}

}  // namespace

TEST_CASE("a host where everything works can make the full tier, and nothing is in the way") {
  const Verdict verdict = judge(table(State::kWorks, State::kMissing, State::kWorks));
  CHECK(verdict.tier == Tier::kFull);
  CHECK(verdict.in_the_way.empty());
  CHECK(verdict.memory == "watched");
  CHECK(verdict.processes == "rlimit");
  CHECK(verdict.cpu_share == "none");
}

TEST_CASE("without user namespaces the weaker tier is left, and the verdict says why") {
  const Verdict verdict = judge(table(State::kMissing, State::kWorks, State::kWorks));
  CHECK(verdict.tier == Tier::kLandlock);
  REQUIRE(verdict.in_the_way.size() == 1);
  CHECK(verdict.in_the_way.front().id == "user_namespaces");
}

TEST_CASE("who holds a limit depends on the tier and on the control groups") {
  // Without a user namespace of its own, a call's processes cannot be counted by an rlimit.
  auto weak = table(State::kMissing, State::kWorks, State::kWorks);
  CHECK(judge(weak).processes == "watched");
  weak.push_back(row("cgroup_processes", State::kWorks));
  weak.back().by = "cgroup v1";
  CHECK(judge(weak).processes == "cgroup v1");
  CHECK_THAT(judge(weak).limits, test::contains("processes by cgroup v1, CPU time watched"));
  const Verdict nothing = judge(table(State::kMissing, State::kMissing, State::kMissing));
  CHECK(nothing.memory == "none");
  CHECK(nothing.disk == "none");
}

TEST_CASE("what could not be tried counts as missing") {
  CHECK(judge(table(State::kUnknown, State::kWorks, State::kWorks)).tier == Tier::kLandlock);
  CHECK_FALSE(judge(table(State::kUnknown, State::kUnknown, State::kWorks)).tier.has_value());
}

TEST_CASE("an empty table allows nothing") {
  CHECK_FALSE(judge({}).tier.has_value());
  CHECK_FALSE(check_host({}, Profile{}).has_value());
}

TEST_CASE("a profile runs on a weaker tier only if it accepts that") {
  const auto weak = table(State::kMissing, State::kWorks, State::kWorks);
  Profile profile;
  profile.name = "p";
  const Status refused = check_host(weak, profile);
  REQUIRE_FALSE(refused.has_value());
  CHECK(refused.error().code == ErrorCode::kHostCannotEnforce);
  CHECK_THAT(refused.error().message, test::contains("tier full of profile p"));
  CHECK_THAT(refused.error().message, test::contains("the user_namespaces (unshare: "));
  CHECK_THAT(refused.error().remedy, test::contains("sysctl -w user_namespaces=1"));
  CHECK_THAT(refused.error().remedy, test::contains("mayfly doctor"));
  profile.watched = {Watched{true, true}, {}};
  profile.tier = {Tier::kLandlock, {}};
  CHECK(check_host(weak, profile).has_value());
}

TEST_CASE("a limit that nothing enforces is refused unless the profile accepts a watch") {
  auto host = table(State::kWorks, State::kWorks, State::kWorks);
  Profile profile;
  profile.watched = {Watched{false, true}, {}};
  const Status refused = check_host(host, profile);
  REQUIRE_FALSE(refused.has_value());
  CHECK_THAT(refused.error().message, test::contains("the memory limit"));
  CHECK_THAT(refused.error().remedy, test::contains("sysctl -w cgroup_memory=1"));
  host.back().state = State::kWorks;
  CHECK(check_host(host, profile).has_value());
  // A share of CPU cannot be watched.
  profile.limits.cpu_percent = {50, {}};
  CHECK_FALSE(check_host(host, profile).has_value());
}

TEST_CASE("the way to doctor is told once") {
  const Error once = cannot_enforce(system_error("unshare", 1), "Do this");
  CHECK(once.remedy == "Do this; `mayfly doctor` says more");
  CHECK(cannot_enforce(once, once.remedy).remedy == once.remedy);
}

}  // namespace mayfly::sandbox
