#pragma once

#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "mcp/era.h"
#include "mcp/in_flight.h"
#include "mcp/resource.h"
#include "mcp/schema.h"
#include "mcp/tool.h"
#include "mcp/wire.h"
#include "mcp/worker_pool.h"

namespace mayfly::mcp {

struct ServerOptions {
  EraOption era = EraOption::kAuto;
  // Calls that are being worked on at a time; one more is answered with E4001.
  std::size_t max_calls = 256;
  // Threads that run handlers, started on need. 0: handlers run inside Session::receive, in order.
  std::size_t workers = 8;
  // How long a modern client may keep tools/list and server/discover.
  milliseconds cache_ttl{60'000};
  // Set: the server lists its tools, and answers every call with this. It runs no handler.
  std::optional<Error> startup_error;
  // What can be listed and read besides; asked for every principal that the sessions serve.
  ResourceRegistry resources;
  // Sees every tools/call. May be null.
  Witness* witness = nullptr;
  // Faults of the server itself, one line each, never an argument of a call. May be empty; called
  // from any thread until the server is destroyed and every reply is gone.
  std::function<void(const std::string&)> log;
};

// What serves: the tools, who we are, the threads. Knows no transport and no connection; a Session
// is one connection. Thread-safe. Must outlive its sessions; a ToolReply may outlive both.
//
//   auto server = TRY(Server::make(info, instructions, std::move(tools), options));
//   serve_stdio(*server, std::move(input), std::move(output), {});
class Server {
 public:
  // One tool with its compiled schema.
  struct Tool {
    const ToolRegistry::Entry* entry;
    Schema input;
  };
  // Does not change; calls that use it keep it alive.
  struct Toolbox {
    ToolRegistry registry;
    std::vector<Tool> compiled;

    const Tool* find(const std::string& name) const;
  };

  // `instructions` is asked at each handshake or discovery, by any thread, and is cut at 2 KiB,
  // where clients cut it. Fails on a tool that clients would choke on: a bad or repeated name, a
  // root schema that is no plain object, a schema that cannot be compiled.
  static Result<std::unique_ptr<Server>> make(ServerInfo info,
                                              std::function<std::string()> instructions,
                                              ToolRegistry tools, ServerOptions options = {});

  const ServerInfo& info() const { return info_; }
  const ServerOptions& options() const { return options_; }
  std::shared_ptr<const Toolbox> tools() const;
  // For later lists and calls; fails as `make` does, and then nothing is replaced. Clients are not
  // told: they see it when they list the tools again.
  Status replace_tools(ToolRegistry tools);
  std::string instructions() const;
  WorkerPool& workers() const { return *workers_; }
  const std::shared_ptr<CallSlots>& slots() const { return slots_; }
  const std::shared_ptr<const Wire>& modern_wire() const { return modern_wire_; }

 private:
  Server() = default;

  ServerInfo info_;
  ServerOptions options_;
  std::function<std::string()> instructions_;
  mutable std::mutex tools_mutex_;
  std::shared_ptr<const Toolbox> tools_;
  std::shared_ptr<CallSlots> slots_;
  std::shared_ptr<const Wire> modern_wire_;
  // Last: its destructor waits for jobs that use all of the above.
  std::unique_ptr<WorkerPool> workers_;
};

}  // namespace mayfly::mcp
