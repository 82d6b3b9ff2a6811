#include "sandbox/linux/cgroup_scope.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "base/clock.h"
#include "base/sys.h"
#include "base/text.h"
#include "sandbox/linux/cgroup_files.h"

namespace mayfly::sandbox {
namespace {

constexpr milliseconds kDeadline(2000);

int left_ms(TimePoint deadline) {
  const auto left = std::chrono::duration_cast<milliseconds>(deadline - Clock::now());
  return static_cast<int>(std::max<milliseconds::rep>(left.count(), 0));
}

std::string own_groups() { return read_group_file("/proc/self", "cgroup").value_or(""); }

// Clients start servers with few variables; the user's bus has a fixed place.
std::vector<std::string> bus_environment() {
  std::vector<std::string> variables;
  bool has_runtime_dir = false;
  for (char** variable = environ; *variable != nullptr; ++variable) {
    variables.emplace_back(*variable);
    has_runtime_dir = has_runtime_dir || variables.back().starts_with("XDG_RUNTIME_DIR=");
  }
  if (!has_runtime_dir) {
    variables.push_back("XDG_RUNTIME_DIR=/run/user/" + std::to_string(::geteuid()));
  }
  return variables;
}

std::vector<char*> pointers(std::vector<std::string>& words) {
  std::vector<char*> found;
  for (std::string& word : words) found.push_back(word.data());
  found.push_back(nullptr);
  return found;
}

Result<pid_t> spawn(std::vector<std::string> words, int output) {
  posix_spawn_file_actions_t actions;
  ::posix_spawn_file_actions_init(&actions);
  ::posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
  ::posix_spawn_file_actions_adddup2(&actions, output, 1);
  ::posix_spawn_file_actions_adddup2(&actions, output, 2);
  posix_spawnattr_t attributes;
  ::posix_spawnattr_init(&attributes);
  sigset_t signals;
  sigemptyset(&signals);
  ::posix_spawnattr_setsigmask(&attributes, &signals);
  sigfillset(&signals);
  ::posix_spawnattr_setsigdefault(&attributes, &signals);
  ::posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
  std::vector<std::string> variables = bus_environment();
  pid_t pid = 0;
  const int failed = ::posix_spawn(&pid, words[0].c_str(), &actions, &attributes,
                                   pointers(words).data(), pointers(variables).data());
  ::posix_spawnattr_destroy(&attributes);
  ::posix_spawn_file_actions_destroy(&actions);
  if (failed != 0) return fail(system_error("posix_spawn " + words[0], failed));
  return pid;
}

// Its output until it closes that or time is over; then it is killed if need be, and reaped.
struct Outcome {
  int status = 0;
  std::string output;
};
Outcome finish(pid_t pid, int output, TimePoint deadline) {
  Outcome outcome;
  bool in_time = false;
  struct pollfd ready {
    output, POLLIN, 0
  };
  while (::poll(&ready, 1, left_ms(deadline)) > 0) {
    char buffer[1024];
    const ssize_t got = ::read(output, buffer, sizeof buffer);
    in_time = got == 0;
    if (got <= 0) break;
    if (outcome.output.size() < 4096) {
      outcome.output.append(buffer, static_cast<std::size_t>(got));
    }
  }
  if (!in_time) {
    ::kill(pid, SIGKILL);
    outcome.output += " (no answer in time)";
  }
  while (::waitpid(pid, &outcome.status, 0) < 0 && errno == EINTR) {
  }
  return outcome;
}

Error refused(const std::string& why) {
  Error error;
  error.message = "systemd gave no scope: " + why;
  return error;
}

}  // namespace

std::vector<std::string> scope_request(Systemd systemd, const std::string& scope,
                                       const std::vector<pid_t>& pids) {
  std::vector<std::string> words = {systemd == Systemd::kUser ? "--user" : "--system",
                                    "call",
                                    "org.freedesktop.systemd1",
                                    "/org/freedesktop/systemd1",
                                    "org.freedesktop.systemd1.Manager",
                                    "StartTransientUnit",
                                    "ssa(sv)a(sa(sv))",
                                    scope,
                                    "fail",
                                    "4"};
  const auto add = [&](std::initializer_list<std::string> more) {
    words.insert(words.end(), more);
  };
  add({"Description", "s", "Mayfly's sandboxes"});
  add({"Delegate", "b", "true"});
  add({"CollectMode", "s", "inactive-or-failed"});
  add({"PIDs", "au", std::to_string(pids.size())});
  for (const pid_t pid : pids) words.push_back(std::to_string(pid));
  add({"0"});  // no auxiliary units
  return words;
}

std::string find_busctl() {
  for (const char* path : {"/usr/bin/busctl", "/bin/busctl", "/run/current-system/sw/bin/busctl"}) {
    if (::access(path, X_OK) == 0) return path;
  }
  return {};
}

Status enter_scope(const std::string& busctl, const std::vector<pid_t>& pids) {
  const TimePoint deadline = Clock::now() + kDeadline;
  const Systemd systemd = ::geteuid() == 0 ? Systemd::kSystem : Systemd::kUser;
  const std::string scope = "mayfly-" + std::to_string(::getpid()) + ".scope";
  std::vector<std::string> words = scope_request(systemd, scope, pids);
  words.insert(words.begin(), busctl);
  const std::string before = own_groups();

  sys::Pipe output = TRY(sys::pipe());
  const pid_t pid = TRY(spawn(std::move(words), output.write.get()));
  output.write.reset();
  const Outcome outcome = finish(pid, output.read.get(), deadline);
  if (outcome.status != 0) {
    return fail(refused(text::shorten(text::one_line(outcome.output), 200)));
  }
  // The answer says that a job is queued. Nothing can be waited on for its end but the bus, or
  // this.
  while (own_groups() == before) {
    if (Clock::now() >= deadline) return fail(refused("its job did not end in time"));
    ::poll(nullptr, 0, 2);
  }
  return {};
}

}  // namespace mayfly::sandbox
