#include <thread>

#include "fixture.h"

using namespace mayfly;
using namespace mayfly::mcp;
using namespace mayfly::mcp::test;

namespace {

ServerOptions threaded(std::size_t max_calls = 256) {
  ServerOptions options;
  options.workers = 2;
  options.max_calls = max_calls;
  return options;
}

}  // namespace

TEST_CASE("a call without arguments is a call with none") {
  Fixture server;
  for (const char* arguments :
       {"", R"(,"arguments":{})", R"(,"arguments":null)", R"(,"arguments":"{}")"}) {
    const Json result =
        server.modern("1", "tools/call", R"("name":"echo")" + std::string(arguments));
    CHECK(result.at("result").at("content").at(0).at("text") == "{}");
  }
}

TEST_CASE("a call that is no call is refused with what is wrong") {
  Fixture server;
  CHECK(code_of(server.modern("1", "tools/call")) == -32602);
  CHECK(code_of(server.modern("1", "tools/call", R"("name":5)")) == -32602);
  CHECK(code_of(server.modern("1", "tools/call", R"("name":"echo","arguments":[1])")) == -32602);
  const Json unknown = server.modern("1", "tools/call", R"("name":"ecko")");
  CHECK(unknown.at("error").at("data").dump() ==
        R"x({"code":"E5002","field":"name","value":"ecko","remedy":"call \"echo\""})x");
}

TEST_CASE("a handler that lets go of its reply is answered for") {
  Fixture server;
  CHECK(code_of(server.modern("1", "tools/call", R"("name":"drop")")) == rpc::kInternalError);
  CHECK(code_of(server.modern("2", "tools/call", R"("name":"throw")")) == rpc::kInternalError);
  CHECK(server.server->slots()->taken() == 0);
}

TEST_CASE("a fault of a tool is logged, a withdrawn call is not") {
  std::vector<std::string> log;
  ServerOptions options = inline_options();
  options.log = [&log](const std::string& line) { log.push_back(line); };
  Fixture server(options);
  server.initialize("2025-11-25");
  server.legacy("1", "tools/call", R"("name":"drop")");
  REQUIRE(log.size() == 1);
  CHECK_THAT(log[0], contains("drop"));
  server.start("2", "hold");
  server.cancel("2");
  server.held.drop_all();
  CHECK(log.size() == 1);
}

TEST_CASE("a tool that owes structured content and sends none is an internal error") {
  ToolRegistry tools;
  ToolSpec spec{"owes",        "", "", Json{{"type", "object"}}, Json{{"type", "object"}}, {},
                Json::object()};
  tools.add(spec, [](ToolCall, ToolReply reply) { reply(text_result("none")); });
  auto server = Server::make({}, nullptr, std::move(tools), inline_options());
  REQUIRE(server);
  Session session(**server, "local", legacy::Revision::k2025_06_18);
  const auto sink = std::make_shared<RecordingSink>();
  session.receive(R"({"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"owes"}})",
                  sink);
  CHECK(code_of(sink->last()) == rpc::kInternalError);
}

TEST_CASE("a reply answers once, whatever is done with it") {
  Fixture server(threaded());
  server.start("1", "hold",
               R"({"io.modelcontextprotocol/protocolVersion":"2026-07-28",)"
               R"("io.modelcontextprotocol/clientCapabilities":{}})");
  REQUIRE(server.held.wait_for(1));
  {
    auto [call, reply] = server.held.take();
    reply(text_result("one"));
    reply(text_result("two"));
    ToolReply moved = std::move(reply);
    moved(text_result("three"));
  }
  REQUIRE(server.session->drain(soon()));
  CHECK(server.sink->size() == 1);
}

TEST_CASE("assigning over an unanswered reply answers it") {
  struct CountingSink : ToolReply::Sink {
    int finished = 0;
    void finish(ToolResult) override { ++finished; }
    void progress(double, const std::string&) override {}
  };
  const auto first = std::make_shared<CountingSink>();
  const auto second = std::make_shared<CountingSink>();
  {
    ToolReply reply(first);
    reply = ToolReply(second);
    CHECK(first->finished == 1);
    CHECK(second->finished == 0);
  }
  CHECK(second->finished == 1);
}

TEST_CASE("an id in flight cannot be used again, and can be afterwards") {
  Fixture server(threaded());
  server.initialize("2025-11-25");
  server.start("7", "hold");
  REQUIRE(server.held.wait_for(1));
  const Json again = server.legacy("7", "tools/call", R"("name":"hold")");
  CHECK(code_of(again) == rpc::kInvalidRequest);
  CHECK(again.at("id") == 7);
  server.held.take().second(text_result("done"));
  REQUIRE(server.sink->wait_for(3));
  CHECK(server.sink->last().at("result").at("content").at(0).at("text") == "done");
  server.start("7", "echo");
  REQUIRE(server.sink->wait_for(4));
  CHECK(server.sink->last().contains("result"));
}

TEST_CASE("the integer 1 and the string \"1\" are different requests") {
  Fixture server(threaded());
  server.initialize("2025-11-25");
  server.start("1", "hold");
  server.start("\"1\"", "hold");
  REQUIRE(server.held.wait_for(2));
  server.cancel("\"1\"");
  auto first = server.held.take();
  auto second = server.held.take();
  CHECK(first.first.cancel.cancelled() != second.first.cancel.cancelled());
}

TEST_CASE("after a cancellation nothing is sent, in either era, whatever the id") {
  Fixture server(threaded());
  server.initialize("2025-06-18");
  std::size_t withdrawn = 0;
  for (const char* id : {"0", "\"\"", "\"x\"", "-5"}) {
    server.start(id, "hold", R"({"progressToken":1})");
    REQUIRE(server.held.wait_for(1));
    auto [call, reply] = server.held.take();
    Event told;
    call.cancel.on_cancel([&told] { told.set(); });
    server.cancel(id);
    CHECK(told.happened());
    CHECK(server.sink->withdrawn() == ++withdrawn);
    reply.progress(1, "late");
    reply(text_result("late"));
  }
  REQUIRE(server.session->drain(soon()));
  CHECK(server.sink->size() == 1);
  CHECK(server.server->slots()->taken() == 0);
}

TEST_CASE("a callback that is set after the cancellation runs at once") {
  CancelToken token;
  token.cancel();
  bool told = false;
  token.on_cancel([&told] { told = true; });
  CHECK(told);
  token.cancel();
}

TEST_CASE("a callback is told once, and not after the answer") {
  int told = 0;
  CancelToken token;
  token.on_cancel([&told] { ++told; });
  token.cancel();
  token.cancel();
  CHECK(told == 1);
  CancelToken answered;
  answered.on_cancel([&told] { ++told; });
  answered.disarm();
  answered.cancel();
  CHECK(told == 1);
}

TEST_CASE("a call is freed when it is answered, even if a callback holds on to its token") {
  Fixture server(threaded());
  server.initialize("2025-06-18");
  server.start("1", "hold");
  REQUIRE(server.held.wait_for(1));
  const auto witness = std::make_shared<int>(0);
  {
    auto [call, reply] = server.held.take();
    call.cancel.on_cancel([token = call.cancel, witness] {});
    CHECK(witness.use_count() == 2);
    reply(text_result("done"));
  }
  CHECK(witness.use_count() == 1);
}

TEST_CASE("cancellations of unknown, finished or malformed ids are ignored") {
  Fixture server(threaded());
  server.initialize("2025-06-18");
  for (const char* id : {"99", "\"no\"", "null", "1.5", "{}", "true"}) server.cancel(id);
  CHECK(server.send(R"({"jsonrpc":"2.0","method":"notifications/cancelled"})").empty());
  CHECK(server.send(R"({"jsonrpc":"2.0","method":"notifications/cancelled","params":[]})").empty());
  server.start("1", "echo");
  REQUIRE(server.sink->wait_for(2));
  server.cancel("1");
  CHECK(server.legacy("1", "ping").contains("result"));
}

TEST_CASE("initialize cannot be cancelled") {
  Fixture server;
  server.cancel("0");
  CHECK(server.initialize("2025-11-25").contains("result"));
  server.cancel("0");
  CHECK(server.legacy("1", "tools/list").contains("result"));
}

TEST_CASE("a call that is cancelled while it is queued never runs") {
  ServerOptions options = threaded();
  options.workers = 1;
  Event release;
  Event started;
  int runs = 0;
  ToolRegistry tools;
  ToolSpec spec{"block", "", "", Json{{"type", "object"}}, {}, {}, Json::object()};
  tools.add(spec, [&](ToolCall, ToolReply reply) {
    started.set();
    release.wait();
    reply(text_result("done"));
  });
  spec.name = "count";
  tools.add(spec, [&runs](ToolCall, ToolReply reply) {
    ++runs;
    reply(text_result("ran"));
  });
  auto server = Server::make({"m", "", "1", ""}, nullptr, std::move(tools), options);
  REQUIRE(server);
  Session session(**server, "local", legacy::Revision::k2025_11_25);
  const auto sink = std::make_shared<RecordingSink>();
  const auto call = [&](const char* id, const char* tool) {
    session.receive(std::string(R"({"jsonrpc":"2.0","id":)") + id +
                        R"(,"method":"tools/call","params":{"name":")" + tool + "\"}}",
                    sink);
  };
  call("1", "block");
  REQUIRE(started.wait());
  call("2", "count");
  session.receive(
      R"({"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":2}})", sink);
  release.set();
  REQUIRE(session.drain(soon()));
  CHECK(runs == 0);
  CHECK(sink->size() == 1);
  CHECK(sink->at(0).at("id") == 1);
}

TEST_CASE("an answer and a cancellation that race leave one answer or none") {
  Fixture server(threaded());
  server.initialize("2025-11-25");
  constexpr int kRounds = 500;
  for (int i = 1; i <= kRounds; ++i) {
    const std::string id = std::to_string(i);
    const std::size_t before = server.sink->size() + server.sink->withdrawn();
    server.start(id, "hold", R"({"progressToken":"p"})");
    REQUIRE(server.held.wait_for(1));
    auto held = server.held.take();
    std::thread answering([&held] {
      held.second.progress(1, "");
      held.second(text_result("done"));
    });
    server.session->receive(
        R"({"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":)" + id + "}}",
        server.sink);
    answering.join();
    std::size_t ends = 0;
    const auto messages = server.sink->messages();
    for (const auto& message : messages) {
      ends +=
          message.kind != Outgoing::Kind::kNotification && message.id == RequestId::from_json(i);
    }
    ends += server.sink->withdrawn();
    CHECK(ends >= 1);
    CHECK(server.sink->size() + server.sink->withdrawn() <= before + 2);
  }
  CHECK(server.server->slots()->taken() == 0);
}

TEST_CASE("progress goes to the token, grows, and stops with the answer") {
  Fixture server(threaded());
  server.initialize("2025-03-26");
  for (const char* text : {"7", "\"7\"", "0", "\"\""}) {
    const std::string token = text;
    const std::size_t before = server.sink->size();
    server.start("1", "hold", R"({"progressToken":)" + token + "}");
    REQUIRE(server.held.wait_for(1));
    auto [call, reply] = server.held.take();
    CHECK(reply.wants_progress());
    reply.progress(1, "one");
    reply.progress(1, "again");
    reply.progress(0.5, "back");
    reply.progress(2, "two");
    reply(text_result("done"));
    reply.progress(3, "after");
    REQUIRE(server.sink->size() == before + 3);
    const Json first = server.sink->at(before);
    CHECK(first.at("method") == "notifications/progress");
    CHECK(first.at("params").at("progressToken").dump() == token);
    CHECK(first.at("params").at("message") == "one");
    CHECK(server.sink->at(before + 1).at("params").at("progress") == 2.0);
    CHECK(server.sink->at(before + 2).contains("result"));
  }
}

TEST_CASE("progress has no message in 2024-11-05, and does not exist without a token") {
  Fixture server(threaded());
  server.initialize("2024-11-05");
  for (const char* meta : {R"({"progressToken":1})", "{}", R"({"progressToken":1.5})"}) {
    const std::size_t before = server.sink->size();
    server.start("1", "hold", meta);
    REQUIRE(server.held.wait_for(1));
    auto [call, reply] = server.held.take();
    reply.progress(1, "one");
    CHECK(reply.wants_progress() == (server.sink->size() == before + 1));
    reply(text_result("done"));
  }
  CHECK_FALSE(server.sink->at(1).at("params").contains("message"));
  CHECK(server.sink->size() == 5);
}

TEST_CASE("a handler sees the principal and the request's metadata") {
  Fixture server(threaded());
  server.initialize("2025-11-25");
  server.start("1", "hold", R"({"traceparent":"00-x"})");
  REQUIRE(server.held.wait_for(1));
  auto [call, reply] = server.held.take();
  CHECK(call.principal == "local");
  CHECK(call.tool == "hold");
  CHECK(call.meta.at("traceparent") == "00-x");
}

TEST_CASE("one call too many is told how many there are, and room is made again") {
  Fixture server(threaded(4));
  server.initialize("2025-11-25");
  for (int i = 1; i <= 4; ++i) server.start(std::to_string(i), "hold");
  const Json busy = server.legacy("5", "tools/call", R"("name":"hold")").at("result");
  CHECK(busy.at("isError") == true);
  CHECK_THAT(busy.dump(), contains("E4001"));
  CHECK_THAT(busy.dump(), contains("4 calls"));
  REQUIRE(server.held.wait_for(4));
  server.held.drop_all();
  REQUIRE(server.session->drain(soon()));
  server.start("6", "echo");
  REQUIRE(server.sink->wait_for(7));
  CHECK(server.sink->last().at("id") == 6);
}

TEST_CASE("a cancelled call keeps its place until its handler has stopped") {
  Fixture server(threaded(1));
  server.initialize("2025-11-25");
  server.start("1", "hold");
  REQUIRE(server.held.wait_for(1));
  server.cancel("1");
  CHECK_THAT(server.legacy("2", "tools/call", R"("name":"echo")").dump(), contains("E4001"));
  server.held.drop_all();
  REQUIRE(server.session->drain(soon()));
  server.start("3", "echo");
  REQUIRE(server.sink->wait_for(3));
  CHECK(server.sink->last().at("result").at("content").at(0).at("text") == "{}");
}

TEST_CASE("a flood of ten thousand requests is answered, each once") {
  Fixture server(threaded());
  server.initialize("2025-11-25");
  constexpr int kRequests = 10'000;
  for (int i = 1; i <= kRequests; ++i) {
    server.session->receive(
        R"({"jsonrpc":"2.0","id":)" + std::to_string(i) +
            R"(,"method":"tools/call","params":{"name":"echo","arguments":{}}})",
        server.sink);
  }
  REQUIRE(server.session->drain(soon()));
  std::vector<int> answers(kRequests + 1);
  for (const Outgoing& message : server.sink->messages()) {
    ++answers[Json::parse(message.text).at("id").get<std::size_t>()];
  }
  CHECK(answers == std::vector<int>(kRequests + 1, 1));
  CHECK(server.server->workers().started_threads() <= 2);
}

TEST_CASE("a session that ends withdraws its calls and does not touch another's") {
  Fixture server(threaded());
  server.initialize("2025-11-25");
  Session other(*server.server, "other", legacy::Revision::k2025_11_25);
  server.start("1", "hold");
  REQUIRE(server.held.wait_for(1));
  other.receive(R"({"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"hold"}})",
                server.sink);
  REQUIRE(server.held.wait_for(2));
  auto first = server.held.take();
  auto second = server.held.take();
  CHECK(second.first.principal == "other");
  server.session.reset();
  CHECK(first.first.cancel.cancelled());
  CHECK_FALSE(second.first.cancel.cancelled());
  second.second(text_result("done"));
  CHECK(server.sink->last().at("result").at("content").at(0).at("text") == "done");
}

TEST_CASE("a reply may outlive its session and its server") {
  std::optional<std::pair<ToolCall, ToolReply>> held;
  const auto sink = std::make_shared<RecordingSink>();
  {
    Fixture server(threaded());
    server.initialize("2025-11-25");
    server.start("1", "hold");
    REQUIRE(server.held.wait_for(1));
    held = server.held.take();
  }
  held->second(text_result("late"));
  CHECK(held->first.cancel.cancelled());
}

TEST_CASE("a batch is answered by one array when its last call has ended") {
  Fixture server(threaded());
  server.initialize("2025-03-26");
  server.session->receive(
      R"([{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"hold","_meta":{"progressToken":5}}},)"
      R"({"jsonrpc":"2.0","id":2,"method":"ping"},{"jsonrpc":"2.0","method":"notifications/initialized"},)"
      R"(3,[],{"jsonrpc":"2.0","id":4,"method":"initialize"},{"jsonrpc":"2.0","id":9,"result":{}},)"
      R"({"jsonrpc":"2.0","id":5,"method":"tools/call","params":{"name":"hold"}}])",
      server.sink);
  REQUIRE(server.held.wait_for(2));
  CHECK(server.sink->size() == 1);
  auto first = server.held.take();
  auto second = server.held.take();
  (first.second.wants_progress() ? first : second).second.progress(1, "one");
  CHECK(server.sink->size() == 2);
  server.cancel("5");
  (first.first.cancel.cancelled() ? second : first).second(text_result("done"));
  REQUIRE(server.sink->size() == 3);
  const Json answers = server.sink->last();
  REQUIRE(answers.size() == 5);
  CHECK(answers[0].at("id") == 2);
  CHECK(code_of(answers[1]) == rpc::kInvalidRequest);
  CHECK(code_of(answers[3]) == rpc::kInvalidRequest);
  CHECK(answers[4].at("result").at("content").at(0).at("text") == "done");
}

TEST_CASE("a batch of notifications, or one whose calls are all withdrawn, is not answered") {
  Fixture server(threaded());
  server.initialize("2025-03-26");
  CHECK(server.send(R"([{"jsonrpc":"2.0","method":"a"},{"jsonrpc":"2.0","id":1,"result":1}])")
            .empty());
  server.session->receive(
      R"([{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"hold"}}])", server.sink);
  REQUIRE(server.held.wait_for(1));
  server.cancel("1");
  CHECK(server.sink->size() == 1);
  CHECK(server.sink->withdrawn() == 1);
  server.held.drop_all();
}

TEST_CASE("a batch of more than a hundred messages is refused") {
  Fixture server;
  server.initialize("2025-03-26");
  std::string batch = "[";
  for (int i = 0; i < 101; ++i) {
    batch += std::string(i > 0 ? "," : "") + R"({"jsonrpc":"2.0","id":1,"method":"ping"})";
  }
  CHECK(code_of(server.ask(batch + "]")) == rpc::kInvalidRequest);
}
