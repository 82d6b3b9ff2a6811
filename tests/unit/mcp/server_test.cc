#include "mcp/server.h"

#include "fixture.h"

using namespace mayfly;
using namespace mayfly::mcp;
using namespace mayfly::mcp::test;

namespace {

std::string refusal(ToolSpec spec, int times = 1) {
  ToolRegistry tools;
  for (int i = 0; i < times; ++i) tools.add(spec, [](ToolCall, ToolReply) {});
  const auto server = Server::make({}, nullptr, std::move(tools), inline_options());
  return server ? "" : server.error().message;
}

ToolSpec good_spec() {
  return {"a_tool", "", "", Json{{"type", "object"}}, {}, {}, Json::object()};
}

}  // namespace

TEST_CASE("a tool that clients would choke on is refused when the server is made") {
  CHECK(refusal(good_spec()).empty());
  CHECK_THAT(refusal(good_spec(), 2), contains("twice"));
  ToolSpec spec = good_spec();
  spec.name = "Bad-Name";
  CHECK_THAT(refusal(spec), contains("a-z"));
  spec = good_spec();
  spec.input_schema = Json{{"type", "object"}, {"oneOf", Json::array()}};
  CHECK_THAT(refusal(spec), contains("oneOf"));
  spec.input_schema = Json{{"type", "string"}};
  CHECK_THAT(refusal(spec), contains("object"));
  spec.input_schema = Json::parse(R"({"type":"object","properties":{"a":{"type":"sting"}}})");
  CHECK_THAT(refusal(spec), contains("JSON Schema"));
  spec = good_spec();
  spec.output_schema = Json{{"type", "array"}};
  CHECK_THAT(refusal(spec), contains("output schema"));
}

TEST_CASE("a pattern is taken only where the length of its string is bounded") {
  ToolSpec spec = good_spec();
  const auto with = [&spec](const char* property) {
    spec.input_schema = Json{{"type", "object"}, {"properties", {{"a", Json::parse(property)}}}};
    return refusal(spec);
  };
  CHECK(with(R"({"type":"string","pattern":"^a$","maxLength":100})").empty());
  CHECK_THAT(with(R"({"type":"string","pattern":"^a$"})"), contains("maxLength"));
  CHECK_THAT(with(R"({"type":"string","anyOf":[{"pattern":"^a$","maxLength":9}]})"),
             contains("maxLength"));
}

TEST_CASE("after a start-up error every call is answered with it and nothing runs") {
  ServerOptions options = inline_options();
  options.startup_error = input_error(ErrorCode::kWorkspaceUnusable, "workspace", "/nowhere",
                                      "not a directory", "make it");
  Fixture server(options);
  CHECK(server.modern("1", "server/discover").contains("result"));
  CHECK(server.modern("1", "tools/list").contains("result"));
  const Json result = server.modern("2", "tools/call", R"("name":"hold")").at("result");
  CHECK(result.at("isError") == true);
  CHECK_THAT(result.dump(), contains("E1003"));
  CHECK_THAT(server.modern("3", "tools/call", R"("name":"unknown")").dump(), contains("E1003"));
  CHECK(server.held.size() == 0);
}

TEST_CASE("no thread is created before the first call") {
  ServerOptions options;
  Fixture server(options);
  server.initialize("2025-11-25");
  server.legacy("1", "tools/list");
  CHECK(server.server->workers().started_threads() == 0);
  server.start("2", "hold");
  REQUIRE(server.held.wait_for(1));
  CHECK(server.server->workers().started_threads() == 1);
  server.held.drop_all();
}
