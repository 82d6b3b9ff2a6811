#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "base/text.h"
#include "files/read.h"
#include "mcp/json.h"
#include "tools/file_call.h"
#include "tools/file_tasks.h"
#include "tools/plain_text.h"
#include "tools/toolset.h"

namespace mayfly::tools {
namespace {

using files::ReadAnswer;
using files::ReadForm;
using mcp::Json;
using mcp::member;

const std::vector<std::string> kCharsets = {"utf-8", "utf-16le", "utf-16be", "latin-1"};

bool is_offered(const std::string& name) {
  return std::find(kCharsets.begin(), kCharsets.end(), name) != kCharsets.end();
}

Result<files::ReadRequest> read_request(const Json& arguments, const files::Target& target) {
  files::ReadRequest request;
  request.target = target;
  request.max_chars = kMostFileChars;
  if (const Json* offset = member(arguments, "offset")) {
    request.offset = offset->get<std::int64_t>();
    if (request.offset == 0) {
      return fail(input_error(ErrorCode::kInvalidArgument, "offset", "0", "there is no line 0",
                              "lines are counted from 1; a negative offset counts from the end"));
    }
  }
  request.limit = TRY(number_argument(arguments, "limit", 1, 0));
  request.byte_offset = TRY(number_argument(arguments, "byte_offset", 0, 0));
  if (const Json* numbers = member(arguments, "line_numbers")) {
    request.numbered = numbers->get<bool>();
  }
  const Json* encoding = member(arguments, "encoding");
  const std::string name = encoding ? encoding->get<std::string>() : "auto";
  if (name == "base64") {
    request.form = ReadForm::kBase64;
  } else if (name != "auto") {
    request.form = ReadForm::kText;
    request.charset = files::charset_named(name);
    if (!is_offered(name)) {
      return fail(input_error(ErrorCode::kInvalidArgument, "encoding", name, "is not known",
                              "use auto, base64, " + text::join(kCharsets, ", ")));
    }
  }
  return request;
}

std::string lines_of(const ReadAnswer& answer) {
  if (answer.size == 0) return "empty";
  if (answer.first_line == 0) return "no lines";
  const std::string first = std::to_string(answer.first_line);
  std::string out = answer.first_line == answer.last_line
                        ? "line " + first
                        : "lines " + first + "-" + std::to_string(answer.last_line);
  if (answer.total_lines) out += " of " + std::to_string(*answer.total_lines);
  return out;
}

// What the reader goes on with.
std::string next_of(const ReadAnswer& answer) {
  std::vector<std::string> parts;
  if (answer.next_line) parts.push_back("offset " + std::to_string(*answer.next_line));
  if (answer.next_byte) parts.push_back("byte_offset " + std::to_string(*answer.next_byte));
  return parts.empty() ? "" : "next: " + text::join(parts, ", ");
}

void add_facts(const ReadAnswer& answer, std::vector<std::string>& header) {
  header.push_back(text::human_bytes(answer.size));
  const bool is_text = answer.kind == ReadAnswer::Kind::kText;
  if (is_text && answer.charset != files::Charset::kUtf8) {
    header.emplace_back(to_string(answer.charset));
  }
  if (answer.crlf) header.emplace_back("crlf");
  if (answer.repaired) header.emplace_back("\xEF\xBF\xBD for what is no character");
  if ((answer.mode & 0111) != 0) header.emplace_back("executable");
  header.push_back(time_of(answer.modified_ns));
  if (!answer.digest.empty()) header.push_back("digest " + text::one_line(answer.digest));
  if (answer.changed) header.emplace_back("changed while it was read");
}

Result<FileAnswer> words_for(const FileEnd& end, const std::string& shown) {
  ReadAnswer read = TRY(files::decode_read_answer(end.out));
  FileAnswer answer;
  answer.header = {text::one_line(shown)};
  const std::string type = text::one_line(read.mime_type);
  switch (read.kind) {
    case ReadAnswer::Kind::kText:
      answer.header.push_back(lines_of(read));
      answer.body = text::repair_utf8(read.content);
      break;
    case ReadAnswer::Kind::kBytes:
      answer.header.push_back("base64 of " + count_of(read.content.size(), "byte", "bytes"));
      answer.body = base64(read.content);
      break;
    case ReadAnswer::Kind::kImage:
      answer.header.push_back(type);
      answer.image = mcp::ImageContent{type, base64(read.content)};
      break;
    case ReadAnswer::Kind::kBinary:
      answer.header.push_back(type.empty() ? "binary" : type);
      answer.lines.emplace_back(type.starts_with("image/")
                                    ? "too large to be shown as an image"
                                    : "not text; encoding base64 gives its bytes");
      break;
  }
  add_facts(read, answer.header);
  if (const std::string next = next_of(read); !next.empty()) answer.lines.push_back(next);
  return answer;
}

void run(Workbench& bench, const mcp::ToolCall& call, mcp::ToolReply reply) {
  auto file = file_call(call, bench, PlaceUse::kRead);
  if (!file) return reply(mcp::error_result(file.error()));
  const auto request = read_request(call.arguments, file->target);
  if (!request) return reply(mcp::error_result(request.error()));
  set_task(*file, kReadTask, files::encode(*request));
  const std::string shown = file->target.shown;
  start_file_call(
      bench, *std::move(file), Unfinished::kError,
      [shown](const FileEnd& end) { return words_for(end, shown); }, call, std::move(reply));
}

}  // namespace

mcp::ToolSpec read_file_spec(const Briefing& briefing) {
  Json properties = Json::object();
  properties["path"] = {{"type", "string"},
                        {"description", "relative to the workspace, or absolute"}};
  properties["offset"] = {{"type", "integer"}, {"description", "first line; -n: the last n"}};
  properties["limit"] = {{"type", "integer"}};
  properties["byte_offset"] = {{"type", "integer"}};
  properties["encoding"] = {{"type", "string"}, {"description", "auto, utf-8, latin-1, base64..."}};
  properties["line_numbers"] = {{"type", "boolean"}};
  return {.name = "read_file",
          .title = {},
          .description =
              "Reads text by lines (30000 characters a page) or shows an image (PNG, "
              "JPEG, GIF, WebP; 5 MiB).",
          .input_schema = file_schema(briefing, std::move(properties), {"path"}),
          .output_schema = {},
          .annotations = {
              .read_only = true, .destructive = false, .idempotent = true, .open_world = false}};
}

mcp::ToolHandler read_file_handler(Workbench& bench) {
  return [&bench](const mcp::ToolCall& call, mcp::ToolReply reply) {
    run(bench, call, std::move(reply));
  };
}

}  // namespace mayfly::tools
