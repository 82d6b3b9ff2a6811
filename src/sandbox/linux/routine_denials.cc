#include "sandbox/linux/routine_denials.h"

#include <algorithm>
#include <initializer_list>
#include <iterator>
#include <string>
#include <string_view>
#include <vector>

#include "base/text.h"

namespace mayfly::sandbox {
namespace {

using Parts = std::vector<std::string>;

constexpr std::string_view kKnobs[] = {
    "autogroup", "clear_refs", "comm",          "coredump_filter", "loginuid",
    "mem",       "oom_adj",    "oom_score_adj", "sched",           "timerslack_ns",
};

bool is_one_of(std::string_view text, std::initializer_list<std::string_view> all) {
  return std::find(all.begin(), all.end(), text) != all.end();
}

bool is_number(const std::string& text) {
  return !text.empty() && text.find_first_not_of("0123456789") == std::string::npos;
}

// /proc/self, /proc/thread-self or /proc/PID; /task/TID; a file of it.
bool is_own_knob(const Parts& parts) {
  if (parts.size() < 3 || parts[0] != "proc") return false;
  if (!is_one_of(parts[1], {"self", "thread-self"}) && !is_number(parts[1])) return false;
  std::size_t at = 2;
  if (parts[at] == "task" && parts.size() > 4 && is_number(parts[3])) at = 4;
  if (parts[at] == "attr") return parts.size() > at + 1;
  return parts.size() == at + 1 &&
         std::find(std::begin(kKnobs), std::end(kKnobs), parts[at]) != std::end(kKnobs);
}

}  // namespace

bool is_routine_denial(const Finding& finding) {
  if (finding.kind != ViolationKind::kFilesystem) return false;
  if (finding.rule != BrokenRule::kReadOnly && finding.rule != BrokenRule::kOutside) return false;
  if (!is_one_of(finding.operation, {"create", "write", "remove", "rename"})) return false;
  Parts parts = text::split(finding.target, '/');
  std::erase_if(parts, [](const std::string& part) { return part.empty() || part == "."; });
  const auto has = [&](const char* name) {
    return std::find(parts.begin(), parts.end(), name) != parts.end();
  };
  if (has("..")) return false;
  if (has("__pycache__")) return true;
  return is_one_of(finding.operation, {"create", "write"}) && is_own_knob(parts);
}

}  // namespace mayfly::sandbox
