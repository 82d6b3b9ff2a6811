#include "app/run.h"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <optional>
#include <utility>

#include "app/call_relay.h"
#include "app/profile_source.h"
#include "app/run_report.h"
#include "app/stdin_pump.h"
#include "app/stop_signals.h"
#include "base/text.h"
#include "sandbox/engine.h"

namespace mayfly::app {
namespace {

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
    return fail(input_error(ErrorCode::kInvalidConfiguration, "command line", "", error.what(),
                            "mayfly run --help lists the options; the command follows --"));
  }
  if (options.command.empty()) {
    return fail(input_error(ErrorCode::kInvalidConfiguration, "command line", "",
                            "there is no command", "mayfly run [options] -- CMD [ARG...]"));
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

Result<sandbox::Report> run_call(RunOptions options, std::unique_ptr<sandbox::Prestart> early) {
  const sandbox::Host host = TRY(this_host(options.policy));
  const ProfileSource source(profile_names(options.policy), TRY(options_layer(options.policy)),
                             host);
  std::vector<settings::FileMark> marks;
  const tools::ProfileSet wanted = TRY(source.load(marks));
  const auto policy =
      std::make_shared<const sandbox::Policy>(TRY(source.resolve(wanted.profiles.front())));
  const StopSignals signals = TRY(StopSignals::install());

  sandbox::Command command;
  command.argv = std::move(options.command);
  command.cwd = options.cwd.empty() ? cwd_in(*policy) : options.cwd;
  if (!command.cwd.empty() && command.cwd.front() != '/') {
    command.cwd = policy->workspaces.front().path + "/" + command.cwd;
  }
  command.limits = policy->limits;
  const StdinPump pump = TRY(StdinPump::start(command.stdin_pipe));

  const std::shared_ptr<CallRelay> relay = TRY(CallRelay::make(
      options.json ? CallRelay::Output::kKeep : CallRelay::Output::kStream, signals.fd()));
  const auto engine = sandbox::make_engine(engine_options(host), std::move(early));
  const auto call = TRY(engine->start(policy, std::move(command), relay->observer()));
  return relay->follow(*call);
}

Result<sandbox::Report> start(int argc, char** argv, RunOptions& options) {
  auto early = TRY(sandbox::prestart());
  options = TRY(parse(argc, argv));
  return run_call(options, std::move(early));
}

// --json must show in the form of an answer, also when the options could not be read.
bool wants_json(int argc, char** argv) {
  const auto end = std::find(argv + 1, argv + argc, std::string_view("--"));
  return std::find(argv + 1, end, std::string_view("--json")) != end;
}

}  // namespace

void add_run_options(CLI::App& command, RunOptions& options) {
  add_policy_options(command, options.policy);
  command.add_option("--cwd", options.cwd, "where the command starts (default: here, if visible)")
      ->option_text("DIR");
  command.add_flag("--json", options.json,
                   "print one JSON object: the full receipt, with stdout and stderr inside");
  command.add_flag("-q,--quiet", options.quiet, "no receipt lines on stderr; errors only");
  refuse_empty_values(command);
}

int run(int argc, char** argv) {
  const bool json = wants_json(argc, argv);
  RunOptions options;
  const Result<sandbox::Report> report = start(argc, argv, options);
  if (!report) {
    json ? print_json(report.error()) : print_error(report.error());
    return kMayflyFailed;
  }
  if (json) {
    print_json(*report);
  } else if (report->setup_error) {
    print_error(*report->setup_error);
  } else if (!options.quiet) {
    print_findings(*report);
  }
  return exit_code_of(*report);
}

int exit_code_of(const sandbox::Report& report) {
  if (report.setup_error) {
    if (report.setup_error->code != ErrorCode::kProgramNotStarted) return kMayflyFailed;
    return report.setup_error->os_errno == ENOENT ? 127 : 126;
  }
  if (report.ended_by == sandbox::EndedBy::kTimeout) return 124;
  if (report.signal) return 128 + *report.signal;
  return report.exit_code.value_or(kMayflyFailed);
}

}  // namespace mayfly::app
