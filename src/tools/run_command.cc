#include <memory>
#include <string>
#include <utility>

#include "base/text.h"
#include "tools/audit_trail.h"
#include "tools/command_request.h"
#include "tools/full_receipt.h"
#include "tools/job_updates.h"
#include "tools/receipt.h"
#include "tools/shell_notebook.h"
#include "tools/toolset.h"
#include "tools/violation_resources.h"
#include "tools/waiting.h"

namespace mayfly::tools {
namespace {

using mcp::Json;

Json text_property(const std::string& description) {
  return {{"type", "string"}, {"description", description}};
}

// Without a maximum: what is too large is refused with its own words (E2003), or lowered visibly.
Json number_property(std::int64_t low, const std::string& description) {
  return {{"type", "integer"}, {"minimum", low}, {"description", description}};
}

// The names are checked when they are read: naming each as a property would cost the list dearly.
Json limits_property() {
  std::string names = "cpu_ms";
  for (const LimitField& field : kLimitFields) names += std::string(", ") + field.name;
  return {{"type", "object"},
          {"additionalProperties", {{"type", "integer"}, {"minimum", 1}}},
          {"description", "to lower: " + names}};
}

Json input_schema(const Briefing& briefing) {
  const sandbox::Limits& limits = briefing.limits;
  Json properties = Json::object();
  properties["command"] = text_property("for bash -c");
  properties["argv"] = {
      {"type", "array"}, {"items", {{"type", "string"}}}, {"description", "instead of command"}};
  properties["cwd"] = text_property("absolute, or relative to the workspace");
  properties["env"] = {{"type", "object"}, {"additionalProperties", {{"type", "string"}}}};
  properties["stdin"] = text_property("all of it, then end of file");
  properties["pty"] = {{"type", "boolean"},
                       {"description", "a terminal, stdin open for send_input"}};
  properties["keep_ansi"] = {{"type", "boolean"}};
  properties["shell_state"] =
      text_property("\"new\" or a handle from an answer: carries cwd and exports on");
  properties["timeout_ms"] =
      number_property(1, "then TERM and KILL; default and most " + human_time(limits.wall) +
                             ", in background " + human_time(limits.job_wall));
  properties["wait_ms"] = number_property(
      0, "then it goes on as a job; default and most " + human_time(briefing.max_wait));
  properties["background"] = {{"type", "boolean"},
                              {"description", "a job at once, stdin open for send_input"}};
  if (briefing.profiles.size() > 1) {
    // No enum: a profile that is offered since this was listed must not be refused.
    properties["profile"] = text_property("one of " + text::join(briefing.profiles, ", "));
  }
  properties["limits"] = limits_property();
  properties["max_output_chars"] =
      number_property(0, "default " + std::to_string(kDefaultOutputChars));
  properties["receipt"] = {{"type", "string"}, {"enum", Json::array({"lean", "full"})}};
  return {
      {"type", "object"}, {"properties", std::move(properties)}, {"additionalProperties", false}};
}

std::string description(const Briefing& briefing) {
  const std::string access = briefing.workspace_writable ? "read-write" : "read-only";
  return "Runs a shell command or program in a fresh Linux sandbox. Workspace " + access + ", " +
         (briefing.network ? "limited" : "no") +
         " network, /tmp new each call, $SCRATCH kept. At most " +
         human_time(briefing.limits.wall) + ", " + text::human_bytes(briefing.limits.memory_bytes) +
         ", " + std::to_string(briefing.limits.processes) + " processes. What runs longer than " +
         human_time(briefing.max_wait) + " becomes a job.";
}

// The answer to a call whose wait is over: its receipt, or, while it runs, the job's.
mcp::ToolResult answer(Workbench& bench, const std::shared_ptr<Job>& job,
                       const OutputChoice& output, ReceiptForm form) {
  if (!job->outcome()) job->become_job();
  Snapshot call = snapshot(*job, output);
  if (call.running() || call.truncated()) call.job_id = bench.jobs.admit(job);
  if (call.running()) tell_of_output(bench.updates, bench.timers, job, call.job_id);
  return receipt(call, form);
}

// The shell whose state a call carries on.
struct Shell {
  std::string handle;
  ShellNotebook notebook;
  bool in_its_directory = false;  // the call starts where the shell was
};

// Changes the command to one that reads and writes the notebook.
Result<std::shared_ptr<Shell>> open_shell(Workbench& bench, const std::string& principal,
                                          CommandRequest& request) {
  const bool fresh = *request.shell_state == "new";
  auto state = std::make_shared<const ShellState>();
  if (!fresh) state = TRY(bench.shells.use(principal, *request.shell_state));
  sandbox::Command& command = request.command;
  auto notebook = TRY(ShellNotebook::make(*state, command.environment));
  command.notebook = TRY(notebook.for_program());
  command.argv = wrapped_shell(command.argv.back());
  const bool in_its_directory = command.cwd.empty() && !state->cwd.empty();
  if (in_its_directory) {
    command.cwd = state->cwd;
    // Bash keeps the name of a directory that was reached through a link.
    command.environment.emplace_back("PWD", state->cwd);
  }
  return std::make_shared<Shell>(
      Shell{fresh ? bench.shells.create(principal) : *request.shell_state, std::move(notebook),
            in_its_directory});
}

// When the call has ended: keeps what the shell saved, or says why there is nothing to keep.
void close_shell(Workbench& bench, const Shell& shell, Outcome& outcome) {
  const sandbox::Report& report = outcome.report;
  if (report.setup_error) return;
  auto saved = report.ended_by == sandbox::EndedBy::kExit ? shell.notebook.saved() : std::nullopt;
  if (saved) {
    outcome.shell_cwd = saved->cwd;
    bench.shells.save(shell.handle, *std::move(saved));
    return;
  }
  outcome.shell_note = std::string("the shell state is as before this call: ") +
                       (report.ended_by != sandbox::EndedBy::kExit ? "the shell was killed"
                        : shell.notebook.overflowed()
                            ? "what it exports is larger than " + text::human_bytes(kMostStateBytes)
                            : "the command replaced the shell, or its EXIT trap");
}

// A directory of the state's that is gone since is nothing that the caller can know.
void explain_directory(sandbox::Report& report) {
  if (!report.setup_error || report.setup_error->field != "cwd") return;
  report.setup_error->message += ": the shell state was in this directory";
  report.setup_error->remedy = "give cwd with this call, to go on from there";
}

void run(Workbench& bench, mcp::ToolCall call, mcp::ToolReply reply) {
  auto request = parse_command_request(call.arguments, bench);
  if (!request) return reply(mcp::error_result(request.error()));
  if (request->place == Place::kBackground) {
    if (auto room = bench.jobs.check_room(); !room) return reply(mcp::error_result(room.error()));
  }
  std::shared_ptr<Shell> shell;
  if (request->shell_state) {
    auto opened = open_shell(bench, call.principal, *request);
    if (!opened) return reply(mcp::error_result(opened.error()));
    shell = *std::move(opened);
  }

  const JobTraits traits{.terminal = request->command.terminal.has_value(),
                         .open_input = request->command.keep_stdin_open,
                         .shell_state = shell ? shell->handle : ""};
  auto job =
      std::make_shared<Job>(call.principal, request->policy->profile, request->summary, traits);
  sandbox::CallObserver observer;
  observer.on_output = [job](int, const char*, std::size_t) { job->output_arrived(); };
  observer.on_finish = [&bench, job, shell, record = audited_for_later(call),
                        stale = request->stale_because](sandbox::Report report) {
    if (!stale.empty()) report.unavailable.push_back({kChangedConfiguration, stale});
    if (shell && shell->in_its_directory) explain_directory(report);
    Outcome outcome{std::move(report), {}};
    outcome.repeated = note_violations(bench.violations, *bench.updates, job->principal(),
                                       "run_command", outcome.report);
    outcome.full_receipt = full_receipt(outcome.report, outcome.repeated);
    if (shell) close_shell(bench, *shell, outcome);
    bench.calls.add(job->principal(), outcome.full_receipt);
    if (record) record->ended(outcome.report, outcome.full_receipt);
    job->finish(std::move(outcome));
  };
  request->command.caller = call.principal;
  auto started =
      bench.engine->start(request->policy, std::move(request->command), std::move(observer));
  if (!started) return reply(mcp::error_result(started.error()));
  if (AuditedCall* record = audited(call)) record->started();
  job->attach(*std::move(started));

  const milliseconds limit = request->place == Place::kBackground ? milliseconds{0} : request->wait;
  Wait wait{.job = job,
            .limit = limit,
            .heartbeat = bench.options().heartbeat,
            .on_cancel = OnCancel::kCancelJob,
            .answer = [&bench, job, output = request->output, form = request->form] {
              return answer(bench, job, output, form);
            }};
  wait_for(bench.timers, std::move(wait), call.cancel, std::move(reply));
}

}  // namespace

mcp::ToolSpec run_command_spec(const Briefing& briefing) {
  return {.name = "run_command",
          .title = "Run a command",
          .description = description(briefing),
          .input_schema = input_schema(briefing),
          .output_schema = receipt_schema(),
          .annotations = {.read_only = false,
                          .destructive = briefing.workspace_writable,
                          .idempotent = false,
                          .open_world = briefing.network},
          .meta = {{"anthropic/alwaysLoad", true}}};
}

mcp::ToolHandler run_command_handler(Workbench& bench) {
  return [&bench](mcp::ToolCall call, mcp::ToolReply reply) {
    run(bench, std::move(call), std::move(reply));
  };
}

}  // namespace mayfly::tools
