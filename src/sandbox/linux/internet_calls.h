#pragma once

#include <linux/seccomp.h>
#include <sys/socket.h>

#include <optional>

#include "base/fd.h"
#include "sandbox/linux/call_verdict.h"
#include "sandbox/linux/internet_address.h"
#include "sandbox/linux/ledger.h"
#include "sandbox/linux/listener.h"

namespace mayfly::sandbox {

// Calls of programs that give an Internet socket an address: connect(2), bind(2), sendto(2). What
// the namespace does not lead to is denied by the kernel, which has no route and no such address;
// here the very attempt is made, on the program's own socket and with a copy of its address, so
// that what is reported is what happened. Nothing is decided here.
//
// A call on a socket that was looked at is never let go on in order to be allowed: meanwhile its
// descriptor may have become another socket, of unix, whose connects are guarded (unix_sockets.h).

struct InternetCall {
  OwnedFd socket;  // a duplicate of the program's
  int type = 0;    // SOCK_STREAM...
  int protocol = 0;
  sockaddr_storage raw{};
  socklen_t size = 0;
  std::optional<InternetAddress> address;  // nullopt: no Internet address
};

// The call's socket and address, copied; nullopt if the socket is none of AF_INET and AF_INET6, or
// something cannot be had.
std::optional<InternetCall> copy_internet_call(const Listener& listener,
                                               const seccomp_notif& request);

// Connects. Takes some milliseconds at most, whatever the program does to its socket meanwhile;
// nullopt: this was not enough, and the socket connects all the while. Otherwise 0 or an errno.
std::optional<int> connect_at_once(const InternetCall& call);
// Waits until a socket is connected that was not at once. 0 or an errno.
int finish_connect(const InternetCall& call);
// What is to be told of a connect that failed so, if it is the sandbox that denied it.
std::optional<Finding> denied_connect(const InternetCall& call, int error);

}  // namespace mayfly::sandbox
