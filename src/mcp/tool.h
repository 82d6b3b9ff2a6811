#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "base/error.h"
#include "mcp/json.h"
#include "mcp/resource.h"
#include "mcp/witness.h"

namespace mayfly::mcp {

// A content block of a tool result. Era-neutral: the writers drop what a revision does not have.
struct TextContent {
  std::string text;
};
struct ImageContent {
  std::string mime_type;
  std::string base64;
};
// Names a resource that the reader may want, or not: the content costs nothing until it is read.
struct ResourceLinkContent {
  Resource resource;
};
using Content = std::variant<TextContent, ImageContent, ResourceLinkContent>;

// What a tool hands back. `structured` must be an object and must be present exactly when the tool
// declares an output schema and `is_error` is false. `meta` is the result's `_meta`.
struct ToolResult {
  std::vector<Content> content;
  std::optional<Json> structured;
  bool is_error = false;
  Json meta = Json::object();
  std::vector<Error> errors = {};  // what error_result made it of; never sent
};

// A result with `isError` that says code, field, value and remedy in words, a line an error.
// Details follow an empty line.
ToolResult error_result(const Error& error);
ToolResult error_result(const std::vector<Error>& errors);

struct ToolAnnotations {
  bool read_only = false;
  bool destructive = true;
  bool idempotent = false;
  bool open_world = true;
};

struct ToolSpec {
  std::string name;  // snake_case, at most 40 characters
  std::string title;
  std::string description;
  Json input_schema;  // root type "object", no root-level oneOf/anyOf/allOf
  std::optional<Json> output_schema;
  ToolAnnotations annotations;
  Json meta = Json::object();
};

// Told once when the client withdraws a request or goes away. Thread-safe; copies share one state.
// A callback that is set after the cancellation runs at once, in the setter's thread; otherwise it
// runs in the thread that cancels, so it must not block. The answer of the call drops the
// callbacks: one may own the call's own state, and is not told about what happens after the answer.
class CancelToken {
 public:
  CancelToken();
  void cancel();
  bool cancelled() const;
  void on_cancel(std::function<void()> callback);
  void disarm();

 private:
  struct State;
  std::shared_ptr<State> state_;
};

// Answers one tools/call exactly once, from any thread. If it is destroyed unanswered it answers
// with an internal error, so that no client waits for ever. After a cancellation nothing is sent.
class ToolReply {
 public:
  class Sink {
   public:
    virtual ~Sink() = default;
    virtual void finish(ToolResult result) = 0;
    // The reply was dropped unanswered.
    virtual void abandon();
    // Progress for the request's token, if it has one: `elapsed` must grow from call to call.
    virtual void progress(double elapsed, const std::string& message) = 0;
  };

  explicit ToolReply(std::shared_ptr<Sink> sink);
  ToolReply(ToolReply&&) noexcept = default;
  ToolReply& operator=(ToolReply&&) noexcept;
  ~ToolReply();

  void operator()(ToolResult result);
  void progress(double elapsed, const std::string& message) const;
  bool wants_progress() const { return wants_progress_; }
  void set_wants_progress(bool wanted) { wants_progress_ = wanted; }

 private:
  std::shared_ptr<Sink> sink_;
  bool wants_progress_ = false;
};

// One call as a handler sees it: arguments already coerced and validated against the input schema.
struct ToolCall {
  std::string tool;
  Json arguments = Json::object();
  std::string principal;  // who is calling; "local" on stdio
  Json meta = Json::object();
  CancelToken cancel;
  Json client = {};                                    // who calls, as the client says; or null
  std::shared_ptr<WitnessedCall> witnessed = nullptr;  // if the server has a witness
};

// Runs in a worker thread and must return soon: long work keeps the reply and answers later. What
// it throws ends the call with an internal error.
using ToolHandler = std::function<void(ToolCall, ToolReply)>;

// The tools of one server, in the order in which they are listed. Filled before serving starts,
// read-only and so thread-safe afterwards.
class ToolRegistry {
 public:
  struct Entry {
    ToolSpec spec;
    ToolHandler handler;
  };
  void add(ToolSpec spec, ToolHandler handler);
  const Entry* find(const std::string& name) const;
  const std::vector<Entry>& entries() const { return entries_; }

 private:
  std::vector<Entry> entries_;
};

}  // namespace mayfly::mcp
