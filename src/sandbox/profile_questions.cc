#include "sandbox/profile_questions.h"

#include <algorithm>
#include <filesystem>

#include "base/text.h"
#include "sandbox/network_rules.h"
#include "sandbox/path_access.h"
#include "sandbox/syscall_policy.h"

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

const char* verdict_of(Effective access) {
  switch (access) {
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
      return "private to each call";
  }
  return "";
}

std::string reason_of(const Policy& policy, const PathAnswer& found) {
  if (found.rule == "sandbox") return "every sandbox has its own";
  if (found.rule.empty()) return no_rule(policy, "shows");
  return quote_rule(policy, found.rule, found.place);
}

}  // namespace

std::string to_string(const PolicyAnswer& answer) {
  std::string out = answer.subject + ": " + answer.verdict + ": " + answer.reason;
  return answer.place.empty() ? out : out + " (" + answer.place + ")";
}

Result<PolicyAnswer> about_path(const Policy& policy, const std::string& path) {
  if (path.empty() || path.find('\0') != std::string::npos) {
    return fail(input_error(ErrorCode::kInvalidConfiguration, "--path", path, "is no path",
                            "give one like /usr/bin/ls"));
  }
  const std::string whole =
      path.front() == '/' ? path : policy.workspaces.front().path + "/" + path;
  std::string normal = std::filesystem::path(whole).lexically_normal().string();
  while (normal.size() > 1 && normal.back() == '/') normal.pop_back();
  const PathAnswer found = look_up(policy, normal);
  PolicyAnswer answer;
  answer.subject = text::one_line(normal);
  answer.verdict = verdict_of(found.access);
  answer.permitted = found.access == Effective::kRead || found.access == Effective::kWrite ||
                     found.access == Effective::kPrivate;
  answer.reason =
      found.access == Effective::kAbsent ? no_rule(policy, "shows") : reason_of(policy, found);
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
