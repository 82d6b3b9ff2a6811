#include "tools/receipt.h"

#include <algorithm>
#include <csignal>
#include <cstring>
#include <utility>

#include "base/text.h"
#include "tools/job_resources.h"
#include "tools/receipt_text.h"

namespace mayfly::tools {
namespace {

using mcp::Json;
using sandbox::EndedBy;
using sandbox::Report;

std::optional<Excerpt> show(const std::shared_ptr<sandbox::OutputStream>& stream,
                            const OutputChoice& choice, std::size_t budget, Growth growth) {
  if (!stream) return Excerpt{};
  if (choice.offset) return page(*stream, *choice.offset, budget, growth, choice.escapes);
  return head_and_tail(*stream, budget, growth, choice.escapes);
}

// Of two streams that do not both fit, stderr gets what stdout leaves, and at least a third.
std::size_t stderr_share(std::size_t budget, std::uint64_t out_bytes, std::uint64_t err_bytes) {
  const auto left = static_cast<std::size_t>(budget - std::min<std::uint64_t>(budget, out_bytes));
  const std::size_t share = std::max(left, budget / 3);
  return static_cast<std::size_t>(std::min<std::uint64_t>(share, err_bytes));
}

Json usage(const Snapshot& call) {
  Json out = {{"wall_ms", call.age.count()}};
  if (call.running()) return out;
  const sandbox::Usage& used = call.outcome->report.usage;
  out["wall_ms"] = std::chrono::duration_cast<milliseconds>(used.wall).count();
  out["cpu_ms"] = std::chrono::duration_cast<milliseconds>(used.user + used.system).count();
  if (used.peak_memory_bytes) out["peak_memory_bytes"] = *used.peak_memory_bytes;
  return out;
}

void add_output(Json& out, const Snapshot& call) {
  if (call.err && !call.err->text.empty()) out["stderr"] = call.err->text;
  if (call.out && call.out->encoding != Encoding::kUtf8) {
    out["stdout_encoding"] = to_string(call.out->encoding);
  }
  if (call.err && call.err->encoding != Encoding::kUtf8) {
    out["stderr_encoding"] = to_string(call.err->encoding);
  }
  if (call.truncated()) {
    out["truncated"] = true;
    if (call.out) out["stdout_bytes"] = call.out->total;
    if (call.err) out["stderr_bytes"] = call.err->total;
  }
  if (const auto next = next_offset(call)) out["next_offset"] = *next;
}

Json limits(const Report& report) {
  Json out = Json::array();
  for (const sandbox::LimitUse& limit : report.limits) {
    if (!worth_saying(limit)) continue;
    Json entry = {{"name", limit.name}, {"limit", limit.limit}};
    if (limit.used) entry["used"] = *limit.used;
    entry["reached"] = limit.reached;
    if (limit.enforced_by.starts_with("watch")) entry["enforced_by"] = limit.enforced_by;
    out.push_back(std::move(entry));
  }
  return out;
}

Json violations(const Report& report, const Repetitions& repeated) {
  Json out = Json::array();
  for (std::size_t i = 0; i < report.violations.size() && i < kMostShownViolations; ++i) {
    out.push_back(violation_json(report.violations[i], repeated_at(repeated, i)));
  }
  return out;
}

void add_findings(Json& out, const Report& report, const Repetitions& repeated) {
  if (!report.violations.empty()) out["violations"] = violations(report, repeated);
  if (Json reached = limits(report); !reached.empty()) out["limits"] = std::move(reached);
  if (report.tier != "full") out["enforcement"] = report.layers;
}

Json structured(const Snapshot& call, ReceiptForm form) {
  Json out = Json::object();
  if (call.running()) {
    out["status"] = "running";
  } else {
    const Report& report = call.outcome->report;
    out["status"] = status_of(report);
    out["ended_by"] = to_string(report.ended_by);
    if (report.exit_code) out["exit_code"] = *report.exit_code;
    if (report.signal) out["signal"] = signal_name(*report.signal);
  }
  if (!call.job_id.empty()) out["job_id"] = call.job_id;
  if (!call.shell_state.empty()) out["shell_state"] = call.shell_state;
  if (!call.running() && !call.outcome->shell_cwd.empty()) {
    out["cwd"] = text::one_line(call.outcome->shell_cwd);
  }
  if (call.matched) {
    out["matched"] = {{"offset", call.matched->offset}, {"line", call.matched->line}};
    if (call.matched->stream == StreamName::kStderr) out["matched"]["stream"] = "stderr";
  }
  out["stdout"] = call.out ? call.out->text : "";
  add_output(out, call);
  out["usage"] = usage(call);
  out["sandbox"] = sandbox_label(call);
  if (const std::string note = notes_of(call); !note.empty()) out["note"] = note;
  if (!call.running()) {
    add_findings(out, call.outcome->report, call.outcome->repeated);
    if (form == ReceiptForm::kFull) out["receipt"] = call.outcome->full_receipt;
  }
  return out;
}

Json of_type(const char* type) { return {{"type", type}}; }

}  // namespace

bool Snapshot::truncated() const { return (out && out->truncated) || (err && err->truncated); }

Snapshot snapshot(const Job& job, const OutputChoice& choice) {
  Snapshot call;
  call.profile = job.profile();
  // The outcome first: the streams of a finished call do not change any more.
  call.outcome = job.outcome();
  call.age = job.age();
  call.waiting = !call.outcome && job.waiting();
  const Growth growth = call.outcome ? Growth::kComplete : Growth::kGrowing;
  const auto out = job.out();
  const auto err = job.err();
  call.shell_state = job.traits().shell_state;
  if (choice.offset && choice.err_offset) {
    const auto left = [](const auto& stream, std::uint64_t from) {
      return stream ? stream->size() - std::min(stream->size(), from) : 0;
    };
    const std::size_t share =
        stderr_share(choice.max_chars, left(out, *choice.offset), left(err, *choice.err_offset));
    OutputChoice of_err = choice;
    of_err.offset = choice.err_offset;
    call.out = show(out, choice, choice.max_chars - share, growth);
    call.err = show(err, of_err, share, growth);
    return call;
  }
  if (choice.stream || choice.offset) {
    const bool wants_err = choice.stream == StreamName::kStderr;
    (wants_err ? call.err : call.out) =
        show(wants_err ? err : out, choice, choice.max_chars, growth);
    return call;
  }
  const std::size_t err_budget =
      stderr_share(choice.max_chars, out ? out->size() : 0, err ? err->size() : 0);
  call.out = show(out, choice, choice.max_chars - err_budget, growth);
  call.err = show(err, choice, err_budget, growth);
  return call;
}

mcp::ToolResult receipt(const Snapshot& call, ReceiptForm form) {
  mcp::ToolResult result;
  if (!call.running() && call.outcome->report.setup_error) {
    result = mcp::error_result(*call.outcome->report.setup_error);
  } else {
    result.content.emplace_back(mcp::TextContent{receipt_text(call, form)});
    for (mcp::ResourceLinkContent& link : links_of(call)) {
      result.content.emplace_back(std::move(link));
    }
    result.structured = structured(call, form);
  }
  if (!call.running()) result.meta[kReceiptMetaKey] = call.outcome->full_receipt;
  return result;
}

// It is sent with four tools, and the whole list has to stay small: what a program reads first. The
// rest comes only when it says something.
mcp::Json receipt_schema() {
  return {{"type", "object"},
          {"properties",
           {{"status", of_type("string")},
            {"exit_code", of_type("integer")},
            {"job_id", of_type("string")},
            {"stdout", of_type("string")}}},
          {"required", Json::array({"status", "stdout", "usage", "sandbox"})}};
}

const char* status_of(const Report& report) {
  if (report.setup_error) return "failed_to_start";
  return report.ended_by == EndedBy::kExit ? "exited" : "killed";
}

std::string signal_name(int signal) {
  if (const char* name = ::sigabbrev_np(signal)) return std::string("SIG") + name;
  if (signal >= SIGRTMIN && signal <= SIGRTMAX) {
    return "SIGRTMIN+" + std::to_string(signal - SIGRTMIN);
  }
  return "SIG" + std::to_string(signal);
}

}  // namespace mayfly::tools
