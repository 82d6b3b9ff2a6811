#include "app/profile_commands.h"

#include <unistd.h>

#include <cstdio>

#include "app/command_line.h"
#include "app/policy_options.h"
#include "app/profile_options.h"
#include "base/text.h"
#include "sandbox/narrowed_profile.h"
#include "settings/document.h"

namespace mayfly::app {
namespace {

// An option of `create` and `allow` that is one key of a profile.
struct WishOption {
  const char* option;  // the first name is what errors call it
  const char* table;
  const char* key;
  const char* value;  // how help calls it
  const char* help;
  bool number = false;    // written without quotes
  const char* unit = "";  // of a number that is given without one
};
constexpr WishOption kWishOptions[] = {
    {"--read", "filesystem", "read", "PATH", "host path that is visible, read-only"},
    {"--write", "filesystem", "write", "PATH", "host path that commands may change"},
    {"--hide", "filesystem", "hide", "PATH", "path or pattern that looks empty inside"},
    {"--deny", "filesystem", "deny", "PATH", "path or pattern that nothing inside can open"},
    {"--host,--net", "network", "allow", "HOST", "host to reach, as in registry.npmjs.org:443"},
    {"--memory", "limits", "memory", "SIZE", "memory of one call: 512M, 4G, 50%, auto"},
    {"--timeout", "limits", "wall", "TIME", "how long one call may take: 30s, 10m, 1h30m"},
    {"--timeout-ms", "limits", "wall", "N", "the same in milliseconds", false, "ms"},
    {"--job-timeout", "limits", "job_wall", "TIME", "the same for a call that became a job"},
    {"--cpu", "limits", "cpu", "TIME", "CPU time of one call"},
    {"--cpu-share", "limits", "cpu_share", "SHARE", "share of CPU: 50%, 200%"},
    {"--processes,--pids", "limits", "processes", "N", "processes and threads of one call", true},
    {"--open-files", "limits", "open_files", "N", "open files of one process", true},
    {"--file,--file-size", "limits", "file", "SIZE", "size of one file"},
    {"--disk", "limits", "disk", "SIZE", "what one call may write"},
    {"--io", "limits", "io", "SIZE", "disk bandwidth, a second"},
    {"--tmp", "limits", "tmp", "SIZE", "size of /tmp"},
    {"--shm", "limits", "shm", "SIZE", "size of /dev/shm"},
    {"--pass", "environment", "pass", "NAME",
     "variable of Mayfly's own that comes in, or PREFIX_*"},
    {"--output", "limits", "output", "SIZE", "stdout and stderr of one call"},
};

bool is_number(const std::string& text) {
  return !text.empty() && text.size() < 19 &&
         text.find_first_not_of("0123456789") == std::string::npos &&
         (text == "0" || text.front() != '0');
}

sandbox::ProfileWish wish_of(const WishOption& option, const std::string& given) {
  // What is no number goes in quotes, and the parser says what is wrong with it.
  const std::string value = option.number && is_number(given)
                                ? given
                                : settings::quoted(is_number(given) ? given + option.unit : given);
  // No host: as `mayfly run --net none` has it.
  if (option.table == std::string_view("network") && given == "none") {
    return {"--net", "network", "mode", "", value, ""};
  }
  const std::string names = option.option;
  return {names.substr(0, names.find(',')), option.table, option.key, "", value, ""};
}

// NAME passes Mayfly's own variable, NAME=VALUE sets one.
sandbox::ProfileWish environment_wish(const std::string& given) {
  const std::size_t equals = given.find('=');
  if (equals == std::string::npos) {
    return {"--env", "environment", "pass", "", settings::quoted(given), ""};
  }
  std::string name = given.substr(0, equals);
  // Anything else would be another key; in quotes the parser refuses it as a name.
  if (!text::is_variable_name(name)) name = settings::quoted(name);
  return {"--env", "environment", "set", name, settings::quoted(given.substr(equals + 1)), ""};
}

void add_wishes(CLI::App& command, ProfileOptions& options) {
  for (const WishOption& each : kWishOptions) {
    command
        .add_option_function<std::vector<std::string>>(
            each.option,
            [&options, each](const std::vector<std::string>& given) {
              for (const std::string& value : given) options.wishes.push_back(wish_of(each, value));
            },
            each.help)
        ->option_text(each.value)
        ->type_size(1)
        ->allow_extra_args(false);
  }
  command
      .add_option_function<std::vector<std::string>>(
          "--env",
          [&options](const std::vector<std::string>& given) {
            for (const std::string& value : given) {
              options.wishes.push_back(environment_wish(value));
            }
          },
          "variable: NAME or PREFIX_* of Mayfly's own, NAME=VALUE to set one (repeatable)")
      ->option_text("NAME[=VALUE]")
      ->type_size(1)
      ->allow_extra_args(false);
}

struct Subcommand {
  const char* name;
  const char* help;
  int (*run)(const ProfileOptions&);
};
constexpr Subcommand kSubcommands[] = {
    {"list", "All profiles, and where each comes from.", list_profiles},
    {"show", "One profile with all that it extends, each value with its place.", show_profile},
    {"check", "What is wrong in profiles, and what has no effect.", check_profiles},
    {"explain", "What a profile comes to; or one question: may a command do this?",
     explain_profile},
    {"diff", "What the second profile permits more and less than the first.", compare_profiles},
    {"create", "Write a new profile, with comments to go on from.", create_profile},
    {"delete", "Delete a profile of yours.", delete_profile},
    {"allow", "Add to a profile: one commented line in your own copy of it.", allow_in_profile},
    {"learn",
     "Run a command, and say what its profile would have to permit: learn [options] -- CMD.",
     nullptr},
    {"schema", "The JSON Schema of profiles, for editors.", print_schema},
};

void add_name(CLI::App& command, ProfileOptions& options, const char* help) {
  command.add_option("NAME", options.name, help)->required();
}

void add_repeatable(CLI::App& command, const char* option, std::vector<std::string>& values,
                    const char* text, const char* help) {
  command.add_option(option, values, help)
      ->option_text(text)
      ->type_size(1)
      ->allow_extra_args(false);
}

void add_options(const std::string& name, CLI::App& command, ProfileOptions& options) {
  if (name == "learn") return add_learn_options(command, options.learn);
  if (name != "schema") command.add_flag("--json", options.json, "print one JSON object");
  if (name == "show" || name == "explain") add_name(command, options, "profile, or its file");
  if (name == "diff") {
    command.add_option("A", options.name, "profile, or its file")->required();
    command.add_option("B", options.other, "the same")->required();
  }
  if (name == "check") {
    command.add_option("NAME", options.names,
                       "profiles or files (default: all of this user's and the system's, and "
                       ".mayfly/profile.toml of this directory)");
    command.add_flag("--host", options.host, "also whether this host can enforce them");
  }
  if (name == "explain") {
    command.add_option("--workspace", options.workspace, "directory that calls would work in")
        ->option_text("DIR");
    command.add_flag("--no-project", options.no_project,
                     "without the workspace's own .mayfly/profile.toml, which narrows the profile");
    command.footer(
        "Ends with 0 if all that is asked about is permitted, 3 if something is refused or is not\n"
        "the host's, 1 if an input is wrong. PATH may start with ${workspace}, ${home}, ${tmp}, "
        "~.");
    add_repeatable(command, "--path", options.paths, "PATH", "may a command read or change it?");
    add_repeatable(command, "--host", options.hosts, "HOST", "may a command reach it?");
    add_repeatable(command, "--syscall", options.syscalls, "NAME", "may a command make it?");
  }
  if (name == "create" || name == "delete" || name == "allow") {
    add_name(command, options, "name of the profile");
  }
  if (name == "create") {
    options.extends = "default";
    command.add_option("--extends", options.extends, "profile to start from (default: default)")
        ->option_text("NAME");
    command.add_option("--description", options.description, "who it is for and what it stops")
        ->option_text("TEXT");
    command.add_flag("--system", options.system, "write it to /etc/mayfly/profiles");
  }
  if (name == "delete") command.add_flag("--yes", options.yes, "do not ask");
  if (name == "create" || name == "allow") add_wishes(command, options);
  refuse_empty_values(command);
}

Result<sandbox::Host> host_with(const std::string& workspace) {
  PolicyOptions options;
  if (!workspace.empty()) options.workspaces.push_back(workspace);
  return this_host(options);
}

}  // namespace

sandbox::ProfileStore profile_store() {
  return sandbox::ProfileStore(sandbox::profile_places(sandbox::host_user(::getuid())));
}

Result<sandbox::Policy> resolve_here(const sandbox::Profile& profile,
                                     const std::string& workspace) {
  return sandbox::resolve(profile, TRY(host_with(workspace)));
}

Result<sandbox::Policy> resolve_here(const sandbox::Profile& profile,
                                     const std::optional<sandbox::Profile>& narrower,
                                     const std::string& workspace) {
  if (!narrower) return resolve_here(profile, workspace);
  return sandbox::resolve_narrowed(profile, {*narrower}, TRY(host_with(workspace)));
}

Result<std::optional<sandbox::Profile>> project_profile(const std::string& workspace) {
  const auto host = host_with(workspace);
  // Of a workspace that cannot be one, resolving says so.
  if (!host) return std::optional<sandbox::Profile>();
  const auto opened = sandbox::open_workspace(host->workspaces.front(), host->user);
  if (!opened) return std::optional<sandbox::Profile>();
  std::vector<settings::FileMark> marks;
  return sandbox::load_project_profile(opened->path, marks);
}

int say_error(const Error& error) {
  const bool of_a_file = error.code == ErrorCode::kInvalidConfiguration && error.field.empty();
  if (!of_a_file) {
    std::fprintf(stderr, "mayfly: %s\n", describe(error).c_str());
    return 1;
  }
  for (const std::string& line : text::split(error.message, '\n')) {
    std::fprintf(stderr, "%s\n", text::one_line(line).c_str());
  }
  return 1;
}

void print_json(const mcp::Json& value) { std::printf("%s\n", mcp::dump_json(value).c_str()); }

mcp::Json place_json(const settings::Location& at) {
  return at.source == nullptr ? mcp::Json() : mcp::Json(settings::to_string(at));
}

void add_profile_commands(CLI::App& command, ProfileOptions& options) {
  command.require_subcommand(1);
  for (const Subcommand& each : kSubcommands) {
    add_options(each.name, *command.add_subcommand(each.name, each.help), options);
  }
}

int profile(int argc, char** argv) {
  // What follows "--" is not ours to read.
  if (argc > 2 && std::string_view(argv[2]) == "learn") return learn_profile(argc - 2, argv + 2);
  ProfileOptions options;
  CLI::App command("Profiles: what sandboxes may do", "mayfly profile");
  add_profile_commands(command, options);
  if (const auto code = parse_or_explain(command, argc, argv)) return *code;
  for (const Subcommand& each : kSubcommands) {
    if (command.got_subcommand(each.name)) return each.run(options);
  }
  return 2;
}

}  // namespace mayfly::app
