#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <string>
#include <string_view>

#include "app/audit_commands.h"
#include "app/cache.h"
#include "app/config_commands.h"
#include "app/doctor.h"
#include "app/profile_commands.h"
#include "app/profile_options.h"
#include "app/run.h"
#include "app/serve.h"
#include "app/serve_options.h"
#include "sandbox/engine.h"
#include "tools/file_tasks.h"

namespace {

using namespace mayfly;

bool asks_for_help(int argc, char** argv) {
  char** const end = std::find(argv + 1, argv + argc, std::string_view("--"));
  return std::any_of(argv + 1, end, [](std::string_view word) {
    return word == "--help" || word == "-h" || word == "--version";
  });
}

// Help, the version, and what is wrong with a command line that names no subcommand.
int explain(int argc, char** argv) {
  app::ServeOptions serve_options;
  app::RunOptions run_options;
  CLI::App app("Mayfly: an MCP server whose every tool call runs in its own Linux sandbox.",
               "mayfly");
  app.set_version_flag("--version", std::string("mayfly ") + MAYFLY_VERSION);
  app.require_subcommand(1);
  CLI::App* serve = app.add_subcommand("serve", "Serve MCP on stdin and stdout.");
  add_serve_options(*serve, serve_options);
  CLI::App* run = app.add_subcommand(
      "run", "Run one command in a sandbox: mayfly run [options] -- CMD [ARG...]");
  add_run_options(*run, run_options);
  app::DoctorOptions doctor_options;
  add_doctor_options(*app.add_subcommand("doctor", "Say what this host can do for a sandbox."),
                     doctor_options);
  mayfly::app::add_cache_commands(
      *app.add_subcommand("cache", "Build caches kept for workspaces."));
  app::ProfileOptions profile_options;
  app::add_profile_commands(*app.add_subcommand("profile", "What sandboxes may do, and why."),
                            profile_options);
  app::ConfigOptions config_options;
  add_config_commands(*app.add_subcommand("config", "The server's configuration files."),
                      config_options);
  mayfly::app::AuditCommandOptions audit_options;
  mayfly::app::add_audit_commands(*app.add_subcommand("audit", "The log of calls and decisions."),
                          audit_options);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : 2;
  }
  return 2;
}

// A descriptor that we open must never get the number of a standard stream that our caller closed:
// a program's output would go there.
void fill_standard_streams() {
  while (true) {
    const int fd = ::open("/dev/null", O_RDWR);
    if (fd < 0) return;
    if (fd <= 2) continue;
    ::close(fd);
    return;
  }
}

// A soft limit of 1 024 is for programs that use select(2), of which this is none.
void raise_open_files() {
  struct rlimit files {};
  if (::getrlimit(RLIMIT_NOFILE, &files) != 0) return;
  files.rlim_cur = files.rlim_max;
  ::setrlimit(RLIMIT_NOFILE, &files);
}

}  // namespace

int main(int argc, char** argv) {
  fill_standard_streams();
  raise_open_files();
  if (const auto code = mayfly::sandbox::helper_main(argc, argv, mayfly::tools::file_tasks())) return *code;
  const std::string_view subcommand = argc > 1 ? argv[1] : "";
  if (!asks_for_help(argc, argv)) {
    if (subcommand == "serve") return mayfly::app::serve(argc, argv);
    if (subcommand == "run") return mayfly::app::run(argc, argv);
    if (subcommand == "doctor") return mayfly::app::doctor(argc, argv);
    if (subcommand == "cache") return mayfly::app::cache(argc, argv);
    if (subcommand == "profile") return mayfly::app::profile(argc, argv);
    if (subcommand == "audit") return mayfly::app::audit(argc, argv);
    if (subcommand == "config") return mayfly::app::config(argc, argv);
  }
  return explain(argc, argv);
}
