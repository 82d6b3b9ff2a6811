#include <algorithm>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/text.h"
#include "mcp/json.h"
#include "tools/command_request.h"
#include "tools/line_search.h"
#include "tools/receipt.h"
#include "tools/toolset.h"
#include "tools/waiting.h"

namespace mayfly::tools {
namespace {

using mcp::Json;
using mcp::member;

OutputChoice output_of(const Json& arguments) {
  OutputChoice output;
  output.max_chars = parse_max_chars(arguments);
  output.escapes = parse_escapes(arguments);
  if (const Json* offset = member(arguments, "offset")) {
    output.offset = offset->get<std::uint64_t>();
  }
  if (const Json* stream = member(arguments, "stream")) {
    output.stream = *stream == "stderr" ? StreamName::kStderr : StreamName::kStdout;
  }
  return output;
}

// One look reads no more, and then goes on no longer: looks share a thread with all other waits.
constexpr std::size_t kLookBytes = 256U << 10;
constexpr milliseconds kLookTime{20};
constexpr std::size_t kBetweenClocks = 16U << 10;
// A poll for new output waits for the rest of what is printed at once.
constexpr milliseconds kQuiet{100};

std::shared_ptr<sandbox::OutputStream> stream_of(const Job& job, StreamName name) {
  return name == StreamName::kStderr ? job.err() : job.out();
}

// Looks for the pattern in one stream or in both. Used by one thread at a time.
class PatternWatch {
 public:
  PatternWatch(std::shared_ptr<Job> job, const std::shared_ptr<const re2::RE2>& pattern,
               const OutputChoice& output)
      : job_(std::move(job)) {
    const bool one = output.stream || output.offset;
    const StreamName first = output.stream.value_or(StreamName::kStdout);
    searches_.push_back({first, LineSearch(pattern, output.offset.value_or(0))});
    if (!one) searches_.push_back({StreamName::kStderr, LineSearch(pattern, 0)});
  }

  Look look() {
    const bool ended = job_->outcome() != nullptr;
    Look seen = Look::kNothing;
    for (auto& [name, search] : searches_) {
      if (const auto stream = stream_of(*job_, name)) {
        const std::string piece = stream->read(search.position(), kLookBytes);
        if (!feed(search, piece) || piece.size() == kLookBytes) seen = Look::kMore;
      }
      if (seen != Look::kMore) ended ? search.end() : search.pause();
      if (search.match()) return Look::kFound;
    }
    return seen;
  }

  void tell(Snapshot& shown) const {
    for (const auto& [name, search] : searches_) {
      if (!search.match()) continue;
      shown.matched = {name, search.match()->offset, search.match()->line};
      return;
    }
    shown.remark = "no line has matched the pattern";
    for (const auto& [name, search] : searches_) {
      const auto stream = stream_of(*job_, name);
      if (!stream || search.position() >= stream->size()) continue;
      const std::string at = std::to_string(search.searched());
      shown.remark += " in what was searched until the wait ended; offset " + at + " with stream " +
                      (name == StreamName::kStderr ? "stderr" : "stdout") + " goes on";
      return;
    }
  }

 private:
  struct Search {
    StreamName name;
    LineSearch lines;
  };

  // False: there was no time for all of it.
  static bool feed(LineSearch& search, std::string_view piece) {
    const TimePoint until = Clock::now() + kLookTime;
    while (!piece.empty() && !search.match()) {
      search.feed(piece.substr(0, kBetweenClocks));
      piece.remove_prefix(std::min(piece.size(), kBetweenClocks));
      if (!piece.empty() && Clock::now() >= until) return false;
    }
    return true;
  }

  std::shared_ptr<Job> job_;
  std::vector<Search> searches_;
};

// An offset is a place in stdout alone: without a word, all that is on stderr would be missed.
void tell_of_stderr(const Job& job, Snapshot& shown) {
  const auto err = job.err();
  if (!err || err->size() == 0) return;
  shown.remark += (shown.remark.empty() ? "" : "; ") +
                  std::string("offset is of stdout; stderr has ") + text::human_bytes(err->size()) +
                  ", which stream: stderr shows";
}

void get(Workbench& bench, mcp::ToolCall call, mcp::ToolReply reply) {
  const std::string id = call.arguments.at("job_id").get<std::string>();
  auto job = bench.jobs.find(call.principal, id);
  if (!job) return reply(mcp::error_result(job.error()));
  const OutputChoice output = output_of(call.arguments);
  std::shared_ptr<PatternWatch> pattern;
  if (const Json* wanted = member(call.arguments, "pattern")) {
    auto compiled = compile_pattern(wanted->get<std::string>());
    if (!compiled) return reply(mcp::error_result(compiled.error()));
    pattern = std::make_shared<PatternWatch>(*job, *compiled, output);
  }

  Wait wait{.job = *job,
            .limit = parse_wait(call.arguments, milliseconds{0}, bench.options().max_wait),
            .heartbeat = bench.options().heartbeat,
            .on_cancel = OnCancel::kLeaveJob,
            .answer = [job = *job, id, output, pattern, form = bench.options().receipt] {
              Snapshot shown = snapshot(*job, output);
              shown.job_id = id;
              if (pattern) pattern->tell(shown);
              if (output.offset && !output.stream) tell_of_stderr(*job, shown);
              return receipt(shown, form);
            }};
  if (pattern) {
    wait.look = [pattern] { return pattern->look(); };
  } else if (output.offset && wait.limit > milliseconds{0}) {
    wait.quiet = kQuiet;
    wait.look = [job = *job, from = *output.offset,
                 name = output.stream.value_or(StreamName::kStdout)] {
      const auto stream = stream_of(*job, name);
      return stream && stream->size() > from ? Look::kFound : Look::kNothing;
    };
  }
  wait_for(bench.timers, std::move(wait), call.cancel, std::move(reply));
}

}  // namespace

mcp::ToolSpec get_job_spec(const Briefing& briefing) {
  Json properties = Json::object();
  properties["job_id"] = {{"type", "string"}};
  properties["wait_ms"] = {
      {"type", "integer"},
      {"minimum", 0},
      {"description", "for its end, a match, or output after offset; default 0, most " +
                          human_time(briefing.max_wait)}};
  properties["pattern"] = {{"type", "string"}, {"description", "RE2, matched against lines"}};
  properties["offset"] = {
      {"type", "integer"}, {"minimum", 0}, {"description", "byte to read on from"}};
  properties["stream"] = {{"type", "string"}, {"enum", Json::array({"stdout", "stderr"})}};
  properties["max_output_chars"] = {{"type", "integer"}, {"minimum", 0}};
  properties["keep_ansi"] = {{"type", "boolean"}};
  return {.name = "get_job",
          .title = "Get a job",
          .description =
              "Status and output of a job: head and tail, or what follows offset. Kept for " +
              human_time(JobLimits{}.keep) + " after its end.",
          .input_schema = {{"type", "object"},
                           {"properties", std::move(properties)},
                           {"required", Json::array({"job_id"})},
                           {"additionalProperties", false}},
          .output_schema = receipt_schema(),
          .annotations = {
              .read_only = true, .destructive = false, .idempotent = true, .open_world = false}};
}

mcp::ToolHandler get_job_handler(Workbench& bench) {
  return [&bench](mcp::ToolCall call, mcp::ToolReply reply) {
    get(bench, std::move(call), std::move(reply));
  };
}

}  // namespace mayfly::tools
