#pragma once

#include <cstdint>
#include <vector>

#include "base/fd.h"
#include "base/result.h"
#include "sandbox/linux/listening_ports.h"

namespace mayfly::sandbox {

// The sockets of a sandbox's own loopback that its init makes and the server uses (port_relay.h).
// None of them blocks. Their buffers are small and do not grow: they count as the server's memory.

// Listeners on 127.0.0.1 and, where there is IPv6, ::1, port after port. Fails if one cannot be
// made.
Result<std::vector<OwnedFd>> listen_on_loopback(const std::vector<std::uint16_t>& ports);

// A socket that connects, or is connected, to `port` of the loopback: of `family`, and if nobody
// listens there of the other one. Invalid if neither is answered.
OwnedFd dial_loopback(std::uint16_t port, Family family);

// Whether `socket`, which an init sent, is a TCP socket of another network than this process's.
bool is_of_sandbox(int socket);
// The port that `socket` listens on; 0 if it does not.
std::uint16_t port_listened_on(int socket);

}  // namespace mayfly::sandbox
