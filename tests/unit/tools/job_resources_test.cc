#include "tools/job_resources.h"

#include <random>
#include <string>

#include "base/text.h"
#include "mcp/jsonrpc.h"
#include "tools/call_resources.h"
#include "tools/resources.h"
#include "unit/catch_shim.h"
#include "unit/tools/fake_engine.h"

namespace mayfly::tools {
namespace {

using Form = mcp::ResourceContents::Form;
using mcp::Json;
using test::contains;
using test::Kitchen;

std::string background(Kitchen& kitchen, const std::string& principal = "local") {
  const auto answer =
      kitchen.call("run_command", {{"command", "serve"}, {"background", true}}, principal);
  return (*answer->wait().structured)["job_id"].get<std::string>();
}

// A finished job that printed `out`.
std::string finished(Kitchen& kitchen, const std::string& out, const std::string& err = "",
                     const std::string& principal = "local") {
  const std::string id = background(kitchen, principal);
  kitchen.engine->last().print(out);
  kitchen.engine->last().complain(err);
  kitchen.engine->last().exit(0);
  return id;
}

// The list without what is always in it.
std::vector<mcp::Resource> output_of(const std::string& principal,
                                     const mcp::ResourceRegistry& resources) {
  std::vector<mcp::Resource> list = resources.list(principal);
  std::erase_if(list, [](const mcp::Resource& each) { return each.uri == "mayfly://violations"; });
  return list;
}

std::string unbase64(const std::string& text) {
  static const std::string kAlphabet =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string out;
  unsigned bits = 0;
  unsigned held = 0;
  for (const char c : text) {
    const std::size_t value = kAlphabet.find(c);
    if (value == std::string::npos) break;
    held = (held << 6 | static_cast<unsigned>(value)) & 0xFFFFU;
    bits += 6;
    if (bits >= 8) {
      bits -= 8;
      out += static_cast<char>(held >> bits & 0xFFU);
    }
  }
  return out;
}

struct Page {
  std::string bytes;
  Form form = Form::kText;
  std::string mime_type;
  Json range;
};

Result<Page> page(const Kitchen& kitchen, const std::string& uri,
                  const std::string& principal = "local") {
  const auto resources = make_resources(const_cast<Workbench&>(kitchen.bench));
  const auto contents = TRY(resources.read(uri, principal));
  REQUIRE(contents.size() == 1);
  CHECK(contents[0].uri == uri);
  if (contents[0].form == Form::kText) CHECK(text::is_utf8(contents[0].data));
  return Page{contents[0].form == Form::kText ? contents[0].data : unbase64(contents[0].data),
              contents[0].form, contents[0].mime_type,
              contents[0].meta.value(kRangeMetaKey, Json())};
}

Page must(Result<Page> given) {
  REQUIRE(given);
  return *std::move(given);
}

// All of it, page after page, as the range tells.
std::string whole(const Kitchen& kitchen, const std::string& base, std::uint64_t length,
                  std::size_t* texts = nullptr) {
  std::string all;
  Json next = 0;
  while (!next.is_null()) {
    const Page part =
        must(page(kitchen, base + "?offset=" + next.dump() + "&length=" + std::to_string(length)));
    CHECK(part.range["offset"] == all.size());
    CHECK(part.range["length"] == part.bytes.size());
    if (texts != nullptr && part.form == Form::kText) ++*texts;
    all += part.bytes;
    const Json before = next;
    next = part.range.value("next_offset", Json());
    REQUIRE(next != before);
  }
  return all;
}

TEST_CASE("a job's output is read whole, a page at a time, whatever its bytes are") {
  std::mt19937 random(1);
  std::string noise(50'000, '\0');
  for (char& c : noise) c = static_cast<char>(random());
  std::string euros;
  for (int i = 0; i < 20'000; ++i) euros += i % 7 == 0 ? "x" : "\xE2\x82\xAC";
  Kitchen kitchen;
  for (const std::string& output : {std::string(), std::string("short\n"), noise, euros,
                                    euros.substr(1), euros + "\xE2\x82", euros + noise + euros}) {
    const std::string base = "mayfly://jobs/" + finished(kitchen, output, output) + "/";
    for (const std::uint64_t length : {997ULL, 65'536ULL, 1ULL << 20}) {
      CHECK(whole(kitchen, base + "stdout", length) == output);
    }
    CHECK(whole(kitchen, base + "stderr", 4096) == output);
  }
  // Down to single bytes, and text where it can be text.
  const std::string small = "mayfly://jobs/" + finished(kitchen, euros.substr(0, 100)) + "/stdout";
  for (std::uint64_t length = 1; length < 8; ++length) {
    CHECK(whole(kitchen, small, length) == euros.substr(0, 100));
  }
  std::size_t texts = 0;
  CHECK(whole(kitchen, "mayfly://jobs/" + finished(kitchen, euros) + "/stdout", 1000, &texts) ==
        euros);
  CHECK(texts >= euros.size() / 1000);
}

TEST_CASE("a page says which bytes it is, how many there are, and where to go on") {
  Kitchen kitchen;
  const std::string uri = "mayfly://jobs/" + finished(kitchen, "0123456789") + "/stdout";
  CHECK(must(page(kitchen, uri)).range.dump() == R"({"offset":0,"length":10,"total":10})");
  CHECK(must(page(kitchen, uri)).mime_type == "text/plain");
  CHECK(must(page(kitchen, uri + "?offset=2&length=3")).bytes == "234");
  CHECK(must(page(kitchen, uri + "?offset=2&length=3")).range.dump() ==
        R"({"offset":2,"length":3,"total":10,"next_offset":5})");
  CHECK(must(page(kitchen, uri + "?length=3&offset=7")).range.dump() ==
        R"({"offset":7,"length":3,"total":10})");
  for (const char* beyond : {"?offset=10", "?offset=11", "?offset=18446744073709551615"}) {
    CHECK(must(page(kitchen, uri + beyond)).bytes.empty());
    CHECK(must(page(kitchen, uri + beyond)).range.dump() ==
          R"({"offset":10,"length":0,"total":10})");
  }
}

TEST_CASE("a page is 1 MiB unless asked otherwise, and never more than 4 MiB") {
  Kitchen kitchen;
  const std::string uri =
      "mayfly://jobs/" + finished(kitchen, std::string(6U << 20, 'x')) + "/stdout";
  CHECK(must(page(kitchen, uri)).bytes.size() == 1U << 20);
  CHECK(must(page(kitchen, uri + "?length=5000000")).bytes.size() == 4U << 20);
  CHECK(must(page(kitchen, uri + "?length=18446744073709551615")).range["next_offset"] == 4U << 20);
}

TEST_CASE("a page always fits into one message, also of characters that JSON spells out") {
  Kitchen kitchen;
  for (const char c : {'\x1b', '\n', '"', '\\', '\xff', '\0'}) {
    const std::string uri =
        "mayfly://jobs/" + finished(kitchen, std::string(4U << 20, c)) + "/stdout";
    const auto contents = make_resources(kitchen.bench).read(uri + "?length=4194304", "local");
    REQUIRE(contents);
    CHECK(mcp::dump_json(contents->at(0).data).size() < mcp::kMaxMessageBytes - 4096);
    CHECK(must(page(kitchen, uri + "?length=4194304")).bytes == std::string(4U << 20, c));
  }
}

TEST_CASE("text is as the program wrote it, and what is not text comes as base64") {
  Kitchen kitchen;
  const auto read = [&](const std::string& out) {
    return must(page(kitchen, "mayfly://jobs/" + finished(kitchen, out) + "/stdout"));
  };
  const Page colours = read("\x1b[31mred\x1b[0m\r\n");
  CHECK(colours.form == Form::kText);
  CHECK(colours.bytes == "\x1b[31mred\x1b[0m\r\n");
  for (const std::string& bytes : {std::string("a\xff"), std::string("a\0b", 3)}) {
    CHECK(read(bytes).form == Form::kBase64);
    CHECK(read(bytes).mime_type == "application/octet-stream");
    CHECK(read(bytes).bytes == bytes);
  }
}

TEST_CASE("a page from inside a character is exactly the bytes that were asked for") {
  Kitchen kitchen;
  const std::string uri = "mayfly://jobs/" + finished(kitchen, "\xE2\x82\xAC!") + "/stdout";
  const Page inside = must(page(kitchen, uri + "?offset=1"));
  CHECK(inside.bytes == "\x82\xAC!");
  CHECK(inside.form == Form::kBase64);
  CHECK(inside.range["offset"] == 1);
}

TEST_CASE("a job that runs always has a next offset, and waits for the rest of a character") {
  Kitchen kitchen;
  const std::string uri = "mayfly://jobs/" + background(kitchen) + "/stdout";
  CHECK(must(page(kitchen, uri)).range.dump() ==
        R"({"offset":0,"length":0,"total":0,"next_offset":0})");
  kitchen.engine->last().print("a\xE2\x82");
  CHECK(must(page(kitchen, uri)).bytes == "a");
  CHECK(must(page(kitchen, uri + "?offset=1")).range.dump() ==
        R"({"offset":1,"length":0,"total":3,"next_offset":1})");
  kitchen.engine->last().print("\xAC");
  CHECK(must(page(kitchen, uri + "?offset=1")).bytes == "\xE2\x82\xAC");
  kitchen.engine->last().exit(0);
  CHECK_FALSE(must(page(kitchen, uri)).range.contains("next_offset"));
}

TEST_CASE("a URI that asks for no stream of a job is refused with words about what is wrong") {
  Kitchen kitchen;
  const std::string id = finished(kitchen, "secret");
  const std::string base = "mayfly://jobs/" + id;
  for (const std::string& uri :
       std::vector<std::string>{base,
                                base + "/",
                                base + "/stdin",
                                base + "/STDOUT",
                                base + "/stdout/",
                                base + "//stdout",
                                base + "/./stdout",
                                base + "/x/../stdout",
                                base + "%2fstdout",
                                base + "/stdout%00",
                                base + "/stdout ",
                                " " + base + "/stdout",
                                base + "/stdout#x",
                                base + std::string("/stdout\0", 8),
                                "mayfly://jobs/../jobs/" + id + "/stdout",
                                "mayfly://jobs//stdout",
                                "mayfly://jobs/",
                                "mayfly://jobs/" + id.substr(0, 27) + "/stdout",
                                "mayfly://jobs/" + id + "a/stdout",
                                "mayfly://user@jobs/" + id + "/stdout",
                                "mayfly://jobs:80/" + id + "/stdout",
                                "MAYFLY://jobs/" + id + "/stdout",
                                "file:///etc/passwd",
                                "http://jobs/" + id + "/stdout"}) {
    CAPTURE(uri);
    const auto refused = make_resources(kitchen.bench).read(uri, "local");
    REQUIRE_FALSE(refused);
    CHECK(refused.error().code == ErrorCode::kNotFound);
    CHECK_FALSE(refused.error().remedy.empty());
  }
  for (const char* query : {"?",
                            "?offset",
                            "?offset=",
                            "?offset=-1",
                            "?offset=+1",
                            "?offset=0x10",
                            "?offset=1e3",
                            "?offset= 1",
                            "?offset=1 ",
                            "?offset=%31",
                            "?offset=18446744073709551616",
                            "?offset=one",
                            "?length=0",
                            "?length=-5",
                            "?offset=1&offset=1",
                            "?offset=1&",
                            "?&offset=1",
                            "?offset=1?length=1",
                            "?Offset=1",
                            "?what=1",
                            "?offset=1#x",
                            "?offset=1;length=1"}) {
    CAPTURE(query);
    const auto refused = make_resources(kitchen.bench).read(base + "/stdout" + query, "local");
    REQUIRE_FALSE(refused);
    CHECK(refused.error().code == ErrorCode::kInvalidArgument);
    CHECK_FALSE(refused.error().remedy.empty());
  }
}

TEST_CASE("a caller's output is nobody else's, listed or not") {
  Kitchen kitchen;
  const std::string id = finished(kitchen, "secret", "", "alice");
  const auto resources = make_resources(kitchen.bench);
  CHECK(output_of("alice", resources).size() == 1);
  CHECK(output_of("bob", resources).empty());
  CHECK(page(kitchen, "mayfly://jobs/" + id + "/stdout", "alice"));
  const auto refused = page(kitchen, "mayfly://jobs/" + id + "/stdout", "bob");
  REQUIRE_FALSE(refused);
  CHECK_THAT(refused.error().message, contains("no such job"));
}

TEST_CASE("a job that was forgotten says so") {
  WorkbenchOptions options;
  options.jobs.finished = 1;
  Kitchen kitchen(options);
  const std::string old = finished(kitchen, "old");
  const std::string later = finished(kitchen, "new");
  const auto refused = page(kitchen, "mayfly://jobs/" + old + "/stdout");
  REQUIRE_FALSE(refused);
  CHECK(refused.error().code == ErrorCode::kNotFound);
  CHECK_THAT(refused.error().message, contains("forgotten"));
  CHECK(page(kitchen, "mayfly://jobs/" + later + "/stdout"));
}

TEST_CASE("the list has the streams in which something is, the latest job first") {
  Kitchen kitchen;
  const std::string quiet = finished(kitchen, "");
  const std::string loud = finished(kitchen, "out", std::string("\0\1\2", 3));
  const std::string running = background(kitchen);
  const auto list = output_of("local", make_resources(kitchen.bench));
  REQUIRE(list.size() == 4);
  CHECK(list[0].uri == "mayfly://jobs/" + running + "/stdout");
  CHECK_FALSE(list[0].size);  // it grows
  CHECK(list[1].uri == "mayfly://jobs/" + running + "/stderr");
  CHECK(list[2].uri == "mayfly://jobs/" + loud + "/stdout");
  CHECK(list[2].size == 3);
  CHECK(list[2].mime_type == "text/plain");
  CHECK_THAT(list[2].title, contains("serve"));
  CHECK(list[3].uri == "mayfly://jobs/" + loud + "/stderr");
  CHECK(list[3].mime_type == "application/octet-stream");
}

TEST_CASE("an answer that was cut links to all of each cut stream, and only then") {
  Kitchen kitchen;
  const std::string big(50'000, 'x');
  const auto links = [](const mcp::ToolResult& result) {
    std::vector<mcp::Resource> found;
    for (const mcp::Content& block : result.content) {
      if (const auto* link = std::get_if<mcp::ResourceLinkContent>(&block)) {
        found.push_back(link->resource);
      }
    }
    return found;
  };
  const auto run = [&](const std::string& out, const std::string& err) {
    const auto answer = kitchen.call("run_command", {{"command", "x"}});
    kitchen.engine->last().print(out);
    kitchen.engine->last().complain(err);
    kitchen.engine->last().exit(0);
    return answer->wait();
  };
  CHECK(links(run("short", "short")).empty());

  const mcp::ToolResult cut = run(big, "short");
  const std::string id = (*cut.structured)["job_id"].get<std::string>();
  REQUIRE(links(cut).size() == 1);
  CHECK(links(cut)[0].uri == "mayfly://jobs/" + id + "/stdout");
  CHECK(links(cut)[0].size == big.size());
  CHECK(must(page(kitchen, links(cut)[0].uri)).bytes == big);
  CHECK(std::holds_alternative<mcp::TextContent>(cut.content[0]));
  CHECK(cut.structured->dump().find("mayfly://") == std::string::npos);

  CHECK(links(run(big, big)).size() == 2);
  CHECK(links(run("short", big)).at(0).uri.ends_with("/stderr"));
  const Json get = {{"job_id", id}};
  CHECK(links(kitchen.call("get_job", get)->wait()).size() == 1);
  CHECK(links(kitchen.call("stop_job", get)->wait()).size() == 1);
  const Json last = {{"job_id", id}, {"offset", 49'990}};
  CHECK(links(kitchen.call("get_job", last)->wait()).empty());
}

TEST_CASE("a call's full receipt is a resource of its caller") {
  Kitchen kitchen;
  finished(kitchen, "out", "", "alice");
  const auto resources = make_resources(kitchen.bench);
  const auto receipt = resources.read("mayfly://calls/call-1", "alice");
  REQUIRE(receipt);
  CHECK(receipt->at(0).mime_type == "application/json");
  CHECK(receipt->at(0).data == mcp::dump_json(*kitchen.bench.calls.find("alice", "call-1")));
  for (const char* uri : {"mayfly://calls/", "mayfly://calls/call-2", "mayfly://calls/call-1/",
                          "mayfly://calls/call-1?x=1", "mayfly://calls/%63all-1"}) {
    const auto refused = resources.read(uri, "alice");
    REQUIRE_FALSE(refused);
    CHECK(refused.error().code == ErrorCode::kNotFound);
  }
  CHECK_FALSE(resources.read("mayfly://calls/call-1", "bob"));
}

// Whatever is done to URIs that are good for one caller or the other, what comes back is the
// asker's own or nothing.
TEST_CASE("ten thousand mangled URIs give nobody another's output") {
  Kitchen kitchen;
  const std::string mine = finished(kitchen, "mine", "mine", "mallory");
  const std::string theirs = finished(kitchen, "$$$$$$", "$$$$$$", "alice");
  const auto resources = make_resources(kitchen.bench);
  const std::vector<std::string> seeds = {
      "mayfly://jobs/" + mine + "/stdout?offset=1&length=2",
      "mayfly://jobs/" + theirs + "/stdout?offset=0&length=100",
      "mayfly://jobs/" + mine + "/../" + theirs + "/stderr",
      "mayfly://jobs/" + theirs + "/stderr",
      "mayfly://calls/call-2",
      "mayfly://calls/call-1",
  };
  const std::vector<std::string> pieces = {"/",
                                           "..",
                                           "%2e%2e",
                                           "%00",
                                           "?",
                                           "&",
                                           "=",
                                           "offset=",
                                           "length=",
                                           "stdout",
                                           "stderr",
                                           "//",
                                           "#",
                                           "-1",
                                           "18446744073709551615",
                                           "99999999999999999999",
                                           mine,
                                           theirs,
                                           "mayfly://",
                                           "jobs/",
                                           "calls/",
                                           "call-2",
                                           "\xff",
                                           "\n",
                                           std::string(1, '\0'),
                                           "\xE2\x82\xAC",
                                           std::string(500, '/')};
  std::mt19937 random(7);
  const auto below = [&random](std::size_t limit) {
    return limit == 0 ? 0 : static_cast<std::size_t>(random()) % limit;
  };
  std::size_t answered = 0;
  for (int round = 0; round < 10'000; ++round) {
    std::string uri = seeds[below(seeds.size())];
    for (std::size_t change = below(4); change-- > 0;) {
      const std::size_t at = below(uri.size());
      switch (below(4)) {
        case 0:
          uri.insert(at, pieces[below(pieces.size())]);
          break;
        case 1:
          uri.erase(at, 1 + below(8));
          break;
        case 2:
          if (!uri.empty()) uri[at] = static_cast<char>(random());
          break;
        default:
          uri = uri.substr(0, at) + seeds[below(seeds.size())].substr(below(20));
      }
    }
    const auto contents = resources.read(uri, "mallory");
    if (!contents) continue;
    ++answered;
    for (const auto& part : *contents) {
      CAPTURE(uri);
      const std::string bytes = part.form == Form::kText ? part.data : unbase64(part.data);
      CHECK(bytes.find('$') == std::string::npos);
      CHECK(bytes.find("call-2") == std::string::npos);
    }
  }
  CHECK(answered > 100);
}

}  // namespace
}  // namespace mayfly::tools
