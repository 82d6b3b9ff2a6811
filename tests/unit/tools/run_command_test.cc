#include <string>

#include "tools/receipt.h"
#include "unit/catch_shim.h"
#include "unit/tools/fake_engine.h"

namespace mayfly::tools {
namespace {

using mcp::Json;
using test::contains;
using test::Kitchen;
using test::text_of;

TEST_CASE("nothing is resolved before the first call, and then once") {
  Kitchen kitchen;
  CHECK(kitchen.resolved == 0);
  kitchen.engine->exit_at_once = 0;
  kitchen.call("run_command", {{"command", "true"}});
  kitchen.call("run_command", {{"command", "true"}});
  CHECK(kitchen.resolved == 1);
}

TEST_CASE("a command goes to bash, not as a login shell, and argv goes as it is") {
  Kitchen kitchen;
  kitchen.call("run_command", {{"command", "echo hi"}});
  CHECK(kitchen.engine->last().command().argv ==
        std::vector<std::string>{"/bin/bash", "-c", "echo hi"});
  kitchen.call("run_command", {{"argv", {"ls", "-l", "a b"}}});
  CHECK(kitchen.engine->last().command().argv == std::vector<std::string>{"ls", "-l", "a b"});
}

TEST_CASE("the answer comes when the call ends, however it ends") {
  Kitchen kitchen;
  const auto answer = kitchen.call("run_command", {{"command", "false"}});
  CHECK_FALSE(answer->answered());
  kitchen.engine->last().print("hello\n");
  kitchen.engine->last().exit(3);
  const mcp::ToolResult result = answer->wait();
  CHECK_FALSE(result.is_error);
  CHECK((*result.structured)["exit_code"] == 3);
  CHECK((*result.structured)["stdout"] == "hello\n");
  CHECK_FALSE(result.structured->contains("job_id"));
  CHECK(kitchen.engine->last().jobs == 0);
}

TEST_CASE("a call that ends before the engine has returned it is answered too") {
  Kitchen kitchen;
  kitchen.engine->exit_at_once = 0;
  CHECK_FALSE(kitchen.call("run_command", {{"command", "true"}})->wait().is_error);
}

TEST_CASE("arguments reach the command, lowered limits included") {
  Kitchen kitchen;
  kitchen.call("run_command", {{"command", "x"},
                               {"cwd", "sub/dir"},
                               {"env", {{"A_1", "b"}}},
                               {"stdin", "in\0put"},
                               {"timeout_ms", 5000},
                               {"limits", {{"processes", 7}}},
                               {"profile", "strict"}});
  const sandbox::Command& command = kitchen.engine->last().command();
  CHECK(command.cwd == "/usr/share/sub/dir");
  CHECK(command.environment == decltype(command.environment){{"A_1", "b"}});
  CHECK(command.stdin_bytes == "in");
  CHECK(command.limits.wall == milliseconds{5000});
  CHECK(command.limits.job_wall == milliseconds{5000});
  CHECK(command.limits.processes == 7);
  CHECK(kitchen.engine->policies.back()->profile == "strict");
}

TEST_CASE("arguments that a schema cannot judge are refused with code, field and remedy") {
  Kitchen kitchen;
  const auto refusal = [&](Json arguments) {
    const mcp::ToolResult result = kitchen.call("run_command", std::move(arguments))->wait();
    CHECK(result.is_error);
    CHECK_FALSE(result.structured);
    return text_of(result);
  };
  CHECK_THAT(refusal(Json::object()), contains("E5001 command: is missing"));
  CHECK_THAT(refusal({{"command", "x"}, {"argv", {"x"}}}), contains("together with argv"));
  CHECK_THAT(refusal({{"argv", Json::array()}}), contains("names no program"));
  CHECK_THAT(refusal({{"command", std::string("a\0b", 3)}}), contains("NUL"));
  CHECK_THAT(refusal({{"command", "x"}, {"cwd", std::string("/a\0b", 4)}}), contains("NUL"));
  CHECK_THAT(refusal({{"command", "x"}, {"env", {{"1A", ""}}}}), contains("E5001 env \"1A\""));
  CHECK_THAT(refusal({{"command", "x"}, {"env", {{"A=B", ""}}}}), contains("E5001 env"));
  CHECK_THAT(refusal({{"command", "x"}, {"profile", "root"}}),
             contains("choose one of: default, strict"));
  CHECK(kitchen.engine->calls.empty());
}

TEST_CASE("a limit above the policy's is refused with the ceiling") {
  Kitchen kitchen;
  const auto refusal = [&](Json arguments) {
    return text_of(kitchen.call("run_command", std::move(arguments))->wait());
  };
  CHECK_THAT(refusal({{"command", "x"}, {"limits", {{"processes", 4096}}}}),
             contains("E2003 limits.processes \"4096\": is above the ceiling of 1024"));
  CHECK_THAT(refusal({{"command", "x"}, {"timeout_ms", 600'001}}),
             contains("E2003 timeout_ms \"600001\": is above the ceiling of 600000. Remedy: with "
                      "background: true"));
  CHECK_THAT(refusal({{"command", "x"}, {"timeout_ms", 3'600'001}, {"background", true}}),
             contains("ceiling of 3600000"));
}

TEST_CASE("an engine that refuses makes an error, not a crash") {
  Kitchen kitchen;
  Error busy;
  busy.code = ErrorCode::kBusy;
  busy.message = "64 calls run already";
  kitchen.engine->refusal = busy;
  const mcp::ToolResult result = kitchen.call("run_command", {{"command", "x"}})->wait();
  CHECK(result.is_error);
  CHECK_THAT(text_of(result), contains("E4001"));
}

TEST_CASE("when the wait ends the command goes on as a job, with the output so far") {
  Kitchen kitchen;
  const auto answer = kitchen.call("run_command", {{"command", "make"}, {"wait_ms", 1}});
  kitchen.engine->last().print("building\n");
  const Json running = *answer->wait().structured;
  CHECK(running["status"] == "running");
  CHECK(running["job_id"].get<std::string>().starts_with("j_"));
  CHECK(kitchen.engine->last().jobs == 1);
  kitchen.engine->last().exit(0);
  CHECK(answer->answers() == 1);
}

TEST_CASE("a command in the background is answered at once") {
  Kitchen kitchen;
  const auto answer = kitchen.call("run_command", {{"command", "serve"}, {"background", true}});
  REQUIRE(answer->answered());
  CHECK((*answer->wait().structured)["status"] == "running");
}

TEST_CASE("cut output makes a finished call a job that can be read on") {
  Kitchen kitchen;
  const auto answer = kitchen.call("run_command", {{"command", "x"}, {"max_output_chars", 1000}});
  const std::string big(5000, 'x');
  kitchen.engine->last().print(big);
  kitchen.engine->last().exit(0);
  const Json cut = *answer->wait().structured;
  CHECK(cut["truncated"] == true);
  const Json rest =
      *kitchen.call("get_job", {{"job_id", cut["job_id"]}, {"offset", cut["next_offset"]}})
           ->wait()
           .structured;
  CHECK(rest["stdout"].get<std::string>().size() == 5000 - cut["next_offset"].get<std::size_t>());
  CHECK_FALSE(rest.contains("truncated"));
}

TEST_CASE("withdrawing the request cancels the call, and nothing is answered") {
  Kitchen kitchen;
  const auto answer = kitchen.call("run_command", {{"command", "sleep"}});
  kitchen.cancel.cancel();
  CHECK_FALSE(answer->answered());
  CHECK(answer->abandoned());  // the reply was kept until the call was gone
  CHECK_FALSE(kitchen.bench.calls.latest("local", 1).empty());
}

TEST_CASE("while it waits a client that wants progress hears something, in growing seconds") {
  WorkbenchOptions options;
  options.heartbeat = milliseconds{1};
  Kitchen kitchen(options);
  const auto answer = kitchen.call("run_command", {{"command", "sleep"}}, "local", true);
  answer->wait_for_beats(3);
  kitchen.engine->last().exit(0);
  CHECK(answer->wait().structured);
}

TEST_CASE("the end of the server ends calls without trouble") {
  auto kitchen = std::make_unique<Kitchen>();
  const auto answer = kitchen->call("run_command", {{"command", "sleep"}});
  kitchen.reset();
  CHECK((*answer->wait().structured)["ended_by"] == "cancelled");
}

}  // namespace
}  // namespace mayfly::tools
