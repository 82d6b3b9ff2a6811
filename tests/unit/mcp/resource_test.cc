#include "fixture.h"

using namespace mayfly;
using namespace mayfly::mcp;
using namespace mayfly::mcp::test;

namespace {

using Keys = std::vector<std::string>;

Keys keys(const Json& object) {
  Keys names;
  for (const auto& entry : object.items()) names.push_back(entry.key());
  return names;
}

// One text of each principal, one blob, and what a provider can do wrong.
class Notes : public ResourceProvider {
 public:
  std::string_view prefix() const override { return "note://"; }
  std::vector<Resource> list(const std::string& principal) const override {
    return {{"note://" + principal, "mine", "Mine", "my note", "text/plain", 5},
            {"note://blob", "blob", "", "", "", {}}};
  }
  std::vector<ResourceTemplate> templates() const override {
    return {{"note://{who}{?from}", "note", "A note", "", "text/plain"}};
  }
  Result<std::vector<ResourceContents>> read(const std::string& uri,
                                             const std::string& principal) const override {
    if (held) held->wait();
    if (uri == "note://" + principal) {
      ResourceContents text{uri, "text/plain", ResourceContents::Form::kText, "hello", {}};
      text.meta = Json{{"example.org/range", {{"next_offset", 5}}}};
      return std::vector{text};
    }
    if (uri == "note://blob") {
      return std::vector{
          ResourceContents{uri, "", ResourceContents::Form::kBase64, "AAAA", Json::object()}};
    }
    if (uri == "note://huge") {
      return std::vector{ResourceContents{
          uri, "", ResourceContents::Form::kText, std::string(kMaxMessageBytes, 'x'), {}}};
    }
    if (uri == "note://throw") throw std::runtime_error("no");
    if (uri == "note://broken") return fail(system_error("read note", 5));
    if (uri == "note://wrong") {
      return fail(input_error(ErrorCode::kInvalidArgument, "from", "x", "no number", "give one"));
    }
    return fail(input_error(ErrorCode::kNotFound, "uri", uri, "no such note", "write it"));
  }
  Event* held = nullptr;
};

// The second provider, with a prefix of its own and nothing in its list.
class Empty : public ResourceProvider {
 public:
  std::string_view prefix() const override { return "empty://"; }
  std::vector<Resource> list(const std::string&) const override { return {}; }
  Result<std::vector<ResourceContents>> read(const std::string&,
                                             const std::string&) const override {
    return std::vector<ResourceContents>{};
  }
};

ServerOptions with_notes(ServerOptions options = inline_options(), Event* held = nullptr) {
  auto notes = std::make_shared<Notes>();
  notes->held = held;
  options.resources.add(std::move(notes));
  options.resources.add(std::make_shared<Empty>());
  return options;
}

std::string uri(const std::string& text) { return R"("uri":")" + text + "\""; }

}  // namespace

TEST_CASE("each legacy revision gets the fields of resources that it has and no others") {
  struct Expected {
    const char* revision;
    Keys resource;
    Keys resource_template;
    Keys contents;
    Keys result;
  };
  const Keys untitled = {"uri", "name", "description", "mimeType", "size"};
  const Keys titled = {"uri", "name", "title", "description", "mimeType", "size"};
  const Expected table[] = {
      {"2024-11-05",
       untitled,
       {"uriTemplate", "name", "mimeType"},
       {"uri", "mimeType", "text"},
       {"contents", "_meta"}},
      {"2025-03-26",
       untitled,
       {"uriTemplate", "name", "mimeType"},
       {"uri", "mimeType", "text"},
       {"contents", "_meta"}},
      {"2025-06-18",
       titled,
       {"uriTemplate", "name", "title", "mimeType"},
       {"uri", "mimeType", "text", "_meta"},
       {"contents"}},
      {"2025-11-25",
       titled,
       {"uriTemplate", "name", "title", "mimeType"},
       {"uri", "mimeType", "text", "_meta"},
       {"contents"}},
  };
  for (const Expected& expected : table) {
    CAPTURE(expected.revision);
    Fixture server(with_notes());
    CHECK(server.initialize(expected.revision).at("result").at("capabilities").dump() ==
          R"({"tools":{},"resources":{}})");
    const Json list = server.legacy("1", "resources/list").at("result");
    CHECK(keys(list) == Keys{"resources"});
    CHECK(keys(list.at("resources").at(0)) == expected.resource);
    CHECK(keys(list.at("resources").at(1)) == Keys{"uri", "name"});
    const Json templates = server.legacy("2", "resources/templates/list").at("result");
    CHECK(keys(templates) == Keys{"resourceTemplates"});
    CHECK(keys(templates.at("resourceTemplates").at(0)) == expected.resource_template);
    const Json read = server.legacy("3", "resources/read", uri("note://local")).at("result");
    CHECK(keys(read) == expected.result);
    CHECK(keys(read.at("contents").at(0)) == expected.contents);
    CHECK(read.dump().find(R"("next_offset":5)") != std::string::npos);
    const Json blob = server.legacy("4", "resources/read", uri("note://blob")).at("result");
    CHECK(blob.dump() == R"({"contents":[{"uri":"note://blob","blob":"AAAA"}]})");
  }
}

TEST_CASE("modern answers about resources say their type, and that content must not be kept") {
  Fixture server(with_notes());
  const Json list = server.modern("1", "resources/list").at("result");
  CHECK(keys(list) == Keys{"resources", "ttlMs", "cacheScope", "resultType", "_meta"});
  CHECK(list.at("ttlMs") == 0);
  CHECK(list.at("cacheScope") == "private");
  const Json templates = server.modern("2", "resources/templates/list").at("result");
  CHECK(keys(templates) == Keys{"resourceTemplates", "ttlMs", "cacheScope", "resultType", "_meta"});
  CHECK(templates.at("ttlMs") == 60'000);
  const Json read = server.modern("3", "resources/read", uri("note://local")).at("result");
  CHECK(keys(read) == Keys{"contents", "ttlMs", "cacheScope", "resultType", "_meta"});
  CHECK(read.at("ttlMs") == 0);
  CHECK(read.at("resultType") == "complete");
  CHECK(read.at("contents").dump() ==
        R"([{"uri":"note://local","mimeType":"text/plain","text":"hello",)"
        R"("_meta":{"example.org/range":{"next_offset":5}}}])");
}

TEST_CASE("a resource that is not there is refused with its URI and the code of the revision") {
  for (const char* wanted : {"note://nobody", "other://x", "", "note:/local", "NOTE://local"}) {
    CAPTURE(wanted);
    Fixture server(with_notes());
    const Json modern = server.modern("1", "resources/read", uri(wanted));
    CHECK(code_of(modern) == -32602);
    CHECK(modern.at("error").at("data").at("uri") == wanted);
    CHECK(modern.at("error").at("data").at("code") == "E5002");
    for (const char* revision : {"2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25"}) {
      server.initialize(revision);
      const Json legacy = server.legacy("2", "resources/read", uri(wanted));
      CHECK(code_of(legacy) == -32002);
      CHECK(legacy.at("error").at("data").at("uri") == wanted);
    }
  }
}

TEST_CASE("a read that cannot be answered says why, in either era") {
  std::vector<std::string> log;
  ServerOptions options = inline_options();
  options.log = [&log](const std::string& line) { log.push_back(line); };
  Fixture server(with_notes(options));
  server.initialize("2025-11-25");
  const auto code = [&](const std::string& members) {
    const Json legacy = server.legacy("1", "resources/read", members);
    const Json modern = server.modern("2", "resources/read", members);
    CHECK(code_of(legacy) == code_of(modern));
    return code_of(modern);
  };
  CHECK(code("") == -32602);
  CHECK(code(R"("uri":7)") == -32602);
  CHECK(code(R"("uri":null)") == -32602);
  CHECK(code(uri("note://" + std::string(3000, 'a'))) == -32602);
  CHECK(code(uri("note://wrong")) == -32602);
  CHECK(code(uri("note://broken")) == -32603);
  CHECK(code(uri("note://huge")) == -32603);
  CHECK(log.empty());
  CHECK(code(uri("note://throw")) == -32603);
  CHECK(log.size() == 2);
  CHECK(server.server->slots()->taken() == 0);
}

TEST_CASE("lists of resources are one page: no cursor was ever given") {
  Fixture server(with_notes());
  for (const char* method : {"resources/list", "resources/templates/list"}) {
    for (const char* cursor : {"\"\"", "\"x\"", "3"}) {
      CHECK(code_of(server.modern("1", method, "\"cursor\":" + std::string(cursor))) == -32602);
    }
    CHECK(server.modern("1", method, R"("cursor":null)").contains("result"));
  }
}

TEST_CASE("each principal is asked for by name, and sees its own") {
  Fixture server(with_notes());
  server.session = std::make_unique<Session>(*server.server, "alice");
  CHECK(server.modern("1", "resources/list").at("result").at("resources").at(0).at("uri") ==
        "note://alice");
  CHECK(server.modern("2", "resources/read", uri("note://alice")).contains("result"));
  CHECK(code_of(server.modern("3", "resources/read", uri("note://local"))) == -32602);
  CHECK(server.modern("4", "resources/read", uri("empty://x")).at("result").at("contents").empty());
}

TEST_CASE("a server that could not start has no resources and says why it reads none") {
  ServerOptions options = inline_options();
  options.startup_error = input_error(ErrorCode::kWorkspaceUnusable, "workspace", "/x", "gone", "");
  Fixture server(options);
  CHECK(server.modern("1", "resources/list").at("result").at("resources").empty());
  const Json read = server.modern("2", "resources/read", uri("note://local"));
  CHECK(code_of(read) == -32603);
  CHECK(read.at("error").at("data").at("code") == "E1003");
}

TEST_CASE("a read runs in a worker, counts as a call in flight, and can be withdrawn") {
  Event go;
  ServerOptions options;
  options.workers = 1;
  options.max_calls = 1;
  Fixture server(with_notes(options, &go));
  server.initialize("2025-11-25");
  const auto start = [&](const char* id) {
    server.session->receive(std::string(R"({"jsonrpc":"2.0","id":)") + id +
                                R"(,"method":"resources/read","params":{"uri":"note://local"}})",
                            server.sink);
  };
  start("1");
  CHECK(server.legacy("2", "ping").contains("result"));  // nobody waits for the read
  const Json full = server.legacy("3", "resources/read", uri("note://local"));
  CHECK(full.at("error").at("data").at("code") == "E4001");
  server.cancel("1");
  CHECK(server.sink->withdrawn() == 1);
  go.set();
  REQUIRE(server.session->drain(soon()));
  const std::size_t before = server.sink->size();
  start("1");
  REQUIRE(server.sink->wait_for(before + 1));
  CHECK(server.sink->last().contains("result"));
  CHECK(server.sink->size() == before + 1);
}

TEST_CASE("links to resources are blocks where the revision has them, and a line elsewhere") {
  HeldCalls held;
  ToolRegistry tools;
  ToolSpec spec{"link", "", "", Json{{"type", "object"}}, {}, {}, Json::object()};
  tools.add(spec, [](ToolCall, ToolReply reply) {
    ToolResult result = text_result("cut");
    result.content.emplace_back(
        ResourceLinkContent{{"note://all", "all of it", "All", "", "text/plain", 70'000}});
    reply(std::move(result));
  });
  auto server = Server::make({"m", "", "1", ""}, nullptr, std::move(tools), inline_options());
  REQUIRE(server);
  const auto blocks = [&](const char* revision) {
    Session session(**server, "local", legacy::revision_named(revision));
    const auto sink = std::make_shared<RecordingSink>();
    const std::string meta = legacy::revision_named(revision) ? "" : std::string(",") + kModernMeta;
    session.receive(
        R"({"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"link")" + meta + "}}",
        sink);
    return sink->at(0).at("result").at("content").dump();
  };
  const std::string link =
      R"([{"type":"text","text":"cut"},{"type":"resource_link","uri":"note://all",)"
      R"("name":"all of it","title":"All","mimeType":"text/plain","size":70000}])";
  const std::string line = R"([{"type":"text","text":"cut"},)"
                           R"x({"type":"text","text":"all of it: note://all (70000 bytes)"}])x";
  for (const char* revision : {"2024-11-05", "2025-03-26"}) CHECK(blocks(revision) == line);
  for (const char* revision : {"2025-06-18", "2025-11-25", "2026-07-28"}) {
    CHECK(blocks(revision) == link);
  }
}

TEST_CASE("what no revision here offers with resources is no method") {
  Fixture server(with_notes());
  server.initialize("2025-11-25");
  for (const char* method : {"resources/subscribe", "resources/unsubscribe", "resources/write"}) {
    CHECK(code_of(server.legacy("1", method, uri("note://local"))) == -32601);
    CHECK(code_of(server.modern("2", method, uri("note://local"))) == -32601);
  }
}
