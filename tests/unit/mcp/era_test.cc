// Every row of the decision table that has an answer on stdio, by its number.
#include "fixture.h"

using namespace mayfly::mcp;
using namespace mayfly::mcp::test;

namespace {

constexpr const char* kBatchOfPings =
    R"([{"jsonrpc":"2.0","id":1,"method":"ping"},{"jsonrpc":"2.0","id":2,"method":"ping"}])";

}  // namespace

TEST_CASE("row 1: what does not parse is -32700 and the server keeps running") {
  Fixture server;
  CHECK(code_of(server.ask("{\"jsonrpc\"")) == -32700);
  CHECK(server.modern("1", "server/discover").contains("result"));
}

TEST_CASE("row 2: an empty batch is -32600") {
  Fixture server;
  CHECK(code_of(server.ask("[]")) == -32600);
  server.initialize("2025-03-26");
  CHECK(code_of(server.ask("[]")) == -32600);
}

TEST_CASE("row 3: a batch with a modern element is -32600 as a whole") {
  Fixture server;
  server.initialize("2025-03-26");
  CHECK(code_of(server.ask(R"([{"jsonrpc":"2.0","id":1,"method":"ping"},{"jsonrpc":"2.0","id":2,)"
                           R"("method":"tools/list","params":{)" +
                           std::string(kModernMeta) + "}}]")) == -32600);
}

TEST_CASE("row 4: a legacy batch is served only where 2025-03-26 was negotiated") {
  Fixture server;
  CHECK(code_of(server.ask(kBatchOfPings)) == -32600);
  for (const char* revision : {"2024-11-05", "2025-06-18", "2025-11-25"}) {
    server.initialize(revision);
    CHECK(code_of(server.ask(kBatchOfPings)) == -32600);
  }
  server.initialize("2025-03-26");
  const Json answers = server.ask(kBatchOfPings);
  REQUIRE(answers.is_array());
  CHECK(answers.size() == 2);
}

TEST_CASE("row 5: a request without a claim needs a handshake") {
  Fixture server;
  const Json answer = server.legacy("1", "tools/list");
  CHECK(code_of(answer) == -32602);
  CHECK_THAT(answer.dump(), contains("io.modelcontextprotocol/protocolVersion"));
  CHECK_THAT(answer.dump(), contains("initialize"));
  CHECK(server.legacy("2", "ping").contains("result"));
  server.initialize("2025-06-18");
  CHECK(server.legacy("3", "tools/list").contains("result"));
}

TEST_CASE("row 5: discovery without an envelope is answered with the keys that are missing") {
  Fixture server;
  const Json answer = server.legacy("1", "server/discover");
  CHECK(code_of(answer) == -32602);
  CHECK(answer.at("error").at("data").at("missing").size() == 2);
}

TEST_CASE("row 6: initialize is a legacy handshake, also after a discovery") {
  Fixture server;
  CHECK(server.modern("1", "server/discover").contains("result"));
  for (const char* revision : {"2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25"}) {
    const Json answer = server.initialize(revision);
    CHECK(answer.at("result").at("protocolVersion") == revision);
    CHECK(answer.at("result").at("capabilities").dump() == R"({"tools":{},"resources":{}})");
    CHECK(answer.at("result").at("instructions") == "Use echo.");
    CHECK(answer.at("result").at("serverInfo").at("name") == "mayfly");
  }
  for (const char* revision : {"2024-10-07", "2026-07-28", "1.0", ""}) {
    CHECK(server.initialize(revision).at("result").at("protocolVersion") == "2025-11-25");
  }
  CHECK(code_of(server.legacy("1", "initialize")) == -32602);
  CHECK(code_of(server.legacy("1", "initialize", R"("protocolVersion":7)")) == -32602);
}

TEST_CASE("row 8: legacy methods with a modern envelope do not exist") {
  Fixture server;
  server.initialize("2025-11-25");
  for (const char* method :
       {"initialize", "ping", "logging/setLevel", "resources/subscribe", "resources/unsubscribe"}) {
    CAPTURE(method);
    CHECK(code_of(server.modern("1", method)) == -32601);
  }
}

TEST_CASE("row 9: a malformed claim names what is missing and is never taken for legacy") {
  Fixture server;
  server.initialize("2025-11-25");
  const Json one = server.legacy(
      "1", "tools/list", R"("_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28"})");
  CHECK(code_of(one) == -32602);
  CHECK(one.at("error").at("data").dump() ==
        R"({"missing":["io.modelcontextprotocol/clientCapabilities"]})");
  for (const char* version : {"7", "null", "[]"}) {
    const Json other = server.legacy("1", "tools/list",
                                     R"("_meta":{"io.modelcontextprotocol/protocolVersion":)" +
                                         std::string(version) +
                                         R"(,"io.modelcontextprotocol/clientCapabilities":{}})");
    CHECK(code_of(other) == -32602);
    CHECK(other.at("error").at("data").dump() ==
          R"({"missing":["io.modelcontextprotocol/protocolVersion"]})");
  }
}

TEST_CASE("row 13: a claim of another revision is -32022 with what is supported") {
  Fixture server;
  for (const std::string& version :
       {std::string("2027-01-01"), std::string("2025-11-25"), std::string()}) {
    const Json answer =
        server.legacy("1", "tools/list",
                      R"("_meta":{"io.modelcontextprotocol/protocolVersion":")" + version +
                          R"(","io.modelcontextprotocol/clientCapabilities":{}})");
    CHECK(code_of(answer) == -32022);
    CHECK(answer.at("error").at("data").dump() ==
          R"({"supported":["2026-07-28"],"requested":")" + version + "\"}");
  }
}

TEST_CASE("row 15: an unknown method is -32601 in both eras") {
  Fixture server;
  server.initialize("2025-11-25");
  for (const char* method :
       {"nope", "resources/subscribe", "prompts/list", "completion/complete", "logging/setLevel",
        "subscriptions/listen", "server/discover", "notifications/initialized", "tasks/list"}) {
    CAPTURE(method);
    CHECK(code_of(server.legacy("1", method)) == -32601);
    if (std::string(method) != "server/discover")
      CHECK(code_of(server.modern("1", method)) == -32601);
  }
}

TEST_CASE("rows 16 and 17: a handler's refusal is an ordinary error") {
  Fixture server;
  CHECK(code_of(server.modern("1", "tools/call", R"("name":"nope")")) == -32602);
  CHECK(server.sink->messages().back().kind == Outgoing::Kind::kError);
  CHECK(code_of(server.modern("1", "nope")) == -32601);
  CHECK(server.sink->messages().back().kind == Outgoing::Kind::kRefusal);
}

TEST_CASE("rows 18 and 19: a cancellation is understood with a claim and without one") {
  ServerOptions options = inline_options();
  options.workers = 2;
  Fixture server(options);
  for (const std::string& meta : {std::string(), "," + std::string(kModernMeta)}) {
    server.start("1", "hold",
                 R"({"io.modelcontextprotocol/protocolVersion":"2026-07-28",)"
                 R"("io.modelcontextprotocol/clientCapabilities":{}})");
    REQUIRE(server.held.wait_for(1));
    auto [call, reply] = server.held.take();
    CHECK(server
              .send(R"({"jsonrpc":"2.0","method":"notifications/cancelled","params":)"
                    R"({"requestId":1)" +
                    meta + "}}")
              .empty());
    CHECK(call.cancel.cancelled());
    reply(text_result("late"));
  }
  CHECK(server.sink->size() == 0);
}

TEST_CASE("row 20: a response is dropped") {
  Fixture server;
  server.initialize("2025-11-25");
  CHECK(server.send(R"({"jsonrpc":"2.0","id":0,"result":{}})").empty());
}

TEST_CASE("both eras are served on one pipe, message by message") {
  Fixture server;
  CHECK(server.modern("1", "tools/list").at("result").contains("resultType"));
  server.initialize("2025-11-25");
  CHECK_FALSE(server.legacy("2", "tools/list").at("result").contains("resultType"));
  CHECK(server.modern("3", "tools/list").at("result").contains("resultType"));
  CHECK_FALSE(server.legacy("4", "tools/list").at("result").contains("resultType"));
}

TEST_CASE("era legacy: modern requests get what an old server answers") {
  Fixture server(inline_options(EraOption::kLegacy));
  CHECK(code_of(server.modern("1", "server/discover")) == -32601);
  CHECK(code_of(server.legacy("2", "tools/list")) == -32602);
  CHECK(server.initialize("2025-06-18").contains("result"));
  CHECK_FALSE(server.modern("3", "tools/list").at("result").contains("resultType"));
}

TEST_CASE("era modern: initialize is answered with the supported versions") {
  Fixture server(inline_options(EraOption::kModern));
  const Json answer = server.initialize("2025-11-25");
  CHECK(code_of(answer) == -32022);
  CHECK(answer.at("error").at("data").at("supported") == Json::array({"2026-07-28"}));
  CHECK(answer.at("error").at("data").at("requested") == "2025-11-25");
  CHECK(code_of(server.legacy("1", "ping")) == -32602);
  CHECK(server.modern("2", "server/discover").contains("result"));
}
