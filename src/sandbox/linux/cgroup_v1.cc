#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <map>

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
constexpr std::array kControllers = {"freezer", "memory", "pids", "cpu", "cpuacct", "blkio"};

// Controller → directory; several controllers may share one ("cpu,cpuacct"), and some be missing.
using Directories = std::map<std::string, std::string>;

std::vector<std::string> distinct(const Directories& directories) {
  std::vector<std::string> paths;
  // The freezer first: what is frozen cannot fork away while it is killed.
  for (const char* controller : kControllers) {
    const auto found = directories.find(controller);
    if (found == directories.end()) continue;
    if (std::find(paths.begin(), paths.end(), found->second) == paths.end()) {
      paths.push_back(found->second);
    }
  }
  return paths;
}

std::string quota(std::uint64_t percent) {
  return std::to_string(std::max<std::uint64_t>(percent * kPeriodUs / 100, 1000));
}

class CallGroupV1 final : public CallCgroup {
 public:
  CallGroupV1(Directories directories, std::shared_ptr<Keeper> keeper)
      : directories_(std::move(directories)),
        paths_(distinct(directories_)),
        keeper_(std::move(keeper)) {}
  ~CallGroupV1() override {
    const TimePoint deadline = Clock::now() + kPatience;
    for (const std::string& path : paths_) {
      if (!remove_group(path, deadline)) keeper_->remove_later(path);
    }
  }

  Status create();
  Status set_limits(const CgroupLimits& limits) override;
  int directory() const override { return -1; }
  Status attach(pid_t pid) override;
  int event_fd() const override { return events_.get(); }
  CgroupEvents take_events() override;
  CgroupUsage usage() const override;
  microseconds cpu_time() const override;
  void kill() override {
    for (const std::string& path : paths_) kill_group(path);
  }
  std::vector<pid_t> processes() const override {
    return paths_.empty() ? std::vector<pid_t>() : processes_in(paths_.front());
  }

 private:
  std::string in(const char* controller) const {
    const auto found = directories_.find(controller);
    return found == directories_.end() ? std::string() : found->second;
  }
  Status write(const char* controller, const char* file, std::string_view text) const {
    return write_group_file(in(controller), file, text);
  }
  std::uint64_t keyed(const char* controller, const char* file, const char* key) const {
    return parse_keyed(read_group_file(in(controller), file).value_or(""), key).value_or(0);
  }
  void watch_memory();
  void watch_pids();

  Directories directories_;
  std::vector<std::string> paths_;
  OwnedFd out_of_memory_;  // an eventfd
  OwnedFd pids_events_;
  OwnedFd events_;  // an epoll of the two
  std::uint64_t seen_refusals_ = 0;
  std::shared_ptr<Keeper> keeper_;
};

Status CallGroupV1::create() {
  for (const std::string& path : paths_) TRY(sys::mkdir(path, 0755));
  events_.reset(::epoll_create1(EPOLL_CLOEXEC));
  watch_memory();
  watch_pids();
  return {};
}

void CallGroupV1::watch_memory() {
  if (in("memory").empty()) return;
  const auto file = sys::open(in("memory") + "/memory.oom_control", O_RDONLY);
  auto event = sys::eventfd();
  if (!file || !event) return;
  const std::string text = std::to_string(event->get()) + " " + std::to_string(file->get());
  if (!write("memory", "cgroup.event_control", text)) return;
  out_of_memory_ = std::move(*event);
  epoll_event wanted{EPOLLIN, {}};
  ::epoll_ctl(events_.get(), EPOLL_CTL_ADD, out_of_memory_.get(), &wanted);
}

void CallGroupV1::watch_pids() {
  if (in("pids").empty()) return;
  pids_events_.reset(::open((in("pids") + "/pids.events").c_str(), O_RDONLY | O_CLOEXEC));
  if (!pids_events_.valid()) return;
  (void)reread(pids_events_.get());
  epoll_event wanted{EPOLLPRI, {}};
  ::epoll_ctl(events_.get(), EPOLL_CTL_ADD, pids_events_.get(), &wanted);
}

CgroupEvents CallGroupV1::take_events() {
  CgroupEvents events;
  if (out_of_memory_.valid()) {
    std::uint64_t times = 0;
    events.out_of_memory =
        ::read(out_of_memory_.get(), &times, sizeof times) == ssize_t{sizeof times};
  }
  if (pids_events_.valid()) {
    const std::uint64_t refusals = parse_keyed(reread(pids_events_.get()), "max").value_or(0);
    events.refused_fork = refusals > seen_refusals_;
    seen_refusals_ = refusals;
  }
  return events;
}

Status CallGroupV1::set_limits(const CgroupLimits& limits) {
  if (limits.memory_bytes > 0) {
    const std::string bytes = std::to_string(limits.memory_bytes);
    TRY(write("memory", "memory.limit_in_bytes", bytes));
    // Memory and swap together: not there on hosts that do not account swap.
    if (has_group_file(in("memory"), "memory.memsw.limit_in_bytes")) {
      TRY(write("memory", "memory.memsw.limit_in_bytes", bytes));
    }
    TRY(write("memory", "memory.swappiness", "0"));
  }
  if (limits.processes > 0) TRY(write("pids", "pids.max", std::to_string(limits.processes)));
  if (limits.cpu_percent > 0) {
    TRY(write("cpu", "cpu.cfs_period_us", std::to_string(kPeriodUs)));
    TRY(write("cpu", "cpu.cfs_quota_us", quota(limits.cpu_percent)));
  }
  if (limits.io_bytes_per_second > 0) {
    for (const dev_t device : limits.io_devices) {
      const std::string line = std::to_string(major(device)) + ":" + std::to_string(minor(device)) +
                               " " + std::to_string(limits.io_bytes_per_second);
      TRY(write("blkio", "blkio.throttle.read_bps_device", line));
      TRY(write("blkio", "blkio.throttle.write_bps_device", line));
    }
  }
  return {};
}

Status CallGroupV1::attach(pid_t pid) {
  for (const std::string& path : paths_) TRY(move_into(path, pid));
  return {};
}

CgroupUsage CallGroupV1::usage() const {
  CgroupUsage usage;
  usage.peak_memory_bytes = read_group_number(in("memory"), "memory.max_usage_in_bytes");
  usage.peak_processes = read_group_number(in("pids"), "pids.peak");  // Linux 6.1
  const auto nanoseconds = [&](const char* file) -> std::optional<microseconds> {
    const auto value = read_group_number(in("cpuacct"), file);
    return value ? std::optional(microseconds(*value / 1000)) : std::nullopt;
  };
  usage.user = nanoseconds("cpuacct.usage_user");
  usage.system = nanoseconds("cpuacct.usage_sys");
  if (const auto text = read_group_file(in("blkio"), "blkio.throttle.io_service_bytes_recursive")) {
    usage.bytes_read = parse_device_sum(*text, "Read");
    usage.bytes_written = parse_device_sum(*text, "Write");
  }
  usage.memory_kills = keyed("memory", "memory.oom_control", "oom_kill");
  usage.refused_forks = keyed("pids", "pids.events", "max");
  return usage;
}

microseconds CallGroupV1::cpu_time() const {
  return microseconds(read_group_number(in("cpuacct"), "cpuacct.usage").value_or(0) / 1000);
}

class CgroupsV1 final : public Cgroups {
 public:
  CgroupsV1(Subtree subtree, Directories directories, std::shared_ptr<Keeper> keeper)
      : subtree_(std::move(subtree)),
        directories_(std::move(directories)),
        keeper_(std::move(keeper)) {
    abilities_.version = CgroupVersion::kV1;
  }
  ~CgroupsV1() override {
    keeper_.reset();  // it removes everything, unless somebody killed it
    (void)dissolve(subtree_, Server::kAlive, Clock::now() + kPatience);
  }

  const CgroupAbilities& abilities() const override { return abilities_; }
  Result<std::unique_ptr<CallCgroup>> make(uid_t owner, gid_t group) override;
  Status adopt_zygote(pid_t, uid_t, gid_t) override { return {}; }
  Status probe();

 private:
  Directories below(const std::string& name) const {
    Directories found = directories_;
    for (auto& [controller, path] : found) path += "/" + name;
    return found;
  }

  Subtree subtree_;
  Directories directories_;
  std::shared_ptr<Keeper> keeper_;
  CgroupAbilities abilities_;
  std::atomic<std::uint64_t> next_{1};
};

// The server attaches; the owner of what will run needs no right here.
Result<std::unique_ptr<CallCgroup>> CgroupsV1::make(uid_t, gid_t) {
  auto call = std::make_unique<CallGroupV1>(below(kCallPrefix + std::to_string(next_++)), keeper_);
  TRY(call->create());
  return call;
}

Status CgroupsV1::probe() {
  const std::string name = kCallPrefix + std::to_string(next_);
  auto group = TRY(make(::geteuid(), ::getegid()));
  Directories probed = below(name);
  const std::string megabytes = std::to_string(64U << 20);
  const auto can = [&](const char* controller, const char* file, const std::string& value) {
    const auto found = probed.find(controller);
    return found != probed.end() && holds(found->second, file, value, value);
  };
  abilities_.memory =
      can("memory", "memory.limit_in_bytes", megabytes) && can("memory", "memory.swappiness", "0");
  abilities_.processes = can("pids", "pids.max", "100");
  abilities_.cpu = can("cpu", "cpu.cfs_quota_us", quota(50));
  abilities_.io = probed.count("blkio") > 0 &&
                  has_group_file(probed["blkio"], "blkio.throttle.read_bps_device");
  abilities_.where = parent_of(directories_.begin()->second) + " (and others)";
  if (const auto memory = directories_.find("memory"); memory != directories_.end()) {
    abilities_.where = memory->second;
  }
  std::vector<std::string> missing;
  if (!abilities_.memory) missing.emplace_back("memory");
  if (!abilities_.processes) missing.emplace_back("pids");
  if (!abilities_.cpu) missing.emplace_back("cpu");
  if (!abilities_.io) missing.emplace_back("blkio");
  if (missing.empty()) return {};
  abilities_.why_not = "cgroup v1 without a group of our own for: " + text::join(missing, ", ");
  abilities_.remedy =
      "Start the host with cgroup v2: systemd.unified_cgroup_hierarchy=1 on the "
      "kernel's command line";
  return {};
}

}  // namespace

Result<std::unique_ptr<Cgroups>> open_v1(const CgroupView& view) {
  Directories parents;
  for (const char* controller : kControllers) {
    const std::string path = v1_directory(controller, view.memberships, view.mounts);
    if (!path.empty()) parents[controller] = path;
  }
  std::vector<std::string> left;
  Subtree subtree;
  subtree.version = CgroupVersion::kV1;
  std::string refused = "no controller of cgroup v1 is mounted";
  Directories usable;
  std::vector<std::string> writable;
  for (const std::string& parent : distinct(parents)) {
    if (::access(parent.c_str(), W_OK) == 0) writable.push_back(parent);
  }
  // Before the first group: it answers for what a killed server has half made.
  std::unique_ptr<Keeper> keeper;
  if (!writable.empty()) keeper = TRY(Keeper::start(writable));
  for (const std::string& parent : distinct(parents)) {
    for (std::string& path : sweep(parent)) left.push_back(std::move(path));
    auto made = make_locked_group(parent, own_prefix());
    if (!made) {
      refused = made.error().message;
      continue;
    }
    for (const auto& [controller, path] : parents) {
      if (path == parent) usable[controller] = made->path;
    }
    subtree.groups.push_back(std::move(*made));
  }
  const auto give_up = [&](const std::string& why) {
    (void)dissolve(subtree, Server::kAlive, Clock::now() + kPatience);
    Error error;
    error.code = ErrorCode::kHostCannotEnforce;
    error.message = "cgroup v1: " + why;
    error.remedy =
        "Run Mayfly as root, or start the host with cgroup v2, which can be delegated: "
        "systemd.unified_cgroup_hierarchy=1 on the kernel's command line";
    return fail(std::move(error));
  };
  if (usable.count("memory") == 0 && usable.count("pids") == 0) return give_up(refused);
  if (auto taken = keeper->take_over(subtree); !taken) return give_up(taken.error().message);
  for (const std::string& path : left) keeper->remove_later(path);
  auto cgroups =
      std::make_unique<CgroupsV1>(std::move(subtree), std::move(usable), std::move(keeper));
  TRY(cgroups->probe());
  return cgroups;
}

}  // namespace mayfly::sandbox
