#pragma once

#include <optional>
#include <string>

#include "audit/record.h"
#include "base/result.h"

namespace mayfly::app {

// Which records of an audit log to show. Empty: all.
struct AuditFilter {
  std::string since, until;  // as they are compared with a record's time
  std::string caller, tool, event, call, ended_by;
  bool denied = false;
  bool no_starts = false;  // without "call_start"

  bool takes(const audit::ReadJson& record) const;
};

// "2026-11-22", "2026-11-22T10:03", "2026-11-22T10:03:11Z", or so long ago: "90s", "30m", "12h",
// "7d". E5001.
Result<std::string> audit_time(const char* option, const std::string& given);

// The member as text, made one printable line; empty if it is not there or none.
std::string shown_member(const audit::ReadJson& record, const char* name);

}  // namespace mayfly::app
