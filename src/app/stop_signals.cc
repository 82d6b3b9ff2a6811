#include "app/stop_signals.h"

#include <signal.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>

#include "base/sys.h"

namespace mayfly::app {
namespace {

// What a signal handler can reach.
volatile int stop_event = -1;
volatile int reload_event = -1;
volatile sig_atomic_t first_signal = 0;

void raise(int event) {
  const int saved = errno;
  const std::uint64_t one = 1;
  [[maybe_unused]] const ssize_t written = ::write(event, &one, sizeof one);
  errno = saved;
}

void on_stop(int signal) {
  if (first_signal == 0) first_signal = signal;
  raise(stop_event);
}
void on_reload(int) { raise(reload_event); }

void on_broken_pipe(int) {}

Status handle(int signal, void (*handler)(int)) {
  struct sigaction action = {};
  action.sa_handler = handler;
  action.sa_flags = SA_RESTART;
  if (::sigaction(signal, &action, nullptr) != 0) return fail(system_error("sigaction", errno));
  return {};
}

}  // namespace

Result<StopSignals> StopSignals::install(Hangup hangup) {
  StopSignals signals(TRY(sys::eventfd()));
  stop_event = signals.fd();
  if (hangup == Hangup::kReloads) signals.reload_event_ = TRY(sys::eventfd());
  reload_event = signals.reload_fd();
  for (const int signal : {SIGTERM, SIGINT}) TRY(handle(signal, on_stop));
  TRY(handle(SIGHUP, hangup == Hangup::kReloads ? on_reload : on_stop));
  TRY(handle(SIGPIPE, on_broken_pipe));
  return signals;
}

int StopSignals::first() { return first_signal; }

}  // namespace mayfly::app
