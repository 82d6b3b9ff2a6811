#include "app/serve.h"

#include <charconv>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "app/profile_source.h"
#include "app/protocol_fds.h"
#include "app/stop_signals.h"
#include "base/text.h"
#include "mcp/server.h"
#include "mcp/transport/stdio.h"
#include "sandbox/engine.h"
#include "tools/briefing.h"
#include "tools/offered_profiles.h"
#include "tools/toolset.h"
#include "tools/workbench.h"

namespace mayfly::app {
namespace {

Result<ServeOptions> parse(int argc, char** argv) {
  ServeOptions options;
  CLI::App command("", "mayfly serve");
  add_serve_options(command, options);
  try {
    command.parse(argc - 1, argv + 1);
  } catch (const CLI::ParseError& error) {
    return fail(input_error(ErrorCode::kInvalidConfiguration, "command line", "", error.what(),
                            "mayfly serve --help lists the options"));
  }
  return options;
}

Error bad_choice(const char* option, const std::string& value, const char* choices) {
  return input_error(ErrorCode::kInvalidConfiguration, option, value, "is not known",
                     std::string("choose ") + choices);
}

Result<mcp::EraOption> era_of(const ServeOptions& options) {
  if (options.era == "auto") return mcp::EraOption::kAuto;
  if (options.era == "legacy") return mcp::EraOption::kLegacy;
  if (options.era == "modern") return mcp::EraOption::kModern;
  return fail(bad_choice("--era", options.era, "auto, legacy or modern"));
}

// Places for calls: a small number, given in digits.
Result<int> places(const char* option, const std::string& value, int low) {
  constexpr int kMost = 4096;
  int number = 0;
  const char* end = value.data() + value.size();
  const auto parsed = std::from_chars(value.data(), end, number);
  if (parsed.ec != std::errc() || parsed.ptr != end || number < low || number > kMost) {
    return fail(
        input_error(ErrorCode::kInvalidConfiguration, option, value,
                    "is not a number from " + std::to_string(low) + " to " + std::to_string(kMost),
                    "give digits only"));
  }
  return number;
}

Result<sandbox::EngineOptions> places_of(const ServeOptions& options, sandbox::EngineOptions out) {
  if (!options.max_calls.empty()) out.max_calls = TRY(places("--max-calls", options.max_calls, 1));
  if (!options.max_queued.empty()) {
    out.max_queued = TRY(places("--max-queued", options.max_queued, 0));
  }
  return out;
}

Result<tools::WorkbenchOptions> workbench_options(const ServeOptions& options) {
  tools::WorkbenchOptions out;
  if (options.receipt == "full") {
    out.receipt = tools::ReceiptForm::kFull;
  } else if (options.receipt != "lean") {
    return fail(bad_choice("--receipt", options.receipt, "lean or full"));
  }
  if (!options.wait_ms.empty()) {
    long wait = 0;
    const char* end = options.wait_ms.data() + options.wait_ms.size();
    const auto parsed = std::from_chars(options.wait_ms.data(), end, wait);
    if (parsed.ec != std::errc() || parsed.ptr != end || wait < 1 || wait > 24 * 3'600'000) {
      return fail(input_error(ErrorCode::kInvalidConfiguration, "--wait-ms", options.wait_ms,
                              "is not a number of milliseconds up to a day", "give digits only"));
    }
    out.max_wait = milliseconds{wait};
  }
  return out;
}

// Everything that a good configuration comes to. Members in the order of their making: the
// workbench uses the profiles.
struct Service {
  mcp::EraOption era = mcp::EraOption::kAuto;
  tools::Briefing briefing;
  std::unique_ptr<tools::OfferedProfiles> profiles;
  std::unique_ptr<tools::Workbench> bench;
};

Result<Service> make_service(const ServeOptions& options,
                             std::unique_ptr<sandbox::Prestart> early) {
  Service service;
  service.era = TRY(era_of(options));
  const tools::WorkbenchOptions wanted = TRY(workbench_options(options));
  const sandbox::Host host = TRY(this_host(options.policy));
  const ProfileSource source = TRY(profile_source(options.policy, host));
  std::vector<settings::FileMark> marks;
  tools::ProfileSet offered = TRY(source.load(marks));
  const sandbox::EngineOptions engine = TRY(places_of(options, engine_options(host)));
  std::vector<sandbox::Policy> previews;
  for (const auto& each : offered.profiles) previews.push_back(TRY(source.preview(each)));
  service.briefing = tools::make_briefing(previews, wanted.max_wait);
  service.profiles = std::make_unique<tools::OfferedProfiles>(
      std::move(offered),
      [source](std::vector<settings::FileMark>& seen) { return source.load(seen); },
      [source](const tools::OfferedProfile& each) { return source.resolve(each); }, log_line);
  service.bench = std::make_unique<tools::Workbench>(
      *service.profiles, sandbox::make_engine(engine, std::move(early)), wanted);
  return service;
}

// The helper processes first: what they never had in memory cannot be taken from them.
Result<Service> start(int argc, char** argv) {
  auto early = TRY(sandbox::prestart());
  return make_service(TRY(parse(argc, argv)), std::move(early));
}

Result<std::unique_ptr<mcp::Server>> make_server(const Result<Service>& service) {
  mcp::ServerOptions options;
  options.log = log_line;
  tools::Briefing briefing;
  std::string instructions;
  if (service) {
    options.era = service->era;
    briefing = service->briefing;
    instructions = tools::instructions(briefing);
  } else {
    options.startup_error = service.error();
    instructions =
        "Mayfly runs nothing until its configuration is corrected: " + describe(service.error());
  }
  return mcp::Server::make(
      {.name = "mayfly", .title = "Mayfly", .version = MAYFLY_VERSION, .website = ""},
      [instructions] { return instructions; },
      tools::make_toolset(briefing, service ? service->bench.get() : nullptr), options);
}

// The outcome of a server that nothing can be said through any more.
int give_up(const Error& error) {
  log_line(describe(error));
  return 1;
}

}  // namespace

void add_serve_options(CLI::App& command, ServeOptions& options) {
  add_policy_options(command, options.policy);
  command.add_option("--era", options.era, "MCP revisions to speak (default auto: all)")
      ->option_text("auto|legacy|modern");
  command.add_option("--receipt", options.receipt, "how much each answer says (default lean)")
      ->option_text("lean|full");
  command
      .add_option("--wait-ms", options.wait_ms,
                  "how long a request waits before its command becomes a job (default 45000: "
                  "most clients give up after 60 s)")
      ->option_text("N");
  command.add_option("--max-calls", options.max_calls, "calls that run at once (default 64)")
      ->option_text("N");
  command
      .add_option("--max-queued", options.max_queued,
                  "calls that wait for a place, all clients together (default 64)")
      ->option_text("N");
  refuse_empty_values(command);
}

int serve(int argc, char** argv) {
  auto fds = take_protocol_fds();
  if (!fds) return give_up(fds.error());
  const Result<Service> service = start(argc, argv);
  if (!service) log_line(describe(service.error()));
  const auto signals = StopSignals::install();
  if (!signals) return give_up(signals.error());
  auto server = make_server(service);
  if (!server) return give_up(server.error());

  mcp::StdioOptions stdio;
  stdio.stop_fd = signals->fd();
  const auto end = mcp::serve_stdio(**server, std::move(fds->input), std::move(fds->output), stdio);
  if (!end) return give_up(end.error());
  // A handler that hangs would be waited for; its calls end with the workbench all the same.
  if (end->unfinished_calls > 0) static_cast<void>(server->release());
  return 0;
}

}  // namespace mayfly::app
