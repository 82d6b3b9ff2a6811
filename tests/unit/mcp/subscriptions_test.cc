#include <algorithm>
#include <atomic>
#include <set>
#include <thread>

#include "fixture.h"
#include "mcp/legacy/subscriptions.h"
#include "mcp/modern/listen.h"
#include "mcp/resource_updates.h"

using namespace mayfly;
using namespace mayfly::mcp;
using namespace mayfly::mcp::test;

namespace {

// Notes "note://0" to "note://199" for everybody, and one of each principal's own.
class Notes : public ResourceProvider {
 public:
  std::string_view prefix() const override { return "note://"; }
  std::vector<Resource> list(const std::string& principal) const override {
    std::vector<Resource> all;
    for (int i = 0; i < 200; ++i) {
      all.push_back({"note://" + std::to_string(i), "n", "", "", "", {}});
    }
    all.push_back({"note://" + principal, "mine", "", "", "", {}});
    return all;
  }
  Result<std::vector<ResourceContents>> read(const std::string& uri,
                                             const std::string&) const override {
    return std::vector{
        ResourceContents{uri, "", ResourceContents::Form::kText, "x", Json::object()}};
  }
};

struct Talk : Fixture {
  explicit Talk(std::shared_ptr<ResourceUpdates> given = std::make_shared<ResourceUpdates>())
      : Fixture(options(given)), updates(std::move(given)) {
    session->subscriptions().send_through(sink);
  }
  static ServerOptions options(const std::shared_ptr<ResourceUpdates>& updates) {
    ServerOptions out = inline_options();
    out.resources.add(std::make_shared<Notes>());
    out.resources.set_updates(updates);
    return out;
  }
  Json subscribe(const std::string& uri) {
    return legacy("1", "resources/subscribe", R"("uri":")" + uri + "\"");
  }
  std::vector<Json> listen(const std::string& id, const std::string& notifications) {
    return send(R"({"jsonrpc":"2.0","id":)" + id +
                R"(,"method":"subscriptions/listen","params":{"notifications":)" + notifications +
                "," + kModernMeta + "}}");
  }
  // What is said when `uri` changes.
  std::vector<Json> change(const std::string& uri, const std::string& principal = "local") {
    const std::size_t before = sink->size();
    updates->changed(principal, uri);
    std::vector<Json> said;
    for (std::size_t i = before; i < sink->size(); ++i) said.push_back(sink->at(i));
    return said;
  }

  std::shared_ptr<ResourceUpdates> updates;
};

std::string watching(const std::string& uri) {
  return R"({"resourceSubscriptions":[")" + uri + "\"]}";
}

constexpr const char* kSubscription = "io.modelcontextprotocol/subscriptionId";

}  // namespace

TEST_CASE("a server without updates says no capability, and has no such methods") {
  Fixture server;
  CHECK(server.initialize("2025-11-25")["result"]["capabilities"]["resources"] == Json::object());
  CHECK(server.modern("1", "server/discover")["result"]["capabilities"]["resources"] ==
        Json::object());
  CHECK(code_of(server.legacy("2", "resources/unsubscribe", R"("uri":"note://1")")) == -32601);
}

TEST_CASE("every revision says that resources can be subscribed to") {
  for (const char* revision : {"2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25"}) {
    Talk server;
    CHECK(server.initialize(revision)["result"]["capabilities"]["resources"] ==
          Json{{"subscribe", true}});
    CHECK(server.subscribe("note://1")["result"] == Json::object());
    CHECK(server.change("note://1") ==
          std::vector{Json{{"jsonrpc", "2.0"},
                           {"method", "notifications/resources/updated"},
                           {"params", {{"uri", "note://1"}}}}});
  }
  Talk server;
  CHECK(server.modern("1", "server/discover")["result"]["capabilities"]["resources"] ==
        Json{{"subscribe", true}});
}

TEST_CASE(
    "resources/subscribe and unsubscribe are not there with a modern envelope, and listen not "
    "without") {
  Talk server;
  server.initialize("2025-11-25");
  CHECK(code_of(server.modern("1", "resources/subscribe", R"("uri":"note://1")")) == -32601);
  CHECK(code_of(server.modern("2", "resources/unsubscribe", R"("uri":"note://1")")) == -32601);
  CHECK(code_of(server.legacy("3", "subscriptions/listen", R"("notifications":{})")) == -32601);
}

TEST_CASE("only what was subscribed to is told, once for each change, until it is unsubscribed") {
  Talk server;
  server.initialize("2025-11-25");
  server.subscribe("note://1");
  server.subscribe("note://1");
  CHECK(server.change("note://2").empty());
  CHECK(server.change("note://1").size() == 1);
  CHECK(server.change("note://1", "somebody else").empty());
  CHECK(server.legacy("2", "resources/unsubscribe", R"("uri":"note://1")")["result"] ==
        Json::object());
  CHECK(server.change("note://1").empty());
  CHECK(server.updates->watches() == 0);
  CHECK(server.legacy("3", "resources/unsubscribe", R"("uri":"note://9")")["result"] ==
        Json::object());
}

TEST_CASE("a resource that is not there, or is somebody else's, cannot be subscribed to") {
  Talk server;
  server.initialize("2025-11-25");
  for (const char* uri : {"note://bob", "note://", "note://1/../2", "note://%31", "NOTE://1",
                          "file:///etc/passwd", "", "note://1\\u0000", "note://1\\n"}) {
    CAPTURE(uri);
    const Json refused = server.subscribe(uri);
    CHECK(code_of(refused) == -32002);
    CHECK(refused["error"]["data"].contains("uri"));
  }
  CHECK(code_of(server.subscribe(std::string(3000, 'x'))) == -32602);
  for (const char* params : {"", R"("uri":1)", R"("uri":null)", R"("uri":["note://1"])"}) {
    CHECK(code_of(server.legacy("1", "resources/subscribe", params)) == -32602);
    CHECK(code_of(server.legacy("1", "resources/unsubscribe", params)) == -32602);
  }
  CHECK(server.updates->watches() == 0);
}

TEST_CASE("a connection has a bounded number of subscriptions, a principal too") {
  Talk server;
  server.initialize("2025-11-25");
  for (std::size_t i = 0; i < legacy::Subscriptions::kMost; ++i) {
    CHECK(server.subscribe("note://" + std::to_string(i)).contains("result"));
  }
  const Json refused = server.subscribe("note://199");
  CHECK(code_of(refused) == -32603);
  CHECK(refused["error"]["data"]["code"] == "E4001");
  CHECK(server.subscribe("note://0").contains("result"));

  // Other connections of the same principal take the rest, and not more.
  auto updates = server.updates;
  std::vector<std::unique_ptr<Talk>> others;
  for (int i = 0; i < 8; ++i) {
    others.push_back(std::make_unique<Talk>(updates));
    others.back()->initialize("2025-11-25");
    for (std::size_t n = 0; n < legacy::Subscriptions::kMost; ++n) {
      others.back()->subscribe("note://" + std::to_string(n));
    }
  }
  CHECK(updates->watches() == ResourceUpdates::kMostOfOne);
  others.clear();
  CHECK(updates->watches() == legacy::Subscriptions::kMost);
}

TEST_CASE("a new handshake and the end of a connection leave no subscription behind") {
  auto updates = std::make_shared<ResourceUpdates>();
  {
    Talk server(updates);
    server.initialize("2025-11-25");
    server.subscribe("note://1");
    CHECK(updates->watches() == 1);
    server.initialize("2025-11-25");
    CHECK(updates->watches() == 0);
    CHECK(server.change("note://1").empty());
    server.subscribe("note://1");
    server.listen("7", watching("note://2"));
    CHECK(updates->watches() == 2);
  }
  CHECK(updates->watches() == 0);
  updates->changed("local", "note://1");
}

TEST_CASE("listen is acknowledged first, with what is honoured, and tags what it tells") {
  for (const char* id : {"7", "0", "\"\"", "\"listen:1\""}) {
    Talk server;
    const Json expected = Json::parse(id);
    const auto said = server.listen(
        id, R"({"toolsListChanged":true,"promptsListChanged":true,"resourcesListChanged":true,)"
            R"("resourceSubscriptions":["note://1","note://bob","note://1","file:///x"]})");
    REQUIRE(said.size() == 1);
    CHECK(said[0]["method"] == "notifications/subscriptions/acknowledged");
    CHECK(said[0]["params"]["notifications"] ==
          Json{{"resourceSubscriptions", Json::array({"note://1"})}});
    CHECK(said[0]["params"]["_meta"] == Json{{kSubscription, expected}});
    const auto told = server.change("note://1");
    REQUIRE(told.size() == 1);
    CHECK(told[0]["method"] == "notifications/resources/updated");
    CHECK(told[0]["params"] == Json{{"uri", "note://1"}, {"_meta", {{kSubscription, expected}}}});
    CHECK(server.change("note://bob").empty());
    CHECK(server.change("note://1", "bob").empty());
    server.cancel(id);
    CHECK(server.change("note://1").empty());
    CHECK(server.updates->watches() == 0);
    CHECK(server.sink->withdrawn() == 1);
  }
}

TEST_CASE("several listens go on side by side, each with its own id") {
  Talk server;
  server.listen("1", watching("note://1"));
  server.listen("2", watching("note://1"));
  std::set<int> ids;
  for (const Json& each : server.change("note://1"))
    ids.insert(each["params"]["_meta"][kSubscription].get<int>());
  CHECK(ids == std::set<int>{1, 2});
  // The id is taken as long as it goes on.
  CHECK(code_of(server.listen("1", watching("note://2")).at(0)) == -32600);
  server.cancel("1");
  CHECK(server.change("note://1").size() == 1);
  CHECK(server.listen("1", watching("note://2")).at(0).contains("method"));
}

TEST_CASE("a listen that can be told nothing is acknowledged and ends at once") {
  for (const char* filter :
       {"{}", R"({"toolsListChanged":true})", R"({"resourceSubscriptions":[]})",
        R"({"resourceSubscriptions":["note://nobody"]})"}) {
    Talk server;
    const auto said = server.listen("5", filter);
    REQUIRE(said.size() == 2);
    CHECK(said[0]["params"]["notifications"] == Json::object());
    CHECK(said[1]["id"] == 5);
    CHECK(said[1]["result"]["resultType"] == "complete");
    CHECK(said[1]["result"]["_meta"][kSubscription] == 5);
    // The next one may have the id again.
    CHECK(server.listen("5", filter).size() == 2);
  }
}

TEST_CASE("a filter that is none is refused") {
  Talk server;
  std::string many = "\"note://1\"";
  for (std::size_t i = 0; i < modern::kMostUris; ++i) many += ",\"note://1\"";
  for (const std::string& filter :
       std::vector<std::string>{std::string("null"), std::string("[]"), std::string("true"),
                                std::string(R"({"resourceSubscriptions":"note://1"})"),
                                std::string(R"({"resourceSubscriptions":[1]})"),
                                std::string(R"({"resourceSubscriptions":{"a":"note://1"}})"),
                                R"({"resourceSubscriptions":[")" + std::string(3000, 'x') + "\"]}",
                                R"({"resourceSubscriptions":[)" + many + "]}"}) {
    const auto said = server.listen("5", filter);
    REQUIRE(said.size() == 1);
    CHECK(code_of(said[0]) == -32602);
  }
  CHECK(server.updates->watches() == 0);
}

TEST_CASE("a connection has a bounded number of listens, and one that ended makes room") {
  Talk server;
  for (std::size_t i = 0; i < modern::kMostListens; ++i) {
    CHECK(server.listen(std::to_string(i), watching("note://1")).at(0).contains("method"));
  }
  CHECK(code_of(server.listen("99", watching("note://1")).at(0)) == -32603);
  server.cancel("0");
  CHECK(server.listen("99", watching("note://1")).at(0).contains("method"));
}

TEST_CASE("a listen that does not fit watches nothing") {
  auto updates = std::make_shared<ResourceUpdates>();
  std::string most;
  for (std::size_t i = 0; i < modern::kMostUris; ++i) {
    most += (i == 0 ? "\"note://" : ",\"note://") + std::to_string(i) + "\"";
  }
  const std::string filter = R"({"resourceSubscriptions":[)" + most + "]}";
  Talk server(updates);
  server.listen("0", watching("note://1"));
  for (int i = 1; i < 4; ++i) server.listen(std::to_string(i), filter);
  const std::size_t before = updates->watches();
  const auto refused = server.listen("4", filter);
  REQUIRE(refused.size() == 1);
  CHECK(refused[0]["error"]["data"]["code"] == "E4001");
  CHECK(updates->watches() == before);
  CHECK(server.listen("4", watching("note://2")).at(0).contains("method"));
}

TEST_CASE("a server that ends answers its listens, and nothing comes after") {
  Talk server;
  server.listen("3", watching("note://1"));
  const std::size_t before = server.sink->size();
  server.session->end_gracefully();
  REQUIRE(server.sink->size() == before + 1);
  CHECK(server.sink->last()["id"] == 3);
  CHECK(server.sink->last()["result"]["_meta"][kSubscription] == 3);
  CHECK(server.change("note://1").empty());
  server.session->withdraw_all();
  CHECK(server.sink->withdrawn() == 0);
}

TEST_CASE("changes from many threads while subscriptions come and go are told to none that ended") {
  Talk server;
  std::atomic<bool> enough{false};
  std::vector<std::thread> threads;
  for (int i = 0; i < 3; ++i) {
    threads.emplace_back([&] {
      while (!enough) server.updates->changed("local", "note://1");
    });
  }
  for (int i = 0; i < 50; ++i) {
    server.session->receive(
        R"({"jsonrpc":"2.0","id":"l","method":"subscriptions/listen","params":{)"
        R"("notifications":{"resourceSubscriptions":["note://1"]},)" +
            std::string(kModernMeta) + "}}",
        server.sink);
    server.session->receive(
        R"({"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":"l"}})",
        server.sink);
    const std::size_t then = server.sink->size();
    std::this_thread::yield();
    CHECK(server.sink->size() == then);
  }
  enough = true;
  for (std::thread& thread : threads) thread.join();
  CHECK(server.updates->watches() == 0);
  // Of each, the first that came was the acknowledgement.
  std::size_t acknowledged = 0;
  bool early = false;
  for (const Outgoing& each : server.sink->messages()) {
    if (each.text.find("acknowledged") != std::string::npos) ++acknowledged;
    early = early || acknowledged == 0;
  }
  CHECK_FALSE(early);
  CHECK(acknowledged == 50);
}
