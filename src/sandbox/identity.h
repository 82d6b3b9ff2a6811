#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "sandbox/policy.h"

// Who a sandbox is, and what inside tells it so.
namespace mayfly::sandbox {

// A home can be put anywhere but over the system: users of services live in "/" or "/usr/sbin".
std::string usable_home(const std::string& home);

// An ordinary user's sandbox is that user. Root's is whoever owns the workspaces, which must be one
// (E1003); and where that is root too, a uid that nobody else has.
Result<Identity> resolve_identity(const Host& host, const std::vector<Workspace>& workspaces);

// The files that tell programs who they are and where: ours, since the host's name every account.
std::vector<GeneratedFile> identity_files(const Identity& id, const std::string& git_identity);

// Commits need a name. It comes in as git's system-wide configuration, so that a repository's own
// setting still wins, as it would not over an environment variable. Empty if nobody set one.
std::string git_identity(const std::string& home);

}  // namespace mayfly::sandbox
