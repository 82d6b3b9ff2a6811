#pragma once

#include <string>
#include <vector>

#include "sandbox/policy.h"
#include "settings/location.h"

// "May only narrow" as a relation between two policies, over every field of them. It is reflexive
// and transitive. Where two settings cannot be compared, each is a widening of the other.
namespace mayfly::sandbox {

// One thing that `inner` lets a sandbox do and `outer` does not.
//   what "limits.memory", message "is 2 GiB, more than 1 GiB"
struct Widening {
  std::string what;  // key and, where there are several, which: "filesystem.write /x"
  std::string message;
  settings::Location at{};  // of inner's rule; built in where inner leaves out what outer has
};

// Each once, in the order of the format's tables; empty: `inner` is as narrow as `outer`, or
// narrower.
//
// - Paths: for each path a program finds nothing of the host, or the same source with no more
//   access (nothing < read < write). Memory of the call shows nothing of the host, so it counts as
//   nothing. What it takes is compared by itself: a tmpfs may be as large as outer's there, or as
//   outer's /tmp (limits.tmp), and there are no more of them than outer has, or 16. All of it counts
//   as memory of the call as well.
// - Patterns cannot be compared path by path: outer's must be in inner as they are, or below
//   something that inner denies.
// - Network, system calls: whatever inner's rules match is matched by outer's.
// - Limits: none is raised; 0 is none where the engines take it so.
// - What inner may only take away: variables, capabilities, links, workspaces, danger_unprotect,
//   observe.ignore. PATH may lose directories.
// - What inner may only add: protect, requires, denials.
// - Who the sandbox is has no order: it stays the same.
std::vector<Widening> widenings(const Policy& inner, const Policy& outer);

}  // namespace mayfly::sandbox
