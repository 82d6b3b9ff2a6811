#include "tools/denial_loops.h"

#include <algorithm>
#include <cctype>
#include <string_view>

namespace mayfly::tools {
namespace {

using sandbox::ViolationKind;

std::string_view directory_of(std::string_view path) {
  const std::size_t slash = path.find_last_of('/');
  if (slash == std::string_view::npos) return path;
  return slash == 0 ? path.substr(0, 1) : path.substr(0, slash);
}

// "[2001:db8::1]:80", "8.8.8.8:53/udp", "example.org", "port 80", a path of a socket.
std::string_view host_of(std::string_view target) {
  if (target.starts_with('/')) return directory_of(target);
  if (target.starts_with("port ")) return "port";
  for (const std::string_view suffix : {"/udp", "/tcp"}) {
    if (target.ends_with(suffix)) target.remove_suffix(suffix.size());
  }
  const std::size_t colon = target.find_last_of(':');
  if (colon == std::string_view::npos) return target;
  const std::string_view port = target.substr(colon + 1);
  const bool digits = !port.empty() && std::all_of(port.begin(), port.end(), [](unsigned char c) {
    return std::isdigit(c) != 0;
  });
  // An IPv6 address that stands without brackets has no port.
  const bool bare = target.find(':') != colon && !target.starts_with('[');
  return digits && !bare ? target.substr(0, colon) : target;
}

}  // namespace

std::string wall_of(const sandbox::Violation& violation) {
  const std::string_view target = violation.target;
  switch (violation.kind) {
    case ViolationKind::kFilesystem:
    case ViolationKind::kHostCode:
      return std::string(directory_of(target));
    case ViolationKind::kNetwork:
      return std::string(host_of(target));
    case ViolationKind::kCapability:
      return std::string(target.substr(0, target.find(' ')));
    case ViolationKind::kResource:
      return "";
    case ViolationKind::kSyscall:
      break;
  }
  return violation.target;
}

std::uint64_t DenialLoops::met(const std::string& policy_digest, const std::string& call_id,
                               const sandbox::Violation& violation, TimePoint now) {
  // No part but the last can have a line's end in it: all are single printable lines.
  const std::string key = policy_digest + "\n" + to_string(violation.kind) + "\n" +
                          violation.operation + "\n" + violation.rule + "\n" + wall_of(violation);
  const auto found = by_key_.find(key);
  if (found == by_key_.end()) {
    walls_.push_front({key, call_id, 1, now});
    by_key_.emplace(key, walls_.begin());
    if (walls_.size() > kKept) {
      by_key_.erase(walls_.back().key);
      walls_.pop_back();
    }
    return 1;
  }
  walls_.splice(walls_.begin(), walls_, found->second);
  Wall& wall = walls_.front();
  if (now - wall.last > kForgotten) wall.calls = 0;
  if (wall.calls == 0 || wall.last_call != call_id) ++wall.calls;
  wall.last_call = call_id;
  wall.last = now;
  return wall.calls;
}

}  // namespace mayfly::tools
