#include "app/doctor.h"

#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "app/command_line.h"
#include "app/policy_options.h"
#include "app/profile_source.h"
#include "mcp/json.h"
#include "sandbox/host_probe.h"
#include "sandbox/profile.h"
#include "sandbox/shipped_profiles.h"
#include "tools/full_receipt.h"

namespace mayfly::app {
namespace {

using mcp::Json;
using sandbox::Probe;
using sandbox::Verdict;

struct Findings {
  std::vector<Probe> table;
  Verdict verdict;
  std::string profile;
  Status default_profile;  // on this host
  Status weaker_tier;      // what it would say with --tier landlock
  // Where `mayfly run` without --workspace would work.
  std::string directory;
  Status workspace;
  bool directory_is_roots = false;
};

// The tier without namespaces cannot show root's files to another uid as its own.
bool holds_roots_files(const sandbox::Policy& policy) {
  return std::any_of(policy.mounts.begin(), policy.mounts.end(), [](const auto& mount) {
    return mount.ownership == sandbox::Ownership::kMapped;
  });
}

void examine_directory(const sandbox::Profile& profile, Findings& findings) {
  auto host = this_host({});
  if (!host) {
    findings.workspace = fail(std::move(host).error());
    return;
  }
  findings.directory = host->workspaces.front();
  auto policy = ProfileSource({profile.name}, {}, *std::move(host)).preview({profile, {}});
  if (!policy) {
    findings.workspace = fail(std::move(policy).error());
    return;
  }
  findings.directory_is_roots = holds_roots_files(*policy);
}

Findings examine() {
  Findings findings;
  findings.profile = sandbox::shipped_profiles().front();
  findings.table = sandbox::probe_host();
  findings.verdict = sandbox::judge(findings.table);
  auto profile = sandbox::find_profile(findings.profile);
  if (!profile) {
    findings.default_profile = findings.weaker_tier = fail(profile.error());
    return findings;
  }
  examine_directory(*profile, findings);
  findings.default_profile = sandbox::check_host(findings.table, *profile);
  profile->tier = {sandbox::Tier::kLandlock, {}};
  findings.weaker_tier = sandbox::check_host(findings.table, *profile);
  return findings;
}

const char* mark(Probe::State state) {
  switch (state) {
    case Probe::State::kWorks:
      return "✓";
    case Probe::State::kMissing:
      return "✗";
    case Probe::State::kFact:
      return "·";
    case Probe::State::kUnknown:
      break;
  }
  return "?";
}

std::string tier_name(const Verdict& verdict) {
  return verdict.tier ? to_string(*verdict.tier) : "none";
}

// Several rows may fail for one reason, which is told with the first, as is what to do about it.
class GapPrinter {
 public:
  // What to print for the reason of `probe`.
  std::string reason(const Probe& probe) {
    return told_before(reasons_, probe.detail, probe).value_or(probe.detail);
  }

  void print(const Probe& probe) {
    std::printf("    needed for: %s\n", probe.needed.c_str());
    if (probe.remedy.empty()) return;
    const auto before = told_before(remedies_, probe.remedy, probe);
    // "as above" covers both.
    if (before && *before == reason(probe)) return;
    std::printf("    remedy: %s\n", before.value_or(probe.remedy).c_str());
  }

 private:
  using Told = std::map<std::string, std::string>;  // by which row first

  static std::optional<std::string> told_before(Told& told, const std::string& text,
                                                const Probe& probe) {
    const std::string& first = told.emplace(text, probe.name).first->second;
    if (first == probe.name) return std::nullopt;
    return "as above, for " + first;
  }

  Told reasons_;
  Told remedies_;
};

void print_table(const std::vector<Probe>& table) {
  GapPrinter gaps;
  std::size_t width = 0;
  for (const Probe& probe : table) width = std::max(width, probe.name.size());
  for (const Probe& probe : table) {
    const bool missing = probe.state == Probe::State::kMissing;
    const std::string detail = missing ? gaps.reason(probe) : probe.detail;
    std::printf("%s %-*s  %s\n", mark(probe.state), static_cast<int>(width), probe.name.c_str(),
                detail.c_str());
    if (missing) gaps.print(probe);
  }
}

// `describe`, but for the advice to ask doctor.
std::string said_by_doctor(Error error) {
  constexpr std::string_view kSelf = "`mayfly doctor` says more";
  if (error.remedy.ends_with(kSelf)) error.remedy.resize(error.remedy.size() - kSelf.size());
  if (error.remedy.ends_with("; ")) error.remedy.resize(error.remedy.size() - 2);
  return describe(error);
}

void print_refusal(const Findings& findings) {
  std::printf("%s\n", said_by_doctor(findings.default_profile.error()).c_str());
  if (!findings.weaker_tier) return;
  if (findings.directory_is_roots) {
    std::printf(
        "`--tier landlock`, which isolates less, refuses a root server a workspace that "
        "belongs to root, as this directory does: run Mayfly as an ordinary user, or give "
        "the directory to one with chown.\n");
    return;
  }
  std::printf("`--tier landlock` runs, with less isolation.\n");
}

void print_for_person(const Findings& findings) {
  print_table(findings.table);
  const Verdict& verdict = findings.verdict;
  const std::string tier =
      verdict.tier ? "tier " + tier_name(verdict) + " is possible; limits: " + verdict.limits
                   : "no tier is possible";
  std::printf("\nVerdict: %s; the profile %s %s here.\n", tier.c_str(), findings.profile.c_str(),
              findings.default_profile ? "runs" : "does NOT run");
  if (!findings.default_profile) print_refusal(findings);
  if (!findings.workspace) {
    std::printf("A call without --workspace would be refused here: %s\n",
                describe(findings.workspace.error()).c_str());
  }
}

void print_for_program(const Findings& findings) {
  Json rows = Json::array();
  for (const Probe& probe : findings.table) {
    Json row = {
        {"id", probe.id},         {"name", probe.name},     {"state", to_string(probe.state)},
        {"detail", probe.detail}, {"needed", probe.needed}, {"tiers", Json::array()}};
    for (const sandbox::Tier tier : probe.tiers) row["tiers"].push_back(to_string(tier));
    if (!probe.remedy.empty()) row["remedy"] = probe.remedy;
    rows.push_back(std::move(row));
  }
  Json in_the_way = Json::array();
  for (const Probe& probe : findings.verdict.in_the_way) in_the_way.push_back(probe.id);
  Json profile = {{"name", findings.profile}, {"runs", findings.default_profile.has_value()}};
  if (!findings.default_profile) {
    profile["error"] = tools::error_json(findings.default_profile.error());
  }
  Json workspace = {{"path", findings.directory}, {"accepted", findings.workspace.has_value()}};
  if (!findings.workspace) workspace["error"] = tools::error_json(findings.workspace.error());
  const Verdict& verdict = findings.verdict;
  const Json object = {{"tier", tier_name(verdict)},
                       {"in_the_way", std::move(in_the_way)},
                       {"limits",
                        {{"memory", verdict.memory},
                         {"processes", verdict.processes},
                         {"cpu_time", verdict.cpu_time},
                         {"cpu_share", verdict.cpu_share},
                         {"disk", verdict.disk},
                         {"io", verdict.io}}},
                       {"default_profile", std::move(profile)},
                       {"workspace", std::move(workspace)},
                       {"probes", std::move(rows)}};
  std::printf("%s\n", mcp::dump_json(object).c_str());
}

}  // namespace

void add_doctor_options(CLI::App& command, DoctorOptions& options) {
  command.add_flag("--json", options.json, "print one JSON object");
}

int doctor(int argc, char** argv) {
  DoctorOptions options;
  CLI::App command("", "mayfly doctor");
  add_doctor_options(command, options);
  if (const auto code = parse_or_explain(command, argc, argv)) return *code;
  const Findings findings = examine();
  options.json ? print_for_program(findings) : print_for_person(findings);
  return findings.default_profile ? 0 : 1;
}

}  // namespace mayfly::app
