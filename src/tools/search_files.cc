#include <algorithm>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/text.h"
#include "files/read.h"
#include "mcp/json.h"
#include "tools/file_call.h"
#include "tools/file_tasks.h"
#include "tools/ripgrep_output.h"
#include "tools/search_page.h"
#include "tools/toolset.h"

namespace mayfly::tools {
namespace {

using mcp::Json;
using mcp::member;

constexpr std::uint64_t kDefaultResults = 100;
constexpr std::uint64_t kMostResults = 1'000;
constexpr std::uint64_t kMostContext = 20;
constexpr std::size_t kMostPattern = 16'384;

bool is_set(const Json& arguments, const char* name) {
  const Json* value = member(arguments, name);
  return value != nullptr && value->get<bool>();
}

Result<std::string> word(const Json& arguments, const char* name) {
  const Json* value = member(arguments, name);
  std::string text = value ? value->get<std::string>() : "";
  const bool has_nul = text.find('\0') != std::string::npos;
  if (!has_nul && text.size() <= kMostPattern) return text;
  return fail(input_error(
      ErrorCode::kInvalidArgument, name, text::shorten(text::one_line(text), 100),
      has_nul ? "contains a NUL byte" : "is longer than " + std::to_string(kMostPattern) + " bytes",
      has_nul ? "leave it out" : "give a shorter one"));
}

Result<SearchPage::Choice> choice_of(const Json& arguments, const FileCall& file) {
  SearchPage::Choice choice;
  if (const Json* mode = member(arguments, "mode")) {
    choice.mode = *mode == "files"   ? SearchMode::kFiles
                  : *mode == "count" ? SearchMode::kCount
                                     : SearchMode::kContent;
  }
  choice.offset = TRY(number_argument(arguments, "offset", 0, 0));
  choice.most =
      std::min(TRY(number_argument(arguments, "max_results", 1, kDefaultResults)), kMostResults);
  if (choice.mode == SearchMode::kContent) {
    choice.context = std::min(TRY(number_argument(arguments, "context", 0, 0)), kMostContext);
  }
  choice.most_bytes = kMostFileChars;
  const std::string& area = file.target.area;
  const auto& workspaces = file.policy->workspaces;
  const bool first = !workspaces.empty() && workspaces.front().path == area;
  if (!first) choice.prefix = area == "/" ? "/" : area + "/";
  return choice;
}

// No shell, no configuration file, no preprocessor, and nothing of the caller's where an option
// could be.
Result<std::vector<std::string>> ripgrep(const Json& arguments, const SearchPage::Choice& choice,
                                         const std::string& path) {
  std::vector<std::string> argv = {"rg",          "--no-config",     "--no-heading",
                                   "--null",      "--with-filename", "--color=never",
                                   "--sort=path", "--crlf"};
  switch (choice.mode) {
    case SearchMode::kContent:
      argv.insert(argv.end(),
                  {"--line-number", "--no-context-separator", "--max-columns=500",
                   "--max-columns-preview", "--context=" + std::to_string(choice.context)});
      break;
    case SearchMode::kFiles:
      argv.emplace_back("--files-with-matches");
      break;
    case SearchMode::kCount:
      argv.emplace_back("--count");
      break;
  }
  if (is_set(arguments, "fixed")) argv.emplace_back("--fixed-strings");
  if (is_set(arguments, "ignore_case")) argv.emplace_back("--ignore-case");
  if (is_set(arguments, "hidden")) argv.emplace_back("--hidden");
  if (is_set(arguments, "no_ignore")) argv.emplace_back("--no-ignore");
  if (const std::string glob = TRY(word(arguments, "glob")); !glob.empty()) {
    argv.push_back("--glob=" + glob);
  }
  if (const std::string type = TRY(word(arguments, "type")); !type.empty()) {
    argv.push_back("--type=" + type);
  }
  argv.push_back("--regexp=" + TRY(word(arguments, "pattern")));
  argv.emplace_back("--");
  argv.push_back(path.empty() ? "." : "./" + path);
  return argv;
}

// Nothing at all was found out.
std::optional<Error> failure_of(const FileEnd& end, const SearchComplaints& complaints,
                                const std::string& shown) {
  if (!end.complete() || end.report.exit_code.value_or(2) < 2 || !end.out.empty()) {
    return std::nullopt;
  }
  if (!complaints.refusal.empty()) {
    Error error;
    error.code = ErrorCode::kInvalidArgument;
    // What it then advises are options of its own, which this tool does not take.
    const std::size_t advice = complaints.refusal.find("\nConsider enabling");
    error.message = "ripgrep refused the search: " + complaints.refusal.substr(0, advice);
    error.remedy = advice == std::string::npos
                       ? "mend pattern, glob or type; fixed: true searches for plain text"
                       : "leave that out of the pattern, or use run_command with rg -U (several "
                         "lines) or rg -P (look-around)";
    if (error.message.find("unrecognized file type") != std::string::npos) {
      error.remedy = "use ripgrep's name, such as cpp, py or js, or a glob such as *.cc";
    }
    return error;
  }
  return input_error(ErrorCode::kNotFound, "path", shown, "could not be searched",
                     "list_directory shows what there is");
}

std::string found(const SearchPage& page, SearchMode mode, const std::string& least) {
  const std::string files = count_of(page.files(), "file", "files");
  switch (mode) {
    case SearchMode::kContent:
      return least + count_of(page.results(), "match", "matches") + " in " + files;
    case SearchMode::kFiles:
      return least + files;
    case SearchMode::kCount:
      return least + count_of(page.counted(), "matching line", "matching lines") + " in " + files;
  }
  return files;
}

Result<FileAnswer> words_for(const FileEnd& end, const SearchPage::Choice& choice,
                             const std::string& shown, bool leaves_out) {
  constexpr std::size_t kMostErrors = 64 * 1024;
  const SearchComplaints complaints =
      read_complaints(end.report.err ? end.report.err->read(0, kMostErrors) : std::string());
  if (auto error = failure_of(end, complaints, shown)) return fail(*std::move(error));
  SearchPage page(choice);
  const SearchTail tail =
      read_search(end.out, choice.mode, [&](const SearchRecord& record) { page.add(record); });

  FileAnswer answer;
  const std::uint64_t next = choice.offset + page.shown();
  if (page.results() == 0) {
    answer.header = {end.complete() ? "no matches" : "no matches so far"};
  } else {
    answer.header = {found(page, choice.mode, end.complete() ? "" : "more than ")};
    if (page.shown() < page.results()) {
      answer.header.push_back(page.shown() == 0
                                  ? "none after offset " + std::to_string(choice.offset)
                                  : "shown: " + std::to_string(choice.offset + 1) + "-" +
                                        std::to_string(next));
    }
  }
  if (page.shown() > 0 && next < page.results()) {
    answer.lines.push_back("next: offset " + std::to_string(next));
  }
  if (page.results() == 0 && end.complete() && leaves_out) {
    answer.lines.emplace_back(
        "note: hidden and ignored files are left out; hidden: true and no_ignore: true look there");
  }
  if (!end.complete()) {
    answer.lines.push_back(
        std::string("note: stopped early, ") +
        (end.report.ended_by == sandbox::EndedBy::kTimeout ? "it took too long"
                                                           : "there is too much") +
        "; there is more. Narrow it with path, glob, type, a longer pattern or mode files");
  }
  if (tail.binary > 0) {
    answer.lines.push_back("note: " + count_of(tail.binary, "binary file", "binary files") +
                           " not searched to the end");
  }
  if (complaints.unreadable > 0) {
    answer.lines.push_back("note: " + count_of(complaints.unreadable, "place", "places") +
                           " could not be read");
  }
  if (end.complete() && !complaints.refusal.empty()) {
    answer.lines.push_back("note: ripgrep said: " + text::one_line(complaints.refusal));
  }
  answer.body = page.take();
  return answer;
}

// The command is ours: what is wrong with it is not the caller's.
Error without_ripgrep() {
  Error error;
  error.code = ErrorCode::kProgramNotStarted;
  error.message = "ripgrep (rg) is not among the programs of the sandbox";
  error.remedy = "on the host: apt install ripgrep; until then use grep -rn in run_command";
  return error;
}

void search(Workbench& bench, FileCall file, const SearchPage::Choice& choice,
            const mcp::ToolCall& call, mcp::ToolReply reply) {
  const std::string shown = file.target.shown;
  const bool leaves_out = !is_set(call.arguments, "hidden") || !is_set(call.arguments, "no_ignore");
  start_file_call(
      bench, std::move(file), Unfinished::kFormat,
      [choice, shown, leaves_out](const FileEnd& end) {
        return words_for(end, choice, shown, leaves_out);
      },
      call, std::move(reply));
}

// Stands for the client while the path is looked at: an error is the answer, else it goes on.
class AfterLook : public mcp::ToolReply::Sink {
 public:
  using Next = std::function<void(mcp::ToolReply)>;
  AfterLook(Timers& timers, mcp::ToolReply reply, Next next)
      : timers_(timers),
        reply_(std::make_shared<mcp::ToolReply>(std::move(reply))),
        next_(std::move(next)) {}

  void finish(mcp::ToolResult result) override {
    if (result.is_error) return (*reply_)(std::move(result));
    // This is the engine's thread, where no call can be started.
    timers_.at(Clock::now(), [reply = reply_, next = next_] { next(std::move(*reply)); });
  }
  void progress(double elapsed, const std::string& message) override {
    reply_->progress(elapsed, message);
  }

 private:
  Timers& timers_;
  const std::shared_ptr<mcp::ToolReply> reply_;
  const Next next_;
};

// ripgrep would wait for ever on a FIFO that it is given, and follow a link to anywhere: so it is
// given only what the other tools would open.
void look_first(Workbench& bench, const FileCall& file, const mcp::ToolCall& call,
                mcp::ToolReply reply, AfterLook::Next next) {
  FileCall look;
  look.policy = file.policy;
  look.stale_because = file.stale_because;
  look.target = file.target;
  look.command.caller = file.command.caller;
  look.command.limits = file.command.limits;
  files::ReadRequest request;
  request.target = file.target;
  set_task(look, kLookTask, files::encode(request));
  const bool progress = reply.wants_progress();
  mcp::ToolReply after(
      std::make_shared<AfterLook>(bench.timers, std::move(reply), std::move(next)));
  after.set_wants_progress(progress);
  start_file_call(
      bench, std::move(look), Unfinished::kError,
      [](const FileEnd& end) -> Result<FileAnswer> {
        TRY(files::decode_read_answer(end.out));
        return FileAnswer();
      },
      call, std::move(after));
}

void run(Workbench& bench, const mcp::ToolCall& call, mcp::ToolReply reply) {
  auto file = file_call(call, bench, PlaceUse::kRead);
  if (!file) return reply(mcp::error_result(file.error()));
  const auto chosen = choice_of(call.arguments, *file);
  if (!chosen) return reply(mcp::error_result(chosen.error()));
  const SearchPage::Choice& choice = *chosen;
  auto argv = ripgrep(call.arguments, choice, file->target.path);
  if (!argv) return reply(mcp::error_result(argv.error()));
  file->command.argv = *std::move(argv);
  file->command.cwd = file->target.area;
  file->not_started = without_ripgrep();
  if (file->target.path.empty()) {
    return search(bench, *std::move(file), choice, call, std::move(reply));
  }
  auto kept = std::make_shared<FileCall>(*std::move(file));
  look_first(bench, *kept, call, std::move(reply),
             [&bench, kept, choice, call](mcp::ToolReply out) {
               search(bench, std::move(*kept), choice, call, std::move(out));
             });
}

}  // namespace

mcp::ToolSpec search_files_spec(const Briefing& briefing) {
  const Json text = {{"type", "string"}};
  const Json flag = {{"type", "boolean"}};
  const Json number = {{"type", "integer"}};
  Json properties = Json::object();
  properties["pattern"] = text;
  properties["path"] = text;
  properties["fixed"] = flag;
  properties["glob"] = text;
  properties["type"] = text;
  properties["context"] = number;
  properties["ignore_case"] = flag;
  properties["hidden"] = flag;
  properties["no_ignore"] = flag;
  properties["mode"] = {{"type", "string"}, {"enum", Json::array({"content", "files", "count"})}};
  properties["max_results"] = number;
  properties["offset"] = number;
  return {.name = "search_files",
          .title = {},
          .description =
              "Searches file contents by regex (ripgrep), or fixed text; 100 matches a page. "
              "Leaves out hidden, ignored and binary files.",
          .input_schema = file_schema(briefing, std::move(properties), {"pattern"}),
          .output_schema = {},
          .annotations = {
              .read_only = true, .destructive = false, .idempotent = true, .open_world = false}};
}

mcp::ToolHandler search_files_handler(Workbench& bench) {
  return [&bench](const mcp::ToolCall& call, mcp::ToolReply reply) {
    run(bench, call, std::move(reply));
  };
}

}  // namespace mayfly::tools
