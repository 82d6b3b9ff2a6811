#include "tools/full_receipt.h"

#include <chrono>
#include <cstdint>
#include <memory>
#include <utility>

#include "tools/receipt.h"
#include "tools/receipt_text.h"

namespace mayfly::tools {
namespace {

using mcp::Json;

std::int64_t in_ms(microseconds time) {
  return std::chrono::duration_cast<milliseconds>(time).count();
}

Json usage(const sandbox::Report& report) {
  const sandbox::Usage& used = report.usage;
  Json out = {{"wall_ms", in_ms(used.wall)},
              {"cpu_ms", in_ms(used.user + used.system)},
              {"user_ms", in_ms(used.user)},
              {"system_ms", in_ms(used.system)}};
  if (used.peak_memory_bytes) out["peak_memory_bytes"] = *used.peak_memory_bytes;
  if (used.peak_processes) out["peak_processes"] = *used.peak_processes;
  if (used.bytes_read) out["bytes_read"] = *used.bytes_read;
  if (used.bytes_written) out["bytes_written"] = *used.bytes_written;
  if (used.disk_bytes) out["disk_bytes"] = *used.disk_bytes;
  if (used.pressure) {
    out["pressure_us"] = {{"cpu", used.pressure->cpu.count()},
                          {"memory", used.pressure->memory.count()},
                          {"io", used.pressure->io.count()}};
  }
  out["voluntary_switches"] = used.voluntary_switches;
  out["involuntary_switches"] = used.involuntary_switches;
  out["minor_faults"] = used.minor_faults;
  out["major_faults"] = used.major_faults;
  out["stdout_bytes"] = report.out ? report.out->size() : 0;
  out["stderr_bytes"] = report.err ? report.err->size() : 0;
  Json setup = Json::object();
  for (const sandbox::StageTime& stage : used.setup) setup[stage.stage] = stage.took.count();
  out["setup_us"] = std::move(setup);
  return out;
}

Json limits(const sandbox::Report& report) {
  Json out = Json::array();
  for (const sandbox::LimitUse& limit : report.limits) {
    Json entry = {{"name", limit.name}, {"limit", limit.limit}};
    if (limit.used) entry["used"] = *limit.used;
    // What was not measured may have been reached all the same.
    if (limit.used || limit.reached) entry["reached"] = limit.reached;
    if (!limit.enforced_by.empty()) entry["enforced_by"] = limit.enforced_by;
    out.push_back(std::move(entry));
  }
  return out;
}

Json lingering(const sandbox::Report& report) {
  Json out = Json::array();
  for (const sandbox::Lingering& process : report.lingering) {
    out.push_back({{"pid", process.pid}, {"name", process.name}, {"state", process.state}});
  }
  return out;
}

}  // namespace

mcp::Json full_receipt(const sandbox::Report& report, const Repetitions& repeated) {
  Json out = {{"call_id", report.call_id},
              {"status", status_of(report)},
              {"ended_by", to_string(report.ended_by)}};
  if (report.exit_code) out["exit_code"] = *report.exit_code;
  if (report.signal) out["signal"] = signal_name(*report.signal);
  if (report.setup_error) out["error"] = error_json(*report.setup_error);
  out["profile"] = report.profile;
  out["tier"] = report.tier;
  out["policy_digest"] = report.policy_digest;
  out["layers"] = report.layers;
  out["usage"] = usage(report);
  out["limits"] = limits(report);
  if (!report.lingering.empty()) out["lingering"] = lingering(report);
  out["violations"] = Json::array();
  for (std::size_t i = 0; i < report.violations.size(); ++i) {
    out["violations"].push_back(violation_json(report.violations[i], repeated_at(repeated, i)));
  }
  out["violations_total"] = report.violations_total;
  out["unavailable"] = Json::array();
  for (const sandbox::Unavailable& missing : report.unavailable) {
    out["unavailable"].push_back({{"what", missing.what}, {"why", missing.why}});
  }
  return out;
}

mcp::Json error_json(const Error& error) {
  Json out = {{"code", to_string(error.code)}, {"message", error.message}};
  if (!error.field.empty()) out["field"] = error.field;
  if (!error.value.empty()) out["value"] = error.value;
  if (!error.remedy.empty()) out["remedy"] = error.remedy;
  return out;
}

}  // namespace mayfly::tools
