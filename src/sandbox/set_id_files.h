#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "sandbox/workspace.h"

namespace mayfly::sandbox {

// The set-user-id and set-group-id programs of a workspace, relative to it. A sandbox cannot make
// one, but could change one that is there: a write clears the bits, a write through a shared
// mapping does not. So they become read-only inside.
//
// Reads the whole tree and follows no link; what it may not read it leaves out, since the sandbox
// may not write there either. E2001 if there are more than could be mounted.
Result<std::vector<std::string>> find_set_id_files(const Workspace& workspace);

}  // namespace mayfly::sandbox
