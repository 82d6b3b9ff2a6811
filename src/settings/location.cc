#include "settings/location.h"

namespace mayfly::settings {

std::string to_string(const Location& location) {
  if (location.source == nullptr) return "built in";
  std::string out = location.source->name;
  if (location.line > 0) out += ":" + std::to_string(location.line);
  if (location.line > 0 && location.column > 0) out += ":" + std::to_string(location.column);
  return out;
}

Trust trust_of(const Location& location) {
  return location.source == nullptr ? Trust::kShipped : location.source->trust;
}

}  // namespace mayfly::settings
