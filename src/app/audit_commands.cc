#include "app/audit_commands.h"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <deque>
#include <filesystem>

#include "app/audit_filter.h"
#include "app/audit_report.h"
#include "app/command_line.h"
#include "app/server_config.h"
#include "audit/line_reader.h"
#include "audit/verify.h"
#include "base/text.h"
#include "sandbox/report.h"

namespace mayfly::app {
namespace {

constexpr std::uint64_t kMostKept = 100'000;
constexpr std::uint64_t kRowsOfPage = 5'000;

int fail_with(const Error& error) {
  std::fprintf(stderr, "mayfly: %s\n", text::one_line(describe(error)).c_str());
  return 1;
}

std::string absolute(const std::string& path) {
  std::error_code ignored;
  return std::filesystem::absolute(path, ignored).lexically_normal().string();
}

struct Files {
  std::string log, key;
};

// As the command line says, else as the server's configuration does.
Result<Files> files_of(const AuditCommandOptions& options) {
  const sandbox::HostUser user = sandbox::host_user(::getuid());
  Files out;
  if (!options.file.empty()) out.log = absolute(options.file);
  if (!options.key_file.empty()) out.key = absolute(options.key_file);
  if (!out.log.empty() && !out.key.empty()) return out;
  settings::Diagnostics diagnostics;
  const LoadedServerConfig loaded =
      load_server_config(config_files(options.config, user), diagnostics);
  if (diagnostics.failed() && out.log.empty()) return fail(diagnostics.to_error());
  const auto& said = loaded.config.audit;
  if (out.log.empty() && said.file) out.log = with_home(said.file->value, user);
  if (out.log.empty()) {
    return fail(input_error(ErrorCode::kInvalidArgument, "--file", "",
                            "is not given, and no configuration file names an audit log",
                            "give --file FILE"));
  }
  if (out.key.empty()) {
    out.key = said.key_file ? with_home(said.key_file->value, user) : usual_audit_key(user);
  }
  return out;
}

// `given`, if it is one of `known` or nothing.
Result<std::string> one_of(const char* option, const std::string& given,
                           const std::vector<std::string>& known) {
  if (given.empty() || std::find(known.begin(), known.end(), given) != known.end()) return given;
  const std::string near = text::nearest(given, known);
  return fail(input_error(
      ErrorCode::kInvalidArgument, option, text::shorten(given, 80), "no record has this",
      near.empty() ? "use one of " + text::join(known, ", ") : "did you mean " + near + "?"));
}

const std::vector<std::string> kEvents = {
    "server_start", "server_stop", "host",         "config_reload", "call_start",   "goes_on",
    "call",         "decision",    "log_repaired", "records_lost",  "log_recovered"};

std::vector<std::string> endings() {
  using sandbox::EndedBy;
  std::vector<std::string> out;
  for (const EndedBy each : {EndedBy::kExit, EndedBy::kSignal, EndedBy::kTimeout, EndedBy::kCpu,
                             EndedBy::kMemory, EndedBy::kPids, EndedBy::kDisk, EndedBy::kOutput,
                             EndedBy::kSeccomp, EndedBy::kCancelled, EndedBy::kSetup}) {
    out.emplace_back(to_string(each));
  }
  return out;
}

Result<AuditFilter> filter_of(const AuditCommandOptions& options) {
  AuditFilter filter;
  filter.since = TRY(audit_time("--since", options.since));
  filter.until = TRY(audit_time("--until", options.until));
  filter.caller = options.caller;
  filter.tool = options.tool;
  filter.event = TRY(one_of("--event", options.event, kEvents));
  // Most calls have one too, which says nothing more.
  filter.no_starts = options.event.empty() && options.call.empty() && options.format == "table";
  filter.call = options.call;
  filter.ended_by = TRY(one_of("--ended-by", options.ended_by, endings()));
  filter.denied = options.denied;
  return filter;
}

// A line as JSON that no terminal minds.
std::string json_line(std::string_view line, const audit::ReadJson& record) {
  const bool plain =
      std::all_of(line.begin(), line.end(), [](char c) { return c >= ' ' && c <= '~'; });
  if (plain) return std::string(line);
  return record.dump(-1, ' ', true, audit::ReadJson::error_handler_t::replace);
}

// Prints what it is given at once, or the last `keep` at the end.
class Printer {
 public:
  explicit Printer(std::uint64_t keep) : keep_(keep) {}

  void add(std::string line) {
    if (keep_ == 0) return print(line);
    lines_.push_back(std::move(line));
    if (lines_.size() > keep_) lines_.pop_front();
  }
  void finish() {
    for (const std::string& line : lines_) print(line);
  }

 private:
  static void print(const std::string& line) {
    std::fwrite(line.data(), 1, line.size(), stdout);
    std::fputc('\n', stdout);
  }

  const std::uint64_t keep_;
  std::deque<std::string> lines_;
};

Result<int> show(const AuditCommandOptions& options) {
  const Files files = TRY(files_of(options));
  const AuditFilter filter = TRY(filter_of(options));
  const audit::LogView view = TRY(audit::open_log(files.log));
  if (view.parts.empty()) {
    return fail(input_error(ErrorCode::kNotFound, "--file", files.log, "there is no audit log here",
                            "name it with --file"));
  }
  const bool page = options.format == "html";
  const std::uint64_t limit = std::min(options.limit, kMostKept);
  Printer printer(limit);
  AuditSummary summary;
  std::deque<AuditRow> rows;
  std::uint64_t no_records = 0;
  bool none = true;
  if (options.format == "table") std::printf("%s\n", table_header().c_str());
  for (const audit::LogPart& part : view.parts) {
    audit::LineReader reader(part.file.get(), part.size);
    while (const auto line = TRY(reader.next())) {
      const auto record = line->too_long ? std::nullopt : audit::open_record(line->text);
      if (!record) {
        ++no_records;
        continue;
      }
      if (!filter.takes(record->fields)) continue;
      none = false;
      if (options.format == "json") {
        printer.add(json_line(line->text, record->fields));
      } else if (!page) {
        printer.add(table_line(audit_row(record->fields)));
      } else {
        summary.add(record->fields);
        rows.push_back(audit_row(record->fields));
        if (rows.size() > (limit > 0 ? limit : kRowsOfPage)) rows.pop_front();
      }
    }
  }
  printer.finish();
  if (page) {
    std::fputs(audit_page(files.log, summary, {rows.begin(), rows.end()}).c_str(), stdout);
  }
  std::fflush(stdout);
  if (none) std::fputs("mayfly: no record matches\n", stderr);
  if (no_records == 0) return 0;
  std::fprintf(stderr, "mayfly: %llu lines are no records; mayfly audit verify says which\n",
               static_cast<unsigned long long>(no_records));
  return 1;
}

void print(const audit::Fault& fault) {
  std::string at = text::one_line(fault.file);
  if (fault.line > 0) at += ":" + std::to_string(fault.line);
  if (!fault.chain.empty()) at += ", chain " + fault.chain;
  if (fault.seq > 0) at += ", seq " + std::to_string(fault.seq);
  std::printf("%s: %s: %s", audit::to_string(fault.kind), at.c_str(), fault.what.c_str());
  if (fault.count > 1) {
    std::printf(" (the first of %llu)", static_cast<unsigned long long>(fault.count));
  }
  std::printf("\n");
}

Result<int> verify(const AuditCommandOptions& options) {
  const Files files = TRY(files_of(options));
  std::optional<audit::Key> key;
  auto found = audit::Key::read(files.key);
  if (found) {
    key = *std::move(found);
  } else if (found.error().os_errno != ENOENT || !options.key_file.empty()) {
    return fail(std::move(found).error());
  }
  const audit::Verdict verdict = TRY(audit::verify(files.log, key));
  for (const audit::Fault& fault : verdict.faults) print(fault);
  for (const std::string& note : verdict.notes) std::printf("note: %s\n", note.c_str());
  if (!verdict.with_key) {
    std::printf(
        "note: there is no key at %s: only the chain was checked, which anybody who can "
        "write the log can compute anew\n",
        text::one_line(files.key).c_str());
  }
  std::printf("%s: %llu records of %llu servers in %llu files: %s\n",
              text::one_line(files.log).c_str(), static_cast<unsigned long long>(verdict.records),
              static_cast<unsigned long long>(verdict.chains),
              static_cast<unsigned long long>(verdict.parts),
              !verdict.intact()  ? "NOT intact"
              : verdict.with_key ? "intact"
                                 : "the chain is intact");
  return verdict.intact() ? 0 : 1;
}

}  // namespace

void add_audit_commands(CLI::App& command, AuditCommandOptions& options) {
  command.require_subcommand(1);
  CLI::App* show = command.add_subcommand("show", "Print records of an audit log.");
  CLI::App* verify = command.add_subcommand(
      "verify", "Say whether an audit log is as its servers wrote it: 0 if it is, 1 if not.");
  for (CLI::App* each : {show, verify}) {
    each->add_option("--file", options.file, "the log (default: that of the configuration files)")
        ->option_text("FILE");
    each->add_option("--config", options.config, "configuration file, instead of the usual ones")
        ->option_text("FILE");
  }
  verify->add_option("--key-file", options.key_file, "the key (default: as configured)")
      ->option_text("FILE");
  constexpr const char* kTime = "2026-11-22, 2026-11-22T10:03:11Z, or 30m, 12h, 7d ago";
  show->add_option("--since", options.since, kTime)->option_text("TIME");
  show->add_option("--until", options.until, "the same, up to then")->option_text("TIME");
  show->add_option("--caller", options.caller, "of this caller")->option_text("NAME");
  show->add_option("--tool", options.tool, "of this tool")->option_text("NAME");
  show->add_option("--event", options.event,
                   "call, decision, server_start, call_start (which tables leave out), ...")
      ->option_text("NAME");
  show->add_option("--call", options.call, "of this call_id")->option_text("ID");
  show->add_option("--ended-by", options.ended_by, "exit, signal, timeout, memory, ...")
      ->option_text("HOW");
  show->add_flag("--denied", options.denied, "only with violations, and refusals");
  show->add_option("--format", options.format, "how to print (default table)")
      ->option_text("table|json|html")
      ->check(CLI::IsMember({"table", "json", "html"}));
  show->add_option("--limit", options.limit, "only the latest N (at most 100000)")
      ->option_text("N");
}

int audit(int argc, char** argv) {
  AuditCommandOptions options;
  CLI::App app("An audit log of calls and decisions", "mayfly audit");
  add_audit_commands(app, options);
  if (const auto code = parse_or_explain(app, argc, argv)) return *code;
  const Result<int> done = app.got_subcommand("show") ? show(options) : verify(options);
  return done ? *done : fail_with(done.error());
}

}  // namespace mayfly::app
