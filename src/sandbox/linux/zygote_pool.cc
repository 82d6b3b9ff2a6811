#include "sandbox/linux/zygote_pool.h"

#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <thread>
#include <utility>

#include "sandbox/linux/tier.h"
#include "sandbox/set_id_files.h"

namespace mayfly::sandbox {
namespace {

constexpr std::size_t kMaxZygotes = 16;
constexpr std::size_t kLargestBatch = 8;

CacheLocation location_of(const Policy& policy) {
  const CachePolicy& cache = *policy.cache;
  return {cache.root, cache.workspace, policy.profile, cache.owner_uid, cache.owner_gid};
}

}  // namespace

Error zygote_lost() {
  Error lost = system_error("the process that made this sandbox ended", ESRCH);
  lost.code = ErrorCode::kSandboxLost;
  lost.remedy = "Try again: the next call gets a new one";
  return lost;
}

bool Zygote::was_given_for(const std::shared_ptr<const Policy>& policy) const {
  return std::any_of(policies.begin(), policies.end(), [&](const auto& each) {
    return !each.owner_before(policy) && !policy.owner_before(each);
  });
}

void Zygote::use_for(const std::shared_ptr<const Policy>& policy) {
  if (!was_given_for(policy)) policies.push_back(policy);
}

ZygotePool::ZygotePool(std::unique_ptr<ZygoteProcess> early,
                       std::function<void(const Zygote&)> watch)
    : watch_(std::move(watch)), early_(std::move(early)) {}

ZygotePool::~ZygotePool() {
  builder_.drain();
  if (early_ != nullptr) end_zygote(*early_);
  for (auto& [number, zygote] : zygotes_) end_zygote(*zygote->process);
  zygotes_.clear();
}

const CgroupAbilities& ZygotePool::cgroup_abilities() {
  const std::lock_guard lock(making_);
  if (cgroups_ == nullptr) cgroups_ = open_cgroups();
  return cgroups_->abilities();
}

void ZygotePool::retire_idle() {
  std::shared_ptr<Zygote> oldest;
  for (const auto& [number, zygote] : zygotes_) {
    if (zygote->calls > 0) continue;
    const bool sooner = oldest == nullptr || zygote->stale > oldest->stale ||
                        (zygote->stale == oldest->stale && zygote->last_used < oldest->last_used);
    if (sooner) oldest = zygote;
  }
  if (oldest != nullptr) retire(*oldest);
}

// A call that has its zygote and has not begun yet holds its policy.
void ZygotePool::retire_unused() {
  for (const auto& [number, zygote] : zygotes_) {
    std::erase_if(zygote->policies, [](const auto& policy) { return policy.expired(); });
    const bool unused = zygote->policies.empty() || zygote->stale;
    if (unused && zygote->calls == 0) retire(*zygote);
  }
}

void ZygotePool::retire(Zygote& zygote) {
  if (zygote.failure.has_value()) return;
  ::shutdown(zygote.process->control.get(), SHUT_RDWR);  // it exits; the loop hears and reaps it
  zygote.failure = system_error("the zygote was retired", ESHUTDOWN);
}

// Reading a whole cache takes time that no call should wait for, nor the server's end: the thread
// shares nothing with the rest and stops with the process.
void ZygotePool::trim_once(const std::string& cache_root) {
  if (std::exchange(trimmed_, true)) return;
  std::thread([cache_root] { (void)trim_cache(cache_root, kDefaultCacheBytes); }).detach();
}

Result<std::shared_ptr<Zygote>> ZygotePool::make(const Policy& policy, std::string digest) {
  auto zygote = std::make_shared<Zygote>();
  Surroundings surroundings;
  zygote->tier = TRY(choose_tier(policy));
  if (policy.cache.has_value() && zygote->tier == Tier::kFull) {
    zygote->cache = TRY(open_cache(location_of(policy)));
    surroundings.caches = zygote->cache->directories;
    trim_once(policy.cache->root);
  }
  zygote->areas = TRY(find_writable_areas(policy));
  for (const std::string& directory : zygote->areas.directories) {
    for (std::string& path : TRY(find_set_id_files({.path = directory}))) {
      surroundings.set_id_files.emplace_back(directory, std::move(path));
    }
  }
  surroundings.protections = TRY(protections_of(policy, zygote->areas));
  const RootPlan plan = TRY(zygote->tier == Tier::kFull ? plan_root(policy, surroundings)
                                                        : plan_landlock_root(policy, surroundings));
  zygote->process = early_ != nullptr ? std::move(early_) : TRY(spawn_zygote());
  zygote->digest = std::move(digest);
  zygote->owner = policy.identity.host_uid;
  zygote->group = policy.identity.host_gid;
  TRY_TO("move a zygote into its control group",
         cgroups_->adopt_zygote(zygote->process->pid, zygote->owner, zygote->group));
  TRY_TO("configure a zygote", configure_zygote(*zygote->process, plan));
  return zygote;
}

// Rendering a policy takes longer than many a call's other work: once for each is enough.
std::string ZygotePool::digest_of(const std::shared_ptr<const Policy>& policy) {
  {
    const std::lock_guard lock(mutex_);
    for (const auto& [number, zygote] : zygotes_) {
      if (zygote->was_given_for(policy)) return zygote->digest;
    }
  }
  return digest(*policy);
}

Result<std::shared_ptr<Zygote>> ZygotePool::get(const std::shared_ptr<const Policy>& policy,
                                                const CgroupLimits& usual) {
  const std::lock_guard making(making_);
  const std::string wanted = digest_of(policy);
  {
    const std::lock_guard lock(mutex_);
    for (const auto& [number, zygote] : zygotes_) {
      if (zygote->digest != wanted || zygote->failure.has_value() || zygote->stale) continue;
      if (is_current(zygote->areas)) {
        zygote->use_for(policy);
        retire_unused();
        return zygote;
      }
      zygote->stale = true;  // its running calls go on
    }
    retire_unused();
    if (zygotes_.size() >= kMaxZygotes) retire_idle();
  }
  std::shared_ptr<Zygote> zygote = TRY(make(*policy, wanted));
  zygote->use_for(policy);
  zygote->usual = usual;
  const std::lock_guard lock(mutex_);
  zygote->number = next_number_++;
  zygotes_[zygote->number] = zygote;
  watch_(*zygote);
  return zygote;
}

Result<std::shared_ptr<const PrivateDirectories>> ZygotePool::private_directories(
    const std::string& state_root) {
  const std::lock_guard making(making_);
  if (private_directories_ == nullptr) {
    private_directories_ =
        std::make_shared<PrivateDirectories>(TRY(PrivateDirectories::open(state_root)));
  }
  return private_directories_;
}

Result<Berth> ZygotePool::take_berth(const std::shared_ptr<Zygote>& zygote) {
  if (cgroups_->abilities().version == CgroupVersion::kNone) return Berth{};
  std::unique_lock lock(mutex_);
  zygote->no_berth.reset();
  if (zygote->berths.empty()) zygote->batch = std::min(zygote->batch * 2, kLargestBatch);
  want_berths(zygote);
  changed_.wait(lock, [&] {
    return !zygote->berths.empty() || zygote->no_berth.has_value() || zygote->failure.has_value();
  });
  if (zygote->berths.empty()) {
    return fail(zygote->failure.has_value() ? *zygote->failure : *zygote->no_berth);
  }
  Berth berth = std::move(zygote->berths.front());
  zygote->berths.pop_front();
  want_berths(zygote);
  return berth;
}

// Several at a time: the first move of a process into a v1 group takes some 10 ms, those right
// after it some 10 us. The more often nothing was ready, the more are made.
void ZygotePool::want_berths(const std::shared_ptr<Zygote>& zygote) {
  if (zygote->making > 0 || zygote->berths.size() > zygote->batch / 2) return;
  for (std::size_t ready = zygote->berths.size(); ready < zygote->batch; ++ready) {
    ++zygote->making;
    builder_.post([this, zygote] { make_berth(zygote); });
  }
}

Result<std::unique_ptr<CallCgroup>> ZygotePool::make_group(const Zygote& zygote) {
  auto group = TRY(cgroups_->make(zygote.owner, zygote.group));
  TRY(group->set_limits(zygote.usual));
  return group;
}

void ZygotePool::make_berth(const std::shared_ptr<Zygote>& zygote) {
  auto group = make_group(*zygote);
  if (!group || (*group)->directory() >= 0) {
    return add_berth(*zygote, std::move(group).map([](std::unique_ptr<CallCgroup> made) {
      return Berth{std::move(made), 0};
    }));
  }
  std::uint64_t helper = 0;
  {
    const std::lock_guard lock(mutex_);
    helper = next_helper_++;
    zygote->parking[helper] = *std::move(group);
  }
  if (auto asked = park(*zygote->process, helper); !asked) {
    not_parked(zygote->number, helper, std::move(asked).error());
  }
}

void ZygotePool::add_berth(Zygote& zygote, Result<Berth> berth) {
  const std::lock_guard lock(mutex_);
  --zygote.making;
  if (berth) {
    zygote.berths.push_back(*std::move(berth));
  } else {
    zygote.no_berth = std::move(berth).error();
  }
  changed_.notify_all();
}

void ZygotePool::parked(std::uint64_t number, std::uint64_t helper, pid_t pid) {
  const std::shared_ptr<Zygote> zygote = find(number);
  if (zygote == nullptr) return;
  builder_.post([this, zygote, helper, pid] {
    std::unique_ptr<CallCgroup> group;
    {
      const std::lock_guard lock(mutex_);
      group = std::move(zygote->parking[helper]);
      zygote->parking.erase(helper);
    }
    if (group == nullptr) return;
    if (auto attached = group->attach(pid); !attached) {
      return add_berth(*zygote, fail(std::move(attached).error().within("park a helper")));
    }
    add_berth(*zygote, Berth{std::move(group), helper});
  });
}

void ZygotePool::not_parked(std::uint64_t number, std::uint64_t helper, Error error) {
  const std::shared_ptr<Zygote> zygote = find(number);
  if (zygote == nullptr) return;
  {
    const std::lock_guard lock(mutex_);
    zygote->parking.erase(helper);
  }
  add_berth(*zygote, fail(std::move(error)));
}

void ZygotePool::call_began(Zygote& zygote) {
  const std::lock_guard lock(mutex_);
  ++zygote.calls;
  zygote.last_used = Clock::now();
}

void ZygotePool::call_ended(std::uint64_t number) {
  const std::lock_guard lock(mutex_);
  const auto found = zygotes_.find(number);
  if (found != zygotes_.end()) --found->second->calls;
}

std::shared_ptr<Zygote> ZygotePool::find(std::uint64_t number) {
  const std::lock_guard lock(mutex_);
  const auto found = zygotes_.find(number);
  return found == zygotes_.end() ? nullptr : found->second;
}

void ZygotePool::ready(std::uint64_t number, std::vector<StageTime> stages) {
  const std::lock_guard lock(mutex_);
  const auto found = zygotes_.find(number);
  if (found != zygotes_.end()) found->second->stages = std::move(stages);
}

std::vector<StageTime> ZygotePool::take_stages(Zygote& zygote) {
  const std::lock_guard lock(mutex_);
  return std::exchange(zygote.stages, {});
}

void ZygotePool::failed(std::uint64_t number, Error error) {
  const std::lock_guard lock(mutex_);
  const auto found = zygotes_.find(number);
  if (found != zygotes_.end()) found->second->failure = std::move(error);
  changed_.notify_all();
}

std::shared_ptr<Zygote> ZygotePool::lose(std::uint64_t number) {
  std::shared_ptr<Zygote> zygote;
  {
    const std::lock_guard lock(mutex_);
    const auto found = zygotes_.find(number);
    if (found == zygotes_.end()) return nullptr;
    zygote = std::move(found->second);
    zygotes_.erase(found);
    if (!zygote->failure.has_value()) zygote->failure = zygote_lost();
    changed_.notify_all();
  }
  end_zygote(*zygote->process);
  // Its helpers died with it; removing their groups is not for the thread that heard of it.
  builder_.post([this, zygote] {
    std::deque<Berth> berths;
    std::map<std::uint64_t, std::unique_ptr<CallCgroup>> parking;
    const std::lock_guard lock(mutex_);
    berths.swap(zygote->berths);
    parking.swap(zygote->parking);
  });
  return zygote;
}

}  // namespace mayfly::sandbox
