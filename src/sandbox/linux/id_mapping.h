#pragma once

#include <sys/types.h>

#include "base/fd.h"
#include "base/result.h"

namespace mayfly::sandbox {

// A user namespace that serves only as the map of an idmapped mount (mount_setattr(2), Linux 5.12):
// files of host uid 0 appear as `uid`'s, those of other ordinary uids as they are. Needs root.
Result<OwnedFd> make_id_mapping(uid_t uid, gid_t gid);

}  // namespace mayfly::sandbox
