#include "app/serve.h"

#include <memory>
#include <mutex>
#include <utility>
#include <vector>

#include "app/audit_events.h"
#include "app/configuration.h"
#include "app/protocol_fds.h"
#include "app/serve_options.h"
#include "app/stop_signals.h"
#include "mcp/server.h"
#include "mcp/transport/stdio.h"
#include "sandbox/engine.h"
#include "settings/file_watch.h"
#include "tools/briefing.h"
#include "tools/offered_profiles.h"
#include "tools/resources.h"
#include "tools/toolset.h"
#include "tools/workbench.h"

namespace mayfly::app {
namespace {

using tools::OfferedProfiles;

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

// What models are told, as of the latest reading.
class CurrentBriefing {
 public:
  tools::Briefing get() const {
    const std::lock_guard lock(mutex_);
    return briefing_;
  }
  void set(tools::Briefing briefing) {
    const std::lock_guard lock(mutex_);
    briefing_ = std::move(briefing);
  }

 private:
  mutable std::mutex mutex_;
  tools::Briefing briefing_;
};

// Everything that a good configuration comes to. Members in the order of their making: the
// workbench uses the profiles, and its calls the trail until the last has ended.
struct Service {
  std::shared_ptr<Configuration> configuration;
  ServerConfig in_force;
  std::unique_ptr<tools::AuditTrail> trail;  // null without an audit log
  std::unique_ptr<BackgroundThread> probing = std::make_unique<BackgroundThread>();
  std::shared_ptr<CurrentBriefing> briefing = std::make_shared<CurrentBriefing>();
  std::unique_ptr<OfferedProfiles> profiles;
  std::unique_ptr<tools::Workbench> bench;
};

Result<Service> make_service(ServeOptions options, std::unique_ptr<sandbox::Prestart> early) {
  Service service;
  service.configuration = std::make_shared<Configuration>(std::move(options));
  const auto& configuration = service.configuration;
  std::vector<settings::FileMark> marks;
  tools::ProfileSet offered = TRY(configuration->load(marks));
  if (offered.refusal) return fail(*std::move(offered.refusal));
  std::vector<sandbox::Policy> previews;
  for (const auto& each : offered.profiles) previews.push_back(TRY(configuration->preview(each)));
  service.in_force = configuration->latest();
  const tools::WorkbenchOptions wanted = configuration->workbench_options();
  service.briefing->set(tools::make_briefing(previews, wanted.max_wait));
  if (const auto& audit = configuration->audit()) {
    service.trail = TRY(tools::AuditTrail::open(*audit));
    record_start(service.trail.get(), service.in_force, previews);
    record_host(service.trail.get(), *service.probing);
  }
  service.profiles = std::make_unique<OfferedProfiles>(
      std::move(offered),
      [configuration](std::vector<settings::FileMark>& seen) { return configuration->load(seen); },
      [configuration](const tools::OfferedProfile& each) { return configuration->resolve(each); },
      log_line);
  service.profiles->when_not_taken([trail = service.trail.get()](const std::string& why) {
    record_refused_reload(trail, why);
  });
  service.bench = std::make_unique<tools::Workbench>(
      *service.profiles, sandbox::make_engine(configuration->engine_options(), std::move(early)),
      wanted);
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
  if (!service) {
    options.startup_error = service.error();
    const std::string instructions =
        "Mayfly runs nothing until its configuration is corrected: " + describe(service.error());
    return mcp::Server::make(
        {.name = "mayfly", .title = "Mayfly", .version = MAYFLY_VERSION, .website = ""},
        [instructions] { return instructions; }, tools::make_toolset({}, nullptr), options);
  }
  options.era = service->in_force.era->value;
  options.resources = tools::make_resources(*service->bench);
  options.witness = service->trail.get();
  return mcp::Server::make(
      {.name = "mayfly", .title = "Mayfly", .version = MAYFLY_VERSION, .website = ""},
      [briefing = service->briefing] { return tools::instructions(briefing->get()); },
      tools::make_toolset(service->briefing->get(), service->bench.get()), options);
}

// What was read again holds for later requests, as far as it can.
void take(Service& service, mcp::Server& server, const Policies& policies) {
  const Configuration& configuration = *service.configuration;
  for (const std::string& what : configuration.for_the_next_start(service.in_force)) {
    log_line(what + " changed, which takes effect at the next start");
  }
  service.in_force = configuration.latest();
  record_reload(service.trail.get(), service.in_force, policies);
  const tools::WorkbenchOptions wanted = configuration.workbench_options();
  service.bench->set_options(wanted);
  if (policies.empty()) return;  // calls are refused: what is told stays
  std::vector<sandbox::Policy> described;
  for (const auto& policy : policies) described.push_back(*policy);
  const tools::Briefing briefing = tools::make_briefing(described, wanted.max_wait);
  service.briefing->set(briefing);
  if (auto replaced = server.replace_tools(tools::make_toolset(briefing, service.bench.get()));
      !replaced) {
    log_line(describe(replaced.error()));
  }
}

Result<std::unique_ptr<settings::FileWatch>> watch(OfferedProfiles& profiles, int reload_fd) {
  return settings::FileWatch::start(
      reload_fd,
      [&profiles](settings::FileWatch::Why why) {
        profiles.refresh(why == settings::FileWatch::Why::kAsked
                             ? OfferedProfiles::When::kAlways
                             : OfferedProfiles::When::kIfChanged);
        return profiles.state().files;
      },
      [](const Error& error) {
        log_line("changed files are noticed with the next call only: " + describe(error));
      });
}

// The outcome of a server that nothing can be said through any more.
int give_up(const Error& error) {
  log_line(describe(error));
  return 1;
}

}  // namespace

int serve(int argc, char** argv) {
  auto fds = take_protocol_fds();
  if (!fds) return give_up(fds.error());
  Result<Service> service = start(argc, argv);
  if (!service) log_line(describe(service.error()));
  const auto signals = StopSignals::install(StopSignals::Hangup::kReloads);
  if (!signals) return give_up(signals.error());
  auto server = make_server(service);
  if (!server) return give_up(server.error());
  std::unique_ptr<settings::FileWatch> watching;
  if (service) {
    service->profiles->when_taken([&service, running = server->get()](const Policies& policies) {
      take(*service, *running, policies);
    });
    auto started = watch(*service->profiles, signals->reload_fd());
    if (!started) return give_up(started.error());
    watching = *std::move(started);
  }

  mcp::StdioOptions stdio;
  stdio.stop_fd = signals->fd();
  const auto end = mcp::serve_stdio(**server, std::move(fds->input), std::move(fds->output), stdio);
  if (!end) return give_up(end.error());
  // A handler that hangs would be waited for; its calls end with the workbench all the same.
  if (end->unfinished_calls > 0) static_cast<void>(server->release());
  return 0;
}

}  // namespace mayfly::app
