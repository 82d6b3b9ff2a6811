#include <algorithm>
#include <optional>
#include <tuple>

#include "sandbox/network_rules.h"

namespace mayfly::sandbox {
namespace {

// Whether a rule matches; what is not known is told apart, since it counts against who asks.
enum class Match { kNo, kUnknown, kYes };

bool is_hex(char c) {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

int hex_value(char c) {
  if (c <= '9') return c - '0';
  return (c | 0x20) - 'a' + 10;
}

// The path with its escapes replaced, if every server reads it in the same way: no "." and "..", no
// empty component in the middle, nothing that some servers take for '/' or for the path's end.
std::optional<std::string> plain_path(const std::string& path) {
  std::string out;
  for (std::size_t i = 0; i < path.size(); ++i) {
    char c = path[i];
    if (c == '%') {
      if (i + 2 >= path.size() || !is_hex(path[i + 1]) || !is_hex(path[i + 2])) return {};
      c = static_cast<char>(hex_value(path[i + 1]) * 16 + hex_value(path[i + 2]));
      i += 2;
      if (c == '/' || c == '%' || c == '.') return {};
    }
    const auto byte = static_cast<unsigned char>(c);
    if (byte < ' ' || byte >= 127 || c == '\\' || c == ';' || c == '?' || c == '#') return {};
    out += c;
  }
  if (!out.starts_with('/') || out.find("//") != std::string::npos) return {};
  const std::string closed = out + "/";
  if (closed.find("/./") != std::string::npos || closed.find("/../") != std::string::npos) {
    return {};
  }
  return out;
}

// By whole components: "/api" is about "/api" and "/api/x", not about "/apiary".
bool is_prefix(std::string prefix, const std::string& path) {
  if (path == prefix) return true;
  if (!prefix.ends_with('/')) prefix += '/';
  return path.starts_with(prefix);
}

// Of rules: whether whatever is below `inner` is below `outer`.
bool covers_path(const std::string& outer, const std::string& inner) {
  if (outer.empty() || outer == inner) return true;
  const auto plain_outer = plain_path(outer);
  const auto plain_inner = plain_path(inner);
  return plain_outer && plain_inner && is_prefix(*plain_outer, *plain_inner);
}

Match both(Match a, Match b) { return std::min(a, b); }
Match known(bool yes) { return yes ? Match::kYes : Match::kNo; }

bool matches_host(const HostRule& rule, const Destination& to) {
  if (to.range) return rule.range && contains(*rule.range, *to.range);
  if (rule.range || to.name.empty()) return false;
  if (!rule.below) return rule.name == to.name;
  return rule.name.empty() || to.name.ends_with("." + rule.name);
}

// Everything but the host.
Match matches_rest(const HostRule& rule, const Destination& to) {
  Match out = Match::kYes;
  const bool any_port = rule.low_port == 0 && rule.high_port == 65535;
  if (!any_port) {
    out = to.port == 0 ? Match::kUnknown
                       : known(rule.low_port <= to.port && to.port <= rule.high_port);
  }
  if (!rule.scheme.empty() && rule.scheme != to.scheme) {
    const bool connection = to.scheme.empty();
    out = both(out, !connection              ? Match::kNo
                    : rule.scheme == "https" ? Match::kYes
                                             : Match::kUnknown);
  }
  if (!rule.methods.empty()) {
    const bool listed =
        std::find(rule.methods.begin(), rule.methods.end(), to.method) != rule.methods.end();
    out = both(out, to.method.empty() ? Match::kUnknown : known(listed));
  }
  if (!rule.path_prefix.empty()) {
    const auto prefix = plain_path(rule.path_prefix);
    const auto path = plain_path(to.path);
    out = both(out, prefix && path ? known(is_prefix(*prefix, *path)) : Match::kUnknown);
  }
  return out;
}

// What is larger is more specific.
auto specificity(const HostRule& rule) {
  const int host = rule.range ? rule.range->prefix : static_cast<int>(rule.name.size());
  return std::tuple(!rule.below, host, rule.low_port - rule.high_port, !rule.scheme.empty(),
                    rule.path_prefix.size(), !rule.methods.empty());
}

// Of equally specific ones the last, which a later file wrote.
void choose(const HostRule*& best, const HostRule& rule) {
  if (best == nullptr || specificity(rule) >= specificity(*best)) best = &rule;
}

}  // namespace

NetworkDecision decide(const NetworkPolicy& policy, const Destination& destination) {
  if (policy.mode == NetworkMode::kNone) return {};
  if (policy.mode == NetworkMode::kHost) return {.allowed = true, .rule = nullptr};
  Destination translated = destination;
  if (destination.range) translated.range = ipv4_behind(*destination.range);
  const bool has_other = destination.range && translated.range;
  NetworkDecision out;
  for (const HostRule& rule : policy.deny) {
    const bool host =
        matches_host(rule, destination) || (has_other && matches_host(rule, translated));
    if (host && matches_rest(rule, destination) != Match::kNo) choose(out.rule, rule);
  }
  if (out.rule != nullptr) return out;
  for (const HostRule& rule : policy.allow) {
    if (matches_host(rule, destination) && matches_rest(rule, destination) == Match::kYes) {
      choose(out.rule, rule);
    }
  }
  out.allowed = out.rule != nullptr;
  return out;
}

bool covers(const HostRule& outer, const HostRule& inner) {
  if (inner.low_port < outer.low_port || inner.high_port > outer.high_port) return false;
  if (!outer.scheme.empty() && outer.scheme != inner.scheme) return false;
  if (!outer.methods.empty()) {
    if (inner.methods.empty()) return false;
    const auto listed = [&outer](const std::string& method) {
      return std::find(outer.methods.begin(), outer.methods.end(), method) != outer.methods.end();
    };
    if (!std::all_of(inner.methods.begin(), inner.methods.end(), listed)) return false;
  }
  if (!covers_path(outer.path_prefix, inner.path_prefix)) return false;
  if (outer.range || inner.range) {
    return outer.range && inner.range && contains(*outer.range, *inner.range);
  }
  if (!outer.below) return !inner.below && inner.name == outer.name;
  if (outer.name.empty() || (inner.below && inner.name == outer.name)) return true;
  return inner.name.ends_with("." + outer.name);
}

}  // namespace mayfly::sandbox
