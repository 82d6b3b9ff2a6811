#include "sandbox/linux/name_sink.h"

#include <netinet/in.h>
#include <sys/socket.h>

#include <cerrno>
#include <string_view>

#include "sandbox/linux/dns_query.h"

namespace mayfly::sandbox {
namespace {

constexpr std::uint16_t kDnsPort = 53;
constexpr int kMostAtOnce = 64;

}  // namespace

Status hear_names(const OwnedFd& socket) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(kDnsPort);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  const auto* at = reinterpret_cast<const sockaddr*>(&address);
  if (::bind(socket.get(), at, sizeof address) == 0) return {};
  return fail(system_error("bind 127.0.0.1:53/udp", errno));
}

void NameSink::serve() {
  for (int i = 0; i < kMostAtOnce; ++i) {
    char buffer[kMaxDnsQuery + 1];  // what is longer is seen to be
    sockaddr_storage from{};
    socklen_t size = sizeof from;
    auto* sender = reinterpret_cast<sockaddr*>(&from);
    const ssize_t got =
        ::recvfrom(socket_.get(), buffer, sizeof buffer, MSG_DONTWAIT, sender, &size);
    // An error may be that of an answer before, which nobody waited for.
    if (got < 0 && errno != ECONNREFUSED) return;
    if (got < 0) continue;
    const std::string_view packet(buffer, static_cast<std::size_t>(got));
    const auto query = parse_dns_query(packet);
    if (query.has_value() && !names_this_machine(query->name)) {
      ledger_.record({ViolationKind::kNetwork, BrokenRule::kNames, "resolve", query->name, 0});
    }
    const std::string answer = dns_answer(packet, query, DnsCode::kNoSuchName);
    if (answer.empty()) continue;
    (void)::sendto(socket_.get(), answer.data(), answer.size(), MSG_DONTWAIT | MSG_NOSIGNAL, sender,
                   size);
  }
}

}  // namespace mayfly::sandbox
