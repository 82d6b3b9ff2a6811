#include "sandbox/linux/foreign_call.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <cstdlib>
#include <optional>
#include <string>

#include "base/fd.h"
#include "base/sys.h"
#include "sandbox/linux/syscall_text.h"

namespace mayfly::sandbox {
namespace {

// What a line "\nKey:" of /proc/PID/status says.
std::optional<std::uint64_t> value_of(const std::string& status, const char* key, int base) {
  const std::size_t at = status.find(key);
  if (at == std::string::npos) return std::nullopt;
  return std::strtoull(status.c_str() + at + std::char_traits<char>::length(key), nullptr, base);
}

bool dies_of_sigsys(const std::string& status) {
  constexpr std::uint64_t kBit = 1ULL << (SIGSYS - 1);
  for (const char* key : {"\nSigBlk:", "\nSigIgn:", "\nSigCgt:"}) {
    if ((value_of(status, key, 16).value_or(kBit) & kBit) != 0) return false;
  }
  return value_of(status, "\nTracerPid:", 10).value_or(1) == 0;
}

std::string status_of(std::uint32_t thread) {
  constexpr std::size_t kMost = 64 * 1024;
  const auto file = sys::open("/proc/" + std::to_string(thread) + "/status", O_RDONLY);
  if (!file) return {};
  auto content = sys::read_file(file->get(), kMost);
  return content ? std::move(*content) : std::string();
}

void end_process_of(const Listener& listener, const seccomp_notif& request) {
  const std::string status = status_of(request.pid);
  const auto process = value_of(status, "\nTgid:", 10);
  if (!process.has_value()) return;
  const OwnedFd pidfd(static_cast<int>(::syscall(SYS_pidfd_open, static_cast<pid_t>(*process), 0)));
  // From here on it is that process, whatever becomes of its number.
  if (!pidfd.valid() || !listener.still_asked(request.id)) return;
  (void)sys::pidfd_send_signal(pidfd.get(), dies_of_sigsys(status) ? SIGSYS : SIGKILL);
}

}  // namespace

void refuse_foreign_call(const Listener& listener, const seccomp_notif& request,
                         LedgerWriter& ledger) {
  ledger.record(denied_call(request.data, std::nullopt));
  end_process_of(listener, request);
  listener.answer(request.id, ENOSYS);
}

}  // namespace mayfly::sandbox
