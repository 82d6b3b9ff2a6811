#include <algorithm>
#include <iterator>
#include <utility>

#include "base/text.h"
#include "sandbox/host_probe.h"

namespace mayfly::sandbox {
namespace {

bool works(const std::vector<Probe>& table, std::string_view id) {
  return std::any_of(table.begin(), table.end(), [&](const Probe& probe) {
    return probe.id == id && probe.state == Probe::State::kWorks;
  });
}

std::vector<Probe> missing_for(Tier tier, const std::vector<Probe>& table) {
  std::vector<Probe> missing;
  for (const Probe& probe : table) {
    const bool needed =
        std::find(probe.tiers.begin(), probe.tiers.end(), tier) != probe.tiers.end();
    if (needed && probe.state != Probe::State::kWorks) missing.push_back(probe);
  }
  return missing;
}

// An empty table, or one of a platform without a sandbox, allows nothing by saying nothing.
bool speaks_of(Tier tier, const std::vector<Probe>& table) {
  return std::any_of(table.begin(), table.end(), [&](const Probe& probe) {
    return std::find(probe.tiers.begin(), probe.tiers.end(), tier) != probe.tiers.end();
  });
}

std::string holder(const std::vector<Probe>& table, std::string_view id, const char* otherwise) {
  const auto found = std::find_if(table.begin(), table.end(), [&](const Probe& probe) {
    return probe.id == id && probe.state == Probe::State::kWorks;
  });
  if (found == table.end()) return otherwise;
  return found->by.empty() ? "cgroup" : found->by;
}

void name_holders(const std::vector<Probe>& table, Verdict& verdict) {
  verdict.memory = holder(table, "cgroup_memory", "watched");
  // RLIMIT_NPROC counts one call only where that has a user namespace of its own.
  verdict.processes =
      holder(table, "cgroup_processes", verdict.tier == Tier::kLandlock ? "watched" : "rlimit");
  verdict.cpu_time = holder(table, "cgroup_cpu", "watched");
  verdict.cpu_share = holder(table, "cgroup_cpu", "none");
  verdict.disk = "watched";
  verdict.io = holder(table, "cgroup_io", "none");
}

std::string limits_text(const Verdict& verdict) {
  const auto held = [](const char* what, const std::string& by) {
    const std::string how = by == "none"      ? "not limited"
                            : by == "watched" ? "watched ten times a second"
                                              : "by " + by;
    return what + (" " + how);
  };
  return text::join({held("memory", verdict.memory), held("processes", verdict.processes),
                     held("CPU time", verdict.cpu_time), held("CPU share", verdict.cpu_share),
                     held("disk", verdict.disk), held("disk bandwidth", verdict.io)},
                    ", ");
}

Error lacking(const std::string& rule, const std::vector<Probe>& rows) {
  std::vector<std::string> whats;
  std::vector<std::string> remedies;
  for (const Probe& row : rows) {
    // What could not even be tried has its reason in another row.
    if (row.state != Probe::State::kMissing) continue;
    whats.push_back(row.name + " (" + row.detail + ")");
    const bool said = std::find(remedies.begin(), remedies.end(), row.remedy) != remedies.end();
    if (!row.remedy.empty() && !said) remedies.push_back(row.remedy);
  }
  Error error;
  error.message = "this host cannot enforce " + rule;
  if (!whats.empty()) error.message += ": it lacks " + text::join(whats, "; ");
  return cannot_enforce(std::move(error), text::join(remedies, "; "));
}

Status check_row(const std::vector<Probe>& table, std::string_view id, const std::string& rule) {
  if (works(table, id)) return {};
  std::vector<Probe> rows;
  std::copy_if(table.begin(), table.end(), std::back_inserter(rows),
               [&](const Probe& probe) { return probe.id == id; });
  return fail(lacking(rule, rows));
}

Status check_requirement(const std::vector<Probe>& table, Requirement requirement,
                         const std::string& of) {
  const std::string rule = std::string("host.requires = ") + to_string(requirement) + of;
  switch (requirement) {
    case Requirement::kLandlock:
      return check_row(table, "landlock", rule);
    case Requirement::kSupervisor:
      return check_row(table, "seccomp_notify", rule);
    case Requirement::kCgroup:
    case Requirement::kCgroupV2:
      break;
  }
  for (const char* id : {"cgroup_memory", "cgroup_processes", "cgroup_cpu"}) {
    TRY(check_row(table, id, rule));
  }
  if (requirement == Requirement::kCgroup) return {};
  if (holder(table, "cgroup_memory", "") == "cgroup v2") return {};
  Error error;
  error.message = "this host cannot enforce " + rule + ": its control groups are version 1";
  return fail(cannot_enforce(std::move(error),
                             "Use cgroup v2: systemd.unified_cgroup_hierarchy=1 on the kernel's "
                             "command line"));
}

}  // namespace

const char* to_string(Probe::State state) {
  switch (state) {
    case Probe::State::kWorks:
      return "works";
    case Probe::State::kMissing:
      return "missing";
    case Probe::State::kUnknown:
      return "unknown";
    case Probe::State::kFact:
      return "fact";
  }
  return "unknown";
}

Verdict judge(const std::vector<Probe>& table) {
  Verdict verdict;
  for (const Tier tier : {Tier::kFull, Tier::kLandlock}) {
    std::vector<Probe> missing = missing_for(tier, table);
    if (missing.empty() && speaks_of(tier, table)) {
      verdict.tier = tier;
      break;
    }
    for (Probe& probe : missing) {
      const bool known = std::any_of(verdict.in_the_way.begin(), verdict.in_the_way.end(),
                                     [&](const Probe& other) { return other.id == probe.id; });
      if (!known) verdict.in_the_way.push_back(std::move(probe));
    }
  }
  if (verdict.tier) name_holders(table, verdict);
  verdict.limits = limits_text(verdict);
  return verdict;
}

Status check_host(const std::vector<Probe>& table, const Profile& profile) {
  const Verdict verdict = judge(table);
  const std::string of = " of profile " + profile.name;
  const bool strong_enough =
      verdict.tier && (*verdict.tier == Tier::kFull || tier_of(profile) != Tier::kFull);
  if (!strong_enough) {
    return fail(
        lacking(std::string("tier ") + to_string(tier_of(profile)) + of, verdict.in_the_way));
  }
  const Limits limits = limits_of(profile);
  const Watched accepts = watched_of(profile);
  if (!accepts.memory) {
    TRY(check_row(table, "cgroup_memory", "the memory limit" + of));
  }
  if (limits.cpu.count() > 0 && !accepts.cpu_time) {
    TRY(check_row(table, "cgroup_cpu", "the CPU time" + of));
  }
  if (limits.cpu_percent > 0) TRY(check_row(table, "cgroup_cpu", "the CPU share" + of));
  if (limits.io_bytes_per_second > 0) TRY(check_row(table, "cgroup_io", "the I/O rate" + of));
  for (const auto& requirement : profile.requires_) {
    TRY(check_requirement(table, requirement.value, of));
  }
  return {};
}

Error cannot_enforce(Error error, std::string remedy) {
  constexpr std::string_view kMore = "`mayfly doctor` says more";
  error.code = ErrorCode::kHostCannotEnforce;
  if (!remedy.ends_with(kMore)) remedy += (remedy.empty() ? "" : "; ") + std::string(kMore);
  return std::move(error).with_remedy(std::move(remedy));
}

}  // namespace mayfly::sandbox
