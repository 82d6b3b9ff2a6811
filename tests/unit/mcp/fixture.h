#pragma once

#include <condition_variable>
#include <functional>
#include <initializer_list>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "catch_shim.h"
#include "mcp/server.h"
#include "mcp/session.h"

namespace mayfly::mcp::test {

using mayfly::test::contains;

// Far longer than anything here takes: a test that reaches it has failed.
inline TimePoint soon() { return Clock::now() + milliseconds(60'000); }

// Holds what was sent and lets a test wait for the n-th message.
class RecordingSink : public MessageSink {
 public:
  void send(Outgoing message) override {
    const std::lock_guard lock(mutex_);
    messages_.push_back(std::move(message));
    changed_.notify_all();
  }
  void nothing_more() override {
    const std::lock_guard lock(mutex_);
    ++withdrawn_;
    changed_.notify_all();
  }
  std::vector<Outgoing> messages() const {
    const std::lock_guard lock(mutex_);
    return messages_;
  }
  std::size_t withdrawn() const {
    const std::lock_guard lock(mutex_);
    return withdrawn_;
  }
  std::size_t size() const { return messages().size(); }
  Json at(std::size_t index) const { return Json::parse(messages().at(index).text); }
  Json last() const { return Json::parse(messages().back().text); }
  bool wait_for(std::size_t count) const {
    std::unique_lock lock(mutex_);
    return changed_.wait_until(lock, soon(), [&] { return messages_.size() >= count; });
  }

 private:
  mutable std::mutex mutex_;
  mutable std::condition_variable changed_;
  std::vector<Outgoing> messages_;
  std::size_t withdrawn_ = 0;
};

// Something that happens once, in whichever thread.
class Event {
 public:
  void set() {
    const std::lock_guard lock(mutex_);
    happened_ = true;
    changed_.notify_all();
  }
  bool wait() const {
    std::unique_lock lock(mutex_);
    return changed_.wait_until(lock, soon(), [this] { return happened_; });
  }
  bool happened() const {
    const std::lock_guard lock(mutex_);
    return happened_;
  }

 private:
  mutable std::mutex mutex_;
  mutable std::condition_variable changed_;
  bool happened_ = false;
};

// Calls that a test answers when it likes.
class HeldCalls {
 public:
  void hold(ToolCall call, ToolReply reply) {
    const std::lock_guard lock(mutex_);
    calls_.emplace_back(std::move(call), std::move(reply));
    changed_.notify_all();
  }
  bool wait_for(std::size_t count) const {
    std::unique_lock lock(mutex_);
    return changed_.wait_until(lock, soon(), [&] { return calls_.size() >= count; });
  }
  std::pair<ToolCall, ToolReply> take() {
    const std::lock_guard lock(mutex_);
    auto first = std::move(calls_.front());
    calls_.erase(calls_.begin());
    return first;
  }
  std::size_t size() const {
    const std::lock_guard lock(mutex_);
    return calls_.size();
  }
  void drop_all() {
    std::vector<std::pair<ToolCall, ToolReply>> calls;
    const std::lock_guard lock(mutex_);
    calls.swap(calls_);
  }

 private:
  mutable std::mutex mutex_;
  mutable std::condition_variable changed_;
  std::vector<std::pair<ToolCall, ToolReply>> calls_;
};

inline ToolResult text_result(std::string text) {
  ToolResult result;
  result.content.emplace_back(TextContent{std::move(text)});
  return result;
}

inline Json echo_schema() {
  return Json::parse(R"({"type":"object","additionalProperties":false,"properties":{
    "text":{"type":"string"},"count":{"type":"integer","minimum":1,"maximum":100},
    "timeout_ms":{"type":"integer"},"loud":{"type":"boolean"},
    "mode":{"type":"string","enum":["create","overwrite","append"]},
    "argv":{"type":"array","items":{"type":"string"},"minItems":1},
    "env":{"type":"object","additionalProperties":{"type":"string"}},
    "edits":{"type":"array","items":{"type":"object","additionalProperties":false,
      "required":["old"],"properties":{"old":{"type":"string"},"all":{"type":"boolean"}}}}}})");
}

// Tools: `echo` answers with its arguments, `structured` with an object, `hold` when the test says
// so, `drop` never, `throw` throws.
inline ToolRegistry fixture_tools(HeldCalls& held) {
  ToolRegistry tools;
  ToolSpec echo{"echo", "Echo",        "Answers with its arguments.", echo_schema(), {},
                {},     Json::object()};
  tools.add(echo,
            [](ToolCall call, ToolReply reply) { reply(text_result(dump_json(call.arguments))); });
  ToolSpec structured = echo;
  structured.name = "structured";
  structured.annotations.read_only = true;
  structured.meta = {{"example.org/a", 1}};
  structured.output_schema =
      Json::parse(R"({"type":"object","properties":{"n":{"type":"integer"}}})");
  tools.add(structured, [](ToolCall, ToolReply reply) {
    ToolResult result = text_result("{\"n\":1}");
    result.structured = Json{{"n", 1}};
    result.meta["example.org/receipt"] = "r";
    reply(std::move(result));
  });
  ToolSpec hold = echo;
  hold.name = "hold";
  tools.add(hold, [&held](ToolCall call, ToolReply reply) {
    held.hold(std::move(call), std::move(reply));
  });
  ToolSpec drop = echo;
  drop.name = "drop";
  tools.add(drop, [](ToolCall, ToolReply) {});
  ToolSpec thrower = echo;
  thrower.name = "throw";
  tools.add(thrower, [](ToolCall, ToolReply) { throw std::runtime_error("no"); });
  return tools;
}

inline ServerOptions inline_options(EraOption era = EraOption::kAuto) {
  ServerOptions options;
  options.era = era;
  options.workers = 0;
  return options;
}

inline const char* kModernMeta =
    R"("_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{}})";

// A server with the tools above and one session. Without workers, handlers run inside `receive`.
struct Fixture {
  explicit Fixture(ServerOptions options = inline_options()) {
    auto made = Server::make(
        {"mayfly", "Mayfly", "1.0", "https://example.org"}, [] { return std::string("Use echo."); },
        fixture_tools(held), std::move(options));
    REQUIRE(made);
    server = std::move(*made);
    session = std::make_unique<Session>(*server, "local");
  }

  // Answers of a line that is answered at once.
  std::vector<Json> send(std::string_view line) {
    const std::size_t before = sink->size();
    session->receive(line, sink);
    std::vector<Json> answers;
    for (std::size_t i = before; i < sink->size(); ++i) answers.push_back(sink->at(i));
    return answers;
  }
  Json ask(std::string_view line) {
    const auto answers = send(line);
    REQUIRE(answers.size() == 1);
    return answers[0];
  }
  Json legacy(const std::string& id, const std::string& method, const std::string& members = "") {
    return ask(R"({"jsonrpc":"2.0","id":)" + id + R"(,"method":")" + method + R"(","params":{)" +
               members + "}}");
  }
  Json modern(const std::string& id, const std::string& method, const std::string& members = "") {
    return legacy(id, method, members + (members.empty() ? "" : ",") + kModernMeta);
  }
  Json initialize(const std::string& revision) {
    return legacy("0", "initialize",
                  R"("protocolVersion":")" + revision +
                      R"(","capabilities":{},"clientInfo":{"name":"t","version":"1"})");
  }
  void cancel(const std::string& id) {
    CHECK(send(R"({"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":)" +
               id + "}}")
              .empty());
  }
  // A tools/call that is not answered at once.
  void start(const std::string& id, const std::string& tool, const std::string& meta = "") {
    session->receive(R"({"jsonrpc":"2.0","id":)" + id +
                         R"(,"method":"tools/call","params":{"name":")" + tool +
                         R"(","arguments":{})" + (meta.empty() ? "" : ",\"_meta\":" + meta) + "}}",
                     sink);
  }

  HeldCalls held;
  std::unique_ptr<Server> server;
  std::unique_ptr<Session> session;
  std::shared_ptr<RecordingSink> sink = std::make_shared<RecordingSink>();
};

inline int code_of(const Json& answer) { return answer.at("error").at("code").get<int>(); }

}  // namespace mayfly::mcp::test
