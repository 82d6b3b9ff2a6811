#include "app/policy_options.h"

#include <unistd.h>

#include <sys/stat.h>
#include <algorithm>
#include <charconv>
#include <cstdlib>
#include <filesystem>
#include <limits>
#include <memory>
#include <utility>

#include "base/text.h"
#include "sandbox/shipped_profiles.h"

extern char** environ;

namespace mayfly::app {
namespace {

using sandbox::Setting;
using settings::Located;
using Environment = std::vector<std::pair<std::string, std::string>>;

Error bad_option(std::string_view option, std::string_view value, std::string_view message,
                 std::string_view remedy) {
  return input_error(ErrorCode::kInvalidConfiguration, option, value, message, remedy);
}

Result<std::uint64_t> parse_number(std::string_view option, const std::string& text) {
  std::uint64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  const bool whole = end == text.data() + text.size() && !text.empty();
  if (whole && error == std::errc::result_out_of_range) {
    return fail(bad_option(option, text, "is too large", "give less"));
  }
  if (!whole || error != std::errc()) {
    return fail(bad_option(option, text, "is not a whole number", "give digits only"));
  }
  if (number == 0) return fail(bad_option(option, text, "is nothing", "give 1 or more"));
  return number;
}

Result<milliseconds> parse_time(std::string_view option, const std::string& text) {
  constexpr std::uint64_t kYear = 366ULL * 24 * 3600 * 1000;
  const std::uint64_t number = TRY(parse_number(option, text));
  if (number > kYear) {
    return fail(bad_option(option, text, "is more than a year of milliseconds", "give less"));
  }
  return milliseconds{static_cast<std::int64_t>(number)};
}

Environment server_environment() {
  Environment out;
  for (char** entry = environ; entry != nullptr && *entry != nullptr; ++entry) {
    const std::string_view pair = *entry;
    const std::size_t equals = pair.find('=');
    if (equals == std::string_view::npos) continue;
    out.emplace_back(pair.substr(0, equals), pair.substr(equals + 1));
  }
  return out;
}

void set(Environment& environment, const std::string& name, const std::string& value) {
  std::erase_if(environment, [&](const auto& entry) { return entry.first == name; });
  environment.emplace_back(name, value);
}

Status add_environment(const std::vector<std::string>& options, Environment& environment) {
  for (const std::string& option : options) {
    const std::size_t equals = option.find('=');
    if (!text::is_variable_name(std::string_view(option).substr(0, equals))) {
      return fail(bad_option("--env", option, "has no name that a variable can have",
                             "write NAME=value, or NAME, of letters, digits and _"));
    }
    if (equals != std::string::npos) {
      set(environment, option.substr(0, equals), option.substr(equals + 1));
    } else if (const char* value = std::getenv(option.c_str())) {
      set(environment, option, value);
    } else {
      return fail(bad_option("--env", option, "is not in the environment of mayfly itself",
                             "write " + option + "=value, or set it where mayfly is started"));
    }
  }
  return {};
}

// A path that can be shown inside: there, readable by the sandbox's user, and not what every
// sandbox has of its own.
Result<std::string> readable_path(const std::string& path) {
  const auto refuse = [&path](const char* why, const char* remedy) {
    return fail(bad_option("--read", path, why, remedy));
  };
  if (!path.starts_with('/')) return refuse("is not absolute", "give the path from / on");
  const std::string normal = std::filesystem::path(path).lexically_normal().string();
  if (normal == "/") return refuse("is everything", "name the directories that are needed");
  for (const char* own : {"/proc", "/sys", "/dev", "/tmp", "/scratch"}) {
    if (sandbox::is_within(normal, own) && (normal == own || std::string_view(own) != "/tmp")) {
      return refuse("is the sandbox's own", "copy what is needed into the workspace");
    }
  }
  struct stat info {};
  if (::stat(path.c_str(), &info) < 0) return refuse("is not there", "check the spelling");
  // Root's sandbox is not root.
  const bool readable =
      ::geteuid() == 0 ? (info.st_mode & S_IROTH) != 0 : ::access(path.c_str(), R_OK) == 0;
  if (!readable)
    return refuse("cannot be read by the sandbox's user", "change its mode, or copy it");
  return path;
}

Result<sandbox::Tier> parse_tier(const std::string& text) {
  for (const sandbox::Tier tier : {sandbox::Tier::kFull, sandbox::Tier::kLandlock}) {
    if (text == sandbox::to_string(tier)) return tier;
  }
  return fail(bad_option("--tier", text, "is no tier", "write full or landlock"));
}

// What an option says is said by the operator, after all files.
template <typename T>
Setting<T> said(const char* option, T value) {
  return Located<T>{std::move(value),
                    {std::make_shared<settings::Source>(settings::Source{option}), 0, 0}};
}

}  // namespace

Result<sandbox::Profile> options_layer(const PolicyOptions& options) {
  sandbox::Profile profile;
  profile.name = "options";
  sandbox::LimitSettings& limits = profile.limits;
  if (!options.timeout_ms.empty()) {
    limits.wall = said("--timeout-ms", TRY(parse_time("--timeout-ms", options.timeout_ms)));
  }
  if (!options.job_timeout_ms.empty()) {
    limits.job_wall =
        said("--job-timeout-ms", TRY(parse_time("--job-timeout-ms", options.job_timeout_ms)));
  }
  if (!options.memory.empty()) {
    const std::uint64_t bytes = TRY(parse_size("--memory", options.memory));
    if (bytes < sandbox::kLeastMemoryBytes) {
      return fail(bad_option("--memory", options.memory, "is less than a sandbox itself needs",
                             "give at least " + text::human_bytes(sandbox::kLeastMemoryBytes)));
    }
    limits.memory = said("--memory", sandbox::MemoryLimit{bytes, 50});
  }
  if (!options.cpu_ms.empty())
    limits.cpu = said("--cpu-ms", TRY(parse_time("--cpu-ms", options.cpu_ms)));
  if (!options.cpu_percent.empty()) {
    limits.cpu_percent =
        said("--cpu-percent", TRY(parse_number("--cpu-percent", options.cpu_percent)));
  }
  if (!options.disk.empty())
    limits.disk_bytes = said("--disk", TRY(parse_size("--disk", options.disk)));
  if (!options.io_bytes_per_second.empty()) {
    limits.io_bytes_per_second =
        said("--io-bytes-per-second",
             TRY(parse_size("--io-bytes-per-second", options.io_bytes_per_second)));
  }
  if (!options.pids.empty())
    limits.processes = said("--pids", TRY(parse_number("--pids", options.pids)));
  if (!options.max_output_bytes.empty()) {
    limits.output_bytes =
        said("--max-output-bytes", TRY(parse_size("--max-output-bytes", options.max_output_bytes)));
  }
  if (!options.tier.empty()) profile.tier = said("--tier", TRY(parse_tier(options.tier)));
  for (const std::string& path : options.read) {
    profile.paths.push_back(
        *said("--read", sandbox::PathRule{sandbox::PathAccess::kRead, TRY(readable_path(path))}));
  }
  Environment added;
  TRY(add_environment(options.env, added));
  for (auto& pair : added) profile.environment_set.push_back(*said("--env", std::move(pair)));
  return profile;
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
  command
      .add_option("--workspace", options.workspaces,
                  "directory that calls work in, visible inside at the same path (repeatable; "
                  "default: $CLAUDE_PROJECT_DIR, else the current directory)")
      ->option_text("DIR")
      ->type_size(1)
      ->allow_extra_args(false);
  command
      .add_option("--profile", options.profiles,
                  "what the sandbox may do; of several the first is the default, and the model "
                  "may choose among all")
      ->option_text("NAME[,NAME...]");
  command.add_option("--timeout-ms", options.timeout_ms, "wall time of one call")->option_text("N");
  command.add_option("--job-timeout-ms", options.job_timeout_ms, "wall time of one job")
      ->option_text("N");
  command.add_option("--memory", options.memory, "memory of one call, as in 512M or 4G")
      ->option_text("SIZE");
  command.add_option("--cpu-ms", options.cpu_ms, "CPU time of one call, all processes together")
      ->option_text("N");
  command
      .add_option("--cpu-percent", options.cpu_percent,
                  "share of CPU of one call: 100 is one core (needs control groups)")
      ->option_text("N");
  command.add_option("--disk", options.disk, "what one call may write to disk and /tmp, as in 2G")
      ->option_text("SIZE");
  command
      .add_option("--io-bytes-per-second", options.io_bytes_per_second,
                  "disk bandwidth of one call, each way, as in 50M (needs control groups)")
      ->option_text("SIZE");
  command.add_option("--pids", options.pids, "processes and threads of one call")->option_text("N");
  command
      .add_option("--max-output-bytes", options.max_output_bytes, "output of one call, as in 64M")
      ->option_text("SIZE");
  command
      .add_option("--tier", options.tier,
                  "what is accepted of a host without user namespaces: full (default) is nothing "
                  "less than the whole sandbox, landlock has no namespaces")
      ->option_text("full|landlock");
  command.add_option("--read", options.read, "host path that is readable inside (repeatable)")
      ->option_text("PATH")
      ->type_size(1)
      ->allow_extra_args(false);
  command
      .add_option("--env", options.env,
                  "variable to set inside; without a value, mayfly's own (repeatable)")
      ->option_text("NAME[=VALUE]")
      ->type_size(1)
      ->allow_extra_args(false);
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
  host.cache_root = sandbox::cache_root(host.user);
  return host;
}

sandbox::EngineOptions engine_options(const sandbox::Host& host) {
  sandbox::EngineOptions options;
  options.state_root = sandbox::state_root(host.user);
  return options;
}

Result<std::uint64_t> parse_size(std::string_view option, const std::string& text) {
  static constexpr std::string_view kUnits = "KMGT";
  const std::size_t digits = std::min(text.find_first_not_of("0123456789"), text.size());
  std::string unit = text.substr(digits);
  unsigned shift = 0;
  if (!unit.empty()) {
    const std::size_t which = kUnits.find(static_cast<char>(std::toupper(unit[0])));
    const std::string rest = unit.substr(1);
    if (which == std::string_view::npos || (!rest.empty() && rest != "B" && rest != "iB")) {
      return fail(bad_option(option, text, "is not a size", "write it like 512M or 4GiB"));
    }
    shift = static_cast<unsigned>(10 * (which + 1));
  }
  const std::uint64_t number = TRY(parse_number(option, text.substr(0, digits)));
  if (number > std::numeric_limits<std::uint64_t>::max() >> shift) {
    return fail(bad_option(option, text, "is too large", "give less"));
  }
  return number << shift;
}

}  // namespace mayfly::app
