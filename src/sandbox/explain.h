#pragma once

#include <optional>
#include <string>
#include <vector>

#include "sandbox/policy.h"
#include "sandbox/profile.h"

namespace mayfly::sandbox {

// What a merged profile comes to, for the operator who is answerable for it.
struct ExplainedRule {
  std::string topic;                // "read", "limits.memory"
  std::vector<std::string> values;  // shown one after the other
  std::string place;                // "default (shipped):14-24"
};
struct Explanation {
  std::string profile;
  std::string description;
  std::vector<std::string> files;  // "build (shipped)": as merged, the last one has the say
  std::vector<std::string> prose;  // sentences
  std::vector<ExplainedRule> rules;
};

// `policy` is what the profile resolves to here; without it, toolchains that were found and paths
// that are protected are left out.
Explanation explain(const Profile& profile, const Policy* policy);
// At most 100 columns, but for words that are longer.
std::string to_text(const Explanation& explanation);

}  // namespace mayfly::sandbox
