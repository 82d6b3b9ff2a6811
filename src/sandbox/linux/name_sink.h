#pragma once

#include "base/fd.h"
#include "base/result.h"
#include "sandbox/linux/ledger.h"

namespace mayfly::sandbox {

// Makes `socket`, of UDP and not yet used, the one that the sandbox's resolv.conf names: port 53 of
// the loopback of this network namespace. Needs the privilege for that port.
Status hear_names(const OwnedFd& socket);

// Where programs inside ask for host names: there is no such name, says it at once, and the ledger
// knows who was looked for. Nothing is asked of anybody else. Lives in init, on its thread.
class NameSink {
 public:
  // `socket`: of hear_names(), not blocking. `ledger` outlives the sink.
  NameSink(OwnedFd socket, LedgerWriter& ledger) : socket_(std::move(socket)), ledger_(ledger) {}

  // For poll(2).
  int fd() const { return socket_.get(); }
  // Answers what waits, up to a bound: a program that asks without end keeps init from nothing
  // else. Questions that find no room in the socket are lost, as on any network.
  void serve();

 private:
  OwnedFd socket_;
  LedgerWriter& ledger_;
};

}  // namespace mayfly::sandbox
