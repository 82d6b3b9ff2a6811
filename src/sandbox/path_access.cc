#include "sandbox/path_access.h"

#include <algorithm>
#include <filesystem>

#include "sandbox/cache.h"
#include "sandbox/path_rules.h"
#include "sandbox/workspace.h"

namespace mayfly::sandbox {
namespace {

constexpr int kMostLinks = 40;
constexpr const char* kSandboxRule = "sandbox";

std::string normal(const std::string& path) {
  std::string out = std::filesystem::path(path).lexically_normal().string();
  // Two slashes in front are a root of its own to some libraries.
  out.erase(0, std::min(out.find_first_not_of('/'), out.size()));
  while (out.ends_with('/')) out.pop_back();
  return "/" + out;
}

// `path` without `directory` in front of it.
std::string below(const std::string& path, const std::string& directory) {
  return directory == "/" ? path : path.substr(directory.size());
}

std::string joined(const std::string& directory, const std::string& rest) {
  if (rest.empty() || rest == "/") return directory;
  return directory == "/" ? rest : directory + rest;
}

bool matches_within(const std::string& pattern, const std::string& path) {
  const std::string fixed = fixed_directory(pattern);
  if (!is_within(path, fixed)) return false;
  for (std::string at = path; at.size() > 1; at.resize(std::max(at.rfind('/'), std::size_t{1}))) {
    if (matches(pattern, at)) return true;
    if (at.rfind('/') == 0) break;
  }
  return false;
}

}  // namespace

PathView::PathView(const Policy& policy, Caches caches) : policy_(policy) {
  for (const char* path : {"/", "/dev", "/etc", "/run", "/var"}) {
    add_own(path, Effective::kRead, false);
  }
  add_own("/proc", Effective::kRead);
  for (const char* path : {"/tmp", "/dev/shm", "/dev/pts", kScratchPath}) {
    add_own(path, Effective::kPrivate);
  }
  add_own(policy.identity.home, Effective::kPrivate);
  for (const char* name : {"null", "zero", "full", "random", "urandom", "tty"}) {
    const std::string path = std::string("/dev/") + name;
    add(path, {.access = Effective::kWrite,
               .source = path,
               .rule = kSandboxRule,
               .by = PlacedBy::kDevice,
               .place = path});
  }
  add_rules(caches);
  add_links();
  for (const CoverRule& cover : policy.covers) {
    std::string path = cover.path;
    if (!is_pattern(path)) resolve(path);
    covers_.emplace_back(std::move(path), &cover);
  }
}

void PathView::add(std::string path, PathAnswer answer, bool whole) {
  places_.push_back({std::move(path), std::move(answer), whole});
}

void PathView::add_own(const std::string& path, Effective access, bool whole) {
  add(path, {.access = access, .source = "", .rule = kSandboxRule, .place = path}, whole);
}

void PathView::add_rules(Caches caches) {
  const auto in_var_tmp = [](const std::string& path) { return is_within(path, "/var/tmp"); };
  const bool own_var_tmp =
      std::any_of(policy_.mounts.begin(), policy_.mounts.end(),
                  [&](const MountRule& rule) { return in_var_tmp(rule.destination); }) ||
      std::any_of(policy_.tmpfs.begin(), policy_.tmpfs.end(),
                  [&](const TmpfsRule& rule) { return in_var_tmp(rule.destination); }) ||
      std::any_of(policy_.covers.begin(), policy_.covers.end(), [&](const CoverRule& rule) {
        return rule.kind == CoverKind::kHide && !is_pattern(rule.path) && in_var_tmp(rule.path);
      });
  if (own_var_tmp) {
    add_own("/var/tmp", Effective::kPrivate);
  } else {
    links_.emplace_back("/var/tmp", "/tmp");
  }
  for (const MountRule& rule : policy_.mounts) {
    // The kernel's own is mounted last.
    if (is_within(rule.destination, "/proc")) continue;
    add(rule.destination,
        {.access = rule.access == Access::kWrite ? Effective::kWrite : Effective::kRead,
         .source = rule.source,
         .rule = rule.rule,
         .at = rule.at,
         .by = PlacedBy::kMount,
         .place = rule.destination,
         .ownership = rule.ownership});
  }
  if (policy_.cache && caches == Caches::kShown) {
    for (const std::string& inside : cached_directories()) {
      const std::string path = policy_.identity.home + "/" + inside;
      add(path, {.access = Effective::kWrite,
                 .source = policy_.cache->root,
                 .rule = policy_.profile + ": filesystem.cache",
                 .by = PlacedBy::kCache,
                 .place = path,
                 .ownership = policy_.cache->ownership});
    }
  }
  for (const TmpfsRule& rule : policy_.tmpfs) {
    add(rule.destination, {.access = Effective::kPrivate,
                           .source = "",
                           .rule = rule.rule,
                           .at = rule.at,
                           .by = PlacedBy::kTmpfs,
                           .place = rule.destination});
  }
  for (const GeneratedFile& file : policy_.files) {
    if (is_placed(file.path)) continue;
    add(file.path, {.access = Effective::kRead,
                    .source = "",
                    .rule = kSandboxRule,
                    .by = PlacedBy::kFile,
                    .place = file.path});
  }
}

void PathView::add_links() {
  links_.emplace_back("/var/run", "/run");
  links_.emplace_back("/dev/fd", "/proc/self/fd");
  links_.emplace_back("/dev/ptmx", "pts/ptmx");
  for (const auto& [path, target] : policy_.links) links_.emplace_back(path, target);
  // What is mounted over a link is there instead.
  std::erase_if(links_, [this](const auto& link) { return is_placed(link.first); });
  // What is put behind a link lands where that leads.
  for (Place& place : places_) resolve(place.path);
}

// Whether `path` lies in something that is mounted.
bool PathView::is_placed(const std::string& path) const {
  return std::any_of(places_.begin(), places_.end(), [&path](const Place& place) {
    return place.whole && place.answer.by != PlacedBy::kFile && is_within(path, place.path);
  });
}

bool PathView::resolve(std::string& path) const {
  path = normal(path);
  for (int followed = 0; followed <= kMostLinks; ++followed) {
    const auto link = std::find_if(links_.begin(), links_.end(), [&path](const auto& each) {
      return is_within(path, each.first);
    });
    if (link == links_.end()) return true;
    const auto& [at, target] = *link;
    const std::string from = at.substr(0, at.rfind('/'));
    const std::string whole = target.starts_with('/') ? target : from + "/" + target;
    path = normal(whole + "/" + below(path, at));
  }
  return false;
}

const PathView::Place& PathView::place_of(const std::string& path) const {
  const Place* best = &places_.front();  // "/"
  for (const Place& place : places_) {
    if (place.path.size() >= best->path.size() && is_within(path, place.path)) best = &place;
  }
  return *best;
}

// The cover that holds at `path`: denials first, and of those the outermost.
const CoverRule* PathView::cover_of(const std::string& path, const Place& place) const {
  const CoverRule* best = nullptr;
  const auto before = [](const CoverRule& a, const CoverRule& b) {
    if (a.kind != b.kind) return a.kind == CoverKind::kDeny;
    return a.path.size() < b.path.size();
  };
  for (const auto& [resolved, cover] : covers_) {
    bool holds = false;
    if (is_pattern(cover->path)) {
      holds = matches_within(cover->path, path);
    } else {
      holds = is_within(path, resolved) &&
              (cover->kind == CoverKind::kDeny || resolved.size() >= place.path.size());
    }
    if (holds && (best == nullptr || before(*cover, *best))) best = cover;
  }
  return best;
}

PathAnswer PathView::look_up(const std::string& asked) const {
  std::string path = asked;
  if (!resolve(path)) return {};
  const Place& place = place_of(path);
  if (const CoverRule* cover = cover_of(path, place)) {
    const bool denied = cover->kind == CoverKind::kDeny;
    return {.access = denied ? Effective::kDenied : Effective::kHidden,
            .source = "",
            .rule = cover->rule,
            .at = cover->at,
            .by = denied ? PlacedBy::kDeny : PlacedBy::kHide,
            .place = cover->path};
  }
  PathAnswer answer = place.answer;
  if (path != place.path && (!place.whole || answer.by == PlacedBy::kFile)) {
    // Directories on the way to what is mounted are there, and empty but for that.
    const bool on_the_way = std::any_of(places_.begin(), places_.end(), [&path](const Place& p) {
      return is_within(p.path, path);
    });
    const bool has_link = std::any_of(links_.begin(), links_.end(), [&path](const auto& link) {
      return is_within(link.first, path);
    });
    if (!on_the_way && !has_link) return {};
  }
  if (answer.source.empty() || answer.by == PlacedBy::kCache) return answer;
  answer.source = joined(answer.source, below(path, place.path));
  if (answer.access != Effective::kWrite || answer.by != PlacedBy::kMount) return answer;
  // By the host's path, wherever it is shown.
  for (const Workspace& workspace : policy_.workspaces) {
    for (const std::string& directory : policy_.protected_directories) {
      if (!is_within(answer.source, workspace.path + "/" + directory)) continue;
      answer.access = Effective::kRead;
      answer.by = PlacedBy::kProtection;
      answer.rule = policy_.profile + ": filesystem.protect";
      answer.at = {};
      answer.place = directory;
      return answer;
    }
  }
  return answer;
}

std::vector<std::string> PathView::boundaries() const {
  std::vector<std::string> out;
  for (const Place& place : places_) out.push_back(place.path);
  for (const auto& [path, target] : links_) out.push_back(path);
  for (const auto& [path, cover] : covers_) {
    if (is_pattern(cover->path)) continue;
    out.push_back(path);
    out.push_back(cover->path);
  }
  for (const MountRule& rule : policy_.mounts) {
    for (const Workspace& workspace : policy_.workspaces) {
      for (const std::string& directory : policy_.protected_directories) {
        const std::string whole = workspace.path + "/" + directory;
        if (!is_within(whole, rule.source)) continue;
        out.push_back(joined(rule.destination, below(whole, rule.source)));
      }
    }
  }
  std::sort(out.begin(), out.end());
  out.erase(std::unique(out.begin(), out.end()), out.end());
  return out;
}

PathAnswer look_up(const Policy& policy, const std::string& path) {
  return PathView(policy).look_up(path);
}

}  // namespace mayfly::sandbox
