#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "audit/record.h"

// Records of an audit log as people see them. What a record says came from programs and clients, so
// nothing of it reaches a terminal or a page unescaped.
namespace mayfly::app {

// One record, as a line of a table.
struct AuditRow {
  std::string time, event, caller, tool, outcome, what;
  bool denied = false;
};
AuditRow audit_row(const audit::ReadJson& record);
// For a terminal, without its newline.
std::string table_line(const AuditRow& row);
std::string table_header();

// What a page says above its rows. Bounded: of each kind the first 200 that there are.
class AuditSummary {
 public:
  void add(const audit::ReadJson& record);

  std::uint64_t records = 0;
  std::uint64_t calls = 0;
  std::map<std::string, std::uint64_t> events, tools, endings, refusals, denials;
};

// One file that loads nothing else.
std::string audit_page(const std::string& file, const AuditSummary& summary,
                       const std::vector<AuditRow>& rows);

}  // namespace mayfly::app
