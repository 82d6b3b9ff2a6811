#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>

#include <cerrno>

#include "sandbox/host_probe.h"

extern char** environ;

namespace mayfly::sandbox {
namespace {

// What /usr/bin/true comes to under `profile`.
int run_under(const char* profile) {
  const char* const argv[] = {"sandbox-exec", "-p", profile, "/usr/bin/true", nullptr};
  posix_spawn_file_actions_t actions;
  ::posix_spawn_file_actions_init(&actions);
  ::posix_spawn_file_actions_addopen(&actions, 2, "/dev/null", O_WRONLY, 0);
  pid_t pid = -1;
  const int failed = ::posix_spawn(&pid, "/usr/bin/sandbox-exec", &actions, nullptr,
                                   const_cast<char* const*>(argv), environ);
  ::posix_spawn_file_actions_destroy(&actions);
  if (failed != 0) return -1;
  int status = 0;
  while (::waitpid(pid, &status, 0) < 0 && errno == EINTR) {
  }
  return status;
}

}  // namespace

std::vector<Probe> probe_host() {
  Probe full;
  full.id = "namespaces";
  full.name = "namespaces";
  full.state = Probe::State::kMissing;
  full.detail = "macOS has none";
  full.needed = "tier full";
  full.remedy = "Run Mayfly on Linux, or use a profile that accepts a weaker tier";
  full.tiers = {Tier::kFull};
  Probe seatbelt;
  seatbelt.id = "seatbelt";
  seatbelt.name = "Seatbelt";
  seatbelt.needed = "every sandbox";
  const bool works = run_under("(version 1)(allow default)") == 0 &&
                     run_under("(version 1)(allow default)(deny process-exec*)") != 0;
  seatbelt.state = works ? Probe::State::kWorks : Probe::State::kMissing;
  seatbelt.detail = works ? "sandbox-exec ran a program, and denied one"
                          : "sandbox-exec did not do as its profile said";
  if (!works) seatbelt.remedy = "Start Mayfly outside of any other sandbox";
  seatbelt.tiers = {Tier::kFull, Tier::kLandlock};
  return {full, seatbelt};
}

}  // namespace mayfly::sandbox
