#include "sandbox/network_rules.h"

namespace mayfly::sandbox {

const char* to_string(NetworkMode mode) {
  switch (mode) {
    case NetworkMode::kNone:
      return "none";
    case NetworkMode::kProxy:
      return "proxy";
    case NetworkMode::kHost:
      return "host";
  }
  return "";
}

}  // namespace mayfly::sandbox
