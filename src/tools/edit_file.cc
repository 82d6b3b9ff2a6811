#include <string>
#include <utility>

#include "base/text.h"
#include "files/edit.h"
#include "mcp/json.h"
#include "tools/file_call.h"
#include "tools/file_tasks.h"
#include "tools/toolset.h"

namespace mayfly::tools {
namespace {

using mcp::Json;
using mcp::member;

bool is_set(const Json& arguments, const char* name) {
  const Json* value = member(arguments, name);
  return value != nullptr && value->get<bool>();
}

files::EditRequest edit_request(const Json& arguments, const files::Target& target) {
  files::EditRequest request;
  request.target = target;
  for (const Json& edit : arguments.at("edits")) {
    request.edits.push_back({edit.at("old").get<std::string>(), edit.at("new").get<std::string>(),
                             is_set(edit, "replace_all")});
  }
  if (is_set(arguments, "ignore_whitespace")) request.matching = files::Matching::kLooseWhitespace;
  request.dry_run = is_set(arguments, "dry_run");
  if (const Json* digest = member(arguments, "expected_digest")) {
    request.expected_digest = digest->get<std::string>();
  }
  request.max_diff_chars = kMostFileChars;
  return request;
}

Result<FileAnswer> words_for(const FileEnd& end, const std::string& shown, bool dry_run) {
  files::EditAnswer edited = TRY(files::decode_edit_answer(end.out));
  FileAnswer answer;
  answer.header = {(dry_run ? "would edit " : "edited ") + text::one_line(shown),
                   count_of(edited.replacements, "replacement", "replacements"),
                   text::human_bytes(edited.size)};
  if (!edited.digest.empty()) answer.header.push_back("digest " + text::one_line(edited.digest));
  if (edited.diff.empty()) answer.lines.emplace_back("note: the text stays as it was");
  if (edited.diff_cut) answer.lines.emplace_back("note: the diff is cut");
  if (edited.other_links > 0) {
    answer.lines.push_back(
        "note: " + count_of(edited.other_links, "other hard link has", "other hard links have") +
        " the old content");
  }
  answer.body = text::repair_utf8(edited.diff);
  return answer;
}

void run(Workbench& bench, const mcp::ToolCall& call, mcp::ToolReply reply) {
  auto file = file_call(call, bench, PlaceUse::kWrite);
  if (!file) return reply(mcp::error_result(file.error()));
  const files::EditRequest request = edit_request(call.arguments, file->target);
  set_task(*file, kEditTask, files::encode(request));
  start_file_call(
      bench, *std::move(file), Unfinished::kError,
      [shown = request.target.shown, dry_run = request.dry_run](const FileEnd& end) {
        return words_for(end, shown, dry_run);
      },
      call, std::move(reply));
}

}  // namespace

mcp::ToolSpec edit_file_spec(const Briefing& briefing) {
  const Json text = {{"type", "string"}};
  const Json flag = {{"type", "boolean"}};
  Json properties = Json::object();
  properties["path"] = text;
  properties["edits"] = {{"type", "array"},
                         {"items",
                          {{"type", "object"},
                           {"properties", {{"old", text}, {"new", text}, {"replace_all", flag}}},
                           {"required", Json::array({"old", "new"})},
                           {"additionalProperties", false}}}};
  properties["dry_run"] = flag;
  properties["ignore_whitespace"] = flag;
  properties["expected_digest"] = text;
  return {.name = "edit_file",
          .title = {},
          .description =
              "Replaces exact text, unique unless replace_all; all edits or none. Gives a diff.",
          .input_schema = file_schema(briefing, std::move(properties), {"path", "edits"}),
          .output_schema = {},
          .annotations = {.read_only = false,
                          .destructive = briefing.workspace_writable,
                          .idempotent = false,
                          .open_world = false}};
}

mcp::ToolHandler edit_file_handler(Workbench& bench) {
  return [&bench](const mcp::ToolCall& call, mcp::ToolReply reply) {
    run(bench, call, std::move(reply));
  };
}

}  // namespace mayfly::tools
