#include "lab.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>

#include "base/fd.h"
#include "sandbox/host_user.h"
#include "sandbox/shipped_profiles.h"

namespace mayfly::lab {
namespace {

constexpr std::chrono::seconds kBound{60};  // for what never comes; nothing is measured with it
int failed = 0;

[[noreturn]] void give_up(const std::string& why) {
  std::printf("%s\n", why.c_str());
  std::fflush(stdout);
  std::_Exit(1);
}

}  // namespace

int failures() { return failed; }

void check(bool holds, const std::string& what) {
  if (holds) return;
  std::printf("not so: %s\n", what.c_str());
  ++failed;
}

void same(const std::string& found, const std::string& wanted, const std::string& what) {
  if (found == wanted) return;
  std::printf("%s: found\n%s\nwanted\n%s\n", what.c_str(), found.c_str(), wanted.c_str());
  ++failed;
}

sandbox::CallObserver Talk::observer() {
  sandbox::CallObserver observer;
  observer.on_output = [this](int, const char* data, std::size_t size) {
    const std::lock_guard lock(mutex_);
    output_.append(data, size);
    changed_.notify_all();
  };
  observer.on_finish = [this](sandbox::Report done) {
    {
      const std::lock_guard lock(mutex_);
      ended_ = true;
      changed_.notify_all();
    }
    report_.set_value(std::move(done));
  };
  return observer;
}

void Talk::hear(const std::string& part) {
  std::unique_lock lock(mutex_);
  std::size_t at = std::string::npos;
  const auto there = [&] { return (at = output_.find(part, looked_at_)) != std::string::npos; };
  if (!changed_.wait_for(lock, kBound, [&] { return there() || ended_; }) || !there()) {
    give_up("never heard: " + part + "\nbut this: " + output_);
  }
  looked_at_ = at + part.size();
}

void Talk::hear_more_than(std::size_t size) {
  std::unique_lock lock(mutex_);
  if (!changed_.wait_for(lock, kBound, [&] { return output_.size() > size || ended_; })) {
    give_up("no more output after: " + output_);
  }
}

std::size_t Talk::heard_bytes() {
  const std::lock_guard lock(mutex_);
  return output_.size();
}

std::string Talk::heard() {
  const std::lock_guard lock(mutex_);
  return output_;
}

void Talk::must_say(const std::string& bytes) {
  const Status said = say(bytes);
  if (!said) give_up("write_input: " + describe(said.error()));
}

Lab::Lab(sandbox::EngineOptions options, sandbox::Tier weakest) {
  // As root below /var/tmp: the sandbox's user must be able to enter it.
  top_ = (::geteuid() == 0 ? std::filesystem::path("/var/tmp")
                           : std::filesystem::temp_directory_path()) /
         "terminals-XXXXXX";
  if (::mkdtemp(top_.data()) == nullptr) give_up("mkdtemp " + top_);
  ::chmod(top_.c_str(), 0755);
  workspace_ = top_ + "/workspace";
  std::filesystem::create_directory(workspace_);
  // Root's own would be shown by an idmapped mount, for which one tier has no mounts.
  constexpr uid_t kSomebody = 21001;
  if (::geteuid() == 0 && ::chown(workspace_.c_str(), kSomebody, kSomebody) < 0) give_up("chown");
  options.state_root = top_ + "/state";
  engine_ = sandbox::make_engine(std::move(options), nullptr);
  sandbox::Host host;
  host.user = sandbox::host_user(::geteuid());
  host.workspaces = {workspace_};
  auto resolved = sandbox::resolve(sandbox::find_profile("default").value(), host);
  if (!resolved) give_up("resolve: " + describe(resolved.error()));
  policy = std::move(*resolved);
  policy.weakest_tier = weakest;
}

Lab::~Lab() {
  engine_.reset();
  std::error_code ignored;
  std::filesystem::remove_all(top_, ignored);
}

std::shared_ptr<Talk> Lab::start(sandbox::Command command) {
  if (command.limits == sandbox::Limits()) command.limits = policy.limits;
  auto talk = std::make_shared<Talk>();
  auto observer = talk->observer();
  // Whoever listens must live as long as the call.
  observer.on_finish = [talk, finish = observer.on_finish](sandbox::Report done) {
    finish(std::move(done));
  };
  auto call = engine_->start(std::make_shared<sandbox::Policy>(policy), std::move(command),
                             std::move(observer));
  if (!call) give_up("start: " + describe(call.error()));
  talk->began(std::move(*call));
  return talk;
}

std::shared_ptr<Talk> Lab::fed(std::vector<std::string> argv, std::string first) {
  sandbox::Command command;
  command.argv = std::move(argv);
  command.keep_stdin_open = true;
  if (!first.empty()) command.stdin_bytes = std::move(first);
  return start(std::move(command));
}

std::shared_ptr<Talk> Lab::in_terminal(std::vector<std::string> argv, sandbox::Terminal size) {
  sandbox::Command command;
  command.argv = std::move(argv);
  command.terminal = size;
  return start(std::move(command));
}

std::string Lab::told(std::vector<std::string> argv) {
  const sandbox::Report report = in_terminal(std::move(argv))->end();
  if (report.setup_error) give_up("setup: " + describe(*report.setup_error));
  return report.out->read(0, 1 << 20);
}

void Lab::make_gate() {
  const std::string gate = workspace_ + "/gate";
  if (::mkfifo(gate.c_str(), 0666) < 0) give_up("mkfifo");
  ::chmod(gate.c_str(), 0666);
}

void Lab::open_gate() {
  // Waits until somebody reads it.
  const OwnedFd gate(::open((workspace_ + "/gate").c_str(), O_WRONLY | O_CLOEXEC));
  if (!gate.valid()) give_up("open the gate");
}

int run(int argc, char** argv, const std::map<std::string, std::function<void()>>& cases) {
  const auto found = cases.find(argc == 2 ? argv[1] : "");
  if (found == cases.end()) {
    std::printf("usage: %s CASE\n", argv[0]);
    return 2;
  }
  found->second();
  return failures() == 0 ? 0 : 1;
}

}  // namespace mayfly::lab
