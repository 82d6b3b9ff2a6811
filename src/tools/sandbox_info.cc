#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "base/text.h"
#include "mcp/json.h"
#include "tools/command_request.h"
#include "tools/full_receipt.h"
#include "tools/receipt_text.h"
#include "tools/toolset.h"
#include "tools/violation_resources.h"

namespace mayfly::tools {
namespace {

using mcp::Json;
using mcp::member;

constexpr std::size_t kRecentCalls = 5;
constexpr std::size_t kRecentViolations = 5;

Json limits_json(const sandbox::Limits& limits) {
  Json out = {{"wall_ms", limits.wall.count()}, {"job_wall_ms", limits.job_wall.count()}};
  for (const LimitField& field : kLimitFields) out[field.name] = limits.*field.value;
  out["shm_bytes"] = limits.shm_bytes;
  return out;
}

Json profile_json(const sandbox::Policy& policy) {
  const bool writable = policy.workspace_access == sandbox::WorkspaceAccess::kReadWrite;
  Json workspaces = Json::array();
  Json writes = Json::array();
  for (const sandbox::Workspace& workspace : policy.workspaces) {
    workspaces.push_back(workspace.path);
    if (writable) writes.push_back(workspace.path);
  }
  for (const sandbox::MountRule& mount : policy.mounts) {
    const bool known = std::find(writes.begin(), writes.end(), mount.destination) != writes.end();
    if (mount.access == sandbox::Access::kWrite && !known) writes.push_back(mount.destination);
  }
  writes.push_back(sandbox::kScratchPath);
  writes.push_back("/tmp");
  return {{"name", policy.profile},
          {"policy_digest", sandbox::digest(policy)},
          {"workspaces", std::move(workspaces)},
          {"writable", std::move(writes)},
          {"network", !sandbox::kHasWayOut || policy.network.mode == sandbox::NetworkMode::kNone
                          ? "none"
                          : "limited"},
          {"limits", limits_json(policy.limits)}};
}

Json configuration_json(const OfferedProfiles::State& state) {
  Json out = {{"in_force_since", utc_time(state.since)}, {"files", state.files}};
  if (!state.trouble.empty()) out["trouble"] = state.trouble;
  if (!state.refusal.empty()) out["calls_refused"] = state.refusal;
  return out;
}

// The layers of the latest call: what was in force, not what should be.
Json recent_json(const std::vector<Json>& receipts) {
  Json out = Json::array();
  for (const Json& receipt : receipts) {
    Json entry = {{"call_id", receipt.at("call_id")}, {"status", receipt.at("status")}};
    out.push_back(std::move(entry));
  }
  return out;
}

mcp::ToolResult in_both_forms(Json facts) {
  mcp::ToolResult result;
  result.content.emplace_back(
      mcp::TextContent{facts.dump(1, ' ', false, Json::error_handler_t::replace)});
  result.structured = std::move(facts);
  return result;
}

mcp::ToolResult one_call(Workbench& bench, const std::string& principal, const std::string& id) {
  if (auto receipt = bench.calls.find(principal, id)) {
    return in_both_forms({{"receipt", *std::move(receipt)}});
  }
  if (auto job = bench.jobs.find(principal, id)) {
    if (const auto outcome = (*job)->outcome()) {
      return in_both_forms({{"receipt", outcome->full_receipt}});
    }
  }
  return mcp::error_result(input_error(
      ErrorCode::kNotFound, "call_id", id,
      "none of your latest " + std::to_string(CallLog::kKept) + " finished calls has this id",
      "sandbox_info without call_id names the latest calls"));
}

void inform(Workbench& bench, const mcp::ToolCall& call, mcp::ToolReply reply) {
  if (const Json* id = member(call.arguments, "call_id")) {
    return reply(one_call(bench, call.principal, id->get<std::string>()));
  }
  bench.profiles.refresh(OfferedProfiles::When::kIfChanged);
  Json profiles = Json::array();
  for (const std::string& name : bench.profiles.names()) {
    const auto policy = bench.profiles.policy(name);
    profiles.push_back(policy ? profile_json(**policy)
                              : Json{{"name", name}, {"error", error_json(policy.error())}});
  }
  const std::vector<Json> recent = bench.calls.latest(call.principal, kRecentCalls);
  Json facts = {{"profiles", std::move(profiles)}};
  facts["configuration"] = configuration_json(bench.profiles.state());
  if (!recent.empty()) facts["layers"] = recent.front().at("layers");
  facts["recent_calls"] = recent_json(recent);
  const ViolationStore::View denied = bench.violations.latest(call.principal);
  facts["recent_violations"] = recent_violations(denied, kRecentViolations);
  facts["violations_total"] = denied.denials;
  reply(in_both_forms(std::move(facts)));
}

}  // namespace

mcp::ToolSpec sandbox_info_spec(const Briefing&) {
  return {.name = "sandbox_info",
          .title = "About the sandbox",
          .description =
              "Profiles, limits, writable paths, layers in force, recent calls and "
              "violations; with call_id the full receipt of one call.",
          .input_schema = {{"type", "object"},
                           {"properties", {{"call_id", {{"type", "string"}}}}},
                           {"additionalProperties", false}},
          .output_schema = Json{{"type", "object"}},
          .annotations = {
              .read_only = true, .destructive = false, .idempotent = true, .open_world = false}};
}

mcp::ToolHandler sandbox_info_handler(Workbench& bench) {
  return
      [&bench](mcp::ToolCall call, mcp::ToolReply reply) { inform(bench, call, std::move(reply)); };
}

}  // namespace mayfly::tools
