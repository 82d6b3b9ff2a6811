// Loads and resolves every shipped profile, and starts /usr/bin/true, in turn in the same rounds,
// so that a busy machine disturbs both alike. Prints medians.

#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <vector>

#include "sandbox/policy.h"
#include "sandbox/profile_store.h"
#include "sandbox/shipped_profiles.h"

extern char** environ;

namespace mayfly::sandbox {
namespace {

template <typename Action>
double timed(Action action) {
  const auto start = std::chrono::steady_clock::now();
  action();
  return std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - start)
      .count();
}

double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

void spawn() {
  pid_t pid = 0;
  char name[] = "true";
  char* arguments[] = {name, nullptr};
  if (::posix_spawn(&pid, "/usr/bin/true", nullptr, nullptr, arguments, environ) != 0) std::abort();
  ::waitpid(pid, nullptr, 0);
}

Host this_host(const std::string& workspace) {
  Host host;
  host.user = host_user(::getuid());
  host.workspaces = {workspace};
  for (char** each = environ; *each != nullptr; ++each) {
    const std::string text = *each;
    host.environment.emplace_back(text.substr(0, text.find('=')), text.substr(text.find('=') + 1));
  }
  return host;
}

int run(int rounds) {
  std::string workspace = "/tmp/mayfly-bench-XXXXXX";
  if (::mkdtemp(workspace.data()) == nullptr) return 1;
  const Host host = this_host(workspace);
  const ProfileStore store(profile_places(host.user));
  std::vector<double> loads, resolves, spawns;
  double first = 0;
  for (int round = 0; round < rounds; ++round) {
    std::vector<Profile> profiles;
    const double load = timed([&] {
      for (const std::string& name : shipped_profiles()) {
        profiles.push_back(store.load(name).value().profile);
      }
    });
    const double resolved = timed([&] {
      for (const Profile& profile : profiles) {
        if (!resolve(profile, host)) std::abort();
      }
    });
    if (round == 0) first = load + resolved;
    loads.push_back(load);
    resolves.push_back(resolved);
    spawns.push_back(timed(spawn));
  }
  std::filesystem::remove_all(workspace);
  const double all = median(loads) + median(resolves);
  std::printf("first load and resolve %7.2f ms, all shipped profiles\n", first);
  std::printf("load                   %7.2f ms, median of %d\n", median(loads), rounds);
  std::printf("resolve                %7.2f ms\n", median(resolves));
  std::printf("posix_spawn            %7.2f ms\n", median(spawns));
  std::printf("load and resolve       %7.2f ms, ratio %.1f\n", all, all / median(spawns));
  return 0;
}

}  // namespace
}  // namespace mayfly::sandbox

int main(int count, char** arguments) {
  const int rounds = count > 1 ? std::atoi(arguments[1]) : 200;
  return mayfly::sandbox::run(std::max(rounds, 1));
}
