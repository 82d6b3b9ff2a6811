#include "fixture.h"

using namespace mayfly::mcp;
using namespace mayfly::mcp::test;

namespace {

std::vector<std::string> keys(const Json& object) {
  std::vector<std::string> names;
  for (const auto& entry : object.items()) names.push_back(entry.key());
  return names;
}

using Keys = std::vector<std::string>;

struct Expected {
  const char* revision;
  Keys tool;
  Keys result;
  Keys server_info;
};

}  // namespace

TEST_CASE("each legacy revision gets the fields that it has and no others") {
  const Expected table[] = {
      {"2024-11-05",
       {"name", "description", "inputSchema"},
       {"content", "_meta"},
       {"name", "version"}},
      {"2025-03-26",
       {"name", "description", "inputSchema", "annotations"},
       {"content", "_meta"},
       {"name", "version"}},
      {"2025-06-18",
       {"name", "title", "description", "inputSchema", "outputSchema", "annotations", "_meta"},
       {"content", "structuredContent", "_meta"},
       {"name", "version", "title"}},
      {"2025-11-25",
       {"name", "title", "description", "inputSchema", "outputSchema", "annotations", "_meta"},
       {"content", "structuredContent", "_meta"},
       {"name", "version", "title", "websiteUrl"}},
  };
  for (const Expected& expected : table) {
    CAPTURE(expected.revision);
    Fixture server;
    const Json hello = server.initialize(expected.revision);
    CHECK(keys(hello.at("result").at("serverInfo")) == expected.server_info);
    const Json list = server.legacy("1", "tools/list").at("result");
    CHECK(keys(list) == Keys{"tools"});
    CHECK(keys(list.at("tools").at(1)) == expected.tool);
    const Json result = server.legacy("2", "tools/call", R"("name":"structured")").at("result");
    CHECK(keys(result) == expected.result);
    CHECK(keys(result.at("_meta")) == Keys{"example.org/receipt"});
  }
}

TEST_CASE("2025-03-26 has a tool's title among its annotations") {
  Fixture server;
  server.initialize("2025-03-26");
  const Json tool = server.legacy("1", "tools/list").at("result").at("tools").at(0);
  CHECK(tool.at("annotations").at("title") == "Echo");
}

TEST_CASE("modern results say their type, the server, and how long they may be kept") {
  Fixture server;
  const Json found = server.modern("1", "server/discover").at("result");
  CHECK(found.at("supportedVersions").dump() == R"(["2026-07-28"])");
  CHECK(found.at("capabilities").dump() == R"({"tools":{},"resources":{}})");
  CHECK(found.at("instructions") == "Use echo.");
  CHECK(found.at("resultType") == "complete");
  CHECK(found.at("ttlMs").is_number_unsigned());
  CHECK(found.at("cacheScope") == "private");
  CHECK(found.at("_meta").at("io.modelcontextprotocol/serverInfo").dump() ==
        R"({"name":"mayfly","version":"1.0","title":"Mayfly","websiteUrl":"https://example.org"})");

  const Json list = server.modern("2", "tools/list").at("result");
  CHECK(keys(list) == Keys{"tools", "ttlMs", "cacheScope", "resultType", "_meta"});

  const Json result = server.modern("3", "tools/call", R"("name":"structured")").at("result");
  CHECK(keys(result) == Keys{"content", "structuredContent", "resultType", "_meta"});
  CHECK(keys(result.at("_meta")) ==
        Keys{"example.org/receipt", "io.modelcontextprotocol/serverInfo"});
}

TEST_CASE("tools are listed in the order of their registration, on one page") {
  Fixture server;
  const Json list = server.modern("1", "tools/list").at("result");
  std::vector<std::string> names;
  for (const Json& tool : list.at("tools")) names.push_back(tool.at("name"));
  CHECK(names == Keys{"echo", "structured", "hold", "drop", "throw"});
  CHECK_FALSE(list.contains("nextCursor"));
}

TEST_CASE("a cursor that was never given is refused, an absent one is not missed") {
  Fixture server;
  for (const char* cursor : {"\"\"", "\"x\"", "3"}) {
    CHECK(code_of(server.modern("1", "tools/list", "\"cursor\":" + std::string(cursor))) == -32602);
  }
  CHECK(server.modern("1", "tools/list", R"("cursor":null)").contains("result"));
}

TEST_CASE("images are sent as image blocks") {
  const Json blocks = content_blocks({ImageContent{"image/png", "AAAA"}, TextContent{"t"}});
  CHECK(blocks.dump() ==
        R"([{"type":"image","data":"AAAA","mimeType":"image/png"},{"type":"text","text":"t"}])");
}

TEST_CASE("instructions are cut at 2 KiB and a file name in them cannot break the answer") {
  HeldCalls held;
  auto server = Server::make(
      {"m", "", "1", ""}, [] { return "\xff" + std::string(5000, 'x'); }, fixture_tools(held),
      inline_options());
  REQUIRE(server);
  CHECK((*server)->instructions().size() <= 2048);
  Session session(**server, "local");
  const auto sink = std::make_shared<RecordingSink>();
  session.receive(R"({"jsonrpc":"2.0","id":1,"method":"server/discover","params":{)" +
                      std::string(kModernMeta) + "}}",
                  sink);
  CHECK(sink->at(0).contains("result"));
}
