#pragma once

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "base/background_thread.h"
#include "base/clock.h"
#include "sandbox/cache.h"
#include "sandbox/linux/cgroup.h"
#include "sandbox/linux/private_directory.h"
#include "sandbox/linux/zygote_client.h"
#include "sandbox/writable_areas.h"

namespace mayfly::sandbox {

// Where one call will be born: its control group and, on cgroup v1, a helper process that has been
// parked in it, because moving a process there takes some 10 ms when the last move is long ago.
struct Berth {
  std::unique_ptr<CallCgroup> cgroup;  // null where there are no control groups
  std::uint64_t helper = 0;            // 0: the zygote clones init itself
};

// One zygote and what is ready for its next calls. What is not marked belongs to the pool.
struct Zygote {
  std::uint64_t number = 0;  // constant, as are digest and process
  std::string digest;
  // Those that it was given for, all with that digest: once they are gone, so is its use.
  std::vector<std::weak_ptr<const Policy>> policies;
  std::unique_ptr<ZygoteProcess> process;
  Tier tier = Tier::kFull;        // constant too
  WritableAreas areas;            // constant
  std::optional<CacheSet> cache;  // locked against removal while its sandboxes use it

  bool stale = false;             // what it may write is not what the paths mean now: no new calls
  std::vector<StageTime> stages;  // of configuring, for the first call's report
  std::optional<Error> failure;
  TimePoint last_used;
  int calls = 0;

  uid_t owner = 0;
  gid_t group = 0;
  CgroupLimits usual;  // the limits of a call that lowers none
  std::deque<Berth> berths;
  std::map<std::uint64_t, std::unique_ptr<CallCgroup>> parking;  // by helper, not attached yet
  std::size_t making = 0;                                        // berths on their way
  std::size_t batch = 2;                                         // how many are made at a time
  std::optional<Error> no_berth;                                 // why the last could not be made

  bool was_given_for(const std::shared_ptr<const Policy>& policy) const;
  void use_for(const std::shared_ptr<const Policy>& policy);
};

// The zygotes of a server, one for each policy in use. When a policy is dropped by everybody, as
// after a reload, its zygote ends with the next call of another one. Thread-safe. Preparing one may
// read a whole workspace: `get` does one at a time, and nobody else waits for it.
class ZygotePool {
 public:
  // `watch` is given every new zygote, before it can say anything. `early` may be null.
  ZygotePool(std::unique_ptr<ZygoteProcess> early, std::function<void(const Zygote&)> watch);
  // Ends all zygotes, and with them their sandboxes, and waits.
  ~ZygotePool();

  // What the control groups here can do. The first call finds out, and that takes some time.
  const CgroupAbilities& cgroup_abilities();
  // The zygote of `policy`, made if there is none, or if something that the policy lets write was
  // replaced on the host since.
  Result<std::shared_ptr<Zygote>> get(const std::shared_ptr<const Policy>& policy,
                                      const CgroupLimits& usual);
  // Where the calls of Tier::kLandlock keep what is not kept.
  Result<std::shared_ptr<const PrivateDirectories>> private_directories(
      const std::string& state_root);
  // A place for one call; another one is then made ahead. Waits if none is ready.
  Result<Berth> take_berth(const std::shared_ptr<Zygote>& zygote);
  void call_began(Zygote& zygote);
  void call_ended(std::uint64_t number);

  // What the zygotes say, by whoever listens to their sockets.
  std::shared_ptr<Zygote> find(std::uint64_t number);
  void ready(std::uint64_t number, std::vector<StageTime> stages);
  void failed(std::uint64_t number, Error error);
  void parked(std::uint64_t number, std::uint64_t helper, pid_t pid);
  void not_parked(std::uint64_t number, std::uint64_t helper, Error error);
  std::vector<StageTime> take_stages(Zygote& zygote);
  // `number` is gone. Its failure is set.
  std::shared_ptr<Zygote> lose(std::uint64_t number);

 private:
  Result<std::shared_ptr<Zygote>> make(const Policy& policy, std::string digest);
  std::string digest_of(const std::shared_ptr<const Policy>& policy);
  void retire_idle();
  void retire_unused();
  static void retire(Zygote& zygote);
  void trim_once(const std::string& cache_root);
  void want_berths(const std::shared_ptr<Zygote>& zygote);
  Result<std::unique_ptr<CallCgroup>> make_group(const Zygote& zygote);
  void make_berth(const std::shared_ptr<Zygote>& zygote);
  void add_berth(Zygote& zygote, Result<Berth> berth);

  const std::function<void(const Zygote&)> watch_;

  std::mutex making_;  // guards what only `get` and `cgroup_abilities` use, down to trimmed_
  std::unique_ptr<ZygoteProcess> early_;
  std::unique_ptr<Cgroups> cgroups_;  // set once
  bool trimmed_ = false;
  std::shared_ptr<const PrivateDirectories> private_directories_;

  std::mutex mutex_;  // for a moment at a time
  std::condition_variable changed_;
  std::map<std::uint64_t, std::shared_ptr<Zygote>> zygotes_;
  std::uint64_t next_number_ = 1;
  std::uint64_t next_helper_ = 1;
  BackgroundThread builder_;
};

// Why a call whose zygote died did not end by itself.
Error zygote_lost();

}  // namespace mayfly::sandbox
