#include "sandbox/profile_check.h"

#include <sys/stat.h>

#include <algorithm>

#include "base/text.h"
#include "sandbox/explain_prose.h"
#include "sandbox/network_rules.h"
#include "sandbox/path_rules.h"
#include "sandbox/profile_defaults.h"
#include "sandbox/workspace.h"

namespace mayfly::sandbox {
namespace {

using settings::Diagnostics;
using settings::Located;
using settings::Trust;

template <typename T>
bool is_operators(const Located<T>& rule) {
  return trust_of(rule.at) != Trust::kShipped;
}

bool gives(PathAccess access) {
  return access == PathAccess::kRead || access == PathAccess::kWrite;
}

class Checker {
 public:
  Checker(const Profile& profile, const std::string& home, const std::string& workspace,
          Diagnostics& diagnostics)
      : profile_(profile), home_(home), workspace_(workspace), diagnostics_(diagnostics) {}

  void check() {
    check_programs();
    for (const auto& rule : profile_.paths) {
      if (!is_operators(rule)) continue;
      check_there(rule.value, rule.at);
      check_idle(rule);
    }
    for (const auto& bind : profile_.binds) {
      if (is_operators(bind)) check_there({PathAccess::kRead, bind.value.source}, bind.at);
    }
    check_network();
    check_syscalls();
  }

 private:
  void check_programs() {
    if (shows_programs(profile_)) return;
    diagnostics_.warn(profile_.at, "", "shows no /usr, so that no program of the system can run",
                      "start from another profile: extends = \"default\"");
  }

  void check_there(const PathRule& rule, const settings::Location& at) {
    const std::string& path = rule.path;
    const std::string real = expanded(path);
    // A pattern is meant for what may come.
    if (!gives(rule.access) && is_pattern(real)) return;
    struct stat info {};
    const bool there =
        is_pattern(real) ? !find_matches(real).empty() : ::lstat(real.c_str(), &info) == 0;
    if (there) return;
    if (!gives(rule.access)) {
      diagnostics_.warn(at, path, "is not there now",
                        "it is covered whenever it is there when a call starts");
      return;
    }
    diagnostics_.warn(at, path, "is not on this host", "the rule waits until it is");
  }

  std::string expanded(const std::string& path) const {
    const std::pair<std::string, std::string> variables[] = {
        {"${home}", home_}, {"${workspace}", workspace_}, {"${tmp}", "/tmp"}};
    for (const auto& [name, value] : variables) {
      if (path.starts_with(name)) return value + path.substr(name.size());
    }
    return path;
  }

  // The most specific other rule above a path is the one that holds there without this rule.
  void check_idle(const Located<PathRule>& rule) {
    const Located<PathRule>* above = nullptr;
    for (const auto& other : profile_.paths) {
      if (&other == &rule || is_pattern(other.value.path)) continue;
      const bool same_path = other.value.path == rule.value.path;
      if (other.value.access == PathAccess::kDeny && is_within(rule.value.path, other.value.path) &&
          (!same_path || rule.value.access != PathAccess::kDeny)) {
        return idle(rule.at, rule.value.path, "is denied, and that wins", other.at);
      }
      if (same_path || !is_within(rule.value.path, other.value.path)) continue;
      if (above == nullptr || other.value.path.size() > above->value.path.size()) above = &other;
    }
    if (above == nullptr || above->value.access != rule.value.access) return;
    idle(rule.at, rule.value.path,
         std::string("is there already by ") + to_string(above->value.access) + " \"" +
             above->value.path + "\"",
         above->at);
  }

  void idle(const settings::Location& at, const std::string& value, const std::string& why,
            const settings::Location& other) {
    diagnostics_.warn(at, value, why, "take one of them out; the other is at " + to_string(other));
  }

  void check_network() {
    const NetworkMode mode = network_of(profile_);
    for (const auto& rule : profile_.network_allow) {
      if (!is_operators(rule)) continue;
      if (mode != NetworkMode::kProxy) {
        diagnostics_.warn(rule.at, rule.value.text,
                          std::string("allows nothing while network.mode is ") + to_string(mode),
                          "write mode = \"proxy\"");
        continue;
      }
      for (const auto& deny : profile_.network_deny) {
        if (!covers(deny.value, rule.value)) continue;
        idle(rule.at, rule.value.text, "is denied by \"" + deny.value.text + "\"", deny.at);
        break;
      }
    }
  }

  void check_syscalls() {
    if (profile_.syscalls_allow.empty() && profile_.syscalls_danger_allow.empty()) {
      diagnostics_.warn(profile_.at, "", "allows no system calls, without which no program can run",
                        "say syscalls.allow, or start from another profile: extends = \"default\"");
    }
    for (const auto& rule : profile_.syscalls_allow) {
      if (!is_operators(rule)) continue;
      for (const auto& deny : profile_.syscalls_deny) {
        if (!denies(deny.value, rule.value)) continue;
        idle(rule.at, rule.value.text, "is denied by \"" + deny.value.text + "\"", deny.at);
        break;
      }
    }
  }

  static bool denies(const SyscallRule& deny, const SyscallRule& allow) {
    if (!deny.when.empty()) return false;
    if (deny.group.empty() || !allow.group.empty()) {
      return deny.group == allow.group && deny.call == allow.call;
    }
    const auto calls = calls_of_group(deny.group);
    return std::find(calls.begin(), calls.end(), allow.call) != calls.end();
  }

  const Profile& profile_;
  const std::string& home_;
  const std::string& workspace_;
  Diagnostics& diagnostics_;
};

}  // namespace

void warn_of_idle_rules(const Profile& profile, const std::string& home,
                        const std::string& workspace, Diagnostics& diagnostics) {
  Checker(profile, home, workspace, diagnostics).check();
}

}  // namespace mayfly::sandbox
