#include "sandbox/linux/network_verdict.h"

#include <netinet/in.h>
#include <sys/syscall.h>

#include <cerrno>

#include "sandbox/linux/internet_calls.h"

namespace mayfly::sandbox {
namespace {

// From here on no port needs a privilege, whatever the host's settings are.
constexpr std::uint16_t kFirstFreePort = 1024;
constexpr std::uint64_t kMaxDatagram = 0xffff;

Finding finding(BrokenRule rule, const char* operation, std::string target, int error) {
  return {ViolationKind::kNetwork, rule, operation, std::move(target), error};
}

bool may_be_bound(const InternetAddress& address) {
  const bool here = leads_to_loopback(address) || is_multicast(address);
  return here && (address.port == 0 || address.port >= kFirstFreePort);
}

// What looks as if it will be denied is bound here, and what really becomes of it is the answer;
// the rest goes on.
CallVerdict bind_verdict(const InternetCall& call) {
  if (may_be_bound(*call.address)) return {};
  const auto* address = reinterpret_cast<const sockaddr*>(&call.raw);
  CallVerdict verdict;
  verdict.done = ::bind(call.socket.get(), address, call.size) == 0;
  if (verdict.done) return verdict;
  verdict.error = errno;
  if (errno == EACCES) {
    verdict.finding = finding(
        BrokenRule::kPorts, "bind",
        "port " + std::to_string(call.address->port) + (call.protocol == IPPROTO_UDP ? "/udp" : ""),
        EACCES);
  } else if (errno == EADDRNOTAVAIL && !leads_to_loopback(*call.address)) {
    verdict.finding =
        finding(BrokenRule::kNetwork, "bind", to_text(*call.address, call.protocol), EADDRNOTAVAIL);
  }
  return verdict;
}

// Asks the kernel for the way of a datagram, without one: MSG_PROBE (socket.h of the kernel) ends
// sendmsg(2) as soon as there is a route, whose neighbour MSG_CONFIRM says is alive.
int way_of_datagram(const InternetCall& call) {
  constexpr int kProbe = 0x10;
  const auto* address = reinterpret_cast<const sockaddr*>(&call.raw);
  const int flags = MSG_CONFIRM | kProbe | MSG_DONTWAIT | MSG_NOSIGNAL;
  return ::sendto(call.socket.get(), "", 0, flags, address, call.size) < 0 ? errno : 0;
}

// A stream goes where it is connected to, but for one that is connected by this call.
CallVerdict fast_open_verdict(const InternetCall& call, const seccomp_data& data) {
  if ((data.args[3] & MSG_FASTOPEN) == 0) return {};
  const std::optional<int> error = connect_at_once(call);
  CallVerdict verdict;
  verdict.finding = denied_connect(call, error.value_or(0));
  if (verdict.finding.has_value()) verdict.error = *error;
  return verdict;
}

CallVerdict send_verdict(const InternetCall& call, const seccomp_data& data) {
  if (leads_to_loopback(*call.address) || call.address->port == 0) return {};
  if (call.type == SOCK_STREAM) return fast_open_verdict(call, data);
  // The kernel looks at the size first.
  if (data.args[2] > kMaxDatagram) return {};
  const int error = way_of_datagram(call);
  if (error != ENETUNREACH && error != EHOSTUNREACH && error != EADDRNOTAVAIL) return {};
  CallVerdict verdict;
  verdict.error = error;
  verdict.finding =
      finding(BrokenRule::kNetwork, "send", to_text(*call.address, call.protocol), error);
  return verdict;
}

}  // namespace

CallVerdict network_verdict(const Listener& listener, const seccomp_notif& request) {
  const auto call = copy_internet_call(listener, request);
  if (!call.has_value() || !call->address.has_value()) return {};
  if (request.data.nr == SYS_bind) return bind_verdict(*call);
  if (request.data.nr == SYS_sendto) return send_verdict(*call, request.data);
  return {};
}

}  // namespace mayfly::sandbox
