#include "tools/violation_resources.h"

#include <utility>

#include "base/text.h"
#include "mcp/json.h"
#include "tools/file_call.h"
#include "tools/receipt_text.h"

namespace mayfly::tools {
namespace {

using mcp::Json;
using Entries = std::vector<ViolationStore::Entry>;

Json entry_json(const ViolationStore::Entry& entry) {
  Json out = {{"call_id", entry.call_id}, {"tool", entry.tool}, {"time", utc_time(entry.time)}};
  out.update(violation_json(entry.violation, entry.repeated));
  return out;
}

Json entries_json(const Entries& entries) {
  Json out = Json::array();
  for (const ViolationStore::Entry& entry : entries) out.push_back(entry_json(entry));
  return out;
}

std::string lines_of(const Entries& entries) {
  std::string out;
  for (const ViolationStore::Entry& entry : entries) {
    out += "\n" + utc_time(entry.time) + " " + entry.tool + " " + entry.call_id + ": " +
           text::one_line(violation_line(entry.violation, entry.repeated));
  }
  return out;
}

std::vector<mcp::ResourceContents> both_forms(const std::string& uri, const Json& facts,
                                              std::string words) {
  return {{.uri = uri, .mime_type = "application/json", .data = mcp::dump_json(facts)},
          {.uri = uri, .mime_type = "text/plain", .data = std::move(words)}};
}

std::string in_all(const ViolationStore::View& view) {
  return count_of(view.denials, "denial", "denials") + " in " +
         count_of(view.calls, "call", "calls");
}

}  // namespace

std::vector<mcp::Resource> ViolationResources::list(const std::string&) const {
  return {{.uri = kUri,
           .name = "violations",
           .title = "What the sandbox denied",
           .description = "in your calls: the latest " + std::to_string(ViolationStore::kKept) +
                          " entries, and exact totals",
           .mime_type = "application/json",
           .size = {}}};
}

std::vector<mcp::ResourceTemplate> ViolationResources::templates() const {
  return {{.uri_template = std::string(kUri) + "/{call_id}",
           .name = "violations of a call",
           .title = "What the sandbox denied in a call",
           .description = "one of your own that was denied something",
           .mime_type = "application/json"}};
}

Result<std::vector<mcp::ResourceContents>> ViolationResources::read(
    const std::string& uri, const std::string& principal) const {
  if (uri == kUri) {
    const ViolationStore::View view = store_.latest(principal);
    return both_forms(uri,
                      {{"total", view.denials},
                       {"calls", view.calls},
                       {"violations", entries_json(view.entries)}},
                      in_all(view) + lines_of(view.entries));
  }
  const Entries entries = TRY(of_call(uri, principal));
  return both_forms(uri,
                    {{"call_id", entries.front().call_id}, {"violations", entries_json(entries)}},
                    "denied in " + entries.front().call_id + lines_of(entries));
}

Status ViolationResources::check(const std::string& uri, const std::string& principal) const {
  if (uri != kUri) TRY(of_call(uri, principal));
  return {};
}

Result<Entries> ViolationResources::of_call(const std::string& uri,
                                            const std::string& principal) const {
  const std::string rest = uri.substr(prefix().size());
  if (!rest.starts_with('/') || rest.size() == 1) return fail(mcp::no_such_resource(uri));
  Entries entries = store_.of_call(principal, rest.substr(1));
  if (!entries.empty()) return entries;
  return fail(input_error(ErrorCode::kNotFound, "call_id", rest.substr(1),
                          "nothing is known to have been denied in such a call",
                          std::string(kUri) + " has what was denied in your latest calls"));
}

Repetitions note_violations(ViolationStore& store, mcp::ResourceUpdates& updates,
                            const std::string& principal, const std::string& tool,
                            const sandbox::Report& report) {
  if (report.violations.empty() && report.violations_total == 0) return {};
  Repetitions repeated = store.add(principal, tool, report);
  updates.changed(principal, ViolationResources::kUri);
  return repeated;
}

Json recent_violations(const ViolationStore::View& view, std::size_t most) {
  Json out = Json::array();
  for (const ViolationSum& each : summed(view.entries, most)) {
    Json entry = {{"call_id", each.latest.call_id}};
    entry.update(violation_json(each.latest.violation, each.latest.repeated));
    entry["calls"] = each.calls;
    out.push_back(std::move(entry));
  }
  return out;
}

}  // namespace mayfly::tools
