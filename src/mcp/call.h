#pragma once

#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "mcp/in_flight.h"
#include "mcp/server.h"
#include "mcp/sink.h"

namespace mayfly::mcp {

// One tools/call from acceptance to answer. It is queued, then runs; it ends by being answered,
// abandoned or withdrawn, whichever comes first, and after that sends nothing. Thread-safe.
// `state_mutex_` is held while something is sent, so that progress never comes after the answer and
// nothing comes after withdraw() has returned.
class Call : public ToolReply::Sink, public InFlight, public std::enable_shared_from_this<Call> {
 public:
  struct Setup {
    RequestId id;
    ToolCall call;
    Json progress_token;  // null: none
    bool declares_output = false;
    std::shared_ptr<const Wire> wire;
    std::shared_ptr<MessageSink> sink;
    std::shared_ptr<InFlightTable> table;
    CallSlot slot;
    std::function<void(const std::string&)> log;
    Witness* witness = nullptr;
  };
  explicit Call(Setup setup);

  // In a worker: checks the arguments and runs the handler, unless the call was withdrawn
  // meanwhile.
  void run(const Server::Tool& tool);

  void finish(ToolResult result) override;
  void abandon() override;
  void progress(double elapsed, const std::string& message) override;
  void withdraw() override;

 private:
  std::optional<ToolCall> begin();
  // The call, let pass by the witness; nothing once the reply has said why not.
  bool let_pass(ToolCall& call, bool read_only, ToolReply& reply);
  void send(ToolResult result);
  void send_nothing(const std::string& why);
  // False if the call was over already.
  bool answer(Outgoing message);
  void let_go();
  void log(const std::string& line) const;

  const RequestId id_;
  const std::string tool_;
  const Json progress_token_;
  const bool declares_output_;
  const std::shared_ptr<const Wire> wire_;
  const std::shared_ptr<MessageSink> sink_;
  const std::shared_ptr<InFlightTable> table_;
  const std::function<void(const std::string&)> log_;
  Witness* const witness_;
  const std::string principal_;
  const Json client_;
  CancelToken cancel_;
  std::shared_ptr<WitnessedCall> witnessed_;  // set by run() before there can be an answer

  std::mutex state_mutex_;
  bool over_ = false;
  ToolCall pending_;
  CallSlot slot_;
  double last_progress_ = -1;
};

}  // namespace mayfly::mcp
