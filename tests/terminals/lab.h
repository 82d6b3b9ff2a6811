#pragma once

// A workspace, an engine, and calls that are spoken with while they run.
#include <condition_variable>
#include <cstdio>
#include <functional>
#include <future>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "sandbox/engine.h"

namespace mayfly::lab {

// Whether all that was checked holds: what a test program returns from main.
int failures();
void check(bool holds, const std::string& what);
void same(const std::string& found, const std::string& wanted, const std::string& what);

// One call, as somebody who talks to it sees it.
class Talk {
 public:
  sandbox::CallObserver observer();
  void began(std::shared_ptr<sandbox::Call> call) { call_ = std::move(call); }

  // Waits until the output has `part` in what came after the last one that was waited for. Ends the
  // test program if it never comes.
  void hear(const std::string& part);
  // Waits until there is more output than `size` bytes, or the call has ended.
  void hear_more_than(std::size_t size);
  std::size_t heard_bytes();
  std::string heard();

  Status say(const std::string& bytes) { return call_->write_input(bytes); }
  void must_say(const std::string& bytes);
  Status close() { return call_->close_input(); }
  sandbox::Call& call() { return *call_; }
  // Waits for the end. Once.
  sandbox::Report end() { return report_.get_future().get(); }

 private:
  std::shared_ptr<sandbox::Call> call_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::string output_;
  std::size_t looked_at_ = 0;
  bool ended_ = false;
  std::promise<sandbox::Report> report_;
};

class Lab {
 public:
  explicit Lab(sandbox::EngineOptions options = {}, sandbox::Tier weakest = sandbox::Tier::kFull);
  ~Lab();
  Lab(const Lab&) = delete;
  Lab& operator=(const Lab&) = delete;

  std::shared_ptr<Talk> start(sandbox::Command command);
  // A program whose input stays open.
  std::shared_ptr<Talk> fed(std::vector<std::string> argv, std::string first = {});
  // A program in a terminal.
  std::shared_ptr<Talk> in_terminal(std::vector<std::string> argv, sandbox::Terminal size = {});
  // What it printed, in a terminal, when it has ended.
  std::string told(std::vector<std::string> argv);

  // Programs wait for a gate by reading it: `cat gate`.
  void make_gate();
  void open_gate();

  sandbox::Policy policy;

 private:
  std::string top_;
  std::string workspace_;
  std::unique_ptr<sandbox::Engine> engine_;
};

// Runs the case that the command line names.
int run(int argc, char** argv, const std::map<std::string, std::function<void()>>& cases);

}  // namespace mayfly::lab
