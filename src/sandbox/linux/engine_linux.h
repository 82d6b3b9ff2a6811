#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <tuple>
#include <utility>
#include <vector>

#include "base/background_thread.h"
#include "sandbox/call_queue.h"
#include "sandbox/engine.h"
#include "sandbox/linux/finisher.h"
#include "sandbox/linux/running_call.h"
#include "sandbox/linux/socket_owners.h"
#include "sandbox/linux/zygote_pool.h"

namespace mayfly::sandbox {

// What an epoll event is about, packed into its 64 bits: a role and a number.
enum class Role : std::uint8_t { kWake, kZygote, kStdout, kStderr, kChannel, kCgroup };

// The engine: one thread with one epoll, the loop, for everything that running calls do.
//
//   a caller's thread   makes the plans, takes a place in the queue, and launches: pipes, (rarely)
//   a
//                       zygote, control group; hands the call to the loop and sends the launch
//   the launcher        does the same for calls that had to wait for a place
//   the loop            owns a call from then on: output, deadlines, kills. Others reach it only by
//                       posting a function
//   the finisher        does what may take long at a call's end, tells the observer, and gives the
//                       place to the next
//
// engine_linux.cc holds what callers' threads do, engine_loop.cc what the loop does.
class LinuxEngine final : public Engine {
 public:
  LinuxEngine(EngineOptions options, std::unique_ptr<Prestart> early);
  ~LinuxEngine() override;

  Result<std::shared_ptr<Call>> start(std::shared_ptr<const Policy> policy, Command command,
                                      CallObserver observer) override;

  // For handles: does `action` to the call in the loop's thread, once it runs and if it still does.
  void post(std::uint64_t number, std::function<void(RunningCall&)> action);
  // Ends a call: one that waits for its place never starts.
  void cancel(std::uint64_t number, std::optional<milliseconds> grace);

 private:
  struct Guard {
    Workspace workspace;
    std::shared_ptr<ProtectedPaths> paths;
  };

  // Of callers' threads and the launcher.
  Status start_loop();
  Result<std::shared_ptr<RunningCall>> prepare(std::shared_ptr<const Policy> policy,
                                               Command command, CallObserver observer);
  Result<std::vector<std::shared_ptr<ProtectedPaths>>> guards_for(const Policy& policy,
                                                                  const Zygote& zygote);
  Status launch(const std::shared_ptr<RunningCall>& call);
  Status check_task(const Command& command) const;
  bool writes_files(const RunningCall& call) const;
  void launch_waiting(std::uint64_t number);
  // Of the finisher's: the place of a call is free.
  void release(const RunningCall& call);

  void watch(int fd, Role role, std::uint64_t number, std::uint32_t events) const;
  void wake() const;
  void post_to_loop(std::function<void()> action);

  // All below run in the loop's thread.
  void loop();
  bool all_done();
  int milliseconds_to_next_deadline() const;
  void run_posted();
  void meet_deadlines();
  void meet_deadlines_of(RunningCall& call, TimePoint now);
  void handle(std::uint64_t what);
  void adopt(const std::shared_ptr<RunningCall>& call);
  void abandon(const std::shared_ptr<RunningCall>& call, Error failure);
  void hear_zygote(std::uint64_t number);
  void hear_of_call(Zygote& zygote, const Note& note, std::vector<OwnedFd>& fds);
  void lose_zygote(std::uint64_t number);
  void hear_init(RunningCall& call);
  std::vector<std::uint64_t> others_of_caller(const RunningCall& call) const;
  void pass_on(SocketOwners::Messages messages);
  void read_output(RunningCall& call, int stream);
  void drain(RunningCall& call);
  void finish(std::uint64_t number);

  const EngineOptions options_;
  OwnedFd epoll_;
  OwnedFd wake_;
  std::thread thread_;

  std::mutex starting_;  // guards the two below and the start of the loop
  // By the directory and by what is protected in it.
  using GuardKey =
      std::tuple<std::string, DirectoryBind, std::vector<std::string>, std::vector<std::string>>;
  std::map<GuardKey, Guard> guards_;

  std::mutex mutex_;  // guards what threads share with the loop, for a moment at a time
  bool stopping_ = false;
  std::vector<std::function<void()>> posted_;
  CallQueue queue_;
  std::map<std::uint64_t, std::shared_ptr<RunningCall>> waiting_;  // accepted, not yet the loop's
  std::uint64_t next_number_ = 1;

  std::map<std::uint64_t, std::shared_ptr<RunningCall>> calls_;  // the loop's own
  SocketOwners owners_;                                          // the loop's own
  std::unique_ptr<ZygotePool> zygotes_;
  Finisher finisher_;
  BackgroundThread launcher_;
};

}  // namespace mayfly::sandbox
