#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "audit/log.h"
#include "base/background_thread.h"
#include "mcp/tool.h"
#include "mcp/witness.h"
#include "sandbox/report.h"

// What a server puts into the audit log: who called which tool with what, what was decided, and how
// it ended. The one place where all calls pass is mcp::Witness; a tool that runs a sandbox says so
// to its AuditedCall, and how that ended.
//
// Threads: calls arrive in the server's workers; a writer thread writes the records of their ends,
// before their answers leave, so that nobody else waits for a disk.
namespace mayfly::tools {

// When a record cannot be written (no space, an I/O error, a file that is not safe any more).
enum class OnFull {
  kRefuse,    // no call runs that is not in the log: calls are refused until writing works again
  kContinue,  // calls go on; each answer says that it is not in the log
};

struct AuditOptions {
  audit::LogOptions log;
  OnFull on_full = OnFull::kRefuse;
};

class AuditTrail;

// One call. Thread-safe.
class AuditedCall : public mcp::WitnessedCall, public std::enable_shared_from_this<AuditedCall> {
 public:
  AuditedCall(AuditTrail& trail, mcp::Json facts, bool read_only)
      : trail_(trail), facts_(std::move(facts)), read_only_(read_only) {}

  // A sandbox was started for it: `ended` will come.
  void started();
  // How the sandbox ended, before anybody else is told. In the engine's thread.
  void ended(const sandbox::Report& report, const mcp::Json& full_receipt);

  void answering(mcp::ToolResult& result) override;
  void dropped(const std::string& why) override;

 private:
  mcp::Json end_record(const mcp::ToolResult* result) const;

  AuditTrail& trail_;
  const mcp::Json facts_;  // caller, client, request, tool, arguments
  const bool read_only_;

  mutable std::mutex mutex_;
  bool started_ = false;
  bool answered_ = false;
  bool job_ = false;
  std::string job_id_;
  mcp::Json end_;  // of the sandbox; null before
};

// The AuditedCall of a tool's call; null without an audit log.
AuditedCall* audited(const mcp::ToolCall& call);
// The same, for those who outlive the call.
std::shared_ptr<AuditedCall> audited_for_later(const mcp::ToolCall& call);

// Outlives the server and the workbench.
class AuditTrail : public mcp::Witness {
 public:
  explicit AuditTrail(std::unique_ptr<audit::Log> log, OnFull on_full)
      : log_(std::move(log)), on_full_(on_full) {}
  static Result<std::unique_ptr<AuditTrail>> open(AuditOptions options);
  // Writes what is left, then server_stop.
  ~AuditTrail() override;

  Result<std::shared_ptr<mcp::WitnessedCall>> arrived(const mcp::ArrivedCall& call) override;
  void refused(const mcp::ArrivedCall& call, const std::vector<Error>& errors) override;
  void post(std::function<void()> work) override { writer_.post(std::move(work)); }

  // What is no call: server_start, config_reload. A failure counts as a lost record.
  Status write(std::string_view event, mcp::Json fields);

  OnFull on_full() const { return on_full_; }
  const std::string& path() const { return log_->path(); }
  // Why the last record could not be written; nothing if it was.
  std::optional<Error> trouble() const;

 private:
  enum class Counted { kAsLost, kAsRefused };
  Status write(std::string_view event, mcp::Json fields, Counted counted);
  mcp::Json facts_of(const mcp::ArrivedCall& call);

  const std::unique_ptr<audit::Log> log_;
  const OnFull on_full_;
  std::atomic<std::uint64_t> requests_{0};
  mutable std::mutex mutex_;
  std::optional<Error> trouble_;
  std::uint64_t lost_ = 0;
  std::uint64_t refused_calls_ = 0;
  std::string lost_since_;
  BackgroundThread writer_;
};

}  // namespace mayfly::tools
