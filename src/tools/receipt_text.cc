#include "tools/receipt_text.h"

#include <ctime>
#include <map>
#include <vector>

#include "base/text.h"
#include "mcp/json.h"

namespace mayfly::tools {
namespace {

using sandbox::EndedBy;
using sandbox::Report;

constexpr std::size_t kMostReasonBytes = 200;
constexpr const char* kDot = " · ";

std::string amount(const std::string& name, std::uint64_t value) {
  return name.ends_with("_bytes") ? text::human_bytes(value)
         : name.ends_with("_ms")  ? std::to_string(value) + " ms"
                                  : std::to_string(value);
}

// What an operator raises a limit with.
std::string option_of(const std::string& limit) {
  static const std::map<std::string, std::string> options = {
      {"wall_ms", "--timeout-ms"},           {"memory_bytes", "--memory"}, {"cpu_ms", "--cpu-ms"},
      {"cpu_percent", "--cpu-percent"},      {"processes", "--pids"},      {"disk_bytes", "--disk"},
      {"output_bytes", "--max-output-bytes"}};
  const auto found = options.find(limit);
  return found == options.end() ? "" : found->second;
}

// The limit that ended the call, as the report has it.
std::string reached_limit(const Report& report, const std::string& name) {
  for (const sandbox::LimitUse& limit : report.limits) {
    if (limit.name == name && limit.reached) return " " + amount(name, limit.limit);
  }
  return "";
}

std::string reason(const Report& report) {
  switch (report.ended_by) {
    case EndedBy::kExit:
    case EndedBy::kSignal:
      return "";
    case EndedBy::kTimeout: {
      const std::string limit = reached_limit(report, "wall_ms");
      return limit.empty() ? "timeout" : "timeout after" + limit;
    }
    case EndedBy::kMemory:
      return "memory limit" + reached_limit(report, "memory_bytes");
    case EndedBy::kPids:
      return "process limit" + reached_limit(report, "processes");
    case EndedBy::kOutput:
      return "output limit" + reached_limit(report, "output_bytes");
    case EndedBy::kDisk:
      return "disk limit" + (reached_limit(report, "disk_bytes").empty()
                                 ? reached_limit(report, "file_bytes")
                                 : reached_limit(report, "disk_bytes"));
    case EndedBy::kCpu:
      return "cpu limit" + reached_limit(report, "cpu_ms");
    case EndedBy::kSeccomp:
    case EndedBy::kCancelled:
    case EndedBy::kSetup:
      return to_string(report.ended_by);
  }
  return "";
}

std::string headline(const Snapshot& call) {
  if (call.running()) {
    return text::join({"running", "job " + call.job_id, std::to_string(call.age.count()) + " ms",
                       sandbox_label(call)},
                      kDot);
  }
  const Report& report = call.outcome->report;
  const auto wall = std::chrono::duration_cast<milliseconds>(report.usage.wall).count();
  std::vector<std::string> parts = {ending(report), std::to_string(wall) + " ms"};
  if (report.usage.peak_memory_bytes) {
    parts.push_back(text::human_bytes(*report.usage.peak_memory_bytes));
  }
  parts.push_back(sandbox_label(call));
  return text::join(parts, kDot);
}

void add_line(std::string& out, const std::string& line) {
  if (!out.empty() && out.back() != '\n') out += '\n';
  out += line;
}

void add_stream(std::string& out, const Excerpt& excerpt, const char* name) {
  if (excerpt.encoding == Encoding::kBase64) {
    add_line(out, "--- " + std::string(name) + " is binary, in base64\n");
  }
  out += excerpt.text;
}

// What a reader must know about a stream beyond its text.
void add_stream_notes(std::string& out, const std::optional<Excerpt>& excerpt,
                      const std::string& name, const std::string& job_id) {
  if (!excerpt) return;
  if (excerpt->encoding == Encoding::kRepaired) {
    add_line(out, name + ": bytes that are not text are shown as \xEF\xBF\xBD");
  }
  if (!excerpt->truncated) return;
  std::string line = name + ": cut, " + std::to_string(excerpt->total) +
                     " bytes in all; more from offset " + std::to_string(excerpt->next_offset);
  if (!job_id.empty()) line += " with get_job, job_id " + job_id;
  if (!job_id.empty() && name == "stderr") line += ", stream stderr";
  add_line(out, line);
}

void add_findings(std::string& out, const Report& report, const Repetitions& repeated) {
  for (std::size_t i = 0; i < report.violations.size() && i < kMostShownViolations; ++i) {
    add_line(out, "denied: " + violation_line(report.violations[i], repeated_at(repeated, i)));
  }
  for (const sandbox::LimitUse& limit : report.limits) {
    if (worth_saying(limit)) add_line(out, "limit: " + limit_line(limit));
  }
  if (report.tier != "full") {
    add_line(out, "enforced here: " + text::join(report.layers, ", "));
  }
}

std::string ordinal(std::uint64_t number) {
  const std::uint64_t teens = number % 100;
  const char* const endings[] = {"th", "st", "nd", "rd"};
  const bool regular = (teens > 10 && teens < 14) || number % 10 > 3;
  return std::to_string(number) + (regular ? "th" : endings[number % 10]);
}

// What the words of a single receipt did not achieve.
std::string loop_words(const sandbox::Violation& violation, std::uint64_t repeated) {
  std::string out = "this is the " + ordinal(repeated) + " call that meets this: ";
  const std::string rule = violation.rule.empty() ? "the rule" : "rule " + violation.rule;
  if (violation.retryable) {
    out += rule + " holds for each call; trying later, or less at a time, may help";
    return violation.remedy.empty() ? out : out + ". Remedy: " + violation.remedy;
  }
  out += rule + " will not change, so do something else";
  return out +
         (violation.remedy.empty() ? " or ask the operator" : ". Remedy: " + violation.remedy);
}

}  // namespace

std::string receipt_text(const Snapshot& call, ReceiptForm form) {
  std::string body;
  if (call.out) add_stream(body, *call.out, "stdout");
  if (call.err && !call.err->text.empty()) {
    add_line(body, "--- stderr\n");
    add_stream(body, *call.err, "stderr");
  }
  std::string notes;
  if (!call.shell_state.empty()) {
    add_line(notes, "shell_state " + call.shell_state);
    if (!call.running() && !call.outcome->shell_cwd.empty()) {
      notes += kDot + ("cwd " + text::one_line(call.outcome->shell_cwd));
    }
  }
  if (call.matched) {
    const bool err = call.matched->stream == StreamName::kStderr;
    add_line(notes, std::string("matched at offset ") + std::to_string(call.matched->offset) +
                        (err ? " of stderr: " : ": ") + call.matched->line);
  }
  if (!call.running()) add_findings(notes, call.outcome->report, call.outcome->repeated);
  add_stream_notes(notes, call.out, "stdout", call.job_id);
  add_stream_notes(notes, call.err, "stderr", call.job_id);
  if (const std::string note = notes_of(call); !note.empty()) add_line(notes, "note: " + note);
  if (call.running()) {
    add_line(notes, "still running: get_job with wait_ms waits for it; next output is at offset " +
                        std::to_string(next_offset(call).value_or(0)));
  }

  // All facts come before the first empty line, and what the program printed after it: it cannot
  // add to them, whatever it prints.
  std::string out = headline(call);
  if (!notes.empty()) out += "\n" + notes;
  if (!body.empty()) out += "\n\n" + body;
  if (form == ReceiptForm::kFull && !call.running()) {
    add_line(out, "--- receipt\n" + mcp::dump_json(call.outcome->full_receipt));
  }
  return out;
}

std::string ending(const Report& report) {
  std::string out = report.signal        ? "killed by " + signal_name(*report.signal)
                    : report.exit_code   ? "exit " + std::to_string(*report.exit_code)
                    : report.setup_error ? "failed to start"
                                         : "never started";
  const std::string why = reason(report);
  return why.empty() ? out : out + kDot + why;
}

std::string violation_line(const sandbox::Violation& violation, std::uint64_t repeated) {
  std::string out = std::string(to_string(violation.kind)) + " " + violation.operation;
  if (!violation.target.empty()) out += " " + violation.target;
  if (!violation.errno_name.empty()) out += ": " + violation.errno_name;
  if (!violation.rule.empty()) out += " (" + violation.rule + ")";
  if (violation.count > 1) out += ", " + std::to_string(violation.count) + " times";
  if (repeated > 0) return out + "; " + loop_words(violation, repeated);
  out += violation.retryable ? "; a retry may help" : "; a retry cannot help";
  if (!violation.remedy.empty()) out += ". Remedy: " + violation.remedy;
  return out;
}

std::uint64_t repeated_at(const Repetitions& repeated, std::size_t index) {
  return index < repeated.size() ? repeated[index] : 0;
}

std::string utc_time(std::chrono::system_clock::time_point time) {
  const std::time_t seconds = std::chrono::system_clock::to_time_t(time);
  std::tm parts{};
  ::gmtime_r(&seconds, &parts);
  char out[sizeof "2026-01-01T00:00:00Z"];
  return {out, std::strftime(out, sizeof out, "%Y-%m-%dT%H:%M:%SZ", &parts)};
}

mcp::Json violation_json(const sandbox::Violation& violation, std::uint64_t repeated) {
  mcp::Json out = {{"kind", to_string(violation.kind)},
                   {"operation", violation.operation},
                   {"target", violation.target},
                   {"rule", violation.rule}};
  if (!violation.errno_name.empty()) out["errno"] = violation.errno_name;
  out["count"] = violation.count;
  if (repeated > 0) out["repeated"] = repeated;
  out["retryable"] = violation.retryable;
  if (!violation.remedy.empty()) out["remedy"] = violation.remedy;
  return out;
}

std::string note_of(const Report& report) {
  std::vector<std::string> notes;
  if (report.violations.size() > kMostShownViolations) {
    notes.push_back(std::to_string(report.violations_total) + " violations in all");
  }
  for (const sandbox::Unavailable& missing : report.unavailable) {
    if (missing.what.starts_with("network.mode")) {
      notes.emplace_back("no network: this version has no way out, whatever the profile allows");
    }
    if (missing.what != kChangedConfiguration) continue;
    notes.push_back("the operator's changed configuration is not in force, it has errors: " +
                    text::shorten(missing.why, kMostReasonBytes));
  }
  if (report.left_files_in_tmp) {
    notes.push_back("files left in /tmp are gone; $SCRATCH keeps files between calls");
  }
  if (!report.lingering.empty()) {
    const sandbox::Lingering& one = report.lingering.front();
    notes.push_back("lingering: killed, but " + std::to_string(report.lingering.size()) +
                    " of its processes did not end (" + one.name + ", state " + one.state +
                    "); they keep this call's place until they do");
  }
  return text::join(notes, "; ");
}

std::string notes_of(const Snapshot& call) {
  std::vector<std::string> notes;
  if (call.waiting) notes.emplace_back(kWaits);
  if (!call.remark.empty()) notes.push_back(call.remark);
  if (!call.running()) {
    if (!call.outcome->shell_note.empty()) notes.push_back(call.outcome->shell_note);
    if (std::string found = note_of(call.outcome->report); !found.empty()) {
      notes.push_back(std::move(found));
    }
  }
  return text::join(notes, "; ");
}

bool worth_saying(const sandbox::LimitUse& limit) {
  return limit.reached || (limit.used && limit.limit > 0 && *limit.used > limit.limit / 5 * 4);
}

std::string limit_line(const sandbox::LimitUse& limit) {
  std::string out = limit.name + ": ";
  if (limit.used) out += amount(limit.name, *limit.used) + " of ";
  out += amount(limit.name, limit.limit);
  const bool watched = limit.enforced_by.starts_with("watch");
  if (limit.reached) out += watched ? " (reached, by a " + limit.enforced_by + ")" : " (reached)";
  const std::string option = option_of(limit.name);
  if (!limit.reached || option.empty()) return out;
  // Whether it was the call that lowered the limit is not known here.
  const bool time = limit.name == "wall_ms";
  out += time ? ". Remedy: raise timeout_ms, give background: true, or ask the operator for "
              : ". Remedy: use less, raise it if this call lowered it, or ask the operator for ";
  return out + option;
}

std::optional<std::uint64_t> next_offset(const Snapshot& call) {
  // With both streams shown, stdout's; the marker in stderr's text has its own.
  const std::optional<Excerpt>& shown = call.out ? call.out : call.err;
  if (!shown) return std::nullopt;
  if (shown->truncated) return shown->next_offset;
  if (call.running()) return shown->next_offset;
  return std::nullopt;
}

std::string sandbox_label(const Snapshot& call) {
  return call.running() ? call.profile : call.profile + ":" + call.outcome->report.tier;
}

}  // namespace mayfly::tools
