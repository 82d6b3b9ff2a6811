#include <set>
#include <string>

#include "tools/job_table.h"
#include "tools/receipt.h"
#include "unit/catch_shim.h"
#include "unit/tools/fake_engine.h"

namespace mayfly::tools {
namespace {

using mcp::Json;
using test::contains;
using test::Kitchen;
using test::text_of;

std::string background(Kitchen& kitchen, const std::string& principal = "local") {
  const auto answer =
      kitchen.call("run_command", {{"command", "serve"}, {"background", true}}, principal);
  return (*answer->wait().structured)["job_id"].get<std::string>();
}

TEST_CASE("get_job reads on from an offset, and waits for the end when asked") {
  Kitchen kitchen;
  const std::string id = background(kitchen);
  kitchen.engine->last().print("one\ntwo\n");
  Json shown = *kitchen.call("get_job", {{"job_id", id}, {"offset", 4}})->wait().structured;
  CHECK(shown["stdout"] == "two\n");
  CHECK(shown["next_offset"] == 8);
  CHECK(shown["job_id"] == id);

  const auto waiting = kitchen.call("get_job", {{"job_id", id}, {"wait_ms", 45'000}});
  CHECK_FALSE(waiting->answered());
  kitchen.engine->last().exit(0);
  shown = *waiting->wait().structured;
  CHECK(shown["status"] == "exited");
  CHECK_FALSE(shown.contains("next_offset"));
}

TEST_CASE("get_job whose wait runs out says that the job still runs") {
  Kitchen kitchen;
  const std::string id = background(kitchen);
  const auto answer = kitchen.call("get_job", {{"job_id", id}, {"wait_ms", 1}});
  CHECK((*answer->wait().structured)["status"] == "running");
}

TEST_CASE("withdrawing get_job leaves the job alone") {
  Kitchen kitchen;
  const std::string id = background(kitchen);
  const auto waiting = kitchen.call("get_job", {{"job_id", id}, {"wait_ms", 45'000}});
  kitchen.cancel.cancel();
  CHECK(waiting->abandoned());
  CHECK((*kitchen.call("get_job", {{"job_id", id}})->wait().structured)["status"] == "running");
}

TEST_CASE("stop_job ends a job and answers with its receipt") {
  Kitchen kitchen;
  const std::string id = background(kitchen);
  const Json stopped = *kitchen.call("stop_job", {{"job_id", id}})->wait().structured;
  CHECK(stopped["status"] == "killed");
  CHECK(stopped["signal"] == "SIGTERM");
  CHECK(kitchen.call("stop_job", {{"job_id", id}})->wait().structured == stopped);
}

TEST_CASE("a job belongs to its caller") {
  Kitchen kitchen;
  const std::string id = background(kitchen, "alice");
  const mcp::ToolResult refused = kitchen.call("get_job", {{"job_id", id}}, "bob")->wait();
  CHECK(refused.is_error);
  CHECK_THAT(text_of(refused), contains("no such job"));
  CHECK(kitchen.call("stop_job", {{"job_id", id}}, "bob")->wait().is_error);
  CHECK((*kitchen.call("list_jobs", {}, "bob")->wait().structured)["jobs"].empty());
  CHECK((*kitchen.call("list_jobs", {}, "alice")->wait().structured)["jobs"].size() == 1);
}

TEST_CASE("list_jobs names the latest first, with how each ended") {
  Kitchen kitchen;
  const std::string first = background(kitchen);
  kitchen.engine->last().exit(2);
  const std::string second = background(kitchen);
  const mcp::ToolResult listed = kitchen.call("list_jobs", {})->wait();
  const Json jobs = (*listed.structured)["jobs"];
  CHECK(jobs[0]["job_id"] == second);
  CHECK(jobs[0]["status"] == "running");
  CHECK(jobs[1]["job_id"] == first);
  CHECK(jobs[1]["status"] == "exited");
  CHECK(jobs[1]["command"] == "serve");
  CHECK_THAT(text_of(listed), contains(first + " · exit 2 · "));
}

TEST_CASE("as many jobs as may run is the most") {
  WorkbenchOptions options;
  options.jobs.running = 2;
  Kitchen kitchen(options);
  background(kitchen);
  background(kitchen);
  const auto third = kitchen.call("run_command", {{"command", "x"}, {"background", true}});
  CHECK(third->wait().is_error);
  CHECK_THAT(text_of(third->wait()), contains("E4001 2 jobs are running"));
  kitchen.engine->calls[0]->exit(0);
  background(kitchen);
}

TEST_CASE("finished jobs are forgotten by count and by size, and a forgotten one says so") {
  WorkbenchOptions options;
  options.jobs.finished = 2;
  options.jobs.finished_output_bytes = 100;
  Kitchen kitchen(options);
  std::vector<std::string> ids;
  for (int i = 0; i < 3; ++i) {
    ids.push_back(background(kitchen));
    kitchen.engine->last().exit(0);
  }
  const mcp::ToolResult gone = kitchen.call("get_job", {{"job_id", ids[0]}})->wait();
  CHECK(gone.is_error);
  CHECK_THAT(text_of(gone), contains("was forgotten: a finished job is kept for 10 minutes"));
  CHECK_FALSE(kitchen.call("get_job", {{"job_id", ids[1]}})->wait().is_error);

  ids.push_back(background(kitchen));
  kitchen.engine->last().print(std::string(200, 'x'));
  kitchen.engine->last().exit(0);
  CHECK(kitchen.call("get_job", {{"job_id", ids[2]}})->wait().is_error);
  CHECK_FALSE(kitchen.call("get_job", {{"job_id", ids[3]}})->wait().is_error);
}

TEST_CASE("a finished job is forgotten after its time") {
  WorkbenchOptions options;
  options.jobs.keep = milliseconds{0};
  Kitchen kitchen(options);
  const std::string id = background(kitchen);
  kitchen.engine->last().exit(0);
  CHECK(kitchen.call("get_job", {{"job_id", id}})->wait().is_error);
}

TEST_CASE("job ids are long and never the same") {
  Timers timers;
  JobTable table({}, timers);
  std::set<std::string> ids;
  for (int i = 0; i < 200; ++i) {
    const auto job = std::make_shared<Job>("local", "default", "x");
    const std::string id = table.admit(job);
    CHECK(id.size() == 2 + 26);
    CHECK(table.admit(job) == id);
    ids.insert(id);
  }
  CHECK(ids.size() == 200);
}

TEST_CASE("sandbox_info tells the profiles and the latest calls of the caller") {
  Kitchen kitchen;
  kitchen.engine->exit_at_once = 0;
  kitchen.call("run_command", {{"command", "true"}});
  const Json info = *kitchen.call("sandbox_info", Json::object())->wait().structured;
  CHECK(info["profiles"].size() == 2);
  CHECK(info["profiles"][0]["name"] == "default");
  CHECK(info["profiles"][0]["network"] == "none");
  CHECK(info["profiles"][0]["limits"]["processes"] == 1024);
  CHECK(info["profiles"][0]["writable"][0] == "/usr/share");
  CHECK(info["layers"] == Json({"namespaces", "seccomp"}));
  CHECK(info["recent_calls"][0]["call_id"] == "call-1");

  const Json others = *kitchen.call("sandbox_info", Json::object(), "bob")->wait().structured;
  CHECK(others["recent_calls"].empty());
}

TEST_CASE("sandbox_info gives the full receipt of one of the caller's calls") {
  Kitchen kitchen;
  kitchen.engine->exit_at_once = 0;
  kitchen.call("run_command", {{"command", "true"}});
  const Json one = *kitchen.call("sandbox_info", {{"call_id", "call-1"}})->wait().structured;
  CHECK(one["receipt"]["policy_digest"] == "0123456789abcdef");
  CHECK(kitchen.call("sandbox_info", {{"call_id", "call-1"}}, "bob")->wait().is_error);
  CHECK(kitchen.call("sandbox_info", {{"call_id", "nope"}})->wait().is_error);
}

}  // namespace
}  // namespace mayfly::tools
