#pragma once

#include <sys/resource.h>
#include <sys/types.h>

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "base/fd.h"
#include "base/result.h"
#include "sandbox/profile.h"

namespace mayfly::sandbox {

// What a call starts as: sandbox-exec with the profile's text, then the program.
struct ConfinedStart {
  std::string profile;            // SBPL
  std::string private_directory;  // the profile's parameter
  std::vector<std::string> argv;
  std::vector<std::pair<std::string, std::string>> environment;
  std::string cwd;
  Limits limits;
  OwnedFd standard[3];
};

// Starts it as the leader of a session and process group of its own, with its resource limits.
// E3002 if sandbox-exec cannot be started.
Result<pid_t> start_confined(const ConfinedStart& start);

// What the processes of a group use at this moment. A process that left the group is not seen.
struct GroupUse {
  std::uint64_t processes = 0;
  std::uint64_t memory_bytes = 0;
};
GroupUse look_at_group(pid_t group);

}  // namespace mayfly::sandbox
