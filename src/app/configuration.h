#pragma once

#include <optional>
#include <string>
#include <vector>

#include "app/profile_source.h"
#include "app/serve_options.h"
#include "app/server_config.h"
#include "sandbox/engine.h"
#include "tools/workbench.h"

namespace mayfly::app {

// All that a server's files and options say, read as often as they change. Not thread-safe:
// OfferedProfiles calls it from one thread at a time.
class Configuration {
 public:
  explicit Configuration(ServeOptions options);

  // Reads the configuration and the profiles that it offers. Workspaces, and all of the host, are
  // those of the first time. Errors as ProfileSource's; E2001 too for a configuration file that
  // lies in a workspace. `marks` gets every file looked at, also then.
  Result<tools::ProfileSet> load(std::vector<settings::FileMark>& marks);

  // As of the latest load that was good; at least one must have been.
  const ServerConfig& latest() const { return latest_; }
  tools::WorkbenchOptions workbench_options() const;
  sandbox::EngineOptions engine_options() const;
  // What goes into the audit log, if there is one. E2001 if a sandbox could reach its files: they
  // lie in a workspace.
  const std::optional<tools::AuditOptions>& audit() const { return audit_; }
  // What `latest` says otherwise than `before` did, and a running server cannot follow: "calls.most
  // (/etc/mayfly/mayfly.toml:3:1)".
  std::vector<std::string> for_the_next_start(const ServerConfig& before) const;

  Result<sandbox::Policy> resolve(const tools::OfferedProfile& offered) const;
  Result<sandbox::Policy> preview(const tools::OfferedProfile& offered) const;

 private:
  ProfileSource source() const;
  // E2001 if the policy shows a sandbox the audit log or its key.
  Result<sandbox::Policy> without_audit(Result<sandbox::Policy> policy) const;

  const ServeOptions options_;
  const sandbox::HostUser user_;
  std::optional<sandbox::Host> host_;         // of the first load
  std::optional<tools::AuditOptions> audit_;  // of the first load
  ServerConfig latest_;
};

}  // namespace mayfly::app
