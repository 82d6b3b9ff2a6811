#pragma once

#include <string>
#include <vector>

#include "base/fd.h"
#include "base/result.h"
#include "sandbox/profile_store.h"

// The files of profiles, as `mayfly profile` writes them: whole or not at all.
namespace mayfly::sandbox {

enum class FileFate { kNew, kReplace };

// Puts `text` into `path` under its name at once, on disk before that. Directories above are made
// with mode 0700, or 0755 below /etc. kNew: E1001 if something has the name already. kReplace
// keeps the mode; a link stays a link, and the file that it leads to is replaced.
Status write_profile_file(const std::string& path, const std::string& text, FileFate fate);
Status delete_profile_file(const std::string& path);

// Held by one writer at a time while it reads, changes and writes files of this directory.
Result<OwnedFd> lock_profiles(const std::string& directory);

// The files that extend `name`, apart from its own ones.
std::vector<ProfileStore::Place> dependents_of(const ProfileStore& store, const std::string& name);

}  // namespace mayfly::sandbox
