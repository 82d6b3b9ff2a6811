#include "sandbox/linux/cgroup_keeper.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "base/sys.h"
#include "base/text.h"
#include "sandbox/linux/cgroup_sweep.h"
#include "sandbox/linux/cgroup_text.h"

namespace mayfly::sandbox {
namespace {

constexpr milliseconds kPatience(200);
constexpr int kRetryMs = 50;
constexpr int kAnswerMs = 5000;

bool readable(int fd, int timeout_ms) {
  struct pollfd wanted {
    fd, POLLIN, 0
  };
  int ready = 0;
  do {
    ready = ::poll(&wanted, 1, timeout_ms);
  } while (ready < 0 && errno == EINTR);
  return ready > 0;
}

// The first line: "v2 memory pids". One line for each group; the descriptors are the locks in the
// same order.
std::string encode(const Subtree& subtree) {
  std::string text = subtree.version == CgroupVersion::kV2 ? "v2" : "v1";
  for (const std::string& controller : subtree.enabled) text += " " + controller;
  for (const LockedGroup& group : subtree.groups) text += "\n" + group.path;
  return text;
}

std::optional<Subtree> decode(sys::Message& message) {
  const std::vector<std::string> lines = text::split(message.data, '\n');
  if (lines.size() < 2 || message.fds.size() + 1 != lines.size()) return std::nullopt;
  Subtree subtree;
  subtree.enabled = parse_words(lines[0]);
  if (subtree.enabled.empty()) return std::nullopt;
  subtree.version = subtree.enabled.front() == "v2" ? CgroupVersion::kV2 : CgroupVersion::kV1;
  subtree.enabled.erase(subtree.enabled.begin());
  for (std::size_t i = 1; i < lines.size(); ++i) {
    subtree.groups.push_back({lines[i], std::move(message.fds[i - 1])});
  }
  return subtree;
}

// The keeper sits in the leaf too. If the group above does not take it back, then because someone
// else passes controllers on from there; nothing more can be done.
bool alone_in_leaf(const Subtree& subtree) {
  if (subtree.version != CgroupVersion::kV2) return false;
  const std::string& ours = subtree.groups.front().path;
  const auto below = groups_below(ours);
  return below == std::vector<std::string>{kServerLeaf} &&
         processes_in(ours + "/" + kServerLeaf) == std::vector<pid_t>{::getpid()};
}

void remove_all(const Subtree& subtree, int server) {
  while (true) {
    const bool dead = readable(server, 0);
    const Server state = dead ? Server::kDead : Server::kAlive;
    if (dissolve(subtree, state, Clock::now() + kPatience)) return;
    if (dead && alone_in_leaf(subtree)) return;
    (void)readable(dead ? -1 : server, kRetryMs);
  }
}

// Removes what a server has half made below `parents`, by the names it said it would use. One whose
// lock another server's sweep holds at this moment is tried again: that server may die too.
void remove_half_made(const std::string& prefix, const std::vector<std::string>& parents) {
  constexpr int kTries = 20;
  for (int attempt = 0; attempt < kTries; ++attempt) {
    bool gone = true;
    for (const std::string& parent : parents) {
      (void)sweep(parent);
      for (const std::string& name : groups_below(parent)) gone = gone && !name.starts_with(prefix);
    }
    if (gone) return;
    (void)readable(-1, kRetryMs);
  }
}

}  // namespace

int keeper_main(OwnedFd control) {
  ::prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
  ::prctl(PR_SET_NAME, kKeeperName, 0, 0, 0);
  const auto plan = sys::receive_message(control.get());
  if (!plan || plan->fds.empty()) return 1;
  const OwnedFd& server = plan->fds.front();
  // The prefix of the names, and where.
  std::vector<std::string> lines = text::split(plan->data, '\n');
  const std::string prefix = lines.front();
  lines.erase(lines.begin());
  auto first = sys::receive_message(control.get());
  if (!first || first->data.empty()) {
    // The server died with its groups half made, or has given up and removed them. Its locks go a
    // little later than its sockets.
    (void)readable(server.get(), static_cast<int>(kPatience.count()));
    remove_half_made(prefix, lines);
    return 1;
  }
  const auto subtree = decode(*first);
  if (!subtree || !sys::send_message(control.get(), "ready")) return 1;

  std::vector<std::string> left;
  while (true) {
    std::erase_if(left, [](const std::string& group) { return remove_group(group, Clock::now()); });
    if (!readable(control.get(), left.empty() ? -1 : kRetryMs)) continue;
    auto message = sys::receive_message(control.get());
    if (!message || message->data.empty()) break;
    left.push_back(message->data);
  }
  remove_all(*subtree, server.get());
  return 0;
}

Result<std::unique_ptr<Keeper>> Keeper::start(const std::vector<std::string>& parents) {
  const OwnedFd program = TRY(sys::open("/proc/self/exe", O_RDONLY));
  std::unique_ptr<Keeper> keeper(new Keeper(TRY(spawn_helper(kKeeperName, program))));
  const OwnedFd self = TRY(sys::pidfd_open(::getpid()));
  const int fd = self.get();
  TRY(sys::send_message(keeper->process_.control.get(),
                        own_prefix() + "\n" + text::join(parents, "\n"),
                        std::span<const int>(&fd, 1)));
  return keeper;
}

Status Keeper::take_over(const Subtree& subtree) {
  std::vector<int> fds;
  for (const LockedGroup& group : subtree.groups) fds.push_back(group.lock.get());
  const int control = process_.control.get();
  TRY(sys::send_message(control, encode(subtree), fds));
  if (!readable(control, kAnswerMs)) return fail(system_error("wait for the keeper", ETIMEDOUT));
  const auto answer = TRY(sys::receive_message(control));
  if (answer.data != "ready") return fail(system_error("wait for the keeper", ECHILD));
  return {};
}

Keeper::~Keeper() {
  process_.control.reset();
  // It has to wait for a process that does not die: then it stays behind.
  constexpr int kPatienceMs = 1000;
  if (!readable(process_.pidfd.get(), kPatienceMs)) return;
  siginfo_t info{};
  while (::waitid(P_PIDFD, static_cast<id_t>(process_.pidfd.get()), &info, WEXITED) < 0 &&
         errno == EINTR) {
  }
}

void Keeper::remove_later(const std::string& group) {
  (void)sys::send_message(process_.control.get(), group);
}

}  // namespace mayfly::sandbox
