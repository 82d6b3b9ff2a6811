#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "sandbox/beneath.h"

namespace mayfly::sandbox {

// Something that a sandbox left where a program of the host would run it, and what became of it.
struct HostCodeFinding {
  enum class Outcome : std::uint8_t {
    kMovedAside,   // nothing is at `path` now; what was there is at `moved_to`
    kRestored,     // `path` has the content from before the call; the new one is at `moved_to`
    kStillThere,   // it could not be moved: `error` says why, and a person has to act
    kNotExamined,  // could not be looked at: `error` says why
  };
  std::string path;  // relative to the workspace
  std::string what;  // "appeared", "changed", "sets core.fsmonitor"…
  Outcome outcome = Outcome::kMovedAside;
  std::string moved_to;
  std::string error;
};

// One line for a person or a model; every byte of it is printable.
std::string describe(const HostCodeFinding& finding);

// How a directory's content is kept from changing: by a read-only bind in every running sandbox, or
// not at all, so that each file in it has to be compared.
enum class DirectoryBind : std::uint8_t { kInForce, kNone };

// A path below the workspace that the host takes code or commands from, as it was at one moment.
struct GuardedPath {
  beneath::Entry entry;
  beneath::Entry target;  // what a link leads to, if that is inside the workspace
  beneath::Tree tree;     // the files of a directory (or of a link's), when they are compared
};

struct Workplace {
  int directory = -1;  // the workspace
  std::string path;    // its absolute path
  DirectoryBind bind = DirectoryBind::kInForce;
};

GuardedPath look_guarded(const Workplace& workplace, const std::string& path,
                         const GuardedPath* earlier = nullptr);

// Compares with `before` and undoes what differs. With an `inert_suffix` only files of fixed names
// count in the directory: those that end in it, or were moved aside, are let be.
void settle_guarded(const Workplace& workplace, const std::string& path, const GuardedPath& before,
                    const std::string& inert_suffix, std::vector<HostCodeFinding>& findings);

// Moves `path` aside, or restores `before` in its place if that is a file whose content is known.
void undo(const Workplace& workplace, const std::string& path, const beneath::Entry& before,
          const std::string& what, std::vector<HostCodeFinding>& findings);

}  // namespace mayfly::sandbox
