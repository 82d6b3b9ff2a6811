#pragma once

#include <cstddef>
#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "tools/job.h"
#include "tools/timers.h"

namespace mayfly::tools {

struct JobLimits {
  std::size_t running = 64;                            // of all callers together
  std::size_t finished = 64;                           // kept after their end, the latest
  std::uint64_t finished_output_bytes = 512ULL << 20;  // of all kept ones together
  milliseconds keep{10 * 60 * 1000};                   // after the end
};

// The jobs that can be asked for, by unguessable ids that only their own caller may use. A finished
// job is kept for a while and then forgotten. Thread-safe.
class JobTable {
 public:
  struct Entry {
    std::string id;
    std::shared_ptr<Job> job;
  };

  // `timers` must outlive the table's use.
  JobTable(JobLimits limits, Timers& timers) : timers_(timers), limits_(limits) {}

  // What is above them is forgotten with the next thing that happens; no job that runs is ended.
  void set_limits(const JobLimits& limits);

  // E4001 when as many jobs run as may: asked before a call is started in the background.
  Status check_room();
  // The job's id, a new one unless it has one.
  std::string admit(const std::shared_ptr<Job>& job);
  // E5002 for an id that is unknown, forgotten, or somebody else's.
  Result<std::shared_ptr<Job>> find(const std::string& principal, const std::string& id);
  // Those of one caller, the latest first.
  std::vector<Entry> list(const std::string& principal);

 private:
  struct Kept {
    std::shared_ptr<Job> job;
    std::uint64_t order = 0;
    bool finished = false;
    TimePoint ended{};
  };
  void job_finished(const std::string& id);
  void forget_old(std::vector<std::shared_ptr<Job>>& dropped);

  Timers& timers_;
  std::mutex mutex_;
  JobLimits limits_;
  std::map<std::string, Kept> jobs_;
  std::deque<std::string> forgotten_;  // so that "gone" can be told from "never was"
  std::uint64_t admitted_ = 0;
};

}  // namespace mayfly::tools
