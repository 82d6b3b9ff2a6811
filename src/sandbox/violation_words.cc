#include "sandbox/violation_words.h"

#include <algorithm>
#include <filesystem>
#include <utility>

#include "base/text.h"
#include "sandbox/capabilities.h"
#include "sandbox/private_places.h"
#include "sandbox/profile_store.h"
#include "sandbox/protected_paths.h"
#include "sandbox/syscall_names.h"
#include "sandbox/syscall_policy.h"
#include "sandbox/workspace.h"
#include "settings/document.h"

namespace mayfly::sandbox {
namespace {

using settings::Trust;

// The ledger cuts what is longer.
constexpr std::size_t kLongestTarget = 990;

bool is_one_of(const std::string& word, std::initializer_list<std::string_view> words) {
  return std::find(words.begin(), words.end(), word) != words.end();
}

// Empty for what is no whole absolute path.
std::string normal_path(const std::string& target) {
  if (target.size() > kLongestTarget || !target.starts_with('/')) return "";
  if (target.find('\0') != std::string::npos) return "";
  std::string out = std::filesystem::path(target).lexically_normal().string();
  out.erase(0, out.find_first_not_of('/'));
  while (out.ends_with('/')) out.pop_back();
  return "/" + out;
}

// Of the groups that have the call, one that a profile could allow.
std::string group_of(const std::string& call) {
  for (std::string& group : syscall_groups()) {
    if (is_in_group(group, call)) return std::move(group);
  }
  return {};
}

const char* option_of(const std::string& key) {
  if (key == "filesystem.read") return "--read";
  if (key == "filesystem.write") return "--write";
  return nullptr;
}

// `write = ["/opt/sdk"]`, in the words of a profile.
std::string assignments(const std::vector<Permission>& permissions) {
  std::vector<std::string> keys;
  std::vector<std::string> out;
  for (const Permission& each : permissions) {
    if (std::find(keys.begin(), keys.end(), each.key) != keys.end()) continue;
    keys.push_back(each.key);
    std::vector<std::string> values;
    for (const Permission& other : permissions) {
      if (other.key == each.key) values.push_back(settings::quoted_key(other.value));
    }
    const std::string all = text::join(values, ", ");
    const bool list = each.key != "filesystem.workspace";
    const bool plain = option_of(each.key) != nullptr || !list;
    const std::string key = plain ? each.key.substr(each.key.find('.') + 1) : each.key;
    out.push_back(key + " = " + (list ? "[" + all + "]" : all));
  }
  return text::join(out, " and ");
}

}  // namespace

std::string allow_command(const std::string& profile, const std::vector<Permission>& permissions) {
  if (permissions.empty()) return "";
  std::string out = "mayfly profile allow " + text::for_shell(profile);
  for (const Permission& each : permissions) {
    const char* option = option_of(each.key);
    if (option == nullptr || !is_plain_path(each.value)) return "";
    out += std::string(" ") + option + " " + text::for_shell(each.value);
  }
  return out;
}

ViolationWords::ViolationWords(const Policy& policy, HostUser user, HostLook look)
    : policy_(policy), user_(std::move(user)), look_(std::move(look)), view_(policy) {}

Violation ViolationWords::describe(const Finding& finding) const {
  Violation violation;
  violation.kind = finding.kind;
  violation.operation = text::one_line(finding.operation);
  violation.target = text::one_line(finding.target);
  violation.count = finding.count;
  violation.rule = policy_.profile;
  switch (finding.rule) {
    case BrokenRule::kSystemCalls:
      say_call(violation);
      break;
    case BrokenRule::kProfileCalls:
      say_profile_call(finding.number, violation);
      break;
    case BrokenRule::kForeignCalls:
      violation.rule += ": system calls";
      violation.remedy =
          "Programs of another architecture do not run here, under any profile: use a 64-bit "
          "build of this machine's";
      break;
    case BrokenRule::kUnixSockets:
      violation.rule += ": unix sockets";
      violation.remedy =
          "Only sockets made by this sandbox or by a job of yours answer: start the "
          "server in this call, or as a job";
      break;
    case BrokenRule::kReadOnly:
    case BrokenRule::kDenied:
    case BrokenRule::kHidden:
    case BrokenRule::kProtected:
    case BrokenRule::kOutside:
      say_path(finding, violation);
      break;
    case BrokenRule::kNetwork:
    case BrokenRule::kNames:
      say_network(violation);
      break;
    case BrokenRule::kPorts:
      violation.rule += ": capabilities";
      violation.remedy =
          "Ports below 1024 need a privilege that no sandbox has: use one from 1024 on";
      break;
    case BrokenRule::kCapabilities:
      say_capability(violation);
      break;
  }
  return violation;
}

bool ViolationWords::is_missed(const Finding& finding) const {
  const PathWords words = look_up(finding);
  if (words.path.empty()) return false;
  const PlacedBy by = words.answer.by;
  if (by == PlacedBy::kHide || by == PlacedBy::kDeny) return true;
  if (is_secret_place(words.path, policy_.identity.home)) return true;
  if (!look_) return false;
  if (finding.operation != "create") {
    const HostPlace there = look_(words.path);
    return there.kind != HostPlace::Kind::kUnknown && there.kind != HostPlace::Kind::kAbsent;
  }
  // It would have been made there, had the sandbox had the directory.
  const std::string parent = directory_of(words.path);
  const PathAnswer above = view_.look_up(parent);
  const bool missing = above.access == Effective::kAbsent ||
                       (above.access == Effective::kPrivate && above.place != parent);
  return missing && look_(parent).kind == HostPlace::Kind::kDirectory;
}

ViolationWords::PathWords ViolationWords::look_up(const Finding& finding) const {
  PathWords words;
  words.path = normal_path(finding.target);
  words.entry = is_one_of(finding.operation, {"create", "remove", "rename"});
  words.writes = words.entry || is_one_of(finding.operation, {"write", "change"});
  if (!words.path.empty()) words.answer = view_.look_up(words.path);
  return words;
}

std::string ViolationWords::rule_of(const PathAnswer& answer) const {
  if (answer.rule.empty() || answer.access == Effective::kPrivate) {
    return policy_.profile + ": not in the sandbox";
  }
  if (answer.rule == "sandbox") return policy_.profile + ": the sandbox's own";
  if (answer.at.source == nullptr) return text::one_line(answer.rule);
  return text::one_line(answer.rule + ", " + to_string(answer.at));
}

std::string ViolationWords::inside_advice(bool writes) const {
  if (!writes) return "Work with what is in the workspace";
  const bool writable = policy_.workspace_access == WorkspaceAccess::kReadWrite;
  return writable ? "Write below the workspace or in $SCRATCH" : "Write in $SCRATCH";
}

// What a person who can change the profile is to be asked for.
std::string ViolationWords::ask_for(const std::vector<Permission>& permissions) const {
  const std::string ask = "ask the operator for " + assignments(permissions) + " in profile \"" +
                          text::one_line(policy_.profile) + "\"";
  const settings::Location& at = policy_.profile_at;
  const std::string file = "/" + policy_.profile + ".toml";
  const ProfilePlaces places = profile_places(user_);
  const bool by_name = at.source == nullptr || trust_of(at) == Trust::kShipped ||
                       at.source->name == places.user + file ||
                       at.source->name == places.system + file;
  if (!by_name) return ask + " (" + text::one_line(at.source->name) + ")";
  const std::string command = allow_command(policy_.profile, permissions);
  return command.empty() ? ask : ask + ": " + command;
}

void ViolationWords::say_helped(const PathHelp& help, const PathWords& words,
                                Violation& violation) const {
  violation.remedy = inside_advice(words.writes);
  if (help.permissions.empty()) {
    violation.remedy += ": " + help.why_not;
    return;
  }
  violation.way = WayOut::kProfile;
  violation.permissions = help.permissions;
  violation.remedy += ", or " + ask_for(help.permissions);
}

void ViolationWords::say_path(const Finding& finding, Violation& violation) const {
  const PathWords words = look_up(finding);
  violation.rule = rule_of(words.answer);
  if (words.path.empty()) {
    violation.rule = policy_.profile;
    violation.remedy = inside_advice(words.writes);
    return;
  }
  switch (finding.rule) {
    case BrokenRule::kHidden:
      return say_hidden(finding, words, violation);
    case BrokenRule::kDenied:
      if (say_somebodys_rule(words.answer, "denies it", violation)) return;
      violation.remedy = "It cannot be opened in this sandbox: do without";
      return;
    case BrokenRule::kProtected:
      return say_protected(words, violation);
    case BrokenRule::kOutside:
      return say_outside(words, violation);
    default:
      return say_read_only(words, violation);
  }
}

// A rule that takes something away was meant by whoever wrote it: no command undoes it.
bool ViolationWords::say_somebodys_rule(const PathAnswer& answer, const char* what,
                                        Violation& violation) const {
  if (answer.at.source == nullptr && answer.by != PlacedBy::kDeny && answer.by != PlacedBy::kHide) {
    return false;
  }
  violation.way = WayOut::kRule;
  const bool projects = answer.at.source != nullptr && trust_of(answer.at) == Trust::kProject;
  violation.remedy = std::string("A rule ") + what + ": do without, or ask " +
                     (projects ? "the user to change that file of the project"
                               : "the operator to change that rule");
  return true;
}

void ViolationWords::say_hidden(const Finding& finding, const PathWords& words,
                                Violation& violation) const {
  const PathAnswer& answer = words.answer;
  if (answer.by == PlacedBy::kDeny && say_somebodys_rule(answer, "denies it", violation)) return;
  if (answer.by == PlacedBy::kHide && say_somebodys_rule(answer, "hides it", violation)) return;
  // A link in what is visible may lead out of it.
  violation.rule = policy_.profile + ": not in the sandbox";
  if (is_secret_place(words.path, policy_.identity.home)) {
    violation.remedy =
        "Keys, passwords and sessions stay out of sandboxes: do without, or ask the user for the "
        "one thing that is needed";
    return;
  }
  for (const char* own : {"/tmp", "/dev/shm"}) {
    if (answer.access != Effective::kPrivate || answer.place != own) continue;
    violation.remedy = std::string("Every call has a ") + own +
                       " of its own, empty at its start: ask for what is needed to be put into the "
                       "workspace";
    return;
  }
  const PathHelper helper(policy_, view_, user_, look_);
  if (finding.operation == "create") {
    return say_helped(helper.to_change_entry(words.path), words, violation);
  }
  say_helped(words.entry    ? helper.to_change_entry(words.path)
             : words.writes ? helper.to_change(words.path)
                            : helper.to_read(words.path),
             words, violation);
}

void ViolationWords::say_read_only(const PathWords& words, Violation& violation) const {
  const PathAnswer& answer = words.answer;
  const PathHelper helper(policy_, view_, user_, look_);
  if (answer.by == PlacedBy::kProtection) return say_protected(words, violation);
  if (answer.by != PlacedBy::kMount) {
    // Absent there, so that nothing can be made: the directories above mounts, /proc, /etc/passwd.
    violation.rule =
        answer.rule.empty() ? policy_.profile + ": not in the sandbox" : violation.rule;
    violation.remedy = inside_advice(true) + ": no profile makes this place writable";
    return;
  }
  const bool outer = answer.at.source != nullptr && (trust_of(answer.at) == Trust::kProject ||
                                                     answer.at.source->name.starts_with("--"));
  if (outer) {
    violation.way = WayOut::kRule;
    violation.remedy =
        inside_advice(true) + ", or ask the " +
        (trust_of(answer.at) == Trust::kProject ? "user to change that file of the project"
                                                : "operator to start without that option");
    return;
  }
  if (answer.source != words.path) {
    violation.remedy = inside_advice(true) + ": it is seen from another place, read-only";
    return;
  }
  PathHelp help = words.entry ? helper.to_change_entry(words.path) : helper.to_change(words.path);
  const bool workspace =
      std::any_of(policy_.workspaces.begin(), policy_.workspaces.end(),
                  [&](const Workspace& each) { return answer.place == each.path; });
  if (help.permissions.empty() && workspace) {
    help.permissions = {{"filesystem.workspace", "read-write", "read-write"}};
  }
  // In one file a path is either to be read or to be written.
  const bool same_file = answer.at.source != nullptr && policy_.profile_at.source != nullptr &&
                         answer.at.source->name == policy_.profile_at.source->name &&
                         trust_of(answer.at) != Trust::kShipped;
  if (same_file && !help.permissions.empty() && help.permissions.front().value == answer.place) {
    violation.way = WayOut::kRule;
    violation.remedy = inside_advice(true) + ", or ask the operator to make that rule one of write";
    return;
  }
  say_helped(help, words, violation);
}

// Without a file system of its own the sandbox's /tmp is the host's.
void ViolationWords::say_outside(const PathWords& words, Violation& violation) const {
  const PathAnswer& answer = words.answer;
  if (answer.by == PlacedBy::kDeny && say_somebodys_rule(answer, "denies it", violation)) return;
  if (answer.by == PlacedBy::kHide && say_somebodys_rule(answer, "hides it", violation)) return;
  if (answer.by == PlacedBy::kMount && words.writes) return say_read_only(words, violation);
  if (answer.by == PlacedBy::kProtection) return say_protected(words, violation);
  violation.rule = policy_.profile + ": not in the sandbox";
  const PathHelper helper(policy_, view_, user_, look_);
  say_helped(words.entry    ? helper.to_change_entry(words.path)
             : words.writes ? helper.to_change(words.path)
                            : helper.to_read(words.path),
             words, violation);
}

void ViolationWords::say_protected(const PathWords& words, Violation& violation) const {
  violation.way = WayOut::kRule;
  violation.rule = policy_.profile + ": protected paths";
  violation.remedy =
      "Programs of the host run what is there, so no sandbox writes it: ask the user to make this "
      "change outside of Mayfly";
  const std::string place = words.answer.by == PlacedBy::kProtection ? words.answer.place : "";
  const auto& usual = protected_directories();
  if (std::find(usual.begin(), usual.end(), place) != usual.end()) {
    violation.remedy += "; the operator can leave it to sandboxes with danger_unprotect = [" +
                        settings::quoted_key(place) + "]";
  }
}

void ViolationWords::say_call(Violation& violation) const {
  violation.rule += ": system calls";
  violation.remedy = "No profile allows this call; use a way that does without it";
  violation.way = WayOut::kDanger;
  violation.permissions = {{"syscalls.danger_allow", violation.operation, violation.operation}};
}

// By rule `number` of the policy.
void ViolationWords::say_profile_call(std::uint16_t number, Violation& violation) const {
  const SyscallPolicy& calls = policy_.syscalls;
  const SyscallRule* rule = numbered_rule(calls, number);
  if (rule == nullptr) {
    const std::string group = "@" + group_of(violation.operation);
    violation.rule = policy_.profile + ": syscalls.allow";
    violation.way = WayOut::kProfile;
    violation.permissions = {{"syscalls.allow", group, violation.operation}};
    violation.remedy = "This profile does not allow " + group + ": do without, or " +
                       ask_for(violation.permissions);
    return;
  }
  violation.way = WayOut::kRule;
  violation.rule = rule->rule.empty() ? policy_.profile + ": syscalls" : rule->rule;
  if (rule->at.source != nullptr) violation.rule += ", " + text::one_line(to_string(rule->at));
  const bool denies = number <= calls.deny.size();
  violation.remedy = "The profile's rule \"" + text::one_line(rule->text) + "\" " +
                     (denies ? "denies it" : "allows it with other arguments only") +
                     ": do without, or ask the operator to change that rule";
}

void ViolationWords::say_network(Violation& violation) const {
  static_assert(!kHasWayOut, "say which rule of network.allow would do");
  violation.rule += std::string(": network.mode = ") + to_string(policy_.network.mode);
  violation.remedy = violation.operation == "resolve"
                         ? "No names are looked up, since this version has no network in any mode: "
                           "what this call itself serves is reached at 127.0.0.1"
                         : "This version has no network in any mode: use what is in the workspace "
                           "and installed; what this call itself serves is reached at 127.0.0.1";
}

void ViolationWords::say_capability(Violation& violation) const {
  const std::string name = violation.target.substr(0, violation.target.find(' '));
  violation.rule += ": capabilities";
  if (check_capability(name)) {
    violation.way = WayOut::kDanger;
    violation.permissions = {{"capabilities.danger_keep", name, name}};
    violation.remedy =
        "This profile keeps no " + name + ": do without, or " + ask_for(violation.permissions);
    return;
  }
  const char* advice = "do without it";
  if (name == "CAP_CHOWN") {
    advice =
        "leave files with the owner that they have (tar --no-same-owner, cp without "
        "--preserve=ownership)";
  } else if (is_one_of(name, {"CAP_SETUID", "CAP_SETGID"})) {
    advice = "there is one user: run it without sudo, su or setpriv";
  } else if (is_one_of(name, {"CAP_SYS_NICE", "CAP_IPC_LOCK", "CAP_SYS_RESOURCE"})) {
    advice = "stay within the priorities and limits of the call";
  } else if (name == "CAP_MKNOD") {
    advice = "make files, directories and pipes only";
  } else if (name.starts_with("CAP_NET_")) {
    advice = "use ordinary sockets on 127.0.0.1 and ports from 1024 on";
  } else if (name == "CAP_SYS_ADMIN") {
    advice = "do without mounts and the settings of the machine";
  }
  violation.remedy =
      "No profile gives " + (name.starts_with("CAP_") ? name : "this") + ": " + advice;
}

}  // namespace mayfly::sandbox
