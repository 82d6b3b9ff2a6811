#include "tools/job_table.h"

#include <algorithm>
#include <cstdint>
#include <utility>

#include "tools/handle.h"

namespace mayfly::tools {
namespace {

constexpr std::size_t kRememberedIds = 256;

std::uint64_t output_bytes(const Job& job) {
  std::uint64_t sum = 0;
  for (const auto& stream : {job.out(), job.err()}) sum += stream ? stream->size() : 0;
  return sum;
}

std::string minutes(milliseconds time) {
  return std::to_string(std::chrono::duration_cast<std::chrono::minutes>(time).count());
}

}  // namespace

void JobTable::set_limits(const JobLimits& limits) {
  const std::lock_guard lock(mutex_);
  limits_ = limits;
}

Status JobTable::check_room() {
  const std::lock_guard lock(mutex_);
  const auto running = std::count_if(jobs_.begin(), jobs_.end(),
                                     [](const auto& entry) { return !entry.second.finished; });
  if (static_cast<std::size_t>(running) < limits_.running) return {};
  Error error;
  error.code = ErrorCode::kBusy;
  error.message = std::to_string(running) + " jobs are running, as many as may";
  error.remedy = "wait for one with get_job, or end one with stop_job";
  return fail(std::move(error));
}

std::string JobTable::admit(const std::shared_ptr<Job>& job) {
  std::string id;
  {
    const std::lock_guard lock(mutex_);
    for (const auto& [known, kept] : jobs_) {
      if (kept.job == job) return known;
    }
    id = new_handle("j_");
    jobs_[id] = {.job = job, .order = ++admitted_};
  }
  // The table outlives all jobs that the engine can still finish: see Workbench.
  job->when_finished([this, id] { job_finished(id); });
  return id;
}

Result<std::shared_ptr<Job>> JobTable::find(const std::string& principal, const std::string& id) {
  std::vector<std::shared_ptr<Job>> dropped;
  const std::lock_guard lock(mutex_);
  forget_old(dropped);
  const auto found = jobs_.find(id);
  if (found != jobs_.end() && found->second.job->principal() == principal) {
    return found->second.job;
  }
  const bool gone = std::find(forgotten_.begin(), forgotten_.end(), id) != forgotten_.end();
  return fail(
      input_error(ErrorCode::kNotFound, "job_id", id,
                  gone ? "this job has ended and was forgotten: a finished job is kept for " +
                             minutes(limits_.keep) + " minutes, the latest " +
                             std::to_string(limits_.finished) + " of them"
                       : std::string("no such job"),
                  gone ? "run the command again" : "list_jobs names the jobs there are"));
}

std::vector<JobTable::Entry> JobTable::list(const std::string& principal) {
  std::vector<std::shared_ptr<Job>> dropped;
  std::vector<std::pair<std::uint64_t, Entry>> found;
  {
    const std::lock_guard lock(mutex_);
    forget_old(dropped);
    for (const auto& [id, kept] : jobs_) {
      if (kept.job->principal() == principal) found.push_back({kept.order, {id, kept.job}});
    }
  }
  std::sort(found.begin(), found.end(),
            [](const auto& a, const auto& b) { return a.first > b.first; });
  std::vector<Entry> entries;
  for (auto& [order, entry] : found) entries.push_back(std::move(entry));
  return entries;
}

void JobTable::job_finished(const std::string& id) {
  std::vector<std::shared_ptr<Job>> dropped;
  milliseconds keep{0};
  {
    const std::lock_guard lock(mutex_);
    const auto found = jobs_.find(id);
    if (found == jobs_.end()) return;
    found->second.finished = true;
    found->second.ended = Clock::now();
    forget_old(dropped);
    keep = limits_.keep;
  }
  timers_.at(Clock::now() + keep, [this] {
    std::vector<std::shared_ptr<Job>> expired;
    const std::lock_guard lock(mutex_);
    forget_old(expired);
  });
}

// `dropped` lets the caller destroy the jobs, and their output, after the lock.
void JobTable::forget_old(std::vector<std::shared_ptr<Job>>& dropped) {
  std::vector<std::map<std::string, Kept>::iterator> finished;
  for (auto entry = jobs_.begin(); entry != jobs_.end(); ++entry) {
    if (entry->second.finished) finished.push_back(entry);
  }
  std::sort(finished.begin(), finished.end(),
            [](const auto& a, const auto& b) { return a->second.ended > b->second.ended; });
  const TimePoint oldest = Clock::now() - limits_.keep;
  std::size_t count = 0;
  std::uint64_t bytes = 0;
  for (const auto& entry : finished) {
    bytes += output_bytes(*entry->second.job);
    const bool too_many = ++count > limits_.finished;
    const bool too_big = count > 1 && bytes > limits_.finished_output_bytes;
    if (!too_many && !too_big && entry->second.ended > oldest) continue;
    forgotten_.push_back(entry->first);
    if (forgotten_.size() > kRememberedIds) forgotten_.pop_front();
    dropped.push_back(std::move(entry->second.job));
    jobs_.erase(entry);
  }
}

}  // namespace mayfly::tools
