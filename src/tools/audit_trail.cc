#include "tools/audit_trail.h"

#include <cerrno>
#include <utility>

#include "audit/record.h"
#include "base/text.h"
#include "tools/receipt.h"
#include "tools/receipt_text.h"
#include "tools/redaction.h"

namespace mayfly::tools {
namespace {

using mcp::Json;

// The member of `from`, if it says something.
void copy(const Json& from, const char* name, Json& to) {
  if (const Json* value = mcp::member(from, name)) to[name] = *value;
}

Json decision_of(const Error& error) {
  Json out = {{"decision", "refused"}, {"code", to_string(error.code)}};
  if (!error.field.empty()) out["field"] = error.field;
  out["message"] = redacted(error.message);
  return out;
}

Error not_recorded(const Error& cause, const std::string& path) {
  Error error;
  error.code = ErrorCode::kSystemCall;
  error.message = "the audit log " + path + " cannot be written: " + cause.message;
  error.os_errno = cause.os_errno;
  error.remedy = cause.os_errno == ENOSPC || cause.os_errno == EDQUOT || cause.os_errno == EFBIG
                     ? "the operator has to make room there; calls then work again by themselves"
                     : "ask the operator to look at that file; calls then work again by themselves";
  return error;
}

// A fact of ours in an answer: behind its first line, where no program's output can be.
void add_note(mcp::ToolResult& result, const std::string& note) {
  for (mcp::Content& content : result.content) {
    auto* text = std::get_if<mcp::TextContent>(&content);
    if (text == nullptr) continue;
    const std::size_t line = text->text.find('\n');
    text->text.insert(line == std::string::npos ? text->text.size() : line, "\nnote: " + note);
    break;
  }
  if (result.structured && result.structured->is_object()) {
    Json& notes = (*result.structured)["note"];
    const std::string before = notes.is_string() ? notes.get<std::string>() + "; " : "";
    notes = before + note;
  }
  if (const auto receipt = result.meta.find(kReceiptMetaKey); receipt != result.meta.end()) {
    (*receipt)["unavailable"].push_back({{"what", "audit record"}, {"why", note}});
  } else {
    result.meta["dev.mayfly/audit"] = note;
  }
}

// What of the full receipt is worth keeping for ever.
Json end_of(const sandbox::Report& report, const Json& full) {
  Json out = Json::object();
  for (const char* name : {"call_id", "status", "ended_by", "exit_code", "signal", "profile",
                           "policy_digest", "tier", "layers"}) {
    copy(full, name, out);
  }
  if (report.setup_error) {
    out["error"] = {{"code", to_string(report.setup_error->code)},
                    {"message", redacted(report.setup_error->message)}};
  }
  if (const Json* used = mcp::member(full, "usage")) {
    for (const char* name : {"wall_ms", "cpu_ms", "user_ms", "system_ms", "peak_memory_bytes",
                             "peak_processes", "bytes_read", "bytes_written", "disk_bytes"}) {
      copy(*used, name, out["usage"]);
    }
    copy(*used, "stdout_bytes", out);
    copy(*used, "stderr_bytes", out);
  }
  Json reached = Json::array();
  for (const sandbox::LimitUse& limit : report.limits) {
    if (!limit.reached) continue;
    reached.push_back({{"name", limit.name}, {"limit", limit.limit}});
    if (limit.used) reached.back()["used"] = *limit.used;
  }
  if (!reached.empty()) out["limits_reached"] = std::move(reached);
  Json violations = Json::array();
  for (const sandbox::Violation& violation : report.violations) {
    Json each = violation_json(violation);
    each.erase("remedy");
    each["target"] = redacted(violation.target);
    violations.push_back(std::move(each));
  }
  if (!violations.empty()) out["violations"] = std::move(violations);
  out["violations_total"] = report.violations_total;
  return out;
}

void append(Json& to, Json from) {
  for (auto& [name, value] : from.items()) to[name] = std::move(value);
}

}  // namespace

void AuditedCall::started() {
  const std::lock_guard lock(mutex_);
  started_ = true;
}

void AuditedCall::ended(const sandbox::Report& report, const Json& full_receipt) {
  {
    const std::lock_guard lock(mutex_);
    started_ = true;
    end_ = end_of(report, full_receipt);
    if (!answered_) return;  // its answer writes the record
  }
  trail_.post([self = shared_from_this()] {
    static_cast<void>(self->trail_.write("call", self->end_record(nullptr)));
  });
}

// How it ended, as far as that is known here.
Json AuditedCall::end_record(const mcp::ToolResult* result) const {
  const std::lock_guard lock(mutex_);
  Json out = facts_;
  if (!end_.is_null()) append(out, end_);
  out["job"] = job_;
  if (!job_id_.empty()) out["job_id"] = job_id_;
  if (result == nullptr || !result->is_error) return out;
  if (!result->errors.empty() && !out.contains("error")) {
    const Error& error = result->errors.front();
    out["error"] = {{"code", to_string(error.code)}, {"message", redacted(error.message)}};
  }
  return out;
}

void AuditedCall::answering(mcp::ToolResult& result) {
  const Json* id = result.structured ? mcp::member(*result.structured, "job_id") : nullptr;
  bool running = false;
  bool decision = false;
  {
    const std::lock_guard lock(mutex_);
    answered_ = true;
    running = started_ && end_.is_null();
    decision = !started_ && result.is_error;
    if (id != nullptr && id->is_string()) job_id_ = id->get<std::string>();
    const Json* status = result.structured ? mcp::member(*result.structured, "status") : nullptr;
    const bool said = status != nullptr && *status == "running";
    job_ = running || (started_ && said);
  }
  Status written;
  if (running) {
    Json fields = {{"request", facts_.at("request")}, {"tool", facts_.at("tool")}};
    if (!job_id_.empty()) fields["job_id"] = job_id_;
    written = trail_.write("goes_on", std::move(fields));
  } else if (decision) {
    Json fields = facts_;
    append(fields, decision_of(result.errors.empty() ? Error() : result.errors.front()));
    written = trail_.write("decision", std::move(fields));
  } else {
    written = trail_.write("call", end_record(&result));
  }
  if (!written && trail_.on_full() == OnFull::kRefuse && read_only_) {
    // It changed nothing, and what it read goes to nobody.
    result = mcp::error_result(not_recorded(written.error(), trail_.path()));
  } else if (const auto trouble = trail_.trouble()) {
    add_note(result, "this call's record is not in the audit log: " + trouble->message);
  }
}

void AuditedCall::dropped(const std::string& why) {
  {
    const std::lock_guard lock(mutex_);
    answered_ = true;
    if (started_ && end_.is_null()) return;  // its end will write the record
  }
  Json fields = end_record(nullptr);
  fields["unanswered"] = why;
  static_cast<void>(trail_.write("call", std::move(fields)));
}

AuditedCall* audited(const mcp::ToolCall& call) {
  return static_cast<AuditedCall*>(call.witnessed.get());
}

std::shared_ptr<AuditedCall> audited_for_later(const mcp::ToolCall& call) {
  return std::static_pointer_cast<AuditedCall>(call.witnessed);
}

Result<std::unique_ptr<AuditTrail>> AuditTrail::open(AuditOptions options) {
  auto log = TRY_TO("open the audit log", audit::Log::open(std::move(options.log)));
  return std::make_unique<AuditTrail>(std::move(log), options.on_full);
}

AuditTrail::~AuditTrail() {
  writer_.drain();
  Json fields = Json::object();
  if (lost_ > 0) fields["records_lost"] = lost_;
  static_cast<void>(log_->append("server_stop", std::move(fields), audit::Log::Last::kYes));
}

Json AuditTrail::facts_of(const mcp::ArrivedCall& call) {
  Json out = {{"caller", call.principal}};
  if (!call.client.is_null()) out["client"] = call.client;
  out["request"] = ++requests_;
  out["tool"] = text::shorten(text::one_line(call.tool), 64);
  if (!call.arguments.is_null()) out["arguments"] = redacted_arguments(call.arguments);
  return out;
}

// What changes something is in the log before it starts, so that a server that is killed leaves who
// did what. What does not only has to find that writing works.
Result<std::shared_ptr<mcp::WitnessedCall>> AuditTrail::arrived(const mcp::ArrivedCall& call) {
  Json facts = facts_of(call);
  Status written;
  if (!call.read_only) {
    written = write("call_start", facts, Counted::kAsRefused);
  } else if (trouble()) {
    written = write("log_recovered", Json::object(), Counted::kAsRefused);
  }
  if (!written && on_full_ == OnFull::kRefuse) {
    return fail(not_recorded(written.error(), path()));
  }
  return std::make_shared<AuditedCall>(*this, std::move(facts), call.read_only);
}

void AuditTrail::refused(const mcp::ArrivedCall& call, const std::vector<Error>& errors) {
  Json fields = facts_of(call);
  append(fields, decision_of(errors.empty() ? Error() : errors.front()));
  static_cast<void>(write("decision", std::move(fields)));
}

Status AuditTrail::write(std::string_view event, Json fields) {
  return write(event, std::move(fields), Counted::kAsLost);
}

Status AuditTrail::write(std::string_view event, Json fields, Counted counted) {
  const std::lock_guard lock(mutex_);
  Status written;
  if (lost_ > 0 || refused_calls_ > 0) {
    written = log_->append("records_lost", {{"records", lost_},
                                            {"calls_refused", refused_calls_},
                                            {"since", lost_since_},
                                            {"why", trouble_ ? trouble_->message : ""}});
    if (written) {
      lost_ = 0;
      refused_calls_ = 0;
    }
  }
  if (written) written = log_->append(event, std::move(fields));
  if (written) {
    trouble_.reset();
    return written;
  }
  if (lost_ == 0 && refused_calls_ == 0) lost_since_ = audit::now_text();
  const bool refuses = on_full_ == OnFull::kRefuse && counted == Counted::kAsRefused;
  ++(refuses ? refused_calls_ : lost_);
  trouble_ = written.error();
  return written;
}

std::optional<Error> AuditTrail::trouble() const {
  const std::lock_guard lock(mutex_);
  return trouble_;
}

}  // namespace mayfly::tools
