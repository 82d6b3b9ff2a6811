#include "app/doctor.h"

#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <set>
#include <string>
#include <vector>

#include "mcp/json.h"
#include "sandbox/host_probe.h"
#include "sandbox/host_user.h"
#include "sandbox/profile.h"
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
  Status default_profile;
};

Findings examine() {
  Findings findings;
  findings.profile = sandbox::shipped_profiles().front();
  findings.table = sandbox::probe_host();
  findings.verdict = sandbox::judge(findings.table);
  const auto profile = sandbox::find_profile(findings.profile);
  findings.default_profile =
      profile ? sandbox::check_host(findings.table, *profile) : fail(profile.error());
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

void print_for_person(const Findings& findings) {
  std::set<std::string> remedies;
  std::size_t width = 0;
  for (const Probe& probe : findings.table) width = std::max(width, probe.name.size());
  for (const Probe& probe : findings.table) {
    std::printf("%s %-*s  %s\n", mark(probe.state), static_cast<int>(width), probe.name.c_str(),
                probe.detail.c_str());
    if (probe.state != Probe::State::kMissing) continue;
    std::printf("    needed for: %s\n", probe.needed.c_str());
    if (probe.remedy.empty()) continue;
    const bool said = !remedies.insert(probe.remedy).second;
    std::printf("    remedy: %s\n", said ? "the one above" : probe.remedy.c_str());
  }
  const char* runs = findings.default_profile ? "runs" : "does NOT run";
  const std::string tier =
      findings.verdict.tier ? "tier " + tier_name(findings.verdict) : "no tier";
  std::printf("\nVerdict: %s is possible; limits: %s; the profile %s %s here.\n", tier.c_str(),
              findings.verdict.limits.c_str(), findings.profile.c_str(), runs);
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
  const Verdict& verdict = findings.verdict;
  const Json object = {{"tier", tier_name(verdict)},
                       {"in_the_way", std::move(in_the_way)},
                       {"limits",
                        {{"memory", verdict.memory},
                         {"processes", verdict.processes},
                         {"cpu_share", verdict.cpu_share},
                         {"io", verdict.io}}},
                       {"default_profile", std::move(profile)},
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
  try {
    command.parse(argc - 1, argv + 1);
  } catch (const CLI::ParseError& error) {
    return command.exit(error) == 0 ? 0 : 2;
  }
  const Findings findings = examine();
  options.json ? print_for_program(findings) : print_for_person(findings);
  return findings.default_profile ? 0 : 1;
}

}  // namespace mayfly::app
