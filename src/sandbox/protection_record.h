#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>

#include "base/result.h"
#include "sandbox/guarded_path.h"
#include "sandbox/repository_state.h"

namespace mayfly::sandbox {

// What the protected paths of one workspace were at one moment.
struct ProtectionSnapshot {
  std::map<std::string, GuardedPath> common;  // the fixed names; directories behind binds
  std::map<std::string, GuardedPath> named;   // what settings and options name; always compared
  std::map<std::string, RepositoryState> repositories;
};

// Whether nothing that a settlement compares, or would put back, differs. What git changes all the
// time (the times of its own directories) does not count.
bool same(const RepositoryState& a, const RepositoryState& b);
bool same(const ProtectionSnapshot& a, const ProtectionSnapshot& b);

struct ProtectionRecord {
  DirectoryBind bind = DirectoryBind::kInForce;
  ProtectionSnapshot snapshot;
};

// For this machine and this format only.
std::string encode(DirectoryBind bind, const ProtectionSnapshot& snapshot);
// An error for whatever encode() would not have written: a truncated or altered record, paths that
// climb, kinds that do not exist.
Result<ProtectionRecord> decode_protection_record(std::string_view bytes);

}  // namespace mayfly::sandbox
