#include "fixture.h"

using namespace mayfly::mcp;
using namespace mayfly::mcp::test;

TEST_CASE("ids are strings and integers, zero and the empty string among them") {
  Fixture server;
  for (const char* id : {"0", "\"\"", "-1", "\"a\"", "9007199254740993", "18446744073709551615"}) {
    CAPTURE(id);
    CHECK(dump_json(server.legacy(id, "ping").at("id")) == id);
  }
}

TEST_CASE("ids of any other type are refused") {
  Fixture server;
  for (const char* id : {"null", "1.5", "1.0", "true", "[]", "{}", "1e3"}) {
    CAPTURE(id);
    const Json answer = server.legacy(id, "ping");
    CHECK(code_of(answer) == rpc::kInvalidRequest);
    CHECK(answer.at("id").is_null());
  }
  CHECK(code_of(server.legacy("\"" + std::string(5000, 'x') + "\"", "ping")) ==
        rpc::kInvalidRequest);
}

TEST_CASE("garbage is answered with an error and the session goes on") {
  Fixture server;
  CHECK(code_of(server.ask("nonsense")) == rpc::kParseError);
  CHECK(server.sink->last().at("id").is_null());
  CHECK(code_of(server.ask("42")) == rpc::kInvalidRequest);
  CHECK(code_of(server.ask("{}")) == rpc::kInvalidRequest);
  CHECK(code_of(server.ask(R"({"id":1,"method":"ping"})")) == rpc::kInvalidRequest);
  CHECK(server.sink->last().at("id") == 1);
  CHECK(code_of(server.ask(R"({"jsonrpc":"1.0","id":1,"method":"ping"})")) == rpc::kInvalidRequest);
  CHECK(code_of(server.ask(R"({"jsonrpc":"2.0","id":1,"method":7})")) == rpc::kInvalidRequest);
  CHECK(code_of(server.ask(R"({"jsonrpc":"2.0","id":1})")) == rpc::kInvalidRequest);
  CHECK(code_of(server.ask(R"({"jsonrpc":"2.0","id":1,"method":"ping","params":[1]})")) ==
        rpc::kInvalidParams);
  CHECK(code_of(server.ask(R"({"jsonrpc":"2.0","id":1,"method":"ping","params":{"_meta":3}})")) ==
        rpc::kInvalidParams);
  CHECK(server.legacy("1", "ping").at("result") == Json::object());
}

TEST_CASE("a message with invalid UTF-8 is refused under its own id") {
  Fixture server;
  const Json answer = server.ask(
      "{\"jsonrpc\":\"2.0\",\"id\":\"k\",\"method\":\"ping\",\"params\":{\"a\":\"\xff\xfe\"}}");
  CHECK(code_of(answer) == rpc::kParseError);
  CHECK(answer.at("id") == "k");
  CHECK_THAT(answer.at("error").at("message").get<std::string>(), contains("UTF-8"));
  CHECK(server.ask(R"({"jsonrpc":"2.0","id":4,"method":"a\ud800"})").at("id") == 4);
}

TEST_CASE("deep nesting is refused") {
  Fixture server;
  CHECK(code_of(server.ask(R"({"jsonrpc":"2.0","id":1,"method":"ping","params":)" +
                           std::string(100'000, '['))) == rpc::kParseError);
}

TEST_CASE("an oversized message is refused with a null id") {
  Fixture server;
  server.session->refuse_oversized(std::size_t{16} << 20, server.sink);
  CHECK(code_of(server.sink->last()) == rpc::kInvalidRequest);
  CHECK_THAT(server.sink->messages().back().text, contains("16 MiB"));
}

TEST_CASE("notifications and responses are never answered") {
  Fixture server;
  CHECK(server.send(R"({"jsonrpc":"2.0","method":"tools/list"})").empty());
  CHECK(server.send(R"({"jsonrpc":"2.0","method":"notifications/initialized"})").empty());
  CHECK(
      server.send(R"({"jsonrpc":"2.0","method":"notifications/unheard_of","params":[1]})").empty());
  CHECK(server.send(R"({"jsonrpc":"2.0","id":3,"result":{}})").empty());
  CHECK(server.send(R"({"jsonrpc":"2.0","id":3,"error":{"code":1,"message":""}})").empty());
}

TEST_CASE("an answer of more than 8 MiB becomes an error") {
  const auto id = RequestId::from_json(1);
  const Outgoing large = result_message(*id, {{"a", std::string(kMaxMessageBytes, 'x')}});
  CHECK(large.kind == Outgoing::Kind::kError);
  CHECK(large.text.size() < 300);
  CHECK(code_of(Json::parse(large.text)) == rpc::kInternalError);
  CHECK(result_message(*id, {{"a", "b"}}).kind == Outgoing::Kind::kResult);
}
