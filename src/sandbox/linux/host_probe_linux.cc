#include <algorithm>
#include <iterator>

#include "base/text.h"
#include "sandbox/host_probe.h"
#include "sandbox/linux/probes/attempt.h"

namespace mayfly::sandbox {
namespace {

using probes::Outcome;
using probes::Row;

const Probe* find(const std::vector<Probe>& table, const std::string& id) {
  const auto found =
      std::find_if(table.begin(), table.end(), [&](const Probe& probe) { return probe.id == id; });
  return found == table.end() ? nullptr : &*found;
}

Probe try_row(const Row& row, const std::vector<Probe>& before) {
  Probe probe;
  probe.id = row.id;
  probe.name = row.name;
  probe.needed = row.needed;
  probe.tiers = row.tiers;
  const Probe* first = find(before, row.after);
  if (first != nullptr && first->state != Probe::State::kWorks) {
    probe.detail = "not tried: it needs " + first->name;
    return probe;
  }
  const Outcome outcome = probes::attempt(row.trial);
  probe.state = outcome.state;
  probe.detail = text::one_line(outcome.detail);
  if (probe.state == Probe::State::kMissing) probe.remedy = row.remedy(outcome);
  return probe;
}

}  // namespace

std::vector<Probe> probe_host() {
  std::vector<Probe> table;
  for (const auto& rows : {probes::namespace_rows(), probes::mount_rows(), probes::seccomp_rows(),
                           probes::landlock_rows(), probes::process_rows()}) {
    for (const Row& row : rows) table.push_back(try_row(row, table));
  }
  std::ranges::move(probes::cgroup_probes(), std::back_inserter(table));
  table.push_back(probes::container_probe());
  table.push_back(probes::core_pattern_probe());
  return table;
}

}  // namespace mayfly::sandbox
