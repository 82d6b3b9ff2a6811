#include "tools/violation_store.h"

#include <algorithm>
#include <limits>
#include <tuple>

#include "base/text.h"

namespace mayfly::tools {
namespace {

constexpr std::size_t kMostWordBytes = 1000;

std::uint64_t sum(std::uint64_t a, std::uint64_t b) {
  const std::uint64_t most = std::numeric_limits<std::uint64_t>::max();
  return a > most - b ? most : a + b;
}

sandbox::Violation bounded(const sandbox::Violation& violation) {
  sandbox::Violation out = violation;
  for (std::string* words :
       {&out.operation, &out.target, &out.rule, &out.errno_name, &out.remedy}) {
    if (words->size() > kMostWordBytes) *words = text::shorten(*words, kMostWordBytes);
  }
  return out;
}

// The report says how much it left out of its kinds; what it names was denied in any case.
std::uint64_t denials_of(const sandbox::Report& report) {
  std::uint64_t named = 0;
  for (const sandbox::Violation& each : report.violations) named = sum(named, each.count);
  return std::max(named, report.violations_total);
}

}  // namespace

Repetitions ViolationStore::add(const std::string& principal, const std::string& tool,
                                const sandbox::Report& report, TimePoint now) {
  if (report.violations.empty() && report.violations_total == 0) return {};
  const auto time = std::chrono::system_clock::now();
  const std::lock_guard lock(mutex_);
  Caller& own = caller(principal);
  own.denials = sum(own.denials, denials_of(report));
  own.calls = sum(own.calls, 1);
  Repetitions repeated;
  for (const sandbox::Violation& each : report.violations) {
    // What is kept of it is bounded here too.
    const std::uint64_t calls =
        own.loops.met(report.policy_digest, report.call_id, bounded(each), now);
    repeated.push_back(calls >= DenialLoops::kWorthSaying ? calls : 0);
  }
  for (std::size_t i = std::min(report.violations.size(), kKept); i-- > 0;) {
    own.entries.push_front(
        {report.call_id, tool, time, bounded(report.violations[i]), repeated[i]});
  }
  if (own.entries.size() > kKept) own.entries.resize(kKept);
  return repeated;
}

ViolationStore::View ViolationStore::latest(const std::string& principal, std::size_t most) const {
  const std::lock_guard lock(mutex_);
  const Caller* own = find(principal);
  if (own == nullptr) return {};
  const auto shown = static_cast<std::ptrdiff_t>(std::min(most, own->entries.size()));
  return {own->denials, own->calls, {own->entries.begin(), own->entries.begin() + shown}};
}

std::vector<ViolationStore::Entry> ViolationStore::of_call(const std::string& principal,
                                                           const std::string& call_id) const {
  const std::lock_guard lock(mutex_);
  std::vector<Entry> out;
  if (const Caller* own = find(principal)) {
    std::copy_if(own->entries.begin(), own->entries.end(), std::back_inserter(out),
                 [&call_id](const Entry& each) { return each.call_id == call_id; });
  }
  return out;
}

std::size_t ViolationStore::callers() const {
  const std::lock_guard lock(mutex_);
  return callers_.size();
}

ViolationStore::Caller& ViolationStore::caller(const std::string& principal) {
  const auto found = by_principal_.find(principal);
  if (found != by_principal_.end()) {
    callers_.splice(callers_.begin(), callers_, found->second);
    return callers_.front();
  }
  callers_.emplace_front().principal = principal;
  by_principal_.emplace(principal, callers_.begin());
  if (callers_.size() > kCallers) {
    by_principal_.erase(callers_.back().principal);
    callers_.pop_back();
  }
  return callers_.front();
}

const ViolationStore::Caller* ViolationStore::find(const std::string& principal) const {
  const auto found = by_principal_.find(principal);
  return found == by_principal_.end() ? nullptr : &*found->second;
}

std::vector<ViolationSum> summed(const std::vector<ViolationStore::Entry>& entries,
                                 std::size_t most) {
  const auto same = [](const sandbox::Violation& a, const sandbox::Violation& b) {
    return std::tie(a.kind, a.operation, a.target, a.rule, a.errno_name) ==
           std::tie(b.kind, b.operation, b.target, b.rule, b.errno_name);
  };
  std::vector<ViolationSum> out;
  std::vector<std::string> last_call;  // of each, so that a call counts once
  for (const ViolationStore::Entry& entry : entries) {
    const auto found = std::find_if(out.begin(), out.end(), [&](const ViolationSum& known) {
      return same(known.latest.violation, entry.violation);
    });
    if (found == out.end()) {
      if (out.size() == most) continue;
      out.push_back({entry, 1});
      last_call.push_back(entry.call_id);
      continue;
    }
    std::uint64_t& count = found->latest.violation.count;
    count = sum(count, entry.violation.count);
    std::string& last = last_call[static_cast<std::size_t>(found - out.begin())];
    if (last != entry.call_id) ++found->calls;
    last = entry.call_id;
  }
  return out;
}

}  // namespace mayfly::tools
