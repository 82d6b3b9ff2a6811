#include "app/run.h"

#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <optional>
#include <utility>

#include "app/call_relay.h"
#include "app/run_policy.h"
#include "app/run_report.h"
#include "app/run_request.h"
#include "app/stdin_pump.h"
#include "app/stop_signals.h"
#include "base/text.h"
#include "sandbox/engine.h"

namespace mayfly::app {
namespace {

Error bad_command_line(std::string_view message, std::string_view remedy) {
  return input_error(ErrorCode::kInvalidConfiguration, "command line", "", message, remedy);
}

// CLI11 would take the options of CMD for ours: what follows "--" is never shown to it.
Result<RunOptions> parse(int argc, char** argv) {
  RunOptions options;
  const auto separator = std::find(argv + 1, argv + argc, std::string_view("--"));
  if (separator != argv + argc) options.command.assign(separator + 1, argv + argc);
  CLI::App command("", "mayfly run");
  add_run_options(command, options);
  try {
    command.parse(static_cast<int>(separator - argv) - 1, argv + 1);
  } catch (const CLI::ParseError& error) {
    return fail(bad_command_line(error.what(),
                                 "mayfly run --help lists the options; the command follows --"));
  }
  if (options.request_schema) return options;
  if (options.request.empty() && options.command.empty()) {
    return fail(bad_command_line("there is no command", "mayfly run [options] -- CMD [ARG...]"));
  }
  if (!options.request.empty() && !options.command.empty()) {
    return fail(bad_command_line("--request is given together with a command",
                                 "leave out one of them: the request says what to run"));
  }
  return options;
}

// Where we are, if the sandbox has it.
std::string cwd_in(const sandbox::Policy& policy) {
  std::error_code ignored;
  const std::string here = std::filesystem::current_path(ignored).string();
  for (const sandbox::Workspace& workspace : policy.workspaces) {
    if (sandbox::is_within(here, workspace.path)) return here;
  }
  return "";
}

// What the command line or the request says.
Result<sandbox::Command> make_command(const RunOptions& options, const RunRequest* request,
                                      const sandbox::Policy& policy) {
  sandbox::Command command;
  command.argv = options.command;
  command.cwd = options.cwd;
  command.limits = policy.limits;
  if (request != nullptr) {
    command.argv = request->argv;
    command.environment = request->environment;
    command.stdin_bytes = request->stdin_bytes;
    command.limits = TRY(run_limits(policy, *request));
    if (!request->working_directory.empty()) command.cwd = request->working_directory;
  }
  if (command.cwd.empty()) {
    command.cwd = cwd_in(policy);
  } else if (command.cwd.front() != '/') {
    command.cwd = policy.workspaces.front().path + "/" + command.cwd;
  }
  return command;
}

// A request's answer and --json must show in the form of an answer, also when the options could not
// be read.
bool wants_json(int argc, char** argv) {
  const auto end = std::find(argv + 1, argv + argc, std::string_view("--"));
  return std::any_of(argv + 1, end, [](std::string_view word) {
    return word == "--json" || word == "--request" || word.starts_with("--request=");
  });
}

int answer(const Result<CallResult>& result, const RunOptions& options, bool json) {
  if (!result) {
    json ? print_json(result.error()) : print_error(result.error());
    return kMayflyFailed;
  }
  const sandbox::Report& report = result->report;
  if (json) {
    print_json(*result, options.request.empty() ? StreamForm::kExact : StreamForm::kText);
  } else if (report.setup_error) {
    print_error(*report.setup_error);
  } else if (!options.quiet) {
    print_findings(report);
  }
  return exit_code_of(report, StopSignals::first());
}

}  // namespace

void add_run_options(CLI::App& command, RunOptions& options) {
  add_policy_options(command, options.policy);
  command.add_option("--cwd", options.cwd, "where the command starts (default: here, if visible)")
      ->option_text("DIR");
  command.add_flag("--json", options.json,
                   "print one JSON object: the full receipt, with stdout and stderr inside");
  command
      .add_option("--request", options.request,
                  "run what a JSON object in FILE (- is stdin) asks for, and answer with one; it "
                  "can only narrow what the options say")
      ->option_text("FILE");
  command.add_flag("--request-schema", options.request_schema,
                   "print JSON Schemas of requests and answers");
  command.add_flag("-q,--quiet", options.quiet, "no receipt lines on stderr; errors only");
  refuse_empty_values(command);
}

Result<CallResult> run_call(const RunOptions& options, std::unique_ptr<sandbox::Prestart> early,
                            std::shared_ptr<const sandbox::Policy>* used) {
  std::optional<RunRequest> request;
  if (!options.request.empty()) {
    const std::string text = TRY(read_run_request(options.request));
    request = TRY(parse_run_request(text));
  }
  const RunRequest* asked = request ? &*request : nullptr;
  const sandbox::Host host = TRY(this_host(options.policy));
  const auto policy =
      std::make_shared<const sandbox::Policy>(TRY(run_policy(options.policy, host, asked)));
  if (used != nullptr) *used = policy;
  const StopSignals signals = TRY(StopSignals::install());

  sandbox::Command command = TRY(make_command(options, asked, *policy));
  std::optional<StdinPump> pump;
  if (asked == nullptr) pump.emplace(TRY(StdinPump::start(command.stdin_pipe)));

  const bool kept = options.json || asked != nullptr;
  const std::shared_ptr<CallRelay> relay = TRY(
      CallRelay::make(kept ? CallRelay::Output::kKeep : CallRelay::Output::kStream, signals.fd()));
  const auto engine = sandbox::make_engine(engine_options(host), std::move(early));
  const auto began = std::chrono::system_clock::now();
  const auto call = TRY(engine->start(policy, std::move(command), relay->observer()));
  sandbox::Report report = relay->follow(*call);
  return CallResult{std::move(report), began, std::chrono::system_clock::now()};
}

int run(int argc, char** argv) {
  const bool json = wants_json(argc, argv);
  // The helper processes first: what they never had in memory cannot be taken from them.
  auto early = sandbox::prestart();
  if (!early) return answer(fail(early.error()), {}, json);
  const Result<RunOptions> options = parse(argc, argv);
  if (!options) return answer(fail(options.error()), {}, json);
  if (options->request_schema) {
    print_request_schema();
    return 0;
  }
  return answer(run_call(*options, *std::move(early)), *options, json);
}

int exit_code_of(const sandbox::Report& report, int stop_signal) {
  const bool stopped = stop_signal != 0 && report.ended_by == sandbox::EndedBy::kCancelled;
  // A shell passes on that its child was ended, by the TERM that we send whatever we get.
  const bool passed_on = report.exit_code == 128 + SIGTERM;
  if (stopped && (!report.exit_code || passed_on)) return 128 + stop_signal;
  if (report.setup_error) {
    if (report.setup_error->code != ErrorCode::kProgramNotStarted) return kMayflyFailed;
    return report.setup_error->os_errno == ENOENT ? 127 : 126;
  }
  if (report.ended_by == sandbox::EndedBy::kTimeout) return 124;
  if (report.signal) return 128 + *report.signal;
  return report.exit_code.value_or(kMayflyFailed);
}

}  // namespace mayfly::app
