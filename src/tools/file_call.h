#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "files/target.h"
#include "mcp/tool.h"
#include "sandbox/engine.h"
#include "sandbox/policy.h"
#include "tools/briefing.h"
#include "tools/file_place.h"
#include "tools/workbench.h"

// How the file tools run: each call is a task, or ripgrep, in a sandbox of its own, whose answer
// becomes one text: a line of facts, what was denied, and after an empty line the content. They
// never become jobs.
namespace mayfly::tools {

// No call of a file tool runs longer, whatever the profile allows a command.
inline constexpr milliseconds kMostFileTime{60'000};

// The most that a page of text has, in characters.
inline constexpr std::uint64_t kMostFileChars = 30'000;

// What one call of a file tool is to run.
struct FileCall {
  std::shared_ptr<const sandbox::Policy> policy;
  // Why `policy` is not what the operator's files say now; empty if it is.
  std::string stale_because;
  files::Target target;
  sandbox::Command command;
  // Instead of E3001 from the sandbox, which blames the command.
  std::optional<Error> not_started = {};
};

// How such a call ended, for those who make words of it.
struct FileEnd {
  const sandbox::Report& report;
  std::string out;  // all of its output

  // False: it was ended by a limit, and `out` is what there was until then.
  bool complete() const { return report.ended_by == sandbox::EndedBy::kExit; }
};

struct FileAnswer {
  // The facts, first what was done to what.
  std::vector<std::string> header;
  std::vector<std::string> lines;          // more facts, a line each
  std::string body;                        // any text: it cannot add to the facts
  std::optional<mcp::ImageContent> image;  // instead of all these, which then go to `_meta`
};

// Makes the answer, once, in a thread that must not be kept.
using FileFormat = std::function<Result<FileAnswer>(const FileEnd&)>;

// What is done with a call that a limit of time or of output ended: only some have a use for what
// there was until then.
enum class Unfinished { kError, kFormat };

// The profile and the path of the arguments, and limits that fit. Without `path` the place is the
// first workspace. E5001 and E1002.
Result<FileCall> file_call(const mcp::ToolCall& call, Workbench& bench, PlaceUse use);

// Starts it. What fails before, in, or after the sandbox is an error result, as is what was undone
// because programs of the host would have run it.
void start_file_call(Workbench& bench, FileCall file, Unfinished unfinished, FileFormat format,
                     const mcp::ToolCall& call, mcp::ToolReply reply);

// A task as the command of `file`.
void set_task(FileCall& file, const char* task, std::string request);

// For their specs: "path" and, where several are offered, "profile"; `properties` come after.
mcp::Json file_schema(const Briefing& briefing, mcp::Json properties,
                      const std::vector<std::string>& required);

// A whole number from `least` on, E5001 for less. Not said in schemas, which have to stay short.
Result<std::uint64_t> number_argument(const mcp::Json& arguments, const char* name,
                                      std::uint64_t least, std::uint64_t otherwise);

// Pieces of headers.
std::string count_of(std::uint64_t count, const char* one, const char* many);
std::string time_of(std::int64_t nanoseconds);  // "modified 2026-11-22 10:03:11Z"

}  // namespace mayfly::tools
