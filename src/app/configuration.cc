#include "app/configuration.h"

#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <utility>

#include "sandbox/workspace.h"
#include "tools/file_tasks.h"

namespace mayfly::app {
namespace {

constexpr std::string_view kAtStartOnly[] = {"workspaces",         "era",           "calls.most",
                                             "calls.queued",       "audit.enabled", "audit.file",
                                             "audit.key_file",     "audit.flush",   "audit.on_full",
                                             "audit.rotate_bytes", "audit.keep"};

constexpr const char* kKeepAuditOutside =
    "keep the audit log and its key where no sandbox reaches, as in ~/.local/state/mayfly";

// The directory, without links, that a file which need not be there yet would be in.
std::string real_place(const std::string& file) {
  std::error_code ignored;
  const auto path = std::filesystem::weakly_canonical(file, ignored);
  return ignored ? file : path.string();
}

// The files whose directory holds the log or the key, with links and without.
std::vector<std::pair<const char*, std::string>> audit_files(const tools::AuditOptions& audit) {
  return {{"audit.file", audit.log.file},
          {"audit.file", real_place(audit.log.file)},
          {"audit.key_file", audit.log.key_file},
          {"audit.key_file", real_place(audit.log.key_file)}};
}

}  // namespace

Configuration::Configuration(ServeOptions options)
    : options_(std::move(options)), user_(sandbox::host_user(::getuid())) {}

Result<tools::ProfileSet> Configuration::load(std::vector<settings::FileMark>& marks) {
  const ServerConfig said = TRY(options_config(options_));
  sandbox::Profile layer = TRY(options_layer(options_.policy));
  settings::Diagnostics diagnostics;
  LoadedServerConfig files = load_server_config(config_files(options_.config, user_), diagnostics);
  marks.insert(marks.end(), files.marks.begin(), files.marks.end());
  if (diagnostics.failed()) return fail(diagnostics.to_error());
  server_config_format().merge(files.config, said);

  std::optional<sandbox::Host> host = host_;
  if (!host) {
    PolicyOptions policy = options_.policy;
    policy.workspaces = values_of(files.config.workspaces, user_);
    host = TRY(this_host(policy));
  }
  for (const std::string& path : files.real_paths) {
    TRY(check_outside("config", path, host->workspaces, "keep it in ~/.config/mayfly"));
  }
  // That of the first load stays in force.
  const auto audit = host_ ? audit_ : audit_options(files.config, user_);
  if (audit) {
    for (const auto& [key, path] : audit_files(*audit)) {
      TRY(check_outside(key, path, host->workspaces, kKeepAuditOutside));
    }
  }
  const auto projects = options_.policy.no_project ? ProfileSource::Projects::kIgnore
                                                   : ProfileSource::Projects::kRead;
  const ProfileSource source(values_of(files.config.profiles, user_), std::move(layer), *host,
                             projects);
  tools::ProfileSet set = TRY(source.load_or_refuse(marks));
  host_ = std::move(host);
  audit_ = audit;
  latest_ = std::move(files.config);
  return set;
}

tools::WorkbenchOptions Configuration::workbench_options() const {
  tools::WorkbenchOptions out;
  out.receipt = latest_.receipt->value;
  out.max_wait = latest_.wait->value;
  out.jobs.running = latest_.jobs.running->value;
  out.jobs.finished = latest_.jobs.finished->value;
  out.jobs.finished_output_bytes = latest_.jobs.output_bytes->value;
  out.jobs.keep = latest_.jobs.keep->value;
  return out;
}

sandbox::EngineOptions Configuration::engine_options() const {
  sandbox::EngineOptions out = app::engine_options(*host_);
  out.max_calls = static_cast<int>(latest_.calls.most->value);
  out.max_queued = static_cast<int>(latest_.calls.queued->value);
  out.tasks = tools::file_tasks();
  return out;
}

std::vector<std::string> Configuration::for_the_next_start(const ServerConfig& before) const {
  std::vector<std::string> out;
  for (const auto& field : server_config_format().fields()) {
    const std::string name = field.info.full();
    if (std::find(std::begin(kAtStartOnly), std::end(kAtStartOnly), name) ==
            std::end(kAtStartOnly) ||
        field.write(latest_) == field.write(before)) {
      continue;
    }
    const bool said = !field.write(latest_).empty();
    out.push_back(said ? name + " (" + to_string(field.parts(latest_).front().at) + ")" : name);
  }
  return out;
}

ProfileSource Configuration::source() const { return {{}, {}, *host_}; }

Result<sandbox::Policy> Configuration::without_audit(Result<sandbox::Policy> policy) const {
  if (!policy || !audit_) return policy;
  for (const auto& [key, path] : audit_files(*audit_)) {
    if (policy->cache && sandbox::is_within(path, real_place(policy->cache->root))) {
      return fail(input_error(ErrorCode::kPathRefused, key, path,
                              "lies among the build caches, which sandboxes write",
                              kKeepAuditOutside));
    }
  }
  for (const sandbox::MountRule& mount : policy->mounts) {
    for (const auto& [key, path] : audit_files(*audit_)) {
      if (!sandbox::is_within(path, real_place(mount.source))) continue;
      return fail(input_error(ErrorCode::kPathRefused, key, path,
                              "can be reached from a sandbox: profile " + policy->profile +
                                  " shows " + mount.source + " (" + mount.rule + ")",
                              kKeepAuditOutside));
    }
  }
  return policy;
}

Result<sandbox::Policy> Configuration::resolve(const tools::OfferedProfile& offered) const {
  return without_audit(source().resolve(offered));
}

Result<sandbox::Policy> Configuration::preview(const tools::OfferedProfile& offered) const {
  return without_audit(source().preview(offered));
}

}  // namespace mayfly::app
