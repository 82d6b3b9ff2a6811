#include "app/audit_report.h"

#include <cstdio>

#include "app/audit_filter.h"
#include "base/text.h"

namespace mayfly::app {
namespace {

using audit::ReadJson;

constexpr std::size_t kMostKinds = 200;
constexpr std::size_t kLongestWhat = 300;

void count(std::map<std::string, std::uint64_t>& counts, const std::string& name,
           std::uint64_t more = 1) {
  const std::string key = text::shorten(name.empty() ? "-" : name, kLongestWhat);
  if (counts.size() >= kMostKinds && !counts.contains(key)) {
    counts["(others)"] += more;
  } else {
    counts[key] += more;
  }
}

// The command, the path, or whatever else says best what a call was about.
std::string what_of(const ReadJson& record) {
  const auto arguments = record.find("arguments");
  if (arguments != record.end() && arguments->is_object()) {
    for (const char* name : {"command", "argv", "pattern", "path", "job_id"}) {
      const std::string said = shown_member(*arguments, name);
      if (!said.empty()) return said;
    }
  }
  for (const char* name : {"message", "why", "job_id", "version"}) {
    const std::string said = shown_member(record, name);
    if (!said.empty()) return said;
  }
  return "";
}

std::string outcome_of(const ReadJson& record) {
  const std::string code = shown_member(record, "code");
  if (!code.empty()) return "refused " + code;
  const std::string ended = shown_member(record, "ended_by");
  const std::string exit = shown_member(record, "exit_code");
  const std::string signal = shown_member(record, "signal");
  std::string out = ended;
  if (!exit.empty()) out += " " + exit;
  if (!signal.empty()) out += " " + signal;
  const std::string total = shown_member(record, "violations_total");
  if (!total.empty() && total != "0") out += ", " + total + " denied";
  return out;
}

std::string padded(std::string text, std::size_t width) {
  text = text::shorten(text, width);
  if (text.size() < width) text.resize(width, ' ');
  return text;
}

std::string escaped(const std::string& text) {
  std::string out;
  for (const char c : text::one_line(text)) {
    switch (c) {
      case '&':
        out += "&amp;";
        break;
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      case '"':
        out += "&quot;";
        break;
      case '\'':
        out += "&#39;";
        break;
      default:
        out += c;
    }
  }
  return out;
}

std::string cells(const std::vector<std::string>& texts, const char* tag) {
  std::string out;
  for (const std::string& text : texts) {
    out += std::string("<") + tag + ">" + escaped(text) + "</" + tag + ">";
  }
  return out;
}

std::string counts_table(const char* title, const std::map<std::string, std::uint64_t>& counts) {
  if (counts.empty()) return "";
  std::string out = std::string("<table><caption>") + title + "</caption>\n";
  for (const auto& [name, number] : counts) {
    out += "<tr>" + cells({name, std::to_string(number)}, "td") + "</tr>\n";
  }
  return out + "</table>\n";
}

constexpr const char* kHead = R"(<!doctype html>
<html lang="en"><head><meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<title>Mayfly audit log</title>
<style>
body{font:14px/1.4 system-ui,sans-serif;margin:2em}
table{border-collapse:collapse;margin:0 2em 1.5em 0;display:inline-table;vertical-align:top}
caption{text-align:left;font-weight:bold;padding:.3em 0}
td,th{border:1px solid #ccc;padding:.2em .5em;text-align:left;vertical-align:top}
td:last-child{font-family:monospace;overflow-wrap:anywhere}
tr.denied{background:#fdecea}
</style></head><body>
)";

}  // namespace

AuditRow audit_row(const ReadJson& record) {
  AuditRow row;
  row.time = shown_member(record, "time");
  row.event = shown_member(record, "event");
  row.caller = shown_member(record, "caller");
  row.tool = shown_member(record, "tool");
  row.outcome = outcome_of(record);
  row.what = text::shorten(what_of(record), kLongestWhat);
  const std::string total = shown_member(record, "violations_total");
  row.denied = row.event == "decision" || (!total.empty() && total != "0");
  return row;
}

std::string table_header() {
  return table_line({"time", "event", "caller", "tool", "outcome", "what", false});
}

std::string table_line(const AuditRow& row) {
  return padded(row.time, 24) + "  " + padded(row.event, 13) + "  " + padded(row.caller, 12) +
         "  " + padded(row.tool, 14) + "  " + padded(row.outcome, 22) + "  " + row.what;
}

void AuditSummary::add(const ReadJson& record) {
  ++records;
  const std::string event = shown_member(record, "event");
  count(events, event);
  if (event == "decision") count(refusals, shown_member(record, "code"));
  if (event != "call") return;
  ++calls;
  count(tools, shown_member(record, "tool"));
  count(endings, record.contains("ended_by") ? shown_member(record, "ended_by") : "answered");
  const auto violations = record.find("violations");
  if (violations == record.end() || !violations->is_array()) return;
  for (const ReadJson& each : *violations) {
    if (!each.is_object()) continue;
    const auto times = each.find("count");
    const bool said = times != each.end() && times->is_number_unsigned();
    count(denials, shown_member(each, "rule"), said ? times->get<std::uint64_t>() : 1);
  }
}

std::string audit_page(const std::string& file, const AuditSummary& summary,
                       const std::vector<AuditRow>& rows) {
  std::string out = kHead;
  out += "<h1>Audit log</h1>\n<p>" + escaped(file) + ": " + std::to_string(summary.records) +
         " records, " + std::to_string(summary.calls) + " calls";
  if (rows.size() < summary.records) {
    out += "; the latest " + std::to_string(rows.size()) + " records are below";
  }
  out += ". Whether they are as they were written, <code>mayfly audit verify</code> says.</p>\n";
  out += counts_table("Calls by tool", summary.tools);
  out += counts_table("How they ended", summary.endings);
  out += counts_table("Denials by rule", summary.denials);
  out += counts_table("Refusals by code", summary.refusals);
  out += counts_table("Events", summary.events);
  out += "<table><caption>Records</caption>\n<tr>" +
         cells({"time", "event", "caller", "tool", "outcome", "what"}, "th") + "</tr>\n";
  for (const AuditRow& row : rows) {
    out += row.denied ? "<tr class=\"denied\">" : "<tr>";
    out +=
        cells({row.time, row.event, row.caller, row.tool, row.outcome, row.what}, "td") + "</tr>\n";
  }
  return out + "</table>\n</body></html>\n";
}

}  // namespace mayfly::app
