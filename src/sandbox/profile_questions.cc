#include "sandbox/profile_questions.h"

#include <algorithm>
#include <filesystem>

#include "base/text.h"
#include "sandbox/network_rules.h"
#include "sandbox/path_access.h"
#include "sandbox/path_rules.h"
#include "sandbox/syscall_policy.h"
#include "sandbox/workspace.h"

namespace mayfly::sandbox {
namespace {

// Rules of a policy are named "PROFILE: KEY"; who asks knows the profile.
std::string key_of(const Policy& policy, const std::string& rule) {
  const std::string front = policy.profile + ": ";
  return rule.starts_with(front) ? rule.substr(front.size()) : rule;
}

std::string place_of(const settings::Location& at) {
  return text::one_line(settings::to_string(at));
}

std::string no_rule(const Policy& policy, const char* verb) {
  return "no rule of " + policy.profile + " " + verb + " it";
}

// `key "text"`.
std::string quote_rule(const Policy& policy, const std::string& rule, const std::string& text) {
  const std::string key = key_of(policy, rule);
  return text.empty() ? key : key + " \"" + text::one_line(text) + "\"";
}

const char* verdict_of(const PathAnswer& found, bool permitted) {
  if (found.by == PlacedBy::kCache) return "read and write in the workspace's own cache";
  switch (found.access) {
    case Effective::kAbsent:
      return "absent";
    case Effective::kHidden:
      return "hidden";
    case Effective::kDenied:
      return "denied";
    case Effective::kRead:
      return "read-only";
    case Effective::kWrite:
      return "read and write";
    case Effective::kPrivate:
      return permitted ? "private to each call" : "not the host's";
  }
  return "";
}

Result<std::string> expanded(const Policy& policy, const std::string& path) {
  const std::pair<const char*, std::string> variables[] = {
      {"${workspace}", policy.workspaces.front().path},
      {"${home}", policy.identity.home},
      {"${tmp}", "/tmp"},
      {"~", policy.identity.home}};
  for (const auto& [name, value] : variables) {
    if (!path.starts_with(name)) continue;
    const std::string rest = path.substr(std::string_view(name).size());
    if (rest.empty() || rest.front() == '/') return value + rest;
  }
  if (path.find("${") != std::string::npos) {
    return fail(input_error(ErrorCode::kInvalidConfiguration, "--path", path,
                            "has a variable that does not exist, or not in front",
                            "use ${workspace}, ${home} or ${tmp}, with / after it"));
  }
  return path.front() == '/' ? path : policy.workspaces.front().path + "/" + path;
}

// A private place itself can be used. What is asked about below it is the host's, and not there;
// but the scratch directory is the caller's own.
bool is_permitted(const PathAnswer& found, const std::string& path) {
  if (found.access == Effective::kPrivate) {
    return found.place == kScratchPath || path == found.place;
  }
  return found.access == Effective::kRead || found.access == Effective::kWrite;
}

// A rule that would show `path` if the host had what it names.
const settings::Located<PathRule>* waiting_rule(const Policy& policy, const Profile& profile,
                                                const std::string& path) {
  const settings::Located<PathRule>* best = nullptr;
  for (const auto& rule : profile.paths) {
    const PathAccess access = rule.value.access;
    if (access != PathAccess::kRead && access != PathAccess::kWrite) continue;
    const auto shown = expanded(policy, rule.value.path);
    if (!shown) continue;
    const bool about = is_pattern(*shown) ? matches(*shown, path) : is_within(path, *shown);
    if (!about) continue;
    if (best == nullptr || rule.value.path.size() >= best->value.path.size()) best = &rule;
  }
  return best;
}

std::string reason_of(const Policy& policy, const PathAnswer& found, bool permitted) {
  if (found.access == Effective::kPrivate && !permitted) {
    const bool home = found.place == policy.identity.home;
    return "it lies in " + (home ? "the home" : text::one_line(found.place)) +
           " of the call, which is empty at its start";
  }
  if (found.rule == "sandbox") return "every sandbox has its own";
  if (found.rule.empty()) return no_rule(policy, "shows");
  return quote_rule(policy, found.rule, found.place);
}

}  // namespace

std::string to_string(const PolicyAnswer& answer) {
  std::string out = answer.subject + ": " + answer.verdict + ": " + answer.reason;
  return answer.place.empty() ? out : out + " (" + answer.place + ")";
}

Result<PolicyAnswer> about_path(const Policy& policy, const Profile& profile,
                                const std::string& path) {
  if (path.empty() || path.find('\0') != std::string::npos) {
    return fail(input_error(ErrorCode::kInvalidConfiguration, "--path", path, "is no path",
                            "give one like /usr/bin/ls"));
  }
  const std::string whole = TRY(expanded(policy, path));
  std::string normal = std::filesystem::path(whole).lexically_normal().string();
  while (normal.size() > 1 && normal.back() == '/') normal.pop_back();
  const PathAnswer found = look_up(policy, normal);
  PolicyAnswer answer;
  answer.subject = text::one_line(normal);
  answer.permitted = is_permitted(found, normal);
  answer.verdict = verdict_of(found, answer.permitted);
  const bool not_shown = found.access == Effective::kAbsent ||
                         (found.access == Effective::kPrivate && !answer.permitted);
  const auto* waiting = not_shown ? waiting_rule(policy, profile, normal) : nullptr;
  if (waiting != nullptr) {
    answer.verdict = "absent";
    answer.reason = "it is not on this host; filesystem." +
                    std::string(to_string(waiting->value.access)) + " \"" +
                    text::one_line(waiting->value.path) + "\" would show it";
    answer.place = place_of(waiting->at);
    return answer;
  }
  answer.reason = found.access == Effective::kAbsent ? no_rule(policy, "shows")
                                                     : reason_of(policy, found, answer.permitted);
  if (found.at.source != nullptr) answer.place = place_of(found.at);
  return answer;
}

Result<PolicyAnswer> about_host(const Policy& policy, const settings::Location& mode_at,
                                const std::string& host) {
  auto destination = parse_destination(host);
  if (!destination) {
    Error error = std::move(destination).error();
    error.field = "--host";
    error.value = text::shorten(text::one_line(host), 200);
    return fail(std::move(error));
  }
  if (destination->port == 0) {
    destination->port = destination->scheme == "http" ? 80 : 443;
  }
  PolicyAnswer answer;
  answer.subject = text::one_line(host);
  answer.verdict = "not reachable";
  const NetworkPolicy& network = policy.network;
  if (network.mode == NetworkMode::kNone) {
    answer.reason = "network.mode = none";
    answer.place = place_of(mode_at);
    return answer;
  }
  // No mode has a way out before there is a proxy.
  const std::string none_yet = "this version of Mayfly has no way out yet; ";
  if (network.mode == NetworkMode::kHost) {
    answer.reason = none_yet + "network.danger_host would allow it";
    answer.place = place_of(mode_at);
    return answer;
  }
  const NetworkDecision decision = decide(network, *destination);
  if (decision.rule == nullptr) {
    answer.reason = no_rule(policy, "allows");
    return answer;
  }
  const std::string rule = quote_rule(policy, decision.rule->rule, decision.rule->text);
  answer.reason = decision.allowed ? none_yet + rule + " would allow it" : rule;
  answer.place = place_of(decision.rule->at);
  return answer;
}

Result<PolicyAnswer> about_syscall(const Policy& policy, const std::string& call) {
  const auto known = parse_syscall_rule(call);
  const bool one_call = known && !known->call.empty() && known->when.empty();
  if (!one_call) {
    Error error = known ? input_error(ErrorCode::kInvalidConfiguration, "", "",
                                      "is not one system call", "give a name like openat")
                        : known.error();
    error.field = "--syscall";
    error.value = text::shorten(text::one_line(call), 200);
    return fail(std::move(error));
  }
  const SyscallDecision decision = decide(policy.syscalls, known->call);
  PolicyAnswer answer;
  answer.subject = known->call;
  answer.permitted = decision.verdict != SyscallVerdict::kDenied;
  answer.verdict = decision.verdict == SyscallVerdict::kAllowed     ? "allowed"
                   : decision.verdict == SyscallVerdict::kSometimes ? "allowed with some arguments"
                                                                    : "refused";
  if (decision.rule != nullptr) {
    answer.reason = quote_rule(policy, decision.rule->rule, decision.rule->text);
    answer.place = place_of(decision.rule->at);
  } else {
    answer.reason = answer.permitted ? "every program needs it" : no_rule(policy, "allows");
  }
  return answer;
}

}  // namespace mayfly::sandbox
