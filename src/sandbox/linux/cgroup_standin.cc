#include "sandbox/linux/cgroup.h"

// Stands in for control groups until they are there: a host that has none. To be deleted then.
namespace mayfly::sandbox {
namespace {

class NoCgroups final : public Cgroups {
 public:
  NoCgroups() { abilities_.why_not = "this version of Mayfly makes none"; }
  const CgroupAbilities& abilities() const override { return abilities_; }
  Result<std::unique_ptr<CallCgroup>> make(uid_t, gid_t) override {
    return fail(system_error("make a control group", 95));
  }
  Status adopt_zygote(pid_t, uid_t, gid_t) override { return {}; }

 private:
  CgroupAbilities abilities_;
};

}  // namespace

const char* to_string(CgroupVersion version) {
  switch (version) {
    case CgroupVersion::kV1:
      return "cgroup v1";
    case CgroupVersion::kV2:
      return "cgroup v2";
    case CgroupVersion::kNone:
      break;
  }
  return "none";
}

std::unique_ptr<Cgroups> open_cgroups(const std::string&) { return std::make_unique<NoCgroups>(); }

}  // namespace mayfly::sandbox
