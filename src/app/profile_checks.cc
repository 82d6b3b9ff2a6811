#include "sandbox/profile_check.h"

#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <vector>

#include "app/policy_options.h"
#include "app/profile_options.h"
#include "base/text.h"
#include "sandbox/host_probe.h"
#include "sandbox/profile_store.h"
#include "tools/full_receipt.h"

namespace mayfly::app {
namespace {

using mcp::Json;
using sandbox::ProfileStore;
using settings::Diagnostic;

constexpr const char* kProjectFile = ".mayfly/profile.toml";

// What was found out about one profile.
struct Finding {
  std::string profile;  // as it was named
  std::vector<Diagnostic> diagnostics;
  std::size_t left_out = 0;
  std::vector<Error> errors;  // that stand at no place of a file
  bool failed = false;
  std::vector<std::string> narrows;  // a workspace's own file: the profiles it was held against
};

// The directory that a call without --workspace would work in.
std::string workspace_here() {
  const auto host = this_host({});
  return host ? host->workspaces.front() : "";
}

class Checker {
 public:
  explicit Checker(bool host) {
    if (host) probes_ = sandbox::probe_host();
  }

  Finding check(const std::string& name) const {
    Finding out;
    out.profile = name;
    settings::Diagnostics diagnostics;
    const auto loaded = store_.load(name, diagnostics);
    if (loaded) {
      sandbox::warn_of_idle_rules(loaded->profile, sandbox::host_user(::getuid()).home, workspace_,
                                  diagnostics);
      judge_here(loaded->profile, out);
    } else if (!diagnostics.failed()) {
      out.errors.push_back(loaded.error());
    }
    take(diagnostics, out);
    return out;
  }

  // A workspace's own file, against each of the profiles that it may only narrow.
  Finding check_project(const std::string& path, const std::vector<std::string>& bases) const {
    Finding out;
    out.profile = path;
    const std::string workspace =
        std::filesystem::absolute(path).lexically_normal().parent_path().parent_path().string();
    std::vector<settings::FileMark> marks;
    const auto project = sandbox::load_project_profile(workspace, marks);
    if (!project) {
      out.errors.push_back(project.error());
    } else if (!project->has_value()) {
      out.errors.push_back(
          input_error(ErrorCode::kInvalidConfiguration, "file", path, "is not there", ""));
    }
    for (const std::string& base : bases) {
      if (!out.errors.empty()) break;
      const auto loaded = store_.load(base);
      if (!loaded) {
        out.errors.push_back(loaded.error());
        break;
      }
      const auto policy = resolve_here(loaded->profile, *project, workspace);
      if (!policy) out.errors.push_back(policy.error());
    }
    out.narrows = bases;
    out.failed = !out.errors.empty();
    return out;
  }

  static bool is_project_file(const std::string& name) {
    return name == kProjectFile || name.ends_with(std::string("/") + kProjectFile);
  }

  // What is checked if nothing is named.
  std::vector<std::string> all_files() const {
    std::vector<std::string> out;
    for (const ProfileStore::Place& listed : store_.list()) {
      for (const ProfileStore::Place& place : store_.find(listed.name)) {
        if (place.path.empty()) continue;
        // By its name what it extends of its own name is found; one that is behind another only
        // by its path.
        const bool holds = place.path == store_.find(listed.name).front().path;
        out.push_back(holds ? place.name : place.path);
      }
    }
    return out;
  }

  std::string project_file() const {
    if (workspace_.empty()) return "";
    const std::string path = workspace_ + "/" + kProjectFile;
    return settings::mark_of(path).there ? path : "";
  }

 private:
  void judge_here(const sandbox::Profile& profile, Finding& out) const {
    const auto policy = resolve_here(profile, "");
    if (!policy) out.errors.push_back(policy.error());
    if (probes_.empty()) return;
    const auto enforced = sandbox::check_host(probes_, profile);
    if (!enforced) out.errors.push_back(enforced.error());
  }

  static void take(const settings::Diagnostics& diagnostics, Finding& out) {
    out.diagnostics = diagnostics.all();
    out.left_out = diagnostics.left_out();
    out.failed = diagnostics.failed() || !out.errors.empty();
  }

  const ProfileStore store_ = profile_store();
  const std::string workspace_ = workspace_here();
  std::vector<sandbox::Probe> probes_;
};

void print(const Finding& finding) {
  for (const Diagnostic& each : finding.diagnostics) std::printf("%s\n", to_string(each).c_str());
  if (finding.left_out > 0) std::printf("and %zu more\n", finding.left_out);
  for (const Error& error : finding.errors) {
    // Errors of a file have their places in the text.
    const bool of_a_file = error.code == ErrorCode::kInvalidConfiguration && error.field.empty();
    if (of_a_file) {
      std::printf("%s\n", error.message.c_str());
    } else if (error.code == ErrorCode::kWideningRefused) {
      for (const std::string& line : text::split(error.message, '\n')) {
        std::printf("%s\n", text::one_line(line).c_str());
      }
      std::printf("%s: error: E2003 would permit more. Remedy: %s\n", finding.profile.c_str(),
                  error.remedy.c_str());
    } else {
      std::printf("%s: error: %s\n", finding.profile.c_str(), describe(error).c_str());
    }
  }
  if (finding.failed) return;
  std::printf("%s: good%s\n", finding.profile.c_str(),
              finding.narrows.empty()
                  ? ""
                  : (": it only narrows " + text::join(finding.narrows, ", ")).c_str());
}

Json finding_json(const Finding& finding) {
  Json list = Json::array();
  for (const Diagnostic& each : finding.diagnostics) {
    const bool error = each.severity == Diagnostic::Severity::kError;
    list.push_back({{"severity", error ? "error" : "warning"},
                    {"file", each.at.source == nullptr ? "" : each.at.source->name},
                    {"line", each.at.line},
                    {"column", each.at.column},
                    {"value", each.value},
                    {"message", each.message},
                    {"remedy", each.remedy}});
  }
  Json errors = Json::array();
  for (const Error& error : finding.errors) errors.push_back(tools::error_json(error));
  return {{"profile", finding.profile},
          {"good", !finding.failed},
          {"diagnostics", std::move(list)},
          {"left_out", finding.left_out},
          {"errors", std::move(errors)}};
}

}  // namespace

int check_profiles(const ProfileOptions& options) {
  const Checker checker(options.host);
  std::vector<Finding> findings;
  std::vector<std::string> bases;
  for (const std::string& name : options.names) {
    if (!Checker::is_project_file(name)) bases.push_back(name);
  }
  if (bases.empty()) bases.emplace_back("default");
  for (const std::string& name : options.names) {
    findings.push_back(Checker::is_project_file(name) ? checker.check_project(name, bases)
                                                      : checker.check(name));
  }
  if (options.names.empty()) {
    for (const std::string& file : checker.all_files()) findings.push_back(checker.check(file));
    const std::string project = checker.project_file();
    if (!project.empty()) findings.push_back(checker.check_project(project, bases));
    if (findings.empty() && !options.json) {
      std::printf("there are no profiles but those that ship\n");
    }
  }
  Json list = Json::array();
  for (const Finding& finding : findings) {
    options.json ? list.push_back(finding_json(finding)) : print(finding);
  }
  if (options.json) print_json({{"profiles", std::move(list)}});
  const bool good = std::none_of(findings.begin(), findings.end(),
                                 [](const Finding& finding) { return finding.failed; });
  return good ? 0 : 1;
}

}  // namespace mayfly::app
