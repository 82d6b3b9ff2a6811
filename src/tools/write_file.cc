#include "files/write.h"

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "base/text.h"
#include "mcp/json.h"
#include "tools/file_call.h"
#include "tools/file_tasks.h"
#include "tools/plain_text.h"
#include "tools/toolset.h"

namespace mayfly::tools {
namespace {

using files::WriteMode;
using mcp::Json;
using mcp::member;

bool is_set(const Json& arguments, const char* name) {
  const Json* value = member(arguments, name);
  return value != nullptr && value->get<bool>();
}

std::string text_or(const Json& arguments, const char* name, const char* otherwise) {
  const Json* value = member(arguments, name);
  return value ? value->get<std::string>() : otherwise;
}

Result<files::WriteRequest> write_request(const Json& arguments, const files::Target& target) {
  files::WriteRequest request;
  request.target = target;
  request.content = arguments.at("content").get<std::string>();
  const std::string mode = text_or(arguments, "mode", "create");
  request.mode = mode == "append"      ? WriteMode::kAppend
                 : mode == "overwrite" ? WriteMode::kOverwrite
                                       : WriteMode::kCreate;
  if (is_set(arguments, "create_parents")) request.parents = files::Parents::kCreate;
  request.expected_digest = text_or(arguments, "expected_digest", "");
  const std::string encoding = text_or(arguments, "encoding", "utf-8");
  if (encoding != "base64") {
    const std::vector<std::string> offered = {"utf-8", "utf-8-bom", "utf-16le", "utf-16be",
                                              "latin-1"};
    if (std::find(offered.begin(), offered.end(), encoding) == offered.end()) {
      return fail(input_error(ErrorCode::kInvalidArgument, "encoding", encoding, "is not known",
                              "use base64, " + text::join(offered, ", ")));
    }
    request.charset = files::charset_named(encoding).value_or(files::Charset::kUtf8);
    return request;
  }
  auto bytes = from_base64(request.content);
  if (!bytes) {
    return fail(input_error(ErrorCode::kInvalidArgument, "content",
                            text::shorten(request.content, 40), "is no base64",
                            "use A-Z a-z 0-9 + / and = at the end, or another encoding"));
  }
  request.content = *std::move(bytes);
  request.charset = files::Charset::kBinary;
  return request;
}

Result<FileAnswer> words_for(const FileEnd& end, const std::string& shown, WriteMode mode) {
  const files::WriteAnswer written = TRY(files::decode_write_answer(end.out));
  FileAnswer answer;
  answer.header = {"wrote " + text::one_line(shown),
                   written.created              ? "created"
                   : mode == WriteMode::kAppend ? "appended"
                                                : "replaced",
                   text::human_bytes(written.size)};
  if (!written.digest.empty()) answer.header.push_back("digest " + text::one_line(written.digest));
  if (written.other_links > 0) {
    answer.lines.push_back(
        "note: " + count_of(written.other_links, "other hard link has", "other hard links have") +
        " the old content");
  }
  return answer;
}

void run(Workbench& bench, const mcp::ToolCall& call, mcp::ToolReply reply) {
  auto file = file_call(call, bench, PlaceUse::kWrite);
  if (!file) return reply(mcp::error_result(file.error()));
  const auto request = write_request(call.arguments, file->target);
  if (!request) return reply(mcp::error_result(request.error()));
  set_task(*file, kWriteTask, files::encode(*request));
  start_file_call(
      bench, *std::move(file), Unfinished::kError,
      [shown = request->target.shown, mode = request->mode](const FileEnd& end) {
        return words_for(end, shown, mode);
      },
      call, std::move(reply));
}

}  // namespace

mcp::ToolSpec write_file_spec(const Briefing& briefing) {
  Json properties = Json::object();
  properties["path"] = {{"type", "string"}};
  properties["content"] = {{"type", "string"}};
  properties["mode"] = {{"type", "string"},
                        {"enum", Json::array({"create", "overwrite", "append"})}};
  properties["create_parents"] = {{"type", "boolean"}};
  properties["encoding"] = {{"type", "string"}};
  properties["expected_digest"] = {
      {"type", "string"}, {"description", "as read_file gave it: not if it changed since"}};
  return {.name = "write_file",
          .title = {},
          .description =
              "Writes a file in one step, keeping its mode. Replaces one only with mode overwrite.",
          .input_schema = file_schema(briefing, std::move(properties), {"path", "content"}),
          .output_schema = {},
          .annotations = {.read_only = false,
                          .destructive = briefing.workspace_writable,
                          .idempotent = false,
                          .open_world = false}};
}

mcp::ToolHandler write_file_handler(Workbench& bench) {
  return [&bench](const mcp::ToolCall& call, mcp::ToolReply reply) {
    run(bench, call, std::move(reply));
  };
}

}  // namespace mayfly::tools
