// publish_callers: a port that one call of a caller publishes is reached by another call of that
// caller whose policy names it, and by no call of another caller, also when that one publishes the
// same port.
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <future>
#include <memory>
#include <string>

#include "sandbox/engine.h"
#include "sandbox/host_user.h"
#include "sandbox/shipped_profiles.h"

namespace sandbox = mayfly::sandbox;

namespace {

constexpr const char* kServe = R"(
import socket, sys
s = socket.create_server(("127.0.0.1", 3000))
print("listening", flush=True)
while True: s.accept()[0].sendall(sys.argv[1].encode())
)";
constexpr const char* kAsk = R"(
import socket
try: print(socket.create_connection(("127.0.0.1", 3000)).recv(100).decode(), end="")
except ConnectionRefusedError: print("refused", end="")
)";

using Policy = std::shared_ptr<const sandbox::Policy>;

struct Running {
  std::shared_ptr<sandbox::Call> call;
  std::future<std::string> first_output;
  std::future<sandbox::Report> report;
};

class Callers {
 public:
  explicit Callers(std::string workspace) : engine_(sandbox::make_engine({}, nullptr)) {
    host_.user = sandbox::host_user(::geteuid());
    host_.workspaces = {std::move(workspace)};
  }

  Policy publishing(std::vector<std::uint16_t> ports) const {
    auto policy = sandbox::resolve(sandbox::find_profile("default").value(), host_);
    if (!policy) {
      std::printf("resolve: %s\n", policy.error().message.c_str());
      std::exit(1);
    }
    policy->network.publish = std::move(ports);
    return std::make_shared<sandbox::Policy>(std::move(*policy));
  }

  Running start(const std::string& caller, const Policy& policy, std::vector<std::string> script) {
    sandbox::Command command;
    command.argv = {"/usr/bin/python3", "-c"};
    command.argv.insert(command.argv.end(), script.begin(), script.end());
    command.limits = policy->limits;
    command.caller = caller;
    auto output = std::make_shared<std::promise<std::string>>();
    auto report = std::make_shared<std::promise<sandbox::Report>>();
    Running running{nullptr, output->get_future(), report->get_future()};
    sandbox::CallObserver observer;
    observer.on_output = [output, first = true](int, const char* data, std::size_t size) mutable {
      if (first) output->set_value(std::string(data, size));
      first = false;
    };
    observer.on_finish = [report](sandbox::Report done) { report->set_value(std::move(done)); };
    running.call = engine_->start(policy, std::move(command), std::move(observer)).value();
    return running;
  }

  std::string ask(const std::string& caller, const Policy& policy) {
    return start(caller, policy, {kAsk}).report.get().out->read(0, 100);
  }

 private:
  std::unique_ptr<sandbox::Engine> engine_;
  sandbox::Host host_;
};

bool same(const char* what, const std::string& value, const std::string& wanted) {
  if (value == wanted) return true;
  std::printf("%s: \"%s\", not \"%s\"\n", what, value.c_str(), wanted.c_str());
  return false;
}

bool check(const std::string& workspace) {
  Callers callers(workspace);
  const Policy published = callers.publishing({3000});
  const Policy others = callers.publishing({3001});
  const Policy none = callers.publishing({});
  Running job = callers.start("alice", published, {kServe, "alice's"});
  bool well = same("the job", job.first_output.get(), "listening\n");
  well &= same("alice", callers.ask("alice", published), "alice's");
  well &= same("bob", callers.ask("bob", published), "refused");
  well &= same("nobody", callers.ask("", published), "refused");
  well &= same("alice, without the port", callers.ask("alice", none), "refused");
  well &= same("alice, with another port", callers.ask("alice", others), "refused");
  // Each reaches his own, whoever was first.
  Running bobs = callers.start("bob", published, {kServe, "bob's"});
  well &= same("bob's job", bobs.first_output.get(), "listening\n");
  well &= same("bob", callers.ask("bob", published), "bob's");
  well &= same("alice, beside bob", callers.ask("alice", published), "alice's");
  job.call->cancel();
  job.report.get();
  well &= same("alice, afterwards", callers.ask("alice", published), "refused");
  // A job whose policy does not publish keeps its port to itself.
  Running quiet = callers.start("alice", others, {kServe, "quiet"});
  well &= same("the quiet job", quiet.first_output.get(), "listening\n");
  well &= same("alice, of the quiet job", callers.ask("alice", published), "refused");
  quiet.call->cancel();
  bobs.call->cancel();
  return well;
}

}  // namespace

int main(int argc, char** argv) {
  if (const auto code = sandbox::helper_main(argc, argv)) return *code;
  std::string workspace = std::filesystem::temp_directory_path() / "publish-XXXXXX";
  if (::mkdtemp(workspace.data()) == nullptr) return 1;
  const bool well = check(workspace);
  std::filesystem::remove_all(workspace);
  return well ? 0 : 1;
}
