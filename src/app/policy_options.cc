#include "app/policy_options.h"

#include <unistd.h>

#include <algorithm>
#include <memory>
#include <utility>

#include "app/option_values.h"
#include "base/text.h"
#include "sandbox/profile_format.h"
#include "sandbox/shipped_profiles.h"

extern char** environ;

namespace mayfly::app {
namespace {

using settings::Array;
using settings::Diagnostics;
using settings::Location;
using settings::Node;
using settings::Table;

// How often an option may be given, and what its values are together.
enum class Shape { kOne, kList, kTable, kFlag };

// One option: a key of profiles, said on the command line.
struct PolicyOption {
  const char* group;
  const char* name;
  const char* value;  // how help calls it; of a flag, what it says
  const char* key;
  Shape shape;
  OptionValue read;
  const char* help;
};

constexpr const char* kFiles = "Files";
constexpr const char* kNetwork = "Network and system calls";
constexpr const char* kLimits = "Limits of one call";
constexpr const char* kInside = "Inside";
constexpr const char* kHost = "Host and receipts";

constexpr PolicyOption kOptions[] = {
    {kFiles, "--read", "PATH", "filesystem.read", Shape::kList, as_readable_path,
     "host path that is readable inside"},
    {kFiles, "--write", "PATH", "filesystem.write", Shape::kList, as_path_there,
     "host path that is writable inside"},
    {kFiles, "--hide", "PATH", "filesystem.hide", Shape::kList, as_path,
     "path or pattern that looks empty inside"},
    {kFiles, "--deny", "PATH", "filesystem.deny", Shape::kList, as_path,
     "path or pattern that nothing inside can open"},
    {kFiles, "--bind", "SRC:DEST[:rw]", "filesystem.bind", Shape::kList, as_bind,
     "host path that is seen at another place"},
    {kFiles, "--tmpfs", "PATH=SIZE", "filesystem.tmpfs", Shape::kTable, as_sized_path,
     "empty directory in memory, new for each call"},
    {kFiles, "--read-only", "read-only", "filesystem.workspace", Shape::kFlag, as_text,
     "the workspace cannot be written"},
    {kFiles, "--toolchains", "auto|off|NAME,...", "filesystem.toolchains", Shape::kOne, as_words,
     "which of your own toolchains are seen"},
    {kFiles, "--cache", "workspace|off", "filesystem.cache", Shape::kOne, as_text,
     "whether build caches are kept"},
    {kNetwork, "--net", "none|HOST[:PORT]", "network.allow", Shape::kList, as_text,
     "no network, or a host that may be reached"},
    {kNetwork, "--publish", "PORT", "network.publish", Shape::kList, as_number,
     "port of a job that later calls reach on their own loopback"},
    {kNetwork, "--syscall-deny", "RULE", "syscalls.deny", Shape::kList, as_text,
     "system call or @group that programs may not make"},
    {kLimits, "--timeout-ms", "N", "limits.wall", Shape::kOne, as_milliseconds, "wall time"},
    {kLimits, "--job-timeout-ms", "N", "limits.job_wall", Shape::kOne, as_milliseconds,
     "wall time of a call that became a job"},
    {kLimits, "--memory", "SIZE", "limits.memory", Shape::kOne, as_text,
     "memory, as in 512M or 4G, or 25% of the machine's"},
    {kLimits, "--cpu-ms", "N", "limits.cpu", Shape::kOne, as_milliseconds,
     "CPU time, all processes together"},
    {kLimits, "--cpu-percent", "N", "limits.cpu_share", Shape::kOne, as_percent,
     "share of CPU: 100 is one core (needs control groups)"},
    {kLimits, "--pids", "N", "limits.processes", Shape::kOne, as_number, "processes and threads"},
    {kLimits, "--open-files", "N", "limits.open_files", Shape::kOne, as_number,
     "open files of one process"},
    {kLimits, "--file-size", "SIZE", "limits.file", Shape::kOne, as_text, "size of one file"},
    {kLimits, "--disk", "SIZE", "limits.disk", Shape::kOne, as_text,
     "written to disk and temporary files, in all"},
    {kLimits, "--io-bytes-per-second", "SIZE", "limits.io", Shape::kOne, as_text,
     "disk bandwidth each way, as in 50M (needs control groups)"},
    {kLimits, "--tmp", "SIZE", "limits.tmp", Shape::kOne, as_text,
     "/tmp, and the same again for the private home"},
    {kLimits, "--shm", "SIZE", "limits.shm", Shape::kOne, as_text, "/dev/shm"},
    {kLimits, "--max-output-bytes", "SIZE", "limits.output", Shape::kOne, as_text,
     "stdout and stderr together"},
    {kInside, "--env", "NAME[=VALUE]", "environment.set", Shape::kTable, as_variable,
     "variable to set; without a value, mayfly's own"},
    {kInside, "--pass", "NAME", "environment.pass", Shape::kList, as_text,
     "variable of mayfly's own that comes in if it is set; NAME_* for all that start so"},
    {kInside, "--hostname", "NAME", "identity.hostname", Shape::kOne, as_text,
     "name of the host inside"},
    {kHost, "--tier", "full|landlock", "host.tier", Shape::kOne, as_text,
     "what is accepted of a host without user namespaces: full (default) is nothing less than the "
     "whole sandbox, landlock has no namespaces"},
    {kHost, "--observe", "off|writes|all", "observe.level", Shape::kOne, as_text,
     "which refusals a receipt tells"},
};

std::vector<std::pair<std::string, std::string>> server_environment() {
  std::vector<std::pair<std::string, std::string>> out;
  for (char** entry = environ; entry != nullptr && *entry != nullptr; ++entry) {
    const std::string_view pair = *entry;
    const std::size_t equals = pair.find('=');
    if (equals == std::string_view::npos) continue;
    out.emplace_back(pair.substr(0, equals), pair.substr(equals + 1));
  }
  return out;
}

// What an option says is said by the operator, after all files.
Location place_of(const PolicyOption& option) {
  return {std::make_shared<settings::Source>(settings::Source{option.name}), 0, 0};
}

const settings::Field<sandbox::Profile>& field_of(const PolicyOption& option) {
  const auto& fields = sandbox::profile_format().fields();
  return *std::find_if(fields.begin(), fields.end(),
                       [&](const auto& field) { return field.info.full() == option.key; });
}

// Reads the values of one option as its key would be read in a file.
void apply(const PolicyOption& option, const std::vector<std::string>& texts,
           Diagnostics& diagnostics, sandbox::Profile& profile) {
  const Location at = place_of(option);
  Array list;
  Table table;
  for (const std::string& text : texts) {
    auto value = option.read(text, at);
    if (!value) {
      diagnostics.error(at, text, value.error().message, value.error().remedy);
      continue;
    }
    if (option.shape == Shape::kTable) {
      for (auto& entry : std::get<Table>(value->value)) table.push_back(std::move(entry));
    } else {
      list.push_back(*std::move(value));
    }
  }
  if (list.empty() && table.empty()) return;
  Node node{at, {}};
  if (option.shape == Shape::kTable) {
    node.value = std::move(table);
  } else if (option.shape == Shape::kList) {
    node.value = std::move(list);
  } else {
    node = std::move(list.back());
  }
  // The option's own name says which key it is.
  field_of(option).read(node, settings::KeyInfo{}, diagnostics, profile);
}

// `--net none` is the mode; a host is a rule, and turns the mode to proxy.
void apply_network(const PolicyOption& option, std::vector<std::string> texts,
                   Diagnostics& diagnostics, sandbox::Profile& profile) {
  const Location at = place_of(option);
  if (std::find(texts.begin(), texts.end(), "host") != texts.end()) {
    return diagnostics.error(at, "host", "would be the network of this machine",
                             "only a profile can say so, with network.danger_host");
  }
  const bool none = std::erase(texts, "none") > 0;
  if (none && !texts.empty()) {
    return diagnostics.error(at, texts.front(), "is given together with none",
                             "choose one of them");
  }
  profile.network = settings::Located<sandbox::NetworkMode>{
      none ? sandbox::NetworkMode::kNone : sandbox::NetworkMode::kProxy, at};
  apply(option, texts, diagnostics, profile);
}

// What merging refuses of two layers.
void refuse_denied(const sandbox::Profile& profile, Diagnostics& diagnostics) {
  using sandbox::PathAccess;
  for (const auto& rule : profile.paths) {
    const PathAccess access = rule.value.access;
    if (access != PathAccess::kRead && access != PathAccess::kWrite) continue;
    for (const auto& other : profile.paths) {
      if (other.value.access != PathAccess::kDeny || rule.value.path == other.value.path) continue;
      if (!sandbox::is_within(rule.value.path, other.value.path)) continue;
      diagnostics.error(rule.at, rule.value.path, "is denied, and that wins",
                        "the other is " + to_string(other.at) + " " + other.value.path);
    }
  }
}

void refuse_contradictions(const sandbox::Profile& profile, Diagnostics& diagnostics) {
  for (auto one = profile.paths.begin(); one != profile.paths.end(); ++one) {
    const auto other = std::find_if(profile.paths.begin(), one, [&](const auto& each) {
      return each.value.path == one->value.path && each.value.access != one->value.access;
    });
    if (other == one) continue;
    diagnostics.error(one->at, one->value.path, "is also given to " + to_string(other->at),
                      "choose one of them");
  }
}

Error error_of(const Diagnostics& diagnostics) {
  if (diagnostics.errors() > 1) return diagnostics.to_error();
  const settings::Diagnostic& only = diagnostics.all().front();
  return input_error(ErrorCode::kInvalidConfiguration, to_string(only.at), only.value, only.message,
                     only.remedy);
}

CLI::Option* add_option(CLI::App& command, const PolicyOption& option,
                        std::vector<std::string>& values) {
  if (option.shape == Shape::kFlag) {
    return command.add_flag_callback(
        option.name, [&values, said = option.value] { values = {said}; }, option.help);
  }
  const bool once = option.shape == Shape::kOne;
  CLI::Option* added = command.add_option(option.name, values,
                                          std::string(option.help) + (once ? "" : " (repeatable)"));
  added->option_text(option.value)->type_size(1)->allow_extra_args(false);
  if (once) added->expected(1);
  return added;
}

}  // namespace

Result<sandbox::Profile> options_layer(const PolicyOptions& options) {
  sandbox::Profile profile;
  profile.name = "options";
  Diagnostics diagnostics;
  for (const PolicyOption& option : kOptions) {
    const auto given = options.values.find(option.name);
    if (given == options.values.end() || given->second.empty()) continue;
    if (option.name == std::string_view("--net")) {
      apply_network(option, given->second, diagnostics, profile);
    } else {
      apply(option, given->second, diagnostics, profile);
    }
  }
  refuse_contradictions(profile, diagnostics);
  refuse_denied(profile, diagnostics);
  if (diagnostics.failed()) return fail(error_of(diagnostics));
  return profile;
}

std::string option_given(const PolicyOptions& options, std::string_view key) {
  for (const PolicyOption& option : kOptions) {
    const auto given = options.values.find(option.name);
    if (option.key != key || given == options.values.end() || given->second.empty()) continue;
    return std::string(option.name) + " " + given->second.back();
  }
  return "";
}

// Like `--memory "$UNSET"`: taken for a missing option, it would mean no limit.
void refuse_empty_values(CLI::App& command) {
  for (CLI::Option* option : command.get_options()) {
    if (option->get_type_size() == 0) continue;
    option->check([](const std::string& value) {
      return value.empty() ? std::string("the value is empty") : std::string();
    });
  }
}

void add_policy_options(CLI::App& command, PolicyOptions& options) {
  constexpr const char* kPolicy = "Policy";
  command
      .add_option("--workspace", options.workspaces,
                  "directory that calls work in, visible inside at the same path (repeatable; "
                  "default: $CLAUDE_PROJECT_DIR, else the current directory)")
      ->option_text("DIR")
      ->type_size(1)
      ->allow_extra_args(false)
      ->group(kPolicy);
  command
      .add_option("--profile", options.profiles,
                  "what the sandbox may do; of several the first is the default, and the model "
                  "may choose among all")
      ->option_text("NAME[,NAME...]")
      ->group(kPolicy);
  command
      .add_flag("--no-project", options.no_project,
                "do not read a workspace's own .mayfly/profile.toml, which narrows the profile")
      ->group(kPolicy);
  for (const PolicyOption& option : kOptions) {
    add_option(command, option, options.values[option.name])->group(option.group);
  }
}

std::vector<std::string> profile_names(const PolicyOptions& options) {
  if (options.profiles.empty()) return {sandbox::shipped_profiles().front()};
  return text::split(options.profiles, ',');
}

Result<sandbox::Host> this_host(const PolicyOptions& options) {
  sandbox::Host host;
  host.user = sandbox::host_user(::getuid());
  host.environment = server_environment();
  host.workspaces = options.workspaces;
  if (host.workspaces.empty()) {
    host.workspaces.push_back(TRY(sandbox::default_workspace(host.environment)));
  }
  // Without links, since no mount goes over one that a sandbox could have made.
  std::error_code error;
  host.cache_root = sandbox::cache_root(host.user);
  const auto real = std::filesystem::weakly_canonical(host.cache_root, error);
  if (!error && !host.cache_root.empty()) host.cache_root = real.string();
  return host;
}

sandbox::EngineOptions engine_options(const sandbox::Host& host) {
  sandbox::EngineOptions options;
  options.state_root = sandbox::state_root(host.user);
  return options;
}

}  // namespace mayfly::app
