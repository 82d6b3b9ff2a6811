#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "base/text.h"
#include "files/list.h"
#include "mcp/json.h"
#include "tools/file_call.h"
#include "tools/file_tasks.h"
#include "tools/toolset.h"

namespace mayfly::tools {
namespace {

using files::ListAnswer;
using files::ListEntry;
using mcp::Json;
using mcp::member;
using Kind = ListEntry::Kind;

constexpr std::uint64_t kDefaultEntries = 500;
constexpr std::uint64_t kMostEntries = 5'000;
constexpr std::uint32_t kMostDepth = 64;

Result<files::ListRequest> list_request(const Json& arguments, const files::Target& target) {
  files::ListRequest request;
  request.target = target;
  request.depth = static_cast<std::uint32_t>(
      std::min<std::uint64_t>(TRY(number_argument(arguments, "depth", 1, 1)), kMostDepth));
  if (const Json* glob = member(arguments, "glob")) request.glob = glob->get<std::string>();
  if (const Json* respect = member(arguments, "respect_ignore"); respect && respect->get<bool>()) {
    request.ignore = files::IgnoreFiles::kHonour;
  }
  request.offset = TRY(number_argument(arguments, "offset", 0, 0));
  request.max_entries =
      std::min(TRY(number_argument(arguments, "max_entries", 1, kDefaultEntries)), kMostEntries);
  return request;
}

std::string details(const ListEntry& entry) {
  switch (entry.kind) {
    case Kind::kFile:
      return (entry.executable ? "*  " : "  ") + text::human_bytes(entry.size);
    case Kind::kDirectory:
      return entry.entries_known ? "/  " + count_of(entry.size, "entry", "entries") : "/";
    case Kind::kLink:
      return " -> " + text::one_line(entry.link);
    case Kind::kFifo:
      return "  fifo";
    case Kind::kSocket:
      return "  socket";
    case Kind::kDevice:
      return "  device";
    case Kind::kUnknown:
      return "  ?";
  }
  return "";
}

// The entries as a tree. Directories that are not among them, since they do not match or were on
// an earlier page, are named before what is in them.
class Tree {
 public:
  // False if it would become too long: then nothing was added.
  bool add(const ListEntry& entry) {
    std::vector<std::string> parts = text::split(entry.path, '/');
    std::size_t common = 0;
    while (common + 1 < parts.size() && common < open_.size() && open_[common] == parts[common]) {
      ++common;
    }
    std::string lines;
    for (std::size_t level = common; level + 1 < parts.size(); ++level) {
      lines += line(level, parts[level], "/");
    }
    lines += line(parts.size() - 1, parts.back(), details(entry));
    if (!text_.empty() && text_.size() + lines.size() > kMostFileChars) return false;
    text_ += lines;
    open_ = std::move(parts);
    return true;
  }
  std::string take() {
    if (!text_.empty()) text_.pop_back();
    return std::move(text_);
  }

 private:
  static std::string line(std::size_t level, const std::string& name, const std::string& rest) {
    std::string out = std::string(2 * level, ' ') + text::one_line(name) + rest;
    if (!text::is_utf8(name)) out += "  (its name is not UTF-8)";
    return out + "\n";
  }

  std::string text_;
  std::vector<std::string> open_;  // the path of the latest entry
};

Result<FileAnswer> words_for(const FileEnd& end, const files::ListRequest& request) {
  const ListAnswer list = TRY(files::decode_list_answer(end.out));
  Tree tree;
  std::uint64_t shown = 0;
  for (const ListEntry& entry : list.entries) {
    if (!tree.add(entry)) break;
    ++shown;
  }
  const std::uint64_t next = request.offset + shown;
  const bool more = next < list.total || !list.total_exact;
  const std::string total =
      (list.total_exact ? "" : "more than ") + count_of(list.total, "entry", "entries");
  FileAnswer answer;
  answer.header = {text::one_line(request.target.shown),
                   more || request.offset > 0
                       ? "entries " + std::to_string(request.offset + (shown > 0 ? 1 : 0)) + "-" +
                             std::to_string(next) + " of " + total
                       : total};
  if (list.ignored > 0) answer.header.push_back(std::to_string(list.ignored) + " ignored");
  if (next < list.total && shown > 0) {
    answer.lines.push_back("next: offset " + std::to_string(next));
  } else if (!list.total_exact) {
    answer.lines.emplace_back(
        "note: too much to look at all; list a directory below, or give glob");
  }
  if (!request.glob.empty() && request.depth == 1) {
    answer.lines.emplace_back("note: depth 1, so nothing below was looked at");
  }
  for (const std::string& path : list.unreadable) {
    answer.lines.push_back("unreadable: " + text::one_line(path));
  }
  answer.body = tree.take();
  return answer;
}

void run(Workbench& bench, const mcp::ToolCall& call, mcp::ToolReply reply) {
  auto file = file_call(call, bench, PlaceUse::kRead);
  if (!file) return reply(mcp::error_result(file.error()));
  auto request = list_request(call.arguments, file->target);
  if (!request) return reply(mcp::error_result(request.error()));
  set_task(*file, kListTask, files::encode(*request));
  start_file_call(
      bench, *std::move(file), Unfinished::kError,
      [request = *std::move(request)](const FileEnd& end) { return words_for(end, request); }, call,
      std::move(reply));
}

}  // namespace

mcp::ToolSpec list_directory_spec(const Briefing& briefing) {
  const Json text = {{"type", "string"}};
  const Json number = {{"type", "integer"}};
  Json properties = Json::object();
  properties["path"] = text;
  properties["depth"] = number;
  properties["glob"] = text;
  properties["respect_ignore"] = {{"type", "boolean"}};
  properties["offset"] = number;
  properties["max_entries"] = number;
  return {.name = "list_directory",
          .title = {},
          .description =
              "Lists a directory as a tree with sizes: depth levels (1), 500 entries a page.",
          .input_schema = file_schema(briefing, std::move(properties), {}),
          .output_schema = {},
          .annotations = {
              .read_only = true, .destructive = false, .idempotent = true, .open_world = false}};
}

mcp::ToolHandler list_directory_handler(Workbench& bench) {
  return [&bench](const mcp::ToolCall& call, mcp::ToolReply reply) {
    run(bench, call, std::move(reply));
  };
}

}  // namespace mayfly::tools
