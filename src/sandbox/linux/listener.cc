#include "sandbox/linux/listener.h"

#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstddef>

namespace mayfly::sandbox {
namespace {

// Of linux/seccomp.h since Linux 6.6.
constexpr unsigned long kSetFlags = SECCOMP_IOW(4, std::uint64_t);
constexpr std::uint64_t kSyncWakeUp = 1;

std::vector<std::uint64_t> room_for(std::size_t bytes) {
  return std::vector<std::uint64_t>((bytes + sizeof(std::uint64_t) - 1) / sizeof(std::uint64_t));
}

}  // namespace

Result<Listener> Listener::open(OwnedFd fd) {
  Listener listener(std::move(fd));
  if (!listener.valid()) return listener;
  seccomp_notif_sizes sizes{};
  if (::syscall(SYS_seccomp, SECCOMP_GET_NOTIF_SIZES, 0, &sizes) < 0) {
    return fail(system_error("seccomp SECCOMP_GET_NOTIF_SIZES", errno));
  }
  listener.request_ = room_for(std::max<std::size_t>(sizes.seccomp_notif, sizeof(seccomp_notif)));
  listener.response_ =
      room_for(std::max<std::size_t>(sizes.seccomp_notif_resp, sizeof(seccomp_notif_resp)));
  listener.synchronous_ = ::ioctl(listener.fd(), kSetFlags, kSyncWakeUp) == 0;
  return listener;
}

const seccomp_notif* Listener::receive() {
  // The kernel wants the memory zeroed.
  std::fill(request_.begin(), request_.end(), 0);
  auto* request = reinterpret_cast<seccomp_notif*>(request_.data());
  if (::ioctl(fd(), SECCOMP_IOCTL_NOTIF_RECV, request) == 0) return request;
  // ENOENT: the thread was killed meanwhile.
  if (errno != EINTR && errno != ENOENT) close();
  return nullptr;
}

void Listener::answer(std::uint64_t notification, int error, std::uint32_t flags) const {
  std::fill(response_.begin(), response_.end(), 0);
  auto* response = reinterpret_cast<seccomp_notif_resp*>(response_.data());
  response->id = notification;
  response->error = -error;
  response->flags = flags;
  (void)::ioctl(fd(), SECCOMP_IOCTL_NOTIF_SEND, response);
}

bool Listener::still_asked(std::uint64_t notification) const {
  return ::ioctl(fd(), SECCOMP_IOCTL_NOTIF_ID_VALID, &notification) == 0;
}

}  // namespace mayfly::sandbox
