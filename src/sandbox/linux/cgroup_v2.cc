#include <fcntl.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>

#include "base/sys.h"
#include "base/text.h"
#include "sandbox/linux/cgroup_backends.h"
#include "sandbox/linux/cgroup_files.h"
#include "sandbox/linux/cgroup_keeper.h"
#include "sandbox/linux/cgroup_subtree.h"
#include "sandbox/linux/cgroup_sweep.h"

namespace mayfly::sandbox {
namespace {

constexpr std::uint64_t kPeriodUs = 100'000;
constexpr milliseconds kPatience(50);
constexpr std::array kControllers = {"memory", "pids", "cpu", "io"};

std::string quota(std::uint64_t percent) {
  return std::to_string(std::max<std::uint64_t>(percent * kPeriodUs / 100, 1000)) + " " +
         std::to_string(kPeriodUs);
}

std::string device_name(dev_t device) {
  return std::to_string(major(device)) + ":" + std::to_string(minor(device));
}

class CallGroupV2 final : public CallCgroup {
 public:
  CallGroupV2(std::string path, OwnedFd dir, std::shared_ptr<Keeper> keeper)
      : path_(std::move(path)), dir_(std::move(dir)), keeper_(std::move(keeper)) {
    watch();
  }
  ~CallGroupV2() override {
    if (!remove_group(path_, Clock::now() + kPatience)) keeper_->remove_later(path_);
  }

  Status set_limits(const CgroupLimits& limits) override;
  int directory() const override { return dir_.get(); }
  Status attach(pid_t pid) override { return move_into(path_, pid); }
  int event_fd() const override { return events_.get(); }
  CgroupEvents take_events() override;
  CgroupUsage usage() const override;
  microseconds cpu_time() const override {
    const std::string text = read_group_file(path_, "cpu.stat").value_or("");
    return microseconds(parse_keyed(text, "usage_usec").value_or(0));
  }
  void kill() override { kill_group(path_); }
  std::vector<pid_t> processes() const override { return processes_in(path_); }

 private:
  void watch();

  std::string path_;
  OwnedFd dir_;
  OwnedFd memory_events_;
  OwnedFd pids_events_;
  OwnedFd events_;  // an epoll of the two
  std::uint64_t seen_kills_ = 0;
  std::uint64_t seen_refusals_ = 0;
  std::shared_ptr<Keeper> keeper_;
};

void CallGroupV2::watch() {
  const auto open_file = [&](const char* name) {
    return OwnedFd(::openat(dir_.get(), name, O_RDONLY | O_CLOEXEC));
  };
  memory_events_ = open_file("memory.events");
  pids_events_ = open_file("pids.events");
  events_.reset(::epoll_create1(EPOLL_CLOEXEC));
  for (const OwnedFd* file : {&memory_events_, &pids_events_}) {
    if (!file->valid()) continue;
    // kernfs reports a change since the last read as exceptional; readable it is always.
    epoll_event wanted{EPOLLPRI, {}};
    ::epoll_ctl(events_.get(), EPOLL_CTL_ADD, file->get(), &wanted);
  }
  (void)take_events();
}

CgroupEvents CallGroupV2::take_events() {
  CgroupEvents events;
  if (memory_events_.valid()) {
    const std::uint64_t kills = parse_keyed(reread(memory_events_.get()), "oom_kill").value_or(0);
    events.out_of_memory = kills > seen_kills_;
    seen_kills_ = kills;
  }
  if (pids_events_.valid()) {
    const std::uint64_t refusals = parse_keyed(reread(pids_events_.get()), "max").value_or(0);
    events.refused_fork = refusals > seen_refusals_;
    seen_refusals_ = refusals;
  }
  return events;
}

Status CallGroupV2::set_limits(const CgroupLimits& limits) {
  if (limits.memory_bytes > 0) {
    // Without swap (or its accounting) the file is not there, and nothing can be swapped to.
    if (has_group_file(path_, "memory.swap.max")) {
      TRY(write_group_file(path_, "memory.swap.max", "0"));
    }
    TRY(write_group_file(path_, "memory.max", std::to_string(limits.memory_bytes)));
    TRY(write_group_file(path_, "memory.oom.group", "1"));
  }
  if (limits.processes > 0) {
    TRY(write_group_file(path_, "pids.max", std::to_string(limits.processes)));
  }
  if (limits.cpu_percent > 0) {
    TRY(write_group_file(path_, "cpu.max", quota(limits.cpu_percent)));
  }
  if (limits.io_bytes_per_second > 0) {
    const std::string rate = std::to_string(limits.io_bytes_per_second);
    for (const dev_t device : limits.io_devices) {
      TRY(write_group_file(path_, "io.max",
                           device_name(device) + " rbps=" + rate + " wbps=" + rate));
    }
  }
  return {};
}

CgroupUsage CallGroupV2::usage() const {
  CgroupUsage usage;
  usage.peak_memory_bytes = read_group_number(path_, "memory.peak");  // Linux 5.19
  usage.peak_processes = read_group_number(path_, "pids.peak");       // Linux 6.1
  if (const auto text = read_group_file(path_, "cpu.stat")) {
    if (const auto value = parse_keyed(*text, "user_usec")) usage.user = microseconds(*value);
    if (const auto value = parse_keyed(*text, "system_usec")) usage.system = microseconds(*value);
  }
  if (const auto text = read_group_file(path_, "io.stat")) {
    usage.bytes_read = parse_nested(*text, "rbytes").value_or(0);
    usage.bytes_written = parse_nested(*text, "wbytes").value_or(0);
  }
  const auto waited = [&](const char* file) -> std::optional<microseconds> {
    const auto text = read_group_file(path_, file);
    const auto total = text ? parse_pressure(*text) : std::nullopt;
    return total ? std::optional(microseconds(*total)) : std::nullopt;
  };
  const auto cpu = waited("cpu.pressure");
  const auto memory = waited("memory.pressure");
  const auto io = waited("io.pressure");
  if (cpu && memory && io) usage.pressure = Pressure{*cpu, *memory, *io};
  const std::string memory_events = read_group_file(path_, "memory.events").value_or("");
  usage.memory_kills = parse_keyed(memory_events, "oom_kill").value_or(0);
  usage.refused_memory = parse_keyed(memory_events, "oom").value_or(0);
  usage.refused_forks =
      parse_keyed(read_group_file(path_, "pids.events").value_or(""), "max").value_or(0);
  return usage;
}

class CgroupsV2 final : public Cgroups {
 public:
  CgroupsV2(Subtree subtree, std::shared_ptr<Keeper> keeper)
      : subtree_(std::move(subtree)), keeper_(std::move(keeper)) {
    abilities_.version = CgroupVersion::kV2;
    abilities_.where = subtree_.groups.front().path;
  }
  ~CgroupsV2() override {
    keeper_.reset();  // it removes everything, unless somebody killed it
    (void)dissolve(subtree_, Server::kAlive, Clock::now() + kPatience);
  }

  const CgroupAbilities& abilities() const override { return abilities_; }
  Result<std::unique_ptr<CallCgroup>> make(uid_t owner, gid_t group) override;
  Status adopt_zygote(pid_t zygote, uid_t owner, gid_t group) override;
  Status probe();

 private:
  const std::string& ours() const { return subtree_.groups.front().path; }

  Subtree subtree_;
  std::shared_ptr<Keeper> keeper_;
  CgroupAbilities abilities_;
  std::atomic<std::uint64_t> next_{1};
};

Result<std::unique_ptr<CallCgroup>> CgroupsV2::make(uid_t owner, gid_t group) {
  const std::string path = ours() + "/" + kCallPrefix + std::to_string(next_++);
  TRY(sys::mkdir(path, 0755));
  auto dir = sys::open(path, O_RDONLY | O_DIRECTORY);
  if (!dir) {
    ::rmdir(path.c_str());
    return fail(std::move(dir).error());
  }
  auto call = std::make_unique<CallGroupV2>(path, std::move(*dir), keeper_);
  // CLONE_INTO_CGROUP asks whether the zygote might write this file, and the same of the group that
  // it has in common with its own (adopt_zygote).
  if (owner != ::geteuid() &&
      ::fchownat(call->directory(), "cgroup.procs", owner, group, AT_SYMLINK_NOFOLLOW) < 0) {
    return fail(system_error("fchownat " + path + "/cgroup.procs", errno));
  }
  return call;
}

Status CgroupsV2::adopt_zygote(pid_t zygote, uid_t owner, gid_t) {
  TRY(move_into(ours() + "/" + kServerLeaf, zygote));
  if (owner == ::geteuid()) return {};
  // Zygotes of several uids need it. It lets nobody in: the kernel asks the same of every group up
  // to the one that holds both ends of a move, and only our own processes are below this one.
  const std::string procs = ours() + "/cgroup.procs";
  if (::chmod(procs.c_str(), 0666) < 0) return fail(system_error("chmod " + procs, errno));
  return {};
}

// Does everything once with a group that nobody is in.
Status CgroupsV2::probe() {
  auto group = TRY(make(::geteuid(), ::getegid()));
  const std::string path = ours() + "/" + kCallPrefix + std::to_string(next_ - 1);
  const std::string megabytes = std::to_string(64U << 20);
  abilities_.memory =
      holds(path, "memory.max", megabytes, megabytes) &&
      holds(path, "memory.oom.group", "1", "1") &&
      (!has_group_file(path, "memory.swap.max") || holds(path, "memory.swap.max", "0", "0"));
  abilities_.processes = holds(path, "pids.max", "100", "100");
  abilities_.cpu = holds(path, "cpu.max", quota(50), quota(50));
  abilities_.io = has_group_file(path, "io.max");
  abilities_.pressure = group->usage().pressure.has_value();
  std::vector<std::string> missing;
  if (!abilities_.memory) missing.emplace_back("memory");
  if (!abilities_.processes) missing.emplace_back("pids");
  if (!abilities_.cpu) missing.emplace_back("cpu");
  if (!abilities_.io) missing.emplace_back("io");
  if (missing.empty()) return {};
  abilities_.why_not = "not delegated to " + parent_of(ours()) + ": " + text::join(missing, ", ");
  abilities_.remedy =
      "Delegate them: Delegate=cpu io memory pids in the [Service] section of user@.service";
  return {};
}

Error in_the_way(std::string message, std::string remedy) {
  Error error;
  error.code = ErrorCode::kHostCannotEnforce;
  error.message = std::move(message);
  error.remedy = std::move(remedy);
  return error;
}

std::string start_in_scope() {
  return ::geteuid() == 0
             ? "Start it in a scope of its own: systemd-run --scope -p Delegate=yes mayfly serve …"
             : "Start it in a scope of its own: systemd-run --user --scope -p Delegate=yes mayfly "
               "serve …";
}

bool contains(const std::vector<std::string>& words, std::string_view word) {
  return std::find(words.begin(), words.end(), word) != words.end();
}

// Moves this process and its descendants to a leaf and passes the controllers on. `subtree` says
// at every moment what there is to undo.
Status settle(const std::string& group, Subtree& subtree) {
  const std::string& ours = subtree.groups.front().path;
  const std::string leaf = ours + "/" + kServerLeaf;
  TRY(sys::mkdir(leaf, 0755));
  for (const pid_t pid : own_family(group)) TRY(move_into(leaf, pid));
  for (const char* controller : kControllers) {
    const auto on = parse_words(read_group_file(group, "cgroup.subtree_control").value_or(""));
    if (!contains(on, controller)) {
      auto done = write_group_file(group, "cgroup.subtree_control", std::string("+") + controller);
      if (!done && done.error().os_errno == EBUSY) return done;
      // At the root of all others may have come to rely on it by the time we go.
      if (done && !is_real_root(group)) subtree.enabled.emplace_back(controller);
    }
    (void)write_group_file(ours, "cgroup.subtree_control", std::string("+") + controller);
  }
  // So that the server answers whatever the calls do. Not there without the controller.
  (void)write_group_file(leaf, "cpu.weight", "10000");
  return {};
}

}  // namespace

Result<std::unique_ptr<Cgroups>> open_v2(const std::string& group) {
  const auto offered = parse_words(read_group_file(group, "cgroup.controllers").value_or(""));
  if (!contains(offered, "memory") && !contains(offered, "pids")) {
    return fail(in_the_way("the group " + group + " has neither the memory nor the pids controller",
                           start_in_scope()));
  }
  if (!is_real_root(group)) {
    const std::vector<pid_t> family = own_family(group);
    for (const pid_t pid : processes_in(group)) {
      if (std::find(family.begin(), family.end(), pid) != family.end()) continue;
      return fail(in_the_way("the group " + group + " holds processes that are not this server's",
                             start_in_scope()));
    }
  }
  const std::vector<std::string> left = sweep(group);
  Subtree subtree;
  subtree.version = CgroupVersion::kV2;
  // Before the first group: it answers for what a killed server has half made.
  std::unique_ptr<Keeper> keeper;
  if (::access(group.c_str(), W_OK) == 0) keeper = TRY(Keeper::start({group}));
  auto made = make_locked_group(group, own_prefix());
  if (!made) {
    return fail(in_the_way("no group can be made in " + group + ": " + made.error().message,
                           start_in_scope()));
  }
  subtree.groups.push_back(std::move(*made));
  auto settled = settle(group, subtree);
  if (settled) settled = keeper->take_over(subtree);
  if (!settled) {
    (void)dissolve(subtree, Server::kAlive, Clock::now() + kPatience);
    return fail(in_the_way("the group " + group + " cannot be used: " + settled.error().message,
                           start_in_scope()));
  }
  for (const std::string& path : left) keeper->remove_later(path);
  auto cgroups = std::make_unique<CgroupsV2>(std::move(subtree), std::move(keeper));
  TRY(cgroups->probe());
  return cgroups;
}

}  // namespace mayfly::sandbox
