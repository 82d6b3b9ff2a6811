#include "tools/violation_resources.h"

#include <string>

#include "tools/job_updates.h"
#include "tools/receipt_text.h"
#include "tools/resources.h"
#include "unit/catch_shim.h"
#include "unit/tools/fake_engine.h"

namespace mayfly::tools {
namespace {

using mcp::Json;
using sandbox::Violation;
using sandbox::ViolationKind;
using test::contains;
using test::Kitchen;
using test::text_of;

Violation denied(bool retryable = false, const std::string& remedy = "write below the workspace") {
  Violation violation;
  violation.kind = ViolationKind::kFilesystem;
  violation.operation = "write";
  violation.target = "/usr/a";
  violation.rule = "default: filesystem.write";
  violation.errno_name = "EROFS";
  violation.retryable = retryable;
  violation.remedy = remedy;
  return violation;
}

// A call that ends, denied this.
mcp::ToolResult run(Kitchen& kitchen, const Violation& violation,
                    const std::string& principal = "local") {
  const auto answer = kitchen.call("run_command", {{"command", "x"}}, principal);
  sandbox::Report report = kitchen.engine->last().ended(sandbox::EndedBy::kExit);
  report.exit_code = 1;
  report.violations = {violation};
  report.violations_total = 1;
  kitchen.engine->last().finish(std::move(report));
  return answer->wait();
}

std::string facts_of(const mcp::ToolResult& result) {
  const std::string text = text_of(result);
  return text.substr(0, text.find("\n\n"));
}

// Counts what it is told.
class Told : public mcp::ResourceUpdates::Watcher {
 public:
  void resource_changed(const std::string& uri) override {
    const std::lock_guard lock(mutex_);
    uris_.push_back(uri);
    changed_.notify_all();
  }
  bool wait_for(std::size_t count) {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, std::chrono::seconds(60), [&] { return uris_.size() >= count; });
  }
  std::vector<std::string> uris() {
    const std::lock_guard lock(mutex_);
    return uris_;
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<std::string> uris_;
};

}  // namespace

TEST_CASE("from the third call on the receipt says in every form that the rule will not change") {
  Kitchen kitchen;
  for (int i = 0; i < 2; ++i) {
    const auto result = run(kitchen, denied());
    CHECK_FALSE((*result.structured)["violations"][0].contains("repeated"));
    CHECK_THAT(facts_of(result), contains("; a retry cannot help. Remedy: write below"));
  }
  const auto result = run(kitchen, denied());
  CHECK((*result.structured)["violations"][0]["repeated"] == 3);
  CHECK(result.meta["dev.mayfly/receipt"]["violations"][0]["repeated"] == 3);
  CHECK_THAT(facts_of(result),
             contains("denied: filesystem write /usr/a: EROFS (default: filesystem.write); this is "
                      "the 3rd call that meets this: rule default: filesystem.write will not "
                      "change, so do something else. Remedy: write below the workspace"));
  CHECK_THAT(text_of(run(kitchen, denied())), contains("the 4th call"));
  const Json info = *kitchen.call("sandbox_info", {{"call_id", "call-3"}})->wait().structured;
  CHECK(info["receipt"]["violations"][0]["repeated"] == 3);
}

TEST_CASE("a denial that time can help is worded so, also when it is repeated") {
  Kitchen kitchen;
  run(kitchen, denied(true));
  run(kitchen, denied(true));
  CHECK_THAT(text_of(run(kitchen, denied(true))),
             contains("trying later, or less at a time, may help") && !contains("will not change"));
}

TEST_CASE("a repeated denial without a remedy says whom to ask") {
  Kitchen kitchen;
  run(kitchen, denied(false, ""));
  run(kitchen, denied(false, ""));
  CHECK_THAT(text_of(run(kitchen, denied(false, ""))), contains("or ask the operator"));
}

TEST_CASE("ordinals are English") {
  const auto words = [](std::uint64_t n) { return violation_line(denied(), n); };
  for (const char* each :
       {"3rd", "4th", "11th", "12th", "13th", "20th", "21st", "22nd", "23rd", "111th", "1003rd"}) {
    CHECK_THAT(words(std::stoull(each)), contains(std::string("the ") + each + " call"));
  }
}

TEST_CASE("what a job is asked for again and again counts as one call") {
  Kitchen kitchen;
  run(kitchen, denied());
  const auto started = kitchen.call("run_command", {{"command", "x"}, {"background", true}});
  const std::string id = (*started->wait().structured)["job_id"];
  sandbox::Report report = kitchen.engine->last().ended(sandbox::EndedBy::kExit);
  report.exit_code = 0;
  report.violations = {denied()};
  kitchen.engine->last().finish(std::move(report));
  for (int i = 0; i < 5; ++i) {
    const Json shown = *kitchen.call("get_job", {{"job_id", id}})->wait().structured;
    CHECK_FALSE(shown["violations"][0].contains("repeated"));
  }
  CHECK((*run(kitchen, denied()).structured)["violations"][0]["repeated"] == 3);
}

TEST_CASE("a file tool's header says that a denial is repeated") {
  Kitchen kitchen;
  std::string text;
  for (int i = 0; i < 3; ++i) {
    const auto answer = kitchen.call("write_file", {{"path", "a"}, {"content", "x"}});
    sandbox::Report report = kitchen.engine->last().ended(sandbox::EndedBy::kExit);
    report.exit_code = 0;
    report.violations = {denied()};
    kitchen.engine->last().finish(std::move(report));
    text = text_of(answer->wait());
  }
  CHECK_THAT(text, contains("the 3rd call"));
  CHECK(kitchen.bench.violations.latest("local").entries[0].tool == "write_file");
}

TEST_CASE("sandbox_info has what was denied lately, summed up, of the caller alone") {
  Kitchen kitchen;
  for (int i = 0; i < 4; ++i) run(kitchen, denied());
  for (int i = 0; i < 50; ++i) {
    Violation other = denied();
    other.target = "/other" + std::to_string(i) + "/x";
    run(kitchen, other);
  }
  run(kitchen, denied());
  const Json info = *kitchen.call("sandbox_info", Json::object())->wait().structured;
  CHECK(info["violations_total"] == 55);
  REQUIRE(info["recent_violations"].size() == 5);
  const Json& first = info["recent_violations"][0];
  CHECK(first["target"] == "/usr/a");
  CHECK(first["count"] == 5);
  CHECK(first["calls"] == 5);
  CHECK(first["repeated"] == 5);
  CHECK(info["recent_violations"][1]["target"] == "/other49/x");
  const Json others = *kitchen.call("sandbox_info", Json::object(), "bob")->wait().structured;
  CHECK(others["violations_total"] == 0);
  CHECK(others["recent_violations"].empty());
}

TEST_CASE("mayfly://violations has all of them as JSON and as text, for their own caller") {
  Kitchen kitchen;
  run(kitchen, denied(), "alice");
  const auto resources = make_resources(kitchen.bench);
  const auto read = resources.read("mayfly://violations", "alice");
  REQUIRE(read);
  REQUIRE(read->size() == 2);
  const Json facts = Json::parse(read->at(0).data);
  CHECK(facts["total"] == 1);
  CHECK(facts["calls"] == 1);
  CHECK(facts["violations"][0]["call_id"] == "call-1");
  CHECK(facts["violations"][0]["tool"] == "run_command");
  CHECK(facts["violations"][0]["target"] == "/usr/a");
  CHECK(facts["violations"][0]["time"].get<std::string>().size() == 20);
  CHECK(read->at(1).mime_type == "text/plain");
  CHECK_THAT(read->at(1).data, contains("1 denial in 1 call\n") &&
                                   contains("run_command call-1: filesystem write /usr/a"));

  const auto others = resources.read("mayfly://violations", "bob");
  REQUIRE(others);
  CHECK(Json::parse(others->at(0).data) == Json::parse(R"({"total":0,"calls":0,"violations":[]})"));
  CHECK_FALSE(resources.read("mayfly://violations/call-1", "bob"));
  CHECK_FALSE(resources.check("mayfly://violations/call-1", "bob"));
  const auto one = resources.read("mayfly://violations/call-1", "alice");
  REQUIRE(one);
  CHECK(Json::parse(one->at(0).data)["violations"].size() == 1);
  CHECK(resources.check("mayfly://violations/call-1", "alice"));
}

TEST_CASE("a hostile violation stays one line of the resource") {
  Kitchen kitchen;
  Violation hostile = denied();
  hostile.target = "/usr/a\n2026-01-01T00:00:00Z forged\x1b[2J";
  run(kitchen, hostile);
  const auto read = make_resources(kitchen.bench).read("mayfly://violations", "local");
  REQUIRE(read);
  const std::string& text = read->at(1).data;
  CHECK(std::count(text.begin(), text.end(), '\n') == 1);
  CHECK_THAT(text, !contains("\x1b"));
}

TEST_CASE("what names no call is no resource") {
  Kitchen kitchen;
  run(kitchen, denied());
  const auto resources = make_resources(kitchen.bench);
  for (const char* uri :
       {"mayfly://violations/", "mayfly://violationsx", "mayfly://violations/call-2",
        "mayfly://violations/call-1/", "mayfly://violations/../violations", "mayfly://violations?a",
        "mayfly://violations#", "mayfly://violations/%63all-1", "mayfly://calls/", "mayfly://"}) {
    CAPTURE(uri);
    const auto refused = resources.read(uri, "local");
    REQUIRE_FALSE(refused);
    CHECK(refused.error().code == ErrorCode::kNotFound);
    CHECK_FALSE(resources.check(uri, "local"));
  }
}

TEST_CASE("each call that is denied something is told to its own caller's subscribers only") {
  Kitchen kitchen;
  const auto alice = std::make_shared<Told>();
  const auto bob = std::make_shared<Told>();
  const auto one = kitchen.bench.updates->watch("alice", "mayfly://violations", alice);
  const auto two = kitchen.bench.updates->watch("bob", "mayfly://violations", bob);
  run(kitchen, denied(), "alice");
  CHECK(alice->uris() == std::vector<std::string>{"mayfly://violations"});
  kitchen.engine->exit_at_once = 0;
  kitchen.call("run_command", {{"command", "true"}}, "alice")->wait();
  CHECK(alice->uris().size() == 1);
  CHECK(bob->uris().empty());
}

TEST_CASE("a job's subscribers are told of more output, and of its end") {
  Kitchen kitchen;
  const auto started = kitchen.call("run_command", {{"command", "x"}, {"background", true}});
  const std::string id = (*started->wait().structured)["job_id"];
  const std::string out = "mayfly://jobs/" + id + "/stdout";
  const auto resources = make_resources(kitchen.bench);
  CHECK(resources.check(out, "local"));
  CHECK(resources.check("mayfly://jobs/" + id + "/stderr", "local"));
  CHECK_FALSE(resources.check(out, "bob"));
  const auto ranged = resources.check(out + "?offset=1", "local");
  REQUIRE_FALSE(ranged);
  CHECK(ranged.error().code == ErrorCode::kInvalidArgument);

  const auto told = std::make_shared<Told>();
  const auto watch = kitchen.bench.updates->watch("local", out, told);
  for (int i = 0; i < 100'000; ++i) kitchen.engine->last().print("x");
  CHECK(told->wait_for(1));
  const std::size_t so_far = told->uris().size();
  kitchen.engine->last().print("y");
  CHECK(told->wait_for(so_far + 1));
  kitchen.engine->last().exit(0);
  CHECK(told->wait_for(so_far + 2));
  CHECK(told->uris().size() < 1000);
}

}  // namespace mayfly::tools
