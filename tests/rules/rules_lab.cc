#include "rules_lab.h"

#include <stdlib.h>
#include <unistd.h>

#include <cstdio>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "base/error.h"
#include "sandbox/host_user.h"
#include "sandbox/shipped_profiles.h"

namespace mayfly::rules {

using sandbox::Access;
using sandbox::Policy;

Lab::Lab() : engine_(sandbox::make_engine({}, nullptr)) {
  // Below the home of sandboxes there is a private directory; here there are both kinds.
  top_ = std::filesystem::temp_directory_path() / "rules-XXXXXX";
  expect(::mkdtemp(top_.data()) != nullptr, "mkdtemp");
  top_ = std::filesystem::canonical(top_);
  workspace_ = top_ + "/work";
  outside_ = top_ + "/outside";
  std::filesystem::create_directory(workspace_);
  std::filesystem::create_directory(outside_);
}

Lab::~Lab() {
  engine_.reset();
  host("chmod -R u+rwX " + top_);
  std::filesystem::remove_all(top_);
}

void Lab::file(const std::string& path, const std::string& content) const {
  std::filesystem::create_directories(std::filesystem::path(path).parent_path());
  std::ofstream(path) << content;
}

void Lab::host(const std::string& command) const {
  expect(std::system(("cd '" + workspace_ + "' && " + command).c_str()) == 0, command);
}

std::string Lab::read(const std::string& path) const {
  std::stringstream content;
  content << std::ifstream(path).rdbuf();
  return content.str();
}

void Lab::use(const Change& change) {
  sandbox::Host host;
  host.user = sandbox::host_user(::geteuid());
  host.workspaces = {workspace_};
  auto policy = sandbox::resolve(sandbox::find_profile("default").value(), host);
  expect(policy.has_value(), "resolve");
  change(*policy);
  policy_ = std::make_shared<Policy>(std::move(*policy));
}

void Lab::read_only_workspace(Policy& policy) const {
  policy.workspace_access = sandbox::WorkspaceAccess::kReadOnly;
  for (sandbox::MountRule& rule : policy.mounts) {
    if (rule.destination == workspace_) rule.access = Access::kRead;
  }
}

void Lab::mount(Policy& policy, const std::string& source, const std::string& destination,
                Access access) const {
  sandbox::Ownership ownership = sandbox::Ownership::kAsOnHost;
  for (const sandbox::MountRule& rule : policy.mounts) {
    if (rule.destination == workspace_) ownership = rule.ownership;
  }
  policy.mounts.push_back({source, destination, access, ownership, "test: filesystem"});
}

Job Lab::start(const std::string& script) {
  sandbox::Command command;
  command.argv = {"/bin/bash", "-c", "exec 2>&1; " + script};
  command.limits = policy_->limits;
  auto first = std::make_shared<std::promise<std::string>>();
  auto report = std::make_shared<std::promise<sandbox::Report>>();
  Job job{nullptr, first->get_future(), report->get_future()};
  sandbox::CallObserver observer;
  observer.on_output = [first, said = false](int, const char* data, std::size_t size) mutable {
    if (!said) first->set_value(std::string(data, size));
    said = true;
  };
  observer.on_finish = [report](sandbox::Report done) { report->set_value(std::move(done)); };
  auto call = engine_->start(policy_, std::move(command), std::move(observer));
  if (call) {
    job.call = std::move(*call);
    return job;
  }
  sandbox::Report failed;
  failed.setup_error = call.error();
  report->set_value(std::move(failed));
  return job;
}

Outcome Lab::run(const std::string& script) {
  Outcome outcome;
  outcome.report = start(script).report.get();
  if (outcome.report.setup_error.has_value()) {
    outcome.error = describe(*outcome.report.setup_error);
    outcome.remedy = outcome.report.setup_error->remedy;
  } else {
    outcome.out = outcome.report.out->read(0, 1U << 20);
  }
  return outcome;
}

void expect(bool holds, const std::string& what) {
  if (holds) return;
  std::printf("FAILED: %s\n", what.c_str());
  std::fflush(stdout);
  std::_Exit(1);
}

void expect_out(Lab& lab, const std::string& script, const std::string& out) {
  const Outcome outcome = lab.run(script);
  expect(outcome.error.empty() && outcome.out == out,
         script + "\n  expected: " + out + "\n  but got: " + outcome.out + outcome.error);
}

void expect_refused(Lab& lab, const std::string& text) {
  const Outcome outcome = lab.run("echo it started");
  expect(outcome.error.find(text) != std::string::npos && !outcome.remedy.empty(),
         "expected to be refused with \"" + text + "\", but got: " + outcome.error + outcome.out);
}

}  // namespace mayfly::rules
