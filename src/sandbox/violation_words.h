#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "sandbox/finding.h"
#include "sandbox/host_user.h"
#include "sandbox/path_access.h"
#include "sandbox/path_help.h"
#include "sandbox/policy.h"
#include "sandbox/report.h"

// From what was seen to what a person or a model reads: which rule of which profile decided, and
// what to do. A remedy first says what can be done inside, then the smallest change that an
// operator can make, with the command that makes it; both come from Violation::permissions.
//
//   const ViolationWords words(policy, host_user(getuid()), look);
//   report.violations.push_back(words.describe(finding));
namespace mayfly::sandbox {

// Not thread-safe only if `look` is not. Reads the host through `look`, and its user's settings.
class ViolationWords {
 public:
  // Keeps `policy` by reference. `user` runs the server: a profile is this user's to change.
  ViolationWords(const Policy& policy, HostUser user, HostLook look);

  // All but the name of the errno.
  Violation describe(const Finding& finding) const;

  // Of a finding of BrokenRule::kHidden: whether what is not in the sandbox was kept from it. It
  // was if a rule hides or denies it, if it is a secret place, or if the host has it.
  bool is_missed(const Finding& finding) const;

 private:
  // What a path of a violation comes to.
  struct PathWords {
    std::string path;  // normal; empty if it is none, or was cut
    PathAnswer answer;
    bool writes = false;
    bool entry = false;  // changes the directory that it is in
  };
  PathWords look_up(const Finding& finding) const;
  std::string rule_of(const PathAnswer& answer) const;
  std::string inside_advice(bool writes) const;
  std::string ask_for(const std::vector<Permission>& permissions) const;

  void say_path(const Finding& finding, Violation& violation) const;
  void say_helped(const PathHelp& help, const PathWords& words, Violation& violation) const;
  void say_hidden(const Finding& finding, const PathWords& words, Violation& violation) const;
  void say_read_only(const PathWords& words, Violation& violation) const;
  void say_outside(const PathWords& words, Violation& violation) const;
  void say_protected(const PathWords& words, Violation& violation) const;
  bool say_somebodys_rule(const PathAnswer& answer, const char* what, Violation& violation) const;
  void say_call(Violation& violation) const;
  void say_profile_call(std::uint16_t number, Violation& violation) const;
  void say_network(Violation& violation) const;
  void say_capability(Violation& violation) const;

  const Policy& policy_;
  HostUser user_;
  HostLook look_;
  PathView view_;
};

// What an operator types to have all of `permissions`: "mayfly profile allow default --read /opt".
// Empty if there is no such command, or if one of the values does not show what it is.
std::string allow_command(const std::string& profile, const std::vector<Permission>& permissions);

}  // namespace mayfly::sandbox
