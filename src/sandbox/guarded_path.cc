#include "sandbox/guarded_path.h"

#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/stat.h>

#include <cerrno>

#include "base/sys.h"
#include "base/text.h"

namespace mayfly::sandbox {
namespace {

using beneath::Entry;
using Kind = beneath::Entry::Kind;

bool ends_with(const std::string& text, const std::string& suffix) {
  return !suffix.empty() && text.size() >= suffix.size() &&
         text.compare(text.size() - suffix.size(), suffix.size(), suffix) == 0;
}

// "NAME.mayfly-blocked-N", or something in such a directory.
bool is_aside(const std::string& path) {
  return path.find(".mayfly-blocked-") != std::string::npos;
}

// Where `link` (at `path`) leads, as an O_PATH descriptor. Links are followed here, but only below
// the workspace, and nothing is opened for reading or writing.
Result<OwnedFd> open_target(const Workplace& workplace, const std::string& path,
                            const Entry& link) {
  std::string from = path;
  if (!link.content.empty() && link.content.front() == '/') {
    const std::string root = workplace.path + "/";
    if (link.content.compare(0, root.size(), root) != 0) {
      return fail(system_error("a link out of the workspace", EXDEV));
    }
    from = link.content.substr(root.size());
  }
  return sys::openat2(workplace.directory, from, O_PATH, RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS);
}

void follow(const Workplace& workplace, const std::string& path, GuardedPath& guarded,
            const GuardedPath* earlier) {
  auto target = open_target(workplace, path, guarded.entry);
  if (!target) return;
  const auto real = sys::readlink("/proc/self/fd/" + std::to_string(target->get()));
  const std::string root = workplace.path + "/";
  if (!real || real->compare(0, root.size(), root) != 0) return;
  const std::string inside = real->substr(root.size());
  auto parent =
      beneath::open(workplace.directory, beneath::parent_of(inside), O_PATH | O_DIRECTORY);
  if (!parent) return;
  guarded.target = beneath::look(parent->get(), beneath::name_of(inside),
                                 earlier != nullptr ? &earlier->target : nullptr);
  // Binds are made without following links, so this directory is not behind one.
  if (guarded.target.kind != Kind::kDirectory) return;
  if (auto directory = beneath::open(workplace.directory, inside, O_RDONLY | O_DIRECTORY)) {
    guarded.tree =
        beneath::look_below(directory->get(), earlier != nullptr ? &earlier->tree : nullptr);
  }
}

bool same_file(const Entry& now, const Entry& before) {
  if (now.untouched_since(before)) return true;
  // A hook that was not executable before was not in force.
  return now.equal_content(before) && ((now.info.st_mode ^ before.info.st_mode) & 0111U) == 0;
}

bool same_tree(const beneath::Tree& now, const beneath::Tree& before) {
  if (!now.complete || !before.complete) return false;
  for (const auto& [name, entry] : now.entries) {
    const auto was = before.entries.find(name);
    if (was == before.entries.end()) return false;
    if (entry.kind == Kind::kDirectory && was->second.kind == Kind::kDirectory) continue;
    if (!same_file(entry, was->second)) return false;
  }
  return true;
}

void settle_directory(const Workplace& workplace, const std::string& path,
                      const GuardedPath& before, const GuardedPath& now,
                      const std::string& inert_suffix, std::vector<HostCodeFinding>& findings) {
  // While the bind is in force nothing in a sandbox can replace the directory or change its files.
  // Another directory at its place is the host's doing, and drops the bind: then nothing is known.
  if (workplace.bind == DirectoryBind::kInForce) {
    if (!now.entry.same_object(before.entry)) {
      undo(workplace, path, {}, "was replaced while calls were running", findings);
    }
    return;
  }
  if (!now.tree.complete) {
    if (before.tree.complete) {
      undo(workplace, path, {}, "has more files than can be compared", findings);
    } else if (!now.entry.untouched_since(before.entry)) {
      findings.push_back({path, "changed", HostCodeFinding::Outcome::kNotExamined, "",
                          "too many files to compare them with those before the call"});
    }
  }
  std::string moved;  // below it nothing is left to compare
  for (const auto& [name, entry] : now.tree.entries) {
    if (!moved.empty() && name.compare(0, moved.size(), moved) == 0) continue;
    // Where only fixed names count, what another settlement moved aside has none of them.
    if (ends_with(name, inert_suffix)) continue;
    if (!inert_suffix.empty() && is_aside(name)) continue;
    const auto was = before.tree.entries.find(name);
    const bool known = was != before.tree.entries.end();
    if (known && entry.kind == Kind::kDirectory && was->second.kind == Kind::kDirectory) continue;
    if (known && same_file(entry, was->second)) continue;
    if (!known && !before.tree.complete) continue;
    undo(workplace, beneath::join(path, name), known ? was->second : Entry{},
         known ? "changed" : "appeared", findings);
    moved = name + "/";
  }
}

}  // namespace

std::string describe(const HostCodeFinding& finding) {
  std::string line = text::one_line(finding.path) + " " + text::one_line(finding.what);
  switch (finding.outcome) {
    case HostCodeFinding::Outcome::kMovedAside:
      line += ": moved to " + text::one_line(finding.moved_to);
      break;
    case HostCodeFinding::Outcome::kRestored:
      line += ": the earlier content is back";
      if (!finding.moved_to.empty())
        line += ", the new one is in " + text::one_line(finding.moved_to);
      break;
    case HostCodeFinding::Outcome::kStillThere:
      line += ": STILL THERE, a program of this host may run it (" + text::one_line(finding.error) +
              "); remove it by hand";
      break;
    case HostCodeFinding::Outcome::kNotExamined:
      line += ": NOT EXAMINED (" + text::one_line(finding.error) + ")";
      break;
  }
  return line;
}

GuardedPath look_guarded(const Workplace& workplace, const std::string& path,
                         const GuardedPath* earlier) {
  GuardedPath guarded;
  const Entry* before = earlier != nullptr ? &earlier->entry : nullptr;
  if (path.find('/') == std::string::npos) {  // most are: one system call instead of three
    guarded.entry = beneath::look(workplace.directory, path, before);
  } else {
    auto parent =
        beneath::open(workplace.directory, beneath::parent_of(path), O_PATH | O_DIRECTORY);
    if (!parent) {
      // Behind a link there may be anything; a missing parent means a missing path.
      if (parent.error().os_errno != ENOENT && parent.error().os_errno != ENOTDIR) {
        guarded.entry.kind = Kind::kOther;
      }
      return guarded;
    }
    guarded.entry = beneath::look(parent->get(), beneath::name_of(path), before);
  }
  if (guarded.entry.kind == Kind::kLink) {
    follow(workplace, path, guarded, earlier);
  } else if (guarded.entry.kind == Kind::kDirectory && workplace.bind == DirectoryBind::kNone) {
    if (auto directory = beneath::open(workplace.directory, path, O_RDONLY | O_DIRECTORY)) {
      guarded.tree =
          beneath::look_below(directory->get(), earlier != nullptr ? &earlier->tree : nullptr);
    } else {
      guarded.tree.complete = false;
    }
  }
  return guarded;
}

void undo(const Workplace& workplace, const std::string& path, const Entry& before,
          const std::string& what, std::vector<HostCodeFinding>& findings) {
  HostCodeFinding finding{path, what, HostCodeFinding::Outcome::kStillThere, "", ""};
  auto parent = beneath::open(workplace.directory, beneath::parent_of(path), O_PATH | O_DIRECTORY);
  if (!parent) {
    finding.error = parent.error().message;
    findings.push_back(std::move(finding));
    return;
  }
  const bool restorable = before.kind == Kind::kFile && before.content_known;
  const std::string name = beneath::name_of(path);
  auto aside = restorable ? beneath::restore(parent->get(), name, before)
                          : beneath::move_aside(parent->get(), name);
  if (!aside && restorable) {
    // Out of space, perhaps. Absent is still better than hostile.
    aside = beneath::move_aside(parent->get(), name);
    if (aside) finding.what += ", could not be restored";
    if (aside) finding.outcome = HostCodeFinding::Outcome::kMovedAside;
  } else if (aside) {
    finding.outcome =
        restorable ? HostCodeFinding::Outcome::kRestored : HostCodeFinding::Outcome::kMovedAside;
  }
  if (aside) {
    if (!aside->empty()) finding.moved_to = beneath::join(beneath::parent_of(path), *aside);
  } else {
    finding.error = aside.error().message;
  }
  findings.push_back(std::move(finding));
}

void settle_guarded(const Workplace& workplace, const std::string& path, const GuardedPath& before,
                    const std::string& inert_suffix, std::vector<HostCodeFinding>& findings) {
  const GuardedPath now = look_guarded(workplace, path, &before);
  if (!now.entry.exists()) return;
  if (!before.entry.exists()) {
    undo(workplace, path, {}, "appeared", findings);
    return;
  }
  if (now.entry.kind == Kind::kDirectory && before.entry.kind == Kind::kDirectory) {
    settle_directory(workplace, path, before, now, inert_suffix, findings);
    return;
  }
  bool same = same_file(now.entry, before.entry);
  if (same && now.entry.kind == Kind::kLink) {
    const bool directories =
        now.target.kind == Kind::kDirectory && before.target.kind == Kind::kDirectory;
    same = directories ? now.target.same_object(before.target) && same_tree(now.tree, before.tree)
                       : now.target.kind == before.target.kind &&
                             (!now.target.exists() || same_file(now.target, before.target));
  }
  if (!same) undo(workplace, path, before.entry, "changed", findings);
}

}  // namespace mayfly::sandbox
