#include "sandbox/observation.h"

#include <algorithm>
#include <array>

#include "base/text.h"
#include "sandbox/report.h"

namespace mayfly::sandbox {
namespace {

constexpr std::array kKinds = {ViolationKind::kFilesystem, ViolationKind::kNetwork,
                               ViolationKind::kSyscall,    ViolationKind::kCapability,
                               ViolationKind::kResource,   ViolationKind::kHostCode};
constexpr std::array kRequirements = {Requirement::kCgroup, Requirement::kCgroupV2,
                                      Requirement::kLandlock, Requirement::kSupervisor};

template <typename Values>
std::vector<std::string> words(const Values& values) {
  std::vector<std::string> out;
  for (const auto value : values) out.emplace_back(to_string(value));
  return out;
}

Error wrong(std::string_view field, std::string_view value, const std::string& message,
            const std::string& remedy) {
  return input_error(ErrorCode::kInvalidConfiguration, field, text::one_line(value.substr(0, 200)),
                     message, remedy);
}

Error unknown(std::string_view field, std::string_view value, std::string_view word,
              const std::vector<std::string>& known) {
  const std::string near = text::nearest(word, known);
  return wrong(
      field, value, "there is no \"" + text::one_line(word.substr(0, 50)) + "\"",
      near.empty() ? "Use one of " + text::join(known, ", ") : "Did you mean \"" + near + "\"?");
}

bool fits(std::string_view pattern, std::string_view word) {
  if (!pattern.ends_with('*')) return pattern == word;
  pattern.remove_suffix(1);
  return word.starts_with(pattern);
}

// The operations of those kinds that have fixed ones (docs/violations.md); of the others any name
// of a system call is one.
struct Operations {
  ViolationKind kind;
  std::vector<std::string> names;
};
const std::vector<Operations>& operations() {
  static const std::vector<Operations> all = {
      {ViolationKind::kFilesystem,
       {"read", "write", "create", "remove", "rename", "change", "execute", "enter"}},
      {ViolationKind::kNetwork, {"connect", "send", "bind", "resolve"}},
      {ViolationKind::kResource,
       {"memory", "cpu", "wall", "disk", "file", "output", "fork", "tmp", "shm", "tmpfs",
        "scratch"}},
  };
  return all;
}

// The operations that one of the kinds would have to have; empty if the pattern is well, or may be.
std::vector<std::string> operations_instead(const IgnorePattern& pattern) {
  std::vector<std::string> known;
  if (pattern.operation.empty()) return known;
  for (const ViolationKind kind : {ViolationKind::kSyscall, ViolationKind::kCapability}) {
    if (fits(pattern.kind, to_string(kind))) return {};
  }
  for (const Operations& each : operations()) {
    if (!fits(pattern.kind, to_string(each.kind))) continue;
    for (const std::string& name : each.names) {
      if (fits(pattern.operation, name)) return {};
      known.push_back(name);
    }
  }
  return known;
}

// The first word of `rest`, which it is taken from.
std::string_view next_word(std::string_view& rest) {
  const std::string_view word = rest.substr(0, rest.find(' '));
  rest.remove_prefix(word.size());
  rest.remove_prefix(std::min(rest.find_first_not_of(' '), rest.size()));
  return word;
}

}  // namespace

const char* to_string(ObserveLevel level) {
  switch (level) {
    case ObserveLevel::kOff:
      return "off";
    case ObserveLevel::kWrites:
      return "writes";
    case ObserveLevel::kAll:
      return "all";
  }
  return "";
}

Result<IgnorePattern> parse_ignore_pattern(std::string_view text) {
  constexpr const char* kField = "observe.ignore";
  constexpr const char* kForm =
      "Write \"KIND\", \"KIND OPERATION\" or \"KIND OPERATION TARGET\", as \"syscall mount\"";
  if (text.size() > kMaxIgnorePattern) return fail(wrong(kField, text, "it is too long", kForm));
  std::string_view rest = text;
  rest.remove_prefix(std::min(rest.find_first_not_of(' '), rest.size()));
  const std::size_t end = rest.find_last_not_of(' ');
  rest = rest.substr(0, end == std::string_view::npos ? 0 : end + 1);
  IgnorePattern pattern;
  pattern.kind = next_word(rest);
  pattern.operation = next_word(rest);
  pattern.target = rest;
  if (pattern.kind.empty()) return fail(wrong(kField, text, "it is empty", kForm));
  if (pattern.kind == to_string(ViolationKind::kHostCode)) {
    return fail(
        wrong(kField, text, "what could run on the host is always told", "Take this pattern out"));
  }
  const std::vector<std::string> kinds = words(kKinds);
  if (std::none_of(kinds.begin(), kinds.end(),
                   [&](const std::string& kind) { return fits(pattern.kind, kind); })) {
    return fail(unknown(kField, text, pattern.kind, kinds));
  }
  if (const auto known = operations_instead(pattern); !known.empty()) {
    return fail(unknown(kField, text, pattern.operation, known));
  }
  return pattern;
}

bool matches(const IgnorePattern& pattern, const Violation& violation) {
  return fits(pattern.kind, to_string(violation.kind)) &&
         (pattern.operation.empty() || fits(pattern.operation, violation.operation)) &&
         (pattern.target.empty() || fits(pattern.target, violation.target));
}

void leave_out(const Observation& observation, Report& report) {
  const auto left_out = [&](const Violation& violation) {
    if (violation.kind == ViolationKind::kHostCode) return false;
    if (observation.level == ObserveLevel::kOff) return true;
    return std::any_of(observation.ignore.begin(), observation.ignore.end(),
                       [&](const IgnorePattern& pattern) { return matches(pattern, violation); });
  };
  for (const Violation& violation : report.violations) {
    if (left_out(violation)) {
      report.violations_total -= std::min(violation.count, report.violations_total);
    }
  }
  std::erase_if(report.violations, left_out);
}

const char* to_string(Requirement requirement) {
  switch (requirement) {
    case Requirement::kCgroup:
      return "cgroup";
    case Requirement::kCgroupV2:
      return "cgroup-v2";
    case Requirement::kLandlock:
      return "landlock";
    case Requirement::kSupervisor:
      return "supervisor";
  }
  return "";
}

Result<Requirement> parse_requirement(std::string_view text) {
  for (const Requirement each : kRequirements) {
    if (text == to_string(each)) return each;
  }
  return fail(unknown("host.requires", text, text, words(kRequirements)));
}

}  // namespace mayfly::sandbox
