#include "app/config_commands.h"

#include <unistd.h>

#include <cstdio>
#include <memory>
#include <utility>
#include <vector>

#include "app/command_line.h"
#include "app/profile_source.h"
#include "base/text.h"
#include "mcp/json.h"
#include "sandbox/workspace.h"

namespace mayfly::app {
namespace {

using settings::Diagnostics;
using settings::Location;

constexpr const char* kKeepOutside = "keep it in ~/.config/mayfly";

int fail_with(const Error& error) {
  std::fprintf(stderr, "mayfly: %s\n", describe(error).c_str());
  return 1;
}

// What somebody says who does not know where it was written.
void add(const Error& error, const Location& at, Diagnostics& diagnostics) {
  diagnostics.error(at, error.value, error.message, error.remedy);
}

void check_workspaces(const LoadedServerConfig& files, const sandbox::HostUser& user,
                      Diagnostics& diagnostics) {
  if (!files.config.workspaces) return;
  for (const auto& workspace : files.config.workspaces->value) {
    const auto opened = sandbox::open_workspace(with_home(workspace.value, user), user);
    if (!opened) {
      add(opened.error(), workspace.at, diagnostics);
      continue;
    }
    for (const std::string& path : files.real_paths) {
      const auto outside = check_outside("config", path, {opened->path}, kKeepOutside);
      if (!outside) add(outside.error(), workspace.at, diagnostics);
    }
  }
}

// Each profile by itself, so that one that is bad hides no other. Without a workspace there is
// nothing that one could be resolved for.
void check_profiles(const ServerConfig& config, const sandbox::HostUser& user,
                    Diagnostics& diagnostics) {
  PolicyOptions policy;
  policy.workspaces = values_of(config.workspaces, user);
  const auto host = this_host(policy);
  if (!host) return add(host.error(), config.profiles->at, diagnostics);
  for (const auto& profile : config.profiles->value) {
    const ProfileSource source({with_home(profile.value, user)}, {}, *host);
    std::vector<settings::FileMark> marks;
    const auto loaded = source.load(marks);
    if (!loaded) {
      add(loaded.error(), profile.at, diagnostics);
    } else if (!policy.workspaces.empty()) {
      const auto resolved = source.preview(loaded->profiles.front());
      if (!resolved) add(resolved.error(), profile.at, diagnostics);
    }
  }
}

int check(const std::string& file) {
  const sandbox::HostUser user = sandbox::host_user(::getuid());
  const ConfigFiles places = config_files(file, user);
  Diagnostics diagnostics;
  const LoadedServerConfig files = load_server_config(places, diagnostics);
  check_workspaces(files, user, diagnostics);
  // Errors of workspaces would come again for each profile.
  if (!diagnostics.failed()) check_profiles(files.config, user, diagnostics);
  for (const auto& each : diagnostics.all()) {
    std::fprintf(stderr, "%s\n", to_string(each).c_str());
  }
  if (diagnostics.left_out() > 0) {
    std::fprintf(stderr, "and %zu more\n", diagnostics.left_out());
  }
  if (diagnostics.failed()) return 1;
  if (files.real_paths.empty()) {
    std::printf("no configuration file; looked for %s\n", text::join(places.paths, ", ").c_str());
  }
  for (const std::string& path : files.real_paths) std::printf("%s: good\n", path.c_str());
  return 0;
}

std::string as_toml(const ServerConfig& config) {
  std::string out;
  std::string table;
  for (const auto& field : server_config_format().fields()) {
    if (field.info.table != table) {
      table = field.info.table;
      out += "\n[" + table + "]\n";
    }
    const std::string value = field.write(config);
    out += value.empty() ? "# " + field.info.key + " is not set. " + field.info.help + "\n"
                         : field.info.key + " = " + value + "  # " +
                               to_string(field.parts(config).front().at) + "\n";
  }
  return out;
}

std::string as_json(const ServerConfig& config) {
  mcp::Json out = mcp::Json::object();
  for (const auto& field : server_config_format().fields()) {
    const std::string value = field.write(config);
    if (value.empty()) continue;
    // Of these types a value is written alike in TOML and JSON.
    out[field.info.full()] = {{"value", mcp::Json::parse(value, nullptr, false)},
                              {"from", to_string(field.parts(config).front().at)}};
  }
  return out.dump(2, ' ', false, mcp::Json::error_handler_t::replace) + "\n";
}

int show(const ConfigOptions& options) {
  const sandbox::HostUser user = sandbox::host_user(::getuid());
  const auto said = options_config(options.serve);
  if (!said) return fail_with(said.error());
  Diagnostics diagnostics;
  LoadedServerConfig files =
      load_server_config(config_files(options.serve.config, user), diagnostics);
  if (diagnostics.failed()) {
    for (const auto& each : diagnostics.all()) {
      std::fprintf(stderr, "%s\n", to_string(each).c_str());
    }
    return 1;
  }
  server_config_format().merge(files.config, *said);
  std::fputs((options.json ? as_json(files.config) : as_toml(files.config)).c_str(), stdout);
  return 0;
}

int print_schema() {
  const auto schema = mcp::Json::parse(server_config_format().schema());
  std::printf("%s\n", schema.dump(2).c_str());
  return 0;
}

}  // namespace

void add_config_commands(CLI::App& command, ConfigOptions& options) {
  command.require_subcommand(1);
  command.add_subcommand("check", "Say all that is wrong with the files, their profiles included.")
      ->add_option("FILE", options.file, "instead of the usual ones");
  CLI::App* show = command.add_subcommand(
      "show", "Print what a server with the same options would use, and who says so.");
  show->add_flag("--json", options.json, "as JSON");
  add_serve_options(*show, options.serve);
  command.add_subcommand("schema", "Print the JSON Schema of the files, for editors.");
}

int config(int argc, char** argv) {
  ConfigOptions options;
  CLI::App app("The server's configuration files", "mayfly config");
  add_config_commands(app, options);
  if (const auto code = parse_or_explain(app, argc, argv)) return *code;
  if (app.got_subcommand("check")) return check(options.file);
  return app.got_subcommand("show") ? show(options) : print_schema();
}

}  // namespace mayfly::app
