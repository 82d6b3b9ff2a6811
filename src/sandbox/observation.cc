#include "sandbox/observation.h"

namespace mayfly::sandbox {

const char* to_string(ObserveLevel level) {
  switch (level) {
    case ObserveLevel::kOff:
      return "off";
    case ObserveLevel::kWrites:
      return "writes";
    case ObserveLevel::kAll:
      return "all";
  }
  return "";
}

const char* to_string(Requirement requirement) {
  switch (requirement) {
    case Requirement::kCgroup:
      return "cgroup";
    case Requirement::kCgroupV2:
      return "cgroup-v2";
    case Requirement::kLandlock:
      return "landlock";
    case Requirement::kSupervisor:
      return "supervisor";
  }
  return "";
}

}  // namespace mayfly::sandbox
