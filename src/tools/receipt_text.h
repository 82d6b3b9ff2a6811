#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

#include "mcp/tool.h"
#include "sandbox/report.h"
#include "tools/receipt.h"
#include "tools/violation_store.h"

namespace mayfly::tools {

// The lean receipt as text: a headline, the output, and a line for each thing worth saying.
//   exit 0 · 12 ms · 3 MiB · default:full
std::string receipt_text(const Snapshot& call, ReceiptForm form);

// "killed by SIGKILL, timeout after 600000 ms": how a call ended, for a headline.
std::string ending(const sandbox::Report& report);

// "syscall mount "/": EPERM by default: syscalls, 3 times. A retry cannot help. Remedy: …"
// `repeated`: in how many calls it was met, if that is worth saying (violation_store.h), else 0.
std::string violation_line(const sandbox::Violation& violation, std::uint64_t repeated = 0);
mcp::Json violation_json(const sandbox::Violation& violation, std::uint64_t repeated = 0);
// That of the violation with this index.
std::uint64_t repeated_at(const Repetitions& repeated, std::size_t index);

// "2026-01-01T00:00:00Z".
std::string utc_time(std::chrono::system_clock::time_point time);

// Reached, or above four fifths.
bool worth_saying(const sandbox::LimitUse& limit);
// "memory_bytes: 1.9 GiB of 2 GiB (reached)".
std::string limit_line(const sandbox::LimitUse& limit);

// Where reading goes on: set when something was left out, and while the call runs.
std::optional<std::uint64_t> next_offset(const Snapshot& call);

// "default:full"; only the profile while it runs, since the report names the tier.
std::string sandbox_label(const Snapshot& call);

// A receipt shows this many violations, and `note_of` says how many there were.
inline constexpr std::size_t kMostShownViolations = 20;

inline constexpr const char* kWaits = "it has not started: it waits for a place among the calls";

// What else the reader should know, or nothing.
std::string note_of(const sandbox::Report& report);
std::string notes_of(const Snapshot& call);

}  // namespace mayfly::tools
