#include "tools/command_request.h"

#include <algorithm>
#include <optional>
#include <string_view>
#include <utility>

#include "base/text.h"
#include "mcp/json.h"

namespace mayfly::tools {
namespace {

using mcp::Json;
using mcp::member;

constexpr std::size_t kSummaryBytes = 120;

Error bad_argument(std::string_view field, std::string_view value, std::string_view message,
                   std::string_view remedy) {
  return input_error(ErrorCode::kInvalidArgument, field, value, message, remedy);
}

// What a kernel would silently cut.
Status check_no_nul(std::string_view field, const std::string& value) {
  if (value.find('\0') == std::string::npos) return {};
  return fail(bad_argument(field, value, "contains a NUL byte", "leave it out"));
}

Result<std::vector<std::string>> parse_argv(const Json& arguments) {
  const Json* command = member(arguments, "command");
  const Json* argv = member(arguments, "argv");
  if ((command == nullptr) == (argv == nullptr)) {
    return fail(bad_argument("command", "", command ? "given together with argv" : "is missing",
                             "give either command, for bash, or argv, for a program"));
  }
  std::vector<std::string> words;
  if (command != nullptr) {
    words = {"/bin/bash", "-c", command->get<std::string>()};
  } else {
    words = argv->get<std::vector<std::string>>();
  }
  if (words.empty() || words[0].empty()) {
    return fail(bad_argument("argv", "", "names no program", "put the program first"));
  }
  for (const std::string& word : words) TRY(check_no_nul(command ? "command" : "argv", word));
  return words;
}

Result<std::string> parse_cwd(const Json& arguments, const sandbox::Policy& policy) {
  const Json* cwd = member(arguments, "cwd");
  if (cwd == nullptr || cwd->get_ref<const std::string&>().empty()) return std::string();
  const std::string path = cwd->get<std::string>();
  TRY(check_no_nul("cwd", path));
  if (path.starts_with('/')) return path;
  if (policy.workspaces.empty()) {
    return fail(bad_argument("cwd", path, "is relative, and there is no workspace",
                             "give an absolute path"));
  }
  return policy.workspaces.front().path + "/" + path;
}

Status parse_environment(const Json& arguments, sandbox::Command& command) {
  const Json* env = member(arguments, "env");
  if (env == nullptr) return {};
  for (const auto& [name, value] : env->items()) {
    if (!text::is_variable_name(name)) {
      return fail(bad_argument("env", name, "is no name for an environment variable",
                               "use letters, digits and _, no digit first"));
    }
    TRY(check_no_nul("env." + name, value.get_ref<const std::string&>()));
    command.environment.emplace_back(name, value.get<std::string>());
  }
  return {};
}

Error above_ceiling(const std::string& field, std::uint64_t wanted, std::uint64_t ceiling,
                    const std::string& remedy) {
  return input_error(ErrorCode::kWideningRefused, field, std::to_string(wanted),
                     "is above the ceiling of " + std::to_string(ceiling), remedy);
}

std::uint64_t least_of(std::uint64_t sandbox::Limits::*limit) {
  if (limit == &sandbox::Limits::memory_bytes) return sandbox::kLeastMemoryBytes;
  if (limit == &sandbox::Limits::open_files) return sandbox::kLeastOpenFiles;
  return 1;
}

}  // namespace

namespace {

// The schema names no limits, to stay small.
Status check_limit_names(const Json& wanted) {
  std::vector<std::string> names = {"cpu_ms"};
  for (const LimitField& field : kLimitFields) names.emplace_back(field.name);
  for (const auto& [name, value] : wanted.items()) {
    if (std::find(names.begin(), names.end(), name) != names.end()) continue;
    const std::string shown = text::shorten(text::one_line(name), 80);
    const std::string near = text::nearest(shown, names);
    return fail(bad_argument(
        "limits." + shown, "", "is unknown",
        near.empty() ? "there are " + text::join(names, ", ") : "use \"" + near + "\""));
  }
  return {};
}

}  // namespace

Status lower_limits(const Json& wanted, sandbox::Limits& limits) {
  TRY(check_limit_names(wanted));
  for (const LimitField& field : kLimitFields) {
    const Json* value = member(wanted, field.name);
    if (value == nullptr) continue;
    const auto number = value->get<std::uint64_t>();
    std::uint64_t& limit = limits.*field.value;
    if (number > limit) {
      return fail(above_ceiling(std::string("limits.") + field.name, number, limit,
                                "a call can only lower a limit"));
    }
    const std::uint64_t least = least_of(field.value);
    if (number < least) {
      return fail(input_error(ErrorCode::kInvalidArgument, std::string("limits.") + field.name,
                              std::to_string(number), "is less than a sandbox itself needs",
                              "give at least " + std::to_string(least)));
    }
    limit = number;
  }
  if (const Json* cpu = member(wanted, "cpu_ms")) {
    const auto number = cpu->get<std::uint64_t>();
    const auto ceiling = static_cast<std::uint64_t>(limits.cpu.count());
    if (ceiling != 0 && number > ceiling) {
      return fail(above_ceiling("limits.cpu_ms", number, ceiling, "a call can only lower a limit"));
    }
    // More than a year is no limit, and would not fit.
    constexpr std::uint64_t kYear = 366ULL * 24 * 3600 * 1000;
    limits.cpu = milliseconds(static_cast<milliseconds::rep>(std::min(number, kYear)));
  }
  return {};
}

namespace {

// A timeout that the caller names holds also after the call became a job.
Status parse_timeout(const Json& arguments, Place place, sandbox::Limits& limits) {
  const Json* timeout = member(arguments, "timeout_ms");
  if (timeout == nullptr) return {};
  const milliseconds wanted{timeout->get<std::int64_t>()};
  const milliseconds ceiling = place == Place::kBackground ? limits.job_wall : limits.wall;
  if (wanted > ceiling) {
    const bool fits_a_job = wanted <= limits.job_wall;
    return fail(above_ceiling("timeout_ms", static_cast<std::uint64_t>(wanted.count()),
                              static_cast<std::uint64_t>(ceiling.count()),
                              fits_a_job ? "with background: true it may run that long"
                              : place == Place::kBackground
                                  ? "the operator raises it with mayfly serve --job-timeout-ms"
                                  : "the operator raises it with mayfly serve --timeout-ms"));
  }
  limits.wall = std::min(wanted, limits.wall);
  limits.job_wall = wanted;
  return {};
}

std::string summary_of(const std::vector<std::string>& argv, bool shell) {
  const std::string whole = shell ? argv.back() : text::join(argv, " ");
  return text::shorten(text::one_line(text::repair_utf8(whole.substr(0, 4 * kSummaryBytes))),
                       kSummaryBytes);
}

}  // namespace

std::size_t parse_max_chars(const Json& arguments) {
  const Json* wanted = member(arguments, "max_output_chars");
  if (wanted == nullptr) return kDefaultOutputChars;
  return std::min<std::size_t>(wanted->get<std::size_t>(), kMostOutputChars);
}

bool parse_flag(const Json& arguments, const char* name) {
  const Json* flag = member(arguments, name);
  return flag != nullptr && flag->get<bool>();
}

Escapes parse_escapes(const Json& arguments) {
  return parse_flag(arguments, "keep_ansi") ? Escapes::kKeep : Escapes::kStrip;
}

milliseconds parse_wait(const Json& arguments, milliseconds otherwise, milliseconds most) {
  const Json* wanted = member(arguments, "wait_ms");
  if (wanted == nullptr) return otherwise;
  return std::min(milliseconds{wanted->get<std::int64_t>()}, most);
}

Result<CommandRequest> parse_command_request(const Json& arguments, Workbench& bench) {
  CommandRequest request;
  const Json* profile = member(arguments, "profile");
  const Json* stdin_text = member(arguments, "stdin");
  const Json* form = member(arguments, "receipt");

  request.command.argv = TRY(parse_argv(arguments));
  request.summary = summary_of(request.command.argv, member(arguments, "command") != nullptr);
  TRY(parse_environment(arguments, request.command));
  const WorkbenchOptions options = bench.options();
  request.form = options.receipt;
  if (form != nullptr) request.form = *form == "full" ? ReceiptForm::kFull : ReceiptForm::kLean;
  request.output.max_chars = parse_max_chars(arguments);
  request.wait = parse_wait(arguments, options.max_wait, options.max_wait);
  request.output.escapes = parse_escapes(arguments);
  if (parse_flag(arguments, "background")) request.place = Place::kBackground;
  if (stdin_text != nullptr) request.command.stdin_bytes = stdin_text->get<std::string>();
  if (parse_flag(arguments, "pty")) request.command.terminal.emplace();
  // What is given as `stdin` is all of it: a filter in the background must see its end.
  request.command.keep_stdin_open =
      request.command.terminal || (request.place == Place::kBackground && stdin_text == nullptr);
  if (const Json* state = member(arguments, "shell_state")) {
    if (member(arguments, "command") == nullptr) {
      return fail(bad_argument("shell_state", "", "is given with argv, which runs no shell",
                               "use command"));
    }
    request.shell_state = state->get<std::string>();
  }

  request.policy =
      TRY(bench.profiles.policy(profile ? profile->get<std::string>() : std::string()));
  request.stale_because = bench.profiles.trouble();
  request.command.cwd = TRY(parse_cwd(arguments, *request.policy));
  request.command.limits = request.policy->limits;
  if (const Json* limits = member(arguments, "limits")) {
    TRY(lower_limits(*limits, request.command.limits));
  }
  TRY(parse_timeout(arguments, request.place, request.command.limits));
  return request;
}

}  // namespace mayfly::tools
