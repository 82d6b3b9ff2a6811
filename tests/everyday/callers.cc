// callers: a socket in the workspace that one call of a caller's listens on is reached by
// another call of the same caller, and by no call of another caller. The engine itself is used,
// since a server on its standard streams has one caller only.
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <future>

#include "sandbox/engine.h"
#include "sandbox/host_user.h"
#include "sandbox/shipped_profiles.h"

namespace sandbox = mayfly::sandbox;

namespace {

constexpr const char* kServe = R"(
import os, socket
s = socket.socket(socket.AF_UNIX); s.bind("job.sock"); s.listen()
print("listening", flush=True)
while True: s.accept()[0].send(b"hello")
)";
constexpr const char* kAsk = R"(
import socket
c = socket.socket(socket.AF_UNIX); c.connect("job.sock"); print(c.recv(5).decode(), end="")
)";

class Callers {
 public:
  explicit Callers(std::string workspace) : engine_(sandbox::make_engine({}, nullptr)) {
    sandbox::Host host;
    host.user = sandbox::host_user(::geteuid());
    host.workspaces = {std::move(workspace)};
    auto policy = sandbox::resolve(sandbox::find_profile("default").value(), host);
    if (!policy) {
      std::printf("resolve: %s\n", policy.error().message.c_str());
      std::exit(1);
    }
    policy_ = std::make_shared<sandbox::Policy>(std::move(*policy));
  }

  struct Running {
    std::shared_ptr<sandbox::Call> call;
    std::future<std::string> listening;
    std::future<sandbox::Report> report;
  };

  Running start(const std::string& caller, const char* script) {
    sandbox::Command command;
    command.argv = {"/usr/bin/python3", "-c", script};
    command.limits = policy_->limits;
    command.caller = caller;
    auto listening = std::make_shared<std::promise<std::string>>();
    auto report = std::make_shared<std::promise<sandbox::Report>>();
    Running running{nullptr, listening->get_future(), report->get_future()};
    sandbox::CallObserver observer;
    observer.on_output = [listening, first = true](int, const char* data,
                                                   std::size_t size) mutable {
      if (first) listening->set_value(std::string(data, size));
      first = false;
    };
    observer.on_finish = [report](sandbox::Report done) { report->set_value(std::move(done)); };
    running.call = engine_->start(policy_, std::move(command), std::move(observer)).value();
    return running;
  }

  // What a call of `caller` hears from the socket.
  std::string ask(const std::string& caller, std::size_t& violations) {
    const sandbox::Report report = start(caller, kAsk).report.get();
    violations = report.violations.size();
    return report.out->read(0, 100);
  }

 private:
  std::unique_ptr<sandbox::Engine> engine_;
  std::shared_ptr<const sandbox::Policy> policy_;
};

int check(const std::string& workspace) {
  Callers callers(workspace);
  auto job = callers.start("alice", kServe);
  if (job.listening.get() != "listening\n") return std::printf("the job does not listen\n");
  std::size_t violations = 0;
  for (int round = 0; round < 3; ++round) {
    if (callers.ask("alice", violations) != "hello" || violations != 0) {
      return std::printf("alice did not reach her own job\n");
    }
    if (!callers.ask("bob", violations).empty()) return std::printf("bob reached alice's job\n");
    if (violations != 1) return std::printf("bob's attempt was not reported\n");
  }
  job.call->cancel();
  job.report.get();
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  if (const auto code = sandbox::helper_main(argc, argv)) return *code;
  std::string workspace = std::filesystem::temp_directory_path() / "callers-XXXXXX";
  if (::mkdtemp(workspace.data()) == nullptr) return 1;
  const int failed = check(workspace);
  std::filesystem::remove_all(workspace);
  return failed == 0 ? 0 : 1;
}
