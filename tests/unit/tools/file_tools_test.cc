#include <string>

#include "files/edit.h"
#include "files/list.h"
#include "files/read.h"
#include "files/write.h"
#include "tools/receipt.h"
#include "unit/catch_shim.h"
#include "unit/tools/fake_engine.h"

namespace mayfly::tools {
namespace {

using files::ListEntry;
using files::ReadAnswer;
using mcp::Json;
using test::contains;
using test::Kitchen;
using test::text_of;

// What a tool makes of an answer from its sandbox.
template <typename T>
mcp::ToolResult answered(Kitchen& kitchen, const std::string& tool, const Json& arguments,
                         const Result<T>& answer) {
  const auto reply = kitchen.call(tool, arguments);
  REQUIRE_FALSE(kitchen.engine->calls.empty());
  kitchen.engine->last().print(files::encode(answer));
  kitchen.engine->last().exit(0);
  return reply->wait();
}

ReadAnswer some_text() {
  ReadAnswer read;
  read.content = "one\ntwo\n";
  read.size = 12;
  read.modified_ns = 1'800'000'000'000'000'000;
  read.first_line = 1;
  read.last_line = 2;
  read.total_lines = 3;
  read.next_line = 3;
  read.digest = "0123456789abcdef";
  return read;
}

std::string ask(const Json& arguments, const std::string& tool) {
  Kitchen kitchen;
  const auto reply = kitchen.call(tool, arguments);
  if (!kitchen.engine->calls.empty()) return "started";
  const mcp::ToolResult result = reply->wait();
  CHECK(result.is_error);
  return text_of(result);
}

TEST_CASE("a page of text is one line of facts, where to go on, and the text") {
  Kitchen kitchen;
  const mcp::ToolResult result =
      answered(kitchen, "read_file", {{"path", "src/a.cc"}}, Result<ReadAnswer>(some_text()));
  CHECK_FALSE(result.is_error);
  CHECK_FALSE(result.structured);
  CHECK(text_of(result) ==
        "src/a.cc · lines 1-2 of 3 · 12 B · modified 2027-01-15 08:00:00Z · digest "
        "0123456789abcdef\nnext: offset 3\n\none\ntwo\n");
  CHECK(result.meta[kReceiptMetaKey]["call_id"] == "call-1");
  CHECK(kitchen.bench.calls.find("local", "call-1"));
}

TEST_CASE("what is asked for reaches the task, under limits of its own") {
  Kitchen kitchen;
  kitchen.call("read_file", {{"path", "/usr/share/x"}, {"offset", -5}, {"encoding", "latin-1"}});
  const sandbox::Command& command = kitchen.engine->last().command();
  CHECK(command.task == "read");
  CHECK(command.argv.empty());
  CHECK(command.limits.wall == milliseconds{60'000});
  CHECK(command.caller == "local");
  const auto request = files::decode_read_request(*command.stdin_bytes);
  REQUIRE(request);
  CHECK(request->target == files::Target{"/usr/share", "x", "x"});
  CHECK(request->offset == -5);
  CHECK(request->charset == files::Charset::kLatin1);
}

TEST_CASE("an image is one block, and its facts are in _meta") {
  ReadAnswer image;
  image.kind = ReadAnswer::Kind::kImage;
  image.charset = files::Charset::kBinary;
  image.mime_type = "image/png";
  image.content = "\x89PNG";
  image.size = 4;
  Kitchen kitchen;
  const mcp::ToolResult result =
      answered(kitchen, "read_file", {{"path", "a.png"}}, Result<ReadAnswer>(image));
  REQUIRE(result.content.size() == 1);
  const auto& block = std::get<mcp::ImageContent>(result.content[0]);
  CHECK(block.mime_type == "image/png");
  CHECK(block.base64 == "iVBORw==");
  CHECK_THAT(result.meta["dev.mayfly/file"].get<std::string>(),
             contains("a.png · image/png · 4 B"));
}

TEST_CASE("a name with a line feed cannot add a line of facts") {
  Kitchen kitchen;
  const std::string text = text_of(
      answered(kitchen, "read_file", {{"path", "a\ndenied: b"}}, Result<ReadAnswer>(some_text())));
  CHECK_THAT(text, contains("a\\ndenied: b · lines"));
}

TEST_CASE("errors of the sandbox are told as they are") {
  Kitchen kitchen;
  const mcp::ToolResult result = answered(
      kitchen, "read_file", {{"path", "x"}},
      Result<ReadAnswer>(fail(input_error(ErrorCode::kNotFound, "path", "x", "is not", "look"))));
  CHECK(result.is_error);
  CHECK_THAT(text_of(result), contains("E5002") && contains("Remedy: look"));
  CHECK(result.meta.contains(kReceiptMetaKey));
}

TEST_CASE("an answer that never came has a code for what happened") {
  struct Case {
    sandbox::EndedBy by;
    const char* code;
  };
  for (const auto& [by, code] :
       {Case{sandbox::EndedBy::kTimeout, "E4002"}, Case{sandbox::EndedBy::kMemory, "E4002"},
        Case{sandbox::EndedBy::kDisk, "E4002"}, Case{sandbox::EndedBy::kOutput, "E4002"},
        Case{sandbox::EndedBy::kSeccomp, "E6002"}, Case{sandbox::EndedBy::kSignal, "E6002"}}) {
    Kitchen kitchen;
    const auto reply = kitchen.call("read_file", {{"path", "x"}});
    sandbox::Report report = kitchen.engine->last().ended(by);
    report.signal = 9;
    kitchen.engine->last().finish(std::move(report));
    const mcp::ToolResult result = reply->wait();
    CHECK(result.is_error);
    CHECK_THAT(text_of(result), contains(code));
  }
  Kitchen kitchen;
  const auto broken = kitchen.call("read_file", {{"path", "x"}});
  kitchen.engine->last().print("nonsense");
  kitchen.engine->last().exit(0);
  CHECK_THAT(text_of(broken->wait()), contains("E6002"));
  const auto failed = kitchen.call("read_file", {{"path", "x"}});
  kitchen.engine->last().exit(70);
  CHECK_THAT(text_of(failed->wait()), contains("E6002"));
}

TEST_CASE("a call that the client withdraws is killed") {
  Kitchen kitchen;
  const auto reply = kitchen.call("read_file", {{"path", "x"}});
  kitchen.cancel.cancel();
  CHECK_FALSE(reply->answered());
  const auto receipt = kitchen.bench.calls.find("local", "call-1");
  REQUIRE(receipt);
  CHECK((*receipt)["ended_by"] == "cancelled");
}

TEST_CASE("what was denied is said, and a file that was not kept is an error") {
  const auto written = [](const char* path) {
    Kitchen kitchen;
    const auto reply = kitchen.call("write_file", {{"path", path}, {"content", "x"}});
    files::WriteAnswer answer;
    answer.created = true;
    kitchen.engine->last().print(files::encode(Result<files::WriteAnswer>(answer)));
    sandbox::Report report = kitchen.engine->last().ended(sandbox::EndedBy::kExit);
    report.exit_code = 0;
    sandbox::Violation violation;
    violation.kind = sandbox::ViolationKind::kHostCode;
    violation.operation = "appeared";
    violation.target = ".vscode/tasks.json";
    report.violations = {violation};
    kitchen.engine->last().finish(std::move(report));
    return reply->wait();
  };
  const mcp::ToolResult own = written(".vscode/tasks.json");
  CHECK(own.is_error);
  CHECK_THAT(text_of(own), contains("E2001") && contains("denied: host_code appeared"));
  const mcp::ToolResult other = written("a");
  CHECK_FALSE(other.is_error);
  CHECK_THAT(text_of(other), contains("wrote a · created · 0 B\ndenied: host_code appeared"));
}

TEST_CASE("bytes are written from base64, and what is none is refused") {
  Kitchen kitchen;
  kitchen.call("write_file", {{"path", "x"}, {"content", "AP8="}, {"encoding", "base64"}});
  const auto request = files::decode_write_request(*kitchen.engine->last().command().stdin_bytes);
  REQUIRE(request);
  CHECK(request->content == std::string("\0\xff", 2));
  CHECK(request->charset == files::Charset::kBinary);
  CHECK(request->mode == files::WriteMode::kCreate);
  CHECK_THAT(ask({{"path", "x"}, {"content", "A*"}, {"encoding", "base64"}}, "write_file"),
             contains("E5001 content"));
}

TEST_CASE("an edit answers with what it did and the diff") {
  files::EditAnswer edited;
  edited.replacements = 2;
  edited.size = 10;
  edited.diff = "--- a\n+++ a\n";
  const Json arguments = {{"path", "a"}, {"edits", {{{"old", "x"}, {"new", "y"}}}}};
  Kitchen kitchen;
  CHECK(text_of(answered(kitchen, "edit_file", arguments, Result<files::EditAnswer>(edited))) ==
        "edited a · 2 replacements · 10 B\n\n--- a\n+++ a\n");
  Json dry = arguments;
  dry["dry_run"] = true;
  CHECK_THAT(text_of(answered(kitchen, "edit_file", dry, Result<files::EditAnswer>(edited))),
             contains("would edit a"));
}

ListEntry entry(const char* path, ListEntry::Kind kind, std::uint64_t size) {
  ListEntry out;
  out.path = path;
  out.kind = kind;
  out.size = size;
  return out;
}

TEST_CASE("a directory is a tree, whose pages name the directories that they are in") {
  files::ListAnswer list;
  list.entries = {entry("a", ListEntry::Kind::kDirectory, 0),
                  entry("a/b.cc", ListEntry::Kind::kFile, 312),
                  entry("l\n", ListEntry::Kind::kLink, 0)};
  list.entries[2].link = "a";
  list.total = 3;
  Kitchen kitchen;
  CHECK(text_of(
            answered(kitchen, "list_directory", Json::object(), Result<files::ListAnswer>(list))) ==
        ". · 3 entries\n\na/\n  b.cc  312 B\nl\\n -> a");
  list.entries.erase(list.entries.begin());
  list.entries.pop_back();
  CHECK(text_of(answered(kitchen, "list_directory", {{"offset", 1}, {"max_entries", 1}},
                         Result<files::ListAnswer>(list))) ==
        ". · entries 2-2 of 3 entries\nnext: offset 2\n\na/\n  b.cc  312 B");
}

TEST_CASE("a search runs ripgrep without a shell, and nothing of the caller's is an option") {
  Kitchen kitchen;
  kitchen.call("search_files", {{"pattern", "--pre=evil"}, {"glob", "--files"}, {"type", "cc"}});
  const sandbox::Command& command = kitchen.engine->last().command();
  CHECK(command.argv[0] == "rg");
  CHECK(command.argv[1] == "--no-config");
  CHECK(command.cwd == "/usr/share");
  const std::vector<std::string> tail(command.argv.end() - 5, command.argv.end());
  CHECK(tail ==
        std::vector<std::string>{"--glob=--files", "--type=cc", "--regexp=--pre=evil", "--", "."});
  CHECK_THAT(ask({{"pattern", std::string("a\0b", 3)}}, "search_files"), contains("E5001 pattern"));
}

TEST_CASE("a path to search is looked at first, and ripgrep started only if that went well") {
  Kitchen kitchen;
  const auto refused = kitchen.call("search_files", {{"pattern", "x"}, {"path", "fifo"}});
  CHECK(kitchen.engine->last().command().task == "look");
  kitchen.engine->last().print(files::encode(Result<ReadAnswer>(
      fail(input_error(ErrorCode::kInvalidArgument, "path", "fifo", "a FIFO", "")))));
  kitchen.engine->last().exit(0);
  CHECK_THAT(text_of(refused->wait()), contains("E5001 path"));
  CHECK(kitchen.engine->calls.size() == 1);

  kitchen.engine->exit_at_once = 1;  // of ripgrep: nothing found
  const auto found = kitchen.call("search_files", {{"pattern", "x"}});
  CHECK(text_of(found->wait()).starts_with("no matches\nnote: hidden and ignored"));
  kitchen.engine->exit_at_once.reset();
  const auto below = kitchen.call("search_files", {{"pattern", "x"}, {"path", "-x"}});
  const auto look = kitchen.engine->calls.back();
  look->print(files::encode(Result<ReadAnswer>(ReadAnswer())));
  kitchen.engine->exit_at_once = 1;
  look->exit(0);
  CHECK(text_of(below->wait()).starts_with("no matches\nnote: hidden and ignored"));
  CHECK(kitchen.engine->last().command().argv.back() == "./-x");
}

mcp::ToolResult searched(const std::string& out, const std::string& err, int code,
                         sandbox::EndedBy by = sandbox::EndedBy::kExit) {
  Kitchen kitchen;
  const auto reply = kitchen.call("search_files", {{"pattern", "x"}, {"max_results", 1}});
  kitchen.engine->last().print(out);
  kitchen.engine->last().complain(err);
  sandbox::Report report = kitchen.engine->last().ended(by);
  report.exit_code = code;
  kitchen.engine->last().finish(std::move(report));
  return reply->wait();
}

TEST_CASE("a search says what it found, what it could not, and that there is more") {
  const std::string two("./a\0001:x\n./a\0002:x\n", 16);
  CHECK(text_of(searched(two, "", 0)) ==
        "2 matches in 1 file · shown: 1-1\nnext: offset 1\n\na\n  1: x");
  CHECK(text_of(searched("", "", 1)).starts_with("no matches\nnote: hidden and ignored"));
  CHECK_THAT(text_of(searched(two, "rg: ./b: Permission denied (os error 13)\n", 2)),
             contains("1 place could not be read"));
  CHECK_THAT(text_of(searched(two, "", 0, sandbox::EndedBy::kOutput)),
             contains("more than 2 matches") && contains("Narrow it"));
  const mcp::ToolResult refused = searched("", "regex parse error:\n    a(\n", 2);
  CHECK(refused.is_error);
  CHECK_THAT(text_of(refused), contains("E5001") && contains("regex parse error"));
}

TEST_CASE("a sandbox without ripgrep says how to get it") {
  Kitchen kitchen;
  const auto reply = kitchen.call("search_files", {{"pattern", "x"}});
  sandbox::Report report = kitchen.engine->last().ended(sandbox::EndedBy::kSetup);
  report.setup_error = input_error(ErrorCode::kProgramNotStarted, "command", "rg", "exec rg", "");
  kitchen.engine->last().finish(std::move(report));
  CHECK_THAT(text_of(reply->wait()), contains("E3001") && contains("apt install ripgrep"));
}

TEST_CASE("places that do not last are refused before anything starts") {
  CHECK_THAT(ask({{"path", "/tmp/x"}}, "read_file"),
             contains("E5001 path") && contains("$SCRATCH"));
  CHECK_THAT(ask({{"path", "/tmp/x"}, {"content", ""}}, "write_file"), contains("$SCRATCH"));
  CHECK_THAT(ask({{"pattern", "x"}, {"path", "/tmp"}}, "search_files"), contains("$SCRATCH"));
  CHECK_THAT(ask({{"path", "x"}, {"offset", 0}}, "read_file"), contains("E5001 offset"));
}

}  // namespace
}  // namespace mayfly::tools
