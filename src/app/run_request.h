#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"
#include "mcp/json.h"
#include "sandbox/profile.h"

namespace mayfly::app {

inline constexpr std::size_t kMostRequestBytes = 4U << 20;

// What `mayfly run --request` is asked to do. Whoever wrote it is not trusted: it chooses among
// what the operator's command line offers, and narrows that.
struct RunRequest {
  std::vector<std::string> argv;
  std::vector<std::pair<std::string, std::string>> environment;
  std::optional<std::string> stdin_bytes;
  std::string working_directory;  // relative to the first workspace, or absolute; empty: not said
  std::string profile;            // a name, never a file; empty: the operator's
  std::optional<milliseconds> timeout;
  mcp::Json limits;             // what lower_limits (tools) reads; null: nothing is said
  sandbox::Profile filesystem;  // what it says about files, as a layer of a profile
};

// E5001, with all that is wrong: what is no JSON, has unknown members, wrong types, paths or names
// that cannot be. Bounded: kMostRequestBytes.
Result<RunRequest> parse_run_request(std::string_view text);

// The whole text of a file, or of stdin if it is called "-".
Result<std::string> read_run_request(const std::string& file);

}  // namespace mayfly::app
