#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "mcp/tool.h"
#include "sandbox/engine.h"
#include "sandbox/policy.h"
#include "tools/receipt.h"
#include "tools/workbench.h"

namespace mayfly::tools {

// A limit that a caller may lower.
struct LimitField {
  const char* name;
  std::uint64_t sandbox::Limits::*value;
};
inline constexpr LimitField kLimitFields[] = {
    {"memory_bytes", &sandbox::Limits::memory_bytes}, {"processes", &sandbox::Limits::processes},
    {"open_files", &sandbox::Limits::open_files},     {"file_bytes", &sandbox::Limits::file_bytes},
    {"output_bytes", &sandbox::Limits::output_bytes}, {"tmp_bytes", &sandbox::Limits::tmp_bytes},
    {"disk_bytes", &sandbox::Limits::disk_bytes},
};

// Lowers `limits` to `wanted`, an object with some of these names and "cpu_ms", each a whole number
// from 1 on. E2003 for one that is above; E5001 for one that no sandbox can do with.
Status lower_limits(const mcp::Json& wanted, sandbox::Limits& limits);

enum class Place { kForeground, kBackground };

// The arguments of run_command, understood: what to run, under which policy, and how to answer.
struct CommandRequest {
  std::shared_ptr<const sandbox::Policy> policy;
  // Why `policy` is not what the operator's files say now; empty if it is.
  std::string stale_because;
  sandbox::Command command;
  std::string summary;  // the command, short, on one line
  Place place = Place::kForeground;
  milliseconds wait{0};
  // "new" or a handle; the command is then bash's, still without the wrapper around it.
  std::optional<std::string> shell_state;
  OutputChoice output;
  ReceiptForm form = ReceiptForm::kLean;
};

// `arguments` conform to the tool's schema already; this checks what a schema cannot say. E5001 for
// what contradicts itself, E2003 for a limit above the policy's, E1002 for a profile not offered.
Result<CommandRequest> parse_command_request(const mcp::Json& arguments, Workbench& bench);

// Also read by the tools for jobs.
std::size_t parse_max_chars(const mcp::Json& arguments);
Escapes parse_escapes(const mcp::Json& arguments);
bool parse_flag(const mcp::Json& arguments, const char* name);
milliseconds parse_wait(const mcp::Json& arguments, milliseconds otherwise, milliseconds most);

}  // namespace mayfly::tools
