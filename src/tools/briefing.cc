#include "tools/briefing.h"

#include "base/text.h"

namespace mayfly::tools {
namespace {

constexpr std::size_t kMostBytes = 2048;
constexpr std::size_t kMostWorkspaces = 4;

std::string workspace_lines(const Briefing& briefing) {
  std::vector<std::string> shown = briefing.workspaces;
  std::string more;
  if (shown.size() > kMostWorkspaces) {
    more = " and " + std::to_string(shown.size() - kMostWorkspaces) + " more";
    shown.resize(kMostWorkspaces);
  }
  for (std::string& path : shown) path = text::shorten(text::one_line(path), 200);
  const std::string access = briefing.workspace_writable ? "read-write" : "read-only";
  return "- Workspace: " + text::join(shown, ", ") + more + " (" + access +
         ", the same path inside and outside; commands start there). What would run code on the "
         "host (git hooks and configuration; .vscode, .envrc and such at its top) cannot be "
         "changed.\n";
}

std::string published_line(const std::vector<std::uint16_t>& ports) {
  if (ports.empty()) return "";
  std::vector<std::string> words;
  for (const std::uint16_t port : ports) words.push_back(std::to_string(port));
  return "- A job that listens on port " + text::join(words, ", ") +
         " is reached by later calls on their own localhost.\n";
}

std::string limit_line(const sandbox::Limits& limits) {
  return "- Limits: " + human_time(limits.wall) + " (a job " + human_time(limits.job_wall) +
         "), memory " + text::human_bytes(limits.memory_bytes) + ", " +
         std::to_string(limits.processes) + " processes, output " +
         text::human_bytes(limits.output_bytes) + ", /tmp " + text::human_bytes(limits.tmp_bytes) +
         ". A call can only lower them.\n";
}

}  // namespace

Briefing make_briefing(const std::vector<sandbox::Policy>& policies, milliseconds max_wait) {
  Briefing briefing;
  briefing.profiles.clear();
  briefing.workspace_writable = false;
  briefing.max_wait = max_wait;
  for (const sandbox::Policy& policy : policies) {
    briefing.profiles.push_back(policy.profile);
    briefing.workspace_writable |= policy.workspace_access == sandbox::WorkspaceAccess::kReadWrite;
    briefing.network |= sandbox::kHasWayOut && policy.network.mode != sandbox::NetworkMode::kNone;
  }
  for (const sandbox::Workspace& workspace : policies.front().workspaces) {
    briefing.workspaces.push_back(workspace.path);
  }
  briefing.limits = policies.front().limits;
  briefing.published = policies.front().network.publish;
  return briefing;
}

std::string instructions(const Briefing& briefing) {
  std::string out =
      "Mayfly runs every tool call in a fresh Linux sandbox that ends with the call.\n";
  out += workspace_lines(briefing);
  out +=
      "- Everything else of the host is read-only or absent; home is empty but for toolchains and "
      "build caches.\n";
  out += "- /tmp is new for each call. $SCRATCH (" + std::string(sandbox::kScratchPath) +
         ") keeps files between calls until the server ends.\n";
  out += briefing.network ? "- Network: as the profile allows.\n"
                          : "- Network: none, only loopback inside the call.\n";
  out += published_line(briefing.published);
  out +=
      "- The file tools keep to the same rules; relative paths are below the workspace.\n"
      "- cd and export end with the call, unless shell_state carries them on: \"new\", then the "
      "handle of the answer.\n";
  out += limit_line(briefing.limits);
  out +=
      "- A command still running after " + human_time(briefing.max_wait) +
      " becomes a job: the answer has status running and a job_id. Ask get_job with wait_ms, or a "
      "pattern to wait for; end it with stop_job. background: true makes it a job at once, whose "
      "stdin is open for send_input.\n";
  out +=
      "- What the sandbox denied is listed under violations (text form: \"denied:\") with rule and "
      "remedy. What was only to be read and is not there is the program's own error, unless the "
      "profile observes all.\n";
  out +=
      "- Long output is cut in the middle; next_offset says where get_job goes on, and a link "
      "leads to all of it.\n";
  if (briefing.profiles.size() > 1) {
    out += "- Profiles: " + text::join(briefing.profiles, ", ") + "; the first is the default.\n";
  }
  return text::shorten(out, kMostBytes);
}

std::string human_time(milliseconds time) {
  const auto ms = time.count();
  if (ms > 0 && ms % 3'600'000 == 0) return std::to_string(ms / 3'600'000) + " h";
  if (ms > 0 && ms % 60'000 == 0) return std::to_string(ms / 60'000) + " min";
  if (ms > 0 && ms % 1000 == 0) return std::to_string(ms / 1000) + " s";
  return std::to_string(ms) + " ms";
}

}  // namespace mayfly::tools
