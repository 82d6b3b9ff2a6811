#pragma once

#include <sys/stat.h>

#include <condition_variable>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "mcp/tool.h"
#include "sandbox/engine.h"
#include "tools/toolset.h"
#include "tools/workbench.h"

namespace mayfly::test {

// A call that does nothing until the test says how it ends.
class FakeCall : public sandbox::Call {
 public:
  FakeCall(std::string id, sandbox::Command command, sandbox::CallObserver observer)
      : id_(std::move(id)), command_(std::move(command)), observer_(std::move(observer)) {}

  const std::string& id() const override { return id_; }
  TimePoint started() const override { return started_; }
  std::shared_ptr<sandbox::OutputStream> out() const override { return out_; }
  std::shared_ptr<sandbox::OutputStream> err() const override { return err_; }
  void cancel() override {
    sandbox::Report report = ended(sandbox::EndedBy::kCancelled);
    report.signal = 9;
    finish(std::move(report));
  }
  void terminate(milliseconds) override {
    sandbox::Report report = ended(sandbox::EndedBy::kSignal);
    report.signal = 15;
    finish(std::move(report));
  }
  Status write_input(std::string bytes) override {
    if (!command_.keep_stdin_open || input_closed) return fail(sandbox::input_not_open());
    input += bytes;
    return {};
  }
  Status close_input() override {
    input_closed = true;
    return {};
  }
  void become_job() override { ++jobs; }

  const sandbox::Command& command() const { return command_; }
  void print(const std::string& text) {
    out_->append(text.data(), text.size());
    if (observer_.on_output) observer_.on_output(1, text.data(), text.size());
  }
  void complain(const std::string& text) {
    err_->append(text.data(), text.size());
    if (observer_.on_output) observer_.on_output(2, text.data(), text.size());
  }

  sandbox::Report ended(sandbox::EndedBy by) const {
    sandbox::Report report;
    report.call_id = id_;
    report.profile = "default";
    report.policy_digest = "0123456789abcdef";
    report.ended_by = by;
    report.usage.wall = microseconds{12'400};
    report.usage.user = microseconds{2'000};
    report.usage.system = microseconds{1'000};
    report.usage.peak_memory_bytes = 3ULL << 20;
    report.layers = {"namespaces", "seccomp"};
    report.out = out_;
    report.err = err_;
    return report;
  }
  void exit(int code) {
    sandbox::Report report = ended(sandbox::EndedBy::kExit);
    report.exit_code = code;
    finish(std::move(report));
  }
  void finish(sandbox::Report report) {
    const auto observer = std::exchange(observer_, {});
    if (observer.on_finish) observer.on_finish(std::move(report));
  }

  int jobs = 0;
  std::string input;
  bool input_closed = false;

 private:
  const std::string id_;
  const TimePoint started_ = Clock::now();
  const sandbox::Command command_;
  sandbox::CallObserver observer_;
  std::shared_ptr<sandbox::OutputStream> out_ = std::make_shared<sandbox::OutputStream>();
  std::shared_ptr<sandbox::OutputStream> err_ = std::make_shared<sandbox::OutputStream>();
};

class FakeEngine : public sandbox::Engine {
 public:
  // As the real one: what still runs is killed, and told so.
  ~FakeEngine() override {
    for (const std::shared_ptr<FakeCall>& call : calls) call->cancel();
  }
  Result<std::shared_ptr<sandbox::Call>> start(std::shared_ptr<const sandbox::Policy> policy,
                                               sandbox::Command command,
                                               sandbox::CallObserver observer) override {
    if (refusal) return fail(*refusal);
    policies.push_back(std::move(policy));
    const std::string id = "call-" + std::to_string(calls.size() + 1);
    calls.push_back(std::make_shared<FakeCall>(id, std::move(command), std::move(observer)));
    if (exit_at_once) calls.back()->exit(*exit_at_once);
    return std::static_pointer_cast<sandbox::Call>(calls.back());
  }
  FakeCall& last() const { return *calls.back(); }

  std::optional<Error> refusal;
  std::optional<int> exit_at_once;
  std::vector<std::shared_ptr<const sandbox::Policy>> policies;
  std::vector<std::shared_ptr<FakeCall>> calls;
};

// What one request was answered with. `wait` returns when it was.
class Answer : public mcp::ToolReply::Sink {
 public:
  void finish(mcp::ToolResult result) override {
    const std::lock_guard lock(mutex_);
    ++answers_;
    result_ = std::move(result);
    changed_.notify_all();
  }
  void abandon() override {
    const std::lock_guard lock(mutex_);
    abandoned_ = true;
    changed_.notify_all();
  }
  void progress(double elapsed, const std::string& message) override {
    const std::lock_guard lock(mutex_);
    if (elapsed > last_elapsed_) ++beats_;
    last_elapsed_ = elapsed;
    last_message_ = message;
    changed_.notify_all();
  }

  bool answered() const {
    const std::lock_guard lock(mutex_);
    return result_.has_value();
  }
  bool abandoned() const {
    const std::lock_guard lock(mutex_);
    return abandoned_;
  }
  mcp::ToolResult wait() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return result_.has_value(); });
    return *result_;
  }
  void wait_for_beats(int count) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return beats_ >= count; });
  }
  int answers() const {
    const std::lock_guard lock(mutex_);
    return answers_;
  }

 private:
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::optional<mcp::ToolResult> result_;
  bool abandoned_ = false;
  int answers_ = 0;
  int beats_ = 0;
  double last_elapsed_ = -1;
  std::string last_message_;
};

inline sandbox::Policy test_policy(const std::string& name) {
  sandbox::Policy policy;
  policy.profile = name;
  policy.workspaces.resize(1);
  // Any directory that is there: a workspace that is not would be looked for again.
  policy.workspaces[0].path = "/usr/share";
  struct stat info {};
  ::stat("/usr/share", &info);
  policy.workspaces[0].device = info.st_dev;
  policy.workspaces[0].inode = info.st_ino;
  policy.limits.memory_bytes = 2ULL << 30;
  return policy;
}

// A server's tools over a fake engine.
class Kitchen {
 public:
  explicit Kitchen(tools::WorkbenchOptions options = {})
      : offered_(
            both(), [](auto&) { return Result<tools::ProfileSet>(both()); },
            [this](const tools::OfferedProfile& offered) {
              ++resolved;
              return Result<sandbox::Policy>(test_policy(offered.profile.name));
            },
            [](const std::string&) {}),
        bench(offered_, own_engine(), options),
        registry(tools::make_toolset(
            tools::make_briefing({test_policy("default"), test_policy("strict")}, options.max_wait),
            &bench)) {}

  std::shared_ptr<Answer> call(const std::string& tool, mcp::Json arguments,
                               const std::string& principal = "local", bool progress = false) {
    auto answer = std::make_shared<Answer>();
    mcp::ToolReply reply(answer);
    reply.set_wants_progress(progress);
    mcp::ToolCall call;
    call.tool = tool;
    call.arguments = std::move(arguments);
    call.principal = principal;
    call.cancel = cancel = mcp::CancelToken();
    registry.find(tool)->handler(std::move(call), std::move(reply));
    return answer;
  }

  int resolved = 0;
  mcp::CancelToken cancel;  // of the latest call

 private:
  static tools::ProfileSet both() {
    tools::ProfileSet set;
    for (const char* name : {"default", "strict"}) {
      sandbox::Profile profile;
      profile.name = name;
      set.profiles.push_back({profile, {}});
    }
    return set;
  }
  std::unique_ptr<sandbox::Engine> own_engine() {
    auto own = std::make_unique<FakeEngine>();
    engine = own.get();
    return own;
  }
  tools::OfferedProfiles offered_;

 public:
  FakeEngine* engine = nullptr;
  tools::Workbench bench;
  mcp::ToolRegistry registry;
};

inline std::string text_of(const mcp::ToolResult& result) {
  return std::get<mcp::TextContent>(result.content.at(0)).text;
}

}  // namespace mayfly::test
