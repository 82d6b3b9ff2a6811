#include "app/audit_events.h"

#include <unistd.h>

#include "audit/hash.h"
#include "mcp/json.h"
#include "sandbox/host_probe.h"
#include "tools/redaction.h"

namespace mayfly::app {
namespace {

using mcp::Json;

std::string digest_of(const ServerConfig& config) {
  return audit::sha256(server_config_format().write(config)).substr(0, 16);
}

Json profile_of(const sandbox::Policy& policy) {
  return {{"name", policy.profile}, {"policy_digest", sandbox::digest(policy)}};
}

void write(tools::AuditTrail* trail, const char* event, Json fields) {
  if (trail != nullptr) static_cast<void>(trail->write(event, std::move(fields)));
}

}  // namespace

void record_start(tools::AuditTrail* trail, const ServerConfig& config,
                  const std::vector<sandbox::Policy>& policies) {
  Json fields = {{"version", MAYFLY_VERSION}, {"pid", ::getpid()},
                 {"uid", ::getuid()},         {"config_digest", digest_of(config)},
                 {"profiles", Json::array()}, {"workspaces", Json::array()}};
  // As previewed: what a call's sandbox adds, such as toolchains, is in the digest of that call.
  for (const sandbox::Policy& policy : policies) fields["profiles"].push_back(profile_of(policy));
  if (!policies.empty()) {
    for (const auto& workspace : policies.front().workspaces) {
      fields["workspaces"].push_back(workspace.path);
    }
  }
  write(trail, "server_start", std::move(fields));
}

void record_host(tools::AuditTrail* trail, BackgroundThread& thread) {
  if (trail == nullptr) return;
  thread.post([trail] {
    const auto table = sandbox::probe_host();
    const sandbox::Verdict verdict = sandbox::judge(table);
    Json missing = Json::array();
    for (const sandbox::Probe& probe : table) {
      if (probe.state == sandbox::Probe::State::kMissing) missing.push_back(probe.id);
    }
    write(trail, "host",
          {{"tier", verdict.tier ? to_string(*verdict.tier) : "none"},
           {"limits", verdict.limits},
           {"missing", std::move(missing)}});
  });
}

void record_reload(tools::AuditTrail* trail, const ServerConfig& config, const Policies& policies) {
  Json fields = {
      {"taken", true}, {"config_digest", digest_of(config)}, {"profiles", Json::array()}};
  for (const auto& policy : policies) fields["profiles"].push_back(profile_of(*policy));
  if (policies.empty()) fields["why"] = "calls are refused until a workspace's own file is mended";
  write(trail, "config_reload", std::move(fields));
}

void record_refused_reload(tools::AuditTrail* trail, const std::string& why) {
  write(trail, "config_reload", {{"taken", false}, {"why", tools::redacted(why)}});
}

}  // namespace mayfly::app
