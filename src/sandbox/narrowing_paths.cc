#include <set>

#include "base/text.h"
#include "sandbox/narrowing_parts.h"
#include "sandbox/path_access.h"
#include "sandbox/path_rules.h"
#include "sandbox/workspace.h"

// Whether a program finds more in one sandbox than in another, path by path. Between two boundaries
// the answer of each policy is one and the same but for the rest of the path, so it is enough to
// ask both at the boundaries of both. That is complete for literal rules. It is for patterns too,
// since inner has all of outer's and what matches one is covered with everything below it.
//
// Links are in the answers: each policy's are followed, and inner has none that outer has not, so
// that whatever can be reached over one is compared at its own path.
namespace mayfly::sandbox::narrowing {
namespace {

constexpr std::size_t kUsualTmpfs = 16;

bool is_host(const PathAnswer& answer) {
  return (answer.access == Effective::kRead || answer.access == Effective::kWrite) &&
         !answer.source.empty();
}

bool is_cover(const PathAnswer& answer) {
  return answer.by == PlacedBy::kHide || answer.by == PlacedBy::kDeny;
}

// Whether `in` gives anything that `out` does not.
bool widens(const PathAnswer& in, const PathAnswer& out) {
  if (in.by == PlacedBy::kFile) return out.by != PlacedBy::kFile && !is_host(out);
  if (!is_host(in)) return false;
  if (!is_host(out) || in.source != out.source || in.ownership != out.ownership) return true;
  return in.access == Effective::kWrite && out.access == Effective::kRead;
}

bool has_cover(const Policy& policy, const std::string& path, CoverKind kind) {
  return std::any_of(policy.covers.begin(), policy.covers.end(), [&](const CoverRule& cover) {
    return cover.path == path && cover.kind == kind;
  });
}

// The rule that inner would have to have, or the one that it has too much.
std::string name_of(const Policy& inner, const std::string& path, const PathAnswer& in,
                    const PathAnswer& out) {
  if (in.by == PlacedBy::kFile && !is_cover(out)) return "file " + path;
  if (is_cover(out)) {
    const CoverKind kind = out.by == PlacedBy::kDeny ? CoverKind::kDeny : CoverKind::kHide;
    if (!has_cover(inner, out.place, kind)) {
      return std::string("filesystem.") + to_string(kind) + " " + out.place;
    }
  }
  if (out.by == PlacedBy::kProtection && in.source == out.source) {
    return "filesystem.protect " + out.place;
  }
  return (in.access == Effective::kWrite ? "filesystem.write " : "filesystem.read ") + path;
}

std::string message_of(const PathAnswer& in, const PathAnswer& out) {
  const std::string does =
      in.access == Effective::kWrite ? "lets it be written" : "lets it be read";
  switch (out.access) {
    case Effective::kDenied:
      return does + ", where it is denied";
    case Effective::kHidden:
      return does + ", where it is hidden";
    case Effective::kPrivate:
      return does + ", where an empty directory of the call's own is";
    case Effective::kAbsent:
      return does + ", where nothing is";
    case Effective::kRead:
    case Effective::kWrite:
      break;
  }
  if (!is_host(out)) return does + ", where nothing of the host is";
  if (in.source != out.source) return "shows " + in.source + ", where " + out.source + " is";
  if (in.ownership != out.ownership) return "shows whose files are whose in another way";
  return does + ", where it is read-only";
}

void compare_answers(const Policy& inner, const Policy& outer, Findings& found) {
  // Caches are Mayfly's own; that they are kept at all is compared by itself.
  const auto caches =
      inner.cache == outer.cache ? PathView::Caches::kShown : PathView::Caches::kLeftOut;
  const PathView inside(inner, caches);
  const PathView outside(outer, caches);
  std::set<std::string> paths;
  for (const std::string& path : inside.boundaries()) paths.insert(path);
  for (const std::string& path : outside.boundaries()) paths.insert(path);
  std::vector<std::pair<std::string, std::string>> told;  // path, place of inner's rule
  for (const std::string& path : paths) {
    const PathAnswer in = inside.look_up(path);
    const PathAnswer out = outside.look_up(path);
    if (!widens(in, out)) continue;
    const std::string what = name_of(inner, path, in, out);
    // One rule is told once, not again for every place below it.
    const bool known = std::any_of(told.begin(), told.end(), [&](const auto& each) {
      return each.second == in.place && is_within(path, each.first);
    });
    if (!known) found.add(what, message_of(in, out), in.at);
    told.emplace_back(path, in.place);
  }
}

void compare_patterns(const Policy& inner, const Policy& outer, Findings& found) {
  for (const CoverRule& pattern : outer.covers) {
    if (!is_pattern(pattern.path)) continue;
    const std::string fixed = fixed_directory(pattern.path);
    const bool kept =
        std::any_of(inner.covers.begin(), inner.covers.end(), [&](const CoverRule& cover) {
          const bool as_strong = cover.kind == CoverKind::kDeny || cover.kind == pattern.kind;
          if (cover.path == pattern.path) return as_strong;
          return cover.kind == CoverKind::kDeny && !is_pattern(cover.path) &&
                 is_within(fixed, cover.path);
        });
    if (kept) continue;
    found.add(std::string("filesystem.") + to_string(pattern.kind) + " " + pattern.path,
              "does not hold any more");
  }
}

// A tmpfs of size 0 has no limit.
bool is_larger(std::uint64_t a, std::uint64_t b) { return b != 0 && (a == 0 || a > b); }

// As large as outer's there, or as what every sandbox has. What inner has without a rule is within
// its limits, and those are compared by themselves.
void compare_memory(const Policy& inner, const Policy& outer, Findings& found) {
  for (const TmpfsRule& rule : inner.tmpfs) {
    const std::uint64_t usual =
        rule.destination == "/dev/shm" ? outer.limits.shm_bytes : outer.limits.tmp_bytes;
    const bool fits =
        !is_larger(rule.bytes, usual) ||
        std::any_of(outer.tmpfs.begin(), outer.tmpfs.end(), [&rule](const TmpfsRule& wide) {
          return wide.destination == rule.destination && !is_larger(rule.bytes, wide.bytes);
        });
    if (fits) continue;
    found.add("filesystem.tmpfs " + rule.destination,
              rule.bytes == 0 ? "has no limit" : "is larger: " + text::human_bytes(rule.bytes),
              rule.at);
  }
  const std::size_t most = std::max(kUsualTmpfs, outer.tmpfs.size());
  if (inner.tmpfs.size() > most) {
    found.add("filesystem.tmpfs",
              "is said " + std::to_string(inner.tmpfs.size()) + " times, more than " +
                  std::to_string(most),
              inner.tmpfs.back().at);
  }
}

}  // namespace

void compare_paths(const Policy& inner, const Policy& outer, Findings& found) {
  for (const auto& link : inner.links) {
    if (!has(outer.links, link)) {
      found.add("link " + link.first, "leads to " + link.second + ", where it does not");
    }
  }
  for (const GeneratedFile& file : inner.files) {
    if (!has(outer.files, file)) found.add("file " + file.path, "has another content");
  }
  compare_patterns(inner, outer, found);
  compare_answers(inner, outer, found);
  compare_memory(inner, outer, found);
  if (inner.cache && inner.cache != outer.cache) {
    found.add("filesystem.cache",
              outer.cache ? "keeps caches in another place" : "keeps caches, where none are kept");
  }
}

}  // namespace mayfly::sandbox::narrowing
