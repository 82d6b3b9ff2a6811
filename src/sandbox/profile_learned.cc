#include "sandbox/profile_learned.h"

#include <algorithm>
#include <array>
#include <map>
#include <set>

#include "base/text.h"
#include "sandbox/path_help.h"
#include "sandbox/private_places.h"
#include "sandbox/violation_words.h"
#include "sandbox/workspace.h"
#include "settings/document.h"

namespace mayfly::sandbox {
namespace {

constexpr std::size_t kSiblings = 3;

struct LearnedLimit {
  const char* name;  // as LimitUse has it
  const char* key;
  const char* option;
  enum class Unit { kBytes, kMilliseconds, kCount } unit;
};
constexpr std::array kLimits = {
    LearnedLimit{"wall_ms", "wall", "--timeout", LearnedLimit::Unit::kMilliseconds},
    LearnedLimit{"cpu_ms", "cpu", "--cpu", LearnedLimit::Unit::kMilliseconds},
    LearnedLimit{"memory_bytes", "memory", "--memory", LearnedLimit::Unit::kBytes},
    LearnedLimit{"processes", "processes", "--processes", LearnedLimit::Unit::kCount},
    LearnedLimit{"output_bytes", "output", "--output", LearnedLimit::Unit::kBytes},
    LearnedLimit{"disk_bytes", "disk", "--disk", LearnedLimit::Unit::kBytes},
    LearnedLimit{"file_bytes", "file", "--file", LearnedLimit::Unit::kBytes},
};

std::string what_of(const Violation& violation) {
  std::string out = std::string(to_string(violation.kind)) + " " + violation.operation;
  if (!violation.target.empty()) out += " " + violation.target;
  return out;
}

// Paths of one key, each with what it is for.
using Wanted = std::map<std::string, std::string>;

bool is_below_another(const std::string& path, const Wanted& wanted) {
  return std::any_of(wanted.begin(), wanted.end(), [&](const auto& each) {
    return each.first != path && is_within(path, each.first);
  });
}

// Several in one directory become that directory, from the bottom up.
void put_together(Wanted& wanted, const Policy& policy) {
  std::set<std::string> refused;
  while (true) {
    std::map<std::string, std::size_t> children;
    for (const auto& [path, why] : wanted) ++children[directory_of(path)];
    const auto most = std::find_if(children.begin(), children.end(), [&](const auto& each) {
      return each.second >= kSiblings && !refused.contains(each.first);
    });
    if (most == children.end()) break;
    const std::string directory = most->first;
    const std::string& home = policy.identity.home;
    if (is_shared_place(directory, home) || is_private_place(directory, home)) {
      refused.insert(directory);
      continue;
    }
    const std::size_t before = wanted.size();
    std::erase_if(wanted, [&](const auto& each) { return is_within(each.first, directory); });
    wanted[directory] = std::to_string(before - wanted.size()) + " paths in " + directory;
  }
  for (auto each = wanted.begin(); each != wanted.end();) {
    each = is_below_another(each->first, wanted) ? wanted.erase(each) : std::next(each);
  }
}

std::string doubled(const LearnedLimit& limit, const LimitUse& use) {
  constexpr std::uint64_t kMiB = 1U << 20;
  const std::uint64_t value = 2 * std::max(use.limit, use.used.value_or(0));
  switch (limit.unit) {
    case LearnedLimit::Unit::kBytes:
      return settings::quoted(std::to_string((value + kMiB - 1) / kMiB) + "M");
    case LearnedLimit::Unit::kMilliseconds:
      return settings::quoted(std::to_string((value + 999) / 1000) + "s");
    case LearnedLimit::Unit::kCount:
      break;
  }
  return std::to_string(value);
}

void learn_limits(const Report& report, Learned& learned) {
  for (const LimitUse& use : report.limits) {
    const auto limit = std::find_if(kLimits.begin(), kLimits.end(),
                                    [&](const auto& each) { return each.name == use.name; });
    if (!use.reached || limit == kLimits.end()) continue;
    learned.wishes.push_back({limit->option, "limits", limit->key, "", doubled(*limit, use),
                              "the limit was reached: twice as much"});
  }
}

std::string remarks(const char* title, const std::vector<Learned::Remark>& list) {
  if (list.empty()) return "";
  std::string out = std::string("\n# ") + title + "\n";
  for (const Learned::Remark& each : list) {
    out += "#   " + text::one_line(each.what + " (" + each.rule + "): " + each.why) + "\n";
  }
  return out;
}

}  // namespace

Learned learn_from(const Report& report, const Policy& policy) {
  Learned learned;
  Wanted read;
  Wanted write;
  bool workspace = false;
  std::vector<Learned::Remark> resources;
  std::uint64_t told = 0;
  for (const Violation& violation : report.violations) {
    told += violation.count;
    const Learned::Remark remark{what_of(violation), violation.remedy, violation.rule};
    if (violation.kind == ViolationKind::kResource) {
      resources.push_back(remark);
      continue;
    }
    if (violation.way == WayOut::kNone) learned.never.push_back(remark);
    if (violation.way == WayOut::kRule) learned.forbidden.push_back(remark);
    bool decision = violation.way == WayOut::kDanger;
    for (const Permission& each : violation.permissions) {
      if (each.key == "filesystem.read") {
        read.emplace(each.exact, remark.what);
      } else if (each.key == "filesystem.write") {
        write.emplace(each.exact, remark.what);
      } else if (each.key == "filesystem.workspace") {
        workspace = true;
      } else {
        decision = true;
      }
    }
    if (decision) learned.decisions.push_back(remark);
  }
  learned.denied = report.violations_total;
  learned.untold = report.violations_total - std::min(told, report.violations_total);
  put_together(write, policy);
  std::erase_if(read, [&](const auto& each) {
    return write.contains(each.first) || is_below_another(each.first, write);
  });
  put_together(read, policy);
  if (workspace) {
    learned.wishes.push_back(
        {"", "filesystem", "workspace", "", "\"read-write\"", "files were to be made in it"});
  }
  for (const auto& [path, why] : read) {
    learned.wishes.push_back({"--read", "filesystem", "read", "", settings::quoted(path), why});
  }
  for (const auto& [path, why] : write) {
    learned.wishes.push_back({"--write", "filesystem", "write", "", settings::quoted(path), why});
  }
  const std::size_t before = learned.wishes.size();
  learn_limits(report, learned);
  // Of a limit that is known the wish says it.
  if (learned.wishes.size() == before) {
    learned.forbidden.insert(learned.forbidden.end(), resources.begin(), resources.end());
  }
  return learned;
}

Result<std::string> learned_text(const Learned& learned, const std::string& profile) {
  std::string text = "extends = " + settings::quoted(profile) + "\n";
  const auto source = std::make_shared<settings::Source>(settings::Source{"learned profile"});
  for (const ProfileWish& wish : learned.wishes) text = TRY(with_wish(text, source, wish));
  text += remarks("Decide for yourself: each of these can undo what the sandbox is for.",
                  learned.decisions);
  text += remarks("Rules that somebody wrote stand against these:", learned.forbidden);
  text += remarks("No profile gives these:", learned.never);
  return text;
}

std::string learned_command(const Learned& learned, const std::string& profile) {
  if (learned.wishes.empty()) return "";
  std::string out = "mayfly profile allow " + text::for_shell(profile);
  for (const ProfileWish& wish : learned.wishes) {
    if (wish.option.empty()) return "";
    settings::Diagnostics ignored;
    const auto source = std::make_shared<settings::Source>(settings::Source{wish.option});
    const auto document = settings::parse_document("v = " + wish.value, source, ignored);
    if (document == nullptr || document->empty()) return "";
    const auto* word = document->front().value->as<std::string>();
    const std::string value = word != nullptr ? *word : wish.value;
    if (wish.table == "filesystem" && !is_plain_path(value)) return "";
    out += " " + wish.option + " " + text::for_shell(value);
  }
  return out;
}

}  // namespace mayfly::sandbox
