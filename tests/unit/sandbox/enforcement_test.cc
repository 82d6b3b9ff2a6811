#include "sandbox/linux/enforcement.h"

#include "unit/catch_shim.h"

using namespace mayfly;
using namespace mayfly::sandbox;

namespace {

Policy policy_with(Watched accepts) {
  Policy policy;
  policy.profile = "tested";
  policy.accepts_watched = accepts;
  policy.limits.memory_bytes = 1 << 30;
  return policy;
}

CgroupAbilities all_of(CgroupVersion version) {
  CgroupAbilities abilities;
  abilities.version = version;
  abilities.memory = abilities.processes = abilities.cpu = abilities.io = true;
  return abilities;
}

CgroupAbilities none() {
  CgroupAbilities abilities;
  abilities.why_not = "no group may be made here";
  abilities.remedy = "delegate one";
  return abilities;
}

}  // namespace

TEST_CASE("a control group holds what it can, before everything else") {
  const Policy policy = policy_with({true, true});
  Limits limits = policy.limits;
  limits.cpu = milliseconds{1000};
  limits.cpu_percent = 50;
  limits.io_bytes_per_second = 1 << 20;
  const auto chosen = choose_enforcement(policy, limits, all_of(CgroupVersion::kV2));
  REQUIRE(chosen);
  CHECK(chosen->memory == Enforcer::kCgroup);
  CHECK(chosen->cpu_time == Enforcer::kCgroup);
  CHECK(chosen->cpu_share == Enforcer::kCgroup);
  CHECK(chosen->processes == Enforcer::kCgroup);
  CHECK(chosen->io == Enforcer::kCgroup);
  CHECK(to_string(chosen->memory, chosen->cgroup) == "cgroup v2");
}

TEST_CASE("without control groups memory is watched if the profile accepts that") {
  const Policy policy = policy_with({true, true});
  const auto chosen = choose_enforcement(policy, policy.limits, none());
  REQUIRE(chosen);
  CHECK(chosen->memory == Enforcer::kWatch);
  CHECK(chosen->cpu_time == Enforcer::kNobody);
  CHECK(chosen->processes == Enforcer::kRlimit);
}

TEST_CASE("a limit that nothing can hold is refused with the limit's name and the remedy") {
  const Policy strict = policy_with({false, false});
  const auto memory = choose_enforcement(strict, strict.limits, none());
  REQUIRE_FALSE(memory);
  CHECK(memory.error().code == ErrorCode::kHostCannotEnforce);
  CHECK(memory.error().field == "limits.memory");
  CHECK(memory.error().remedy.find("delegate one") != std::string::npos);

  const Policy lenient = policy_with({true, true});
  Limits limits = lenient.limits;
  limits.cpu_percent = 50;
  const auto share = choose_enforcement(lenient, limits, none());
  REQUIRE_FALSE(share);
  CHECK(share.error().field == "limits.cpu_percent");
  limits.cpu_percent = 0;
  limits.io_bytes_per_second = 1;
  CHECK_FALSE(choose_enforcement(lenient, limits, none()));
}

TEST_CASE("a group without one of the controllers does not count for it") {
  CgroupAbilities only_pids = none();
  only_pids.version = CgroupVersion::kV2;
  only_pids.processes = true;
  const Policy strict = policy_with({false, false});
  CHECK_FALSE(choose_enforcement(strict, strict.limits, only_pids));
  const Policy lenient = policy_with({true, true});
  const auto chosen = choose_enforcement(lenient, lenient.limits, only_pids);
  REQUIRE(chosen);
  CHECK(chosen->memory == Enforcer::kWatch);
  CHECK(chosen->processes == Enforcer::kCgroup);
}

TEST_CASE("a group has room for init beside the program's processes") {
  const Policy policy = policy_with({true, true});
  Limits limits = policy.limits;
  limits.processes = 10;
  for (const CgroupVersion version : {CgroupVersion::kV1, CgroupVersion::kV2}) {
    CHECK(cgroup_limits(policy, limits, version, Moment::kRunning).processes == 11);
  }
  CHECK(cgroup_limits(policy, limits, CgroupVersion::kV2, Moment::kLaunching).processes == 11);
  CHECK(cgroup_limits(policy, limits, CgroupVersion::kV1, Moment::kLaunching).processes == 12);
}
