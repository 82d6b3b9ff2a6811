#include "sandbox/profile_questions.h"

#include <algorithm>
#include <cstdio>
#include <optional>

#include "app/profile_options.h"
#include "base/text.h"
#include "sandbox/explain.h"
#include "sandbox/narrowed_profile.h"
#include "sandbox/profile_defaults.h"
#include "sandbox/profile_diff.h"
#include "sandbox/profile_format.h"
#include "sandbox/profile_text.h"
#include "tools/full_receipt.h"

namespace mayfly::app {
namespace {

using mcp::Json;
using sandbox::LoadedProfile;
using sandbox::PolicyAnswer;
using sandbox::ProfileChange;
using sandbox::ProfileStore;

constexpr int kRefused = 3;
constexpr int kDiffers = 1;
constexpr int kTrouble = 2;  // of diff, as diff(1) has it

const std::string& place_name(const ProfileStore::Place& place) {
  static const std::string kShipped = "shipped";
  return place.path.empty() ? kShipped : place.path;
}

std::string first_line(const std::string& text) { return text.substr(0, text.find('\n')); }

Json strings(const std::vector<std::string>& values) {
  Json out = Json::array();
  for (const std::string& value : values) out.push_back(value);
  return out;
}

// One profile of the list: where it is, what it hides from view, what it says of itself.
struct Listed {
  std::vector<ProfileStore::Place> places;  // the one that holds first
  std::string description;
  std::optional<Error> error;
};

Listed look_at(const ProfileStore& store, const std::string& name) {
  Listed out;
  out.places = store.find(name);
  const auto loaded = store.load(name);
  if (!loaded) {
    out.error = loaded.error();
  } else if (const auto* own = sandbox::own_description(loaded->profile)) {
    out.description = first_line(*own);
  }
  return out;
}

// What is wrong in a file has its place in front, anything else is said whole.
std::string broken_text(const Error& error) {
  return error.field.empty() ? first_line(error.message) : describe(error);
}

void print_listed(const std::string& name, const Listed& listed, std::size_t width) {
  std::printf("%-*s  %s\n", static_cast<int>(width), name.c_str(),
              text::one_line(place_name(listed.places.front())).c_str());
  const std::string margin(width + 2, ' ');
  for (std::size_t i = 1; i < listed.places.size(); ++i) {
    std::printf("%sinstead of: %s\n", margin.c_str(),
                text::one_line(place_name(listed.places[i])).c_str());
  }
  if (listed.error) {
    std::printf("%sBROKEN: %s\n", margin.c_str(),
                text::one_line(broken_text(*listed.error)).c_str());
  } else if (!listed.description.empty()) {
    std::printf("%s%s\n", margin.c_str(), text::one_line(listed.description).c_str());
  }
}

Json listed_json(const std::string& name, const Listed& listed) {
  Json out = {
      {"name", name}, {"place", place_name(listed.places.front())}, {"instead_of", Json::array()}};
  for (std::size_t i = 1; i < listed.places.size(); ++i) {
    out["instead_of"].push_back(place_name(listed.places[i]));
  }
  if (!listed.description.empty()) out["description"] = listed.description;
  if (listed.error) out["error"] = tools::error_json(*listed.error);
  return out;
}

Json change_json(const ProfileChange& change) {
  Json out = {{"key", change.key}};
  if (!change.before.empty()) {
    out["before"] = {{"value", change.before}, {"at", place_json(change.before_at)}};
  }
  if (!change.after.empty()) {
    out["after"] = {{"value", change.after}, {"at", place_json(change.after_at)}};
  }
  return out;
}

Json changes_json(const std::vector<ProfileChange>& changes) {
  Json out = Json::array();
  for (const ProfileChange& change : changes) out.push_back(change_json(change));
  return out;
}

void print_changes(const std::string& title, const std::vector<ProfileChange>& changes) {
  if (changes.empty()) return;
  std::printf("%s:\n", title.c_str());
  for (const ProfileChange& change : changes) std::printf("  %s\n", to_string(change).c_str());
}

// A profile, and what it comes to with the workspace's own file.
struct Seen {
  sandbox::Profile profile;
  Result<sandbox::Policy> policy;
  std::string project;  // the workspace's file, if there is one
};

Result<Seen> look_here(const ProfileOptions& options) {
  const sandbox::Profile named = TRY(profile_store().load(options.name)).profile;
  std::optional<sandbox::Profile> project;
  if (!options.no_project) project = TRY(project_profile(options.workspace));
  auto policy = resolve_here(named, project, options.workspace);
  if (!project || !policy) return Seen{named, std::move(policy), ""};
  return Seen{TRY(sandbox::narrowed(named, *project)), std::move(policy),
              settings::to_string(project->at)};
}

std::string project_sentence(const Seen& seen) {
  return "with " + text::one_line(seen.project) + ", which narrows it";
}

Json project_json(const Seen& seen) { return seen.project.empty() ? Json() : Json(seen.project); }

Result<std::vector<PolicyAnswer>> answers(const ProfileOptions& options,
                                          const sandbox::Profile& profile,
                                          const sandbox::Policy& policy) {
  std::vector<PolicyAnswer> out;
  for (const std::string& path : options.paths)
    out.push_back(TRY(about_path(policy, profile, path)));
  const settings::Location mode_at = profile.network ? profile.network->at : settings::Location{};
  for (const std::string& host : options.hosts) {
    out.push_back(TRY(about_host(policy, mode_at, host)));
  }
  for (const std::string& call : options.syscalls) out.push_back(TRY(about_syscall(policy, call)));
  return out;
}

int print_answers(const ProfileOptions& options, const Seen& seen) {
  if (!seen.policy) return say_error(seen.policy.error());
  const auto found = answers(options, seen.profile, *seen.policy);
  if (!found) return say_error(found.error());
  if (!options.json && !seen.project.empty()) {
    std::printf("%s %s:\n", seen.profile.name.c_str(), project_sentence(seen).c_str());
  }
  bool all = true;
  Json list = Json::array();
  for (const PolicyAnswer& answer : *found) {
    all = all && answer.permitted;
    if (!options.json) std::printf("%s\n", to_string(answer).c_str());
    list.push_back({{"subject", answer.subject},
                    {"permitted", answer.permitted},
                    {"verdict", answer.verdict},
                    {"reason", answer.reason},
                    {"at", answer.place.empty() ? Json() : Json(answer.place)}});
  }
  if (options.json) {
    print_json({{"profile", seen.profile.name},
                {"project", project_json(seen)},
                {"answers", std::move(list)}});
  }
  return all ? 0 : kRefused;
}

Json explanation_json(const sandbox::Explanation& explanation) {
  Json rules = Json::array();
  for (const sandbox::ExplainedRule& rule : explanation.rules) {
    rules.push_back({{"topic", rule.topic}, {"values", strings(rule.values)}, {"at", rule.place}});
  }
  return {{"profile", explanation.profile},
          {"description", explanation.description},
          {"files", strings(explanation.files)},
          {"prose", strings(explanation.prose)},
          {"rules", std::move(rules)}};
}

}  // namespace

int list_profiles(const ProfileOptions& options) {
  const ProfileStore store = profile_store();
  const auto all = store.list();
  std::size_t width = 0;
  for (const ProfileStore::Place& place : all) width = std::max(width, place.name.size());
  bool broken = false;
  Json list = Json::array();
  for (const ProfileStore::Place& place : all) {
    const Listed listed = look_at(store, place.name);
    if (listed.places.empty()) continue;  // deleted meanwhile
    broken = broken || listed.error;
    options.json ? list.push_back(listed_json(place.name, listed))
                 : print_listed(place.name, listed, width);
  }
  if (options.json) print_json({{"profiles", std::move(list)}});
  return broken ? 1 : 0;
}

int show_profile(const ProfileOptions& options) {
  const auto loaded = profile_store().load(options.name);
  if (!loaded) return say_error(loaded.error());
  const sandbox::Profile& profile = loaded->profile;
  if (!options.json) {
    std::printf("%s", annotated_text(profile).c_str());
    return 0;
  }
  Json layers = Json::array();
  for (const auto& layer : profile.layers) {
    layers.push_back({{"name", layer.value},
                      {"at", settings::to_string(layer.at)},
                      {"trust", sandbox::to_string(settings::trust_of(layer.at))}});
  }
  Json values = Json::object();
  for (const auto& field : sandbox::profile_format().fields()) {
    if (field.info.full() == "extends") continue;
    for (const auto& part : field.parts(profile)) {
      values[field.info.full()].push_back({{"toml", part.value}, {"at", place_json(part.at)}});
    }
  }
  print_json(
      {{"profile", profile.name}, {"layers", std::move(layers)}, {"values", std::move(values)}});
  return 0;
}

int explain_profile(const ProfileOptions& options) {
  const auto seen = look_here(options);
  if (!seen) return say_error(seen.error());
  if (!options.paths.empty() || !options.hosts.empty() || !options.syscalls.empty()) {
    return print_answers(options, *seen);
  }
  const auto& policy = seen->policy;
  auto explanation = explain(seen->profile, policy ? &*policy : nullptr);
  if (!seen->project.empty()) {
    explanation.prose.insert(explanation.prose.begin(),
                             "This is it " + project_sentence(*seen) + ".");
  }
  if (!policy) {
    explanation.prose.push_back(
        "In this directory no command would be started: " + describe(policy.error()) + ".");
  }
  if (options.json) {
    Json all = explanation_json(explanation);
    all["project"] = project_json(*seen);
    print_json(all);
  } else {
    std::printf("%s", to_text(explanation).c_str());
  }
  return 0;
}

int compare_profiles(const ProfileOptions& options) {
  const ProfileStore store = profile_store();
  const auto before = store.load(options.name);
  const auto after = store.load(options.other);
  if (!before) say_error(before.error());
  if (!after) say_error(after.error());
  if (!before || !after) return kTrouble;
  const auto diff = diff_profiles(before->profile, after->profile);
  if (options.json) {
    print_json({{"same", diff.same()},
                {"more", changes_json(diff.more)},
                {"less", changes_json(diff.less)},
                {"other", changes_json(diff.other)}});
  } else if (diff.same()) {
    std::printf("same\n");
  } else {
    print_changes(options.other + " permits more than " + options.name, diff.more);
    print_changes(options.other + " permits less than " + options.name, diff.less);
    print_changes("otherwise different", diff.other);
  }
  return diff.same() ? 0 : kDiffers;
}

int print_schema(const ProfileOptions&) {
  const auto schema = mcp::parse_json(sandbox::profile_format().schema());
  if (!schema) return say_error(schema.error());
  std::printf("%s\n", schema->dump(2).c_str());
  return 0;
}

}  // namespace mayfly::app
