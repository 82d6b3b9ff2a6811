#include <string>

#include "unit/catch_shim.h"
#include "unit/tools/fake_engine.h"

namespace mayfly::tools {
namespace {

using mcp::Json;
using test::contains;
using test::Kitchen;
using test::text_of;

std::string started(Kitchen& kitchen, Json arguments) {
  const auto answer = kitchen.call("run_command", std::move(arguments));
  return (*answer->wait().structured)["job_id"].get<std::string>();
}
std::string background(Kitchen& kitchen) {
  return started(kitchen, {{"command", "serve"}, {"background", true}});
}

TEST_CASE("input stays open in the background and with a terminal, and nowhere else") {
  Kitchen kitchen;
  const auto command = [&](Json arguments) -> const sandbox::Command& {
    kitchen.call("run_command", std::move(arguments));
    return kitchen.engine->last().command();
  };
  CHECK_FALSE(command({{"command", "x"}}).keep_stdin_open);
  CHECK(command({{"command", "x"}, {"background", true}}).keep_stdin_open);
  CHECK_FALSE(command({{"command", "wc"}, {"stdin", "a"}, {"background", true}}).keep_stdin_open);
  const sandbox::Command& typed = command({{"command", "x"}, {"stdin", "a"}, {"pty", true}});
  CHECK(typed.keep_stdin_open);
  CHECK(typed.terminal == sandbox::Terminal{});
  CHECK(typed.stdin_bytes == "a");
}

TEST_CASE("send_input writes the text as it is, and answers at once unless told to wait") {
  Kitchen kitchen;
  const std::string id = background(kitchen);
  kitchen.engine->last().print("before\n");
  const Json sent =
      *kitchen.call("send_input", {{"job_id", id}, {"text", "1+1"}})->wait().structured;
  CHECK(kitchen.engine->last().input == "1+1");
  CHECK_FALSE(kitchen.engine->last().input_closed);
  CHECK(sent["status"] == "running");
  CHECK(sent["stdout"] == "");
  CHECK(sent["next_offset"] == 7);
}

TEST_CASE("send_input waits for what the program prints, on both streams, from then on") {
  Kitchen kitchen;
  const std::string id = background(kitchen);
  kitchen.engine->last().print("before\n");
  kitchen.engine->last().complain("grumble\n");
  const auto waiting =
      kitchen.call("send_input", {{"job_id", id}, {"text", "1+1\n"}, {"wait_ms", 45'000}});
  CHECK_FALSE(waiting->answered());
  kitchen.engine->last().print("2\n");
  kitchen.engine->last().complain(">>> ");
  const Json shown = *waiting->wait().structured;
  CHECK(shown["stdout"] == "2\n");
  CHECK(shown["stderr"] == ">>> ");
}

TEST_CASE("close ends the input, and the wait ends with the job") {
  Kitchen kitchen;
  const std::string id = background(kitchen);
  const auto waiting =
      kitchen.call("send_input", {{"job_id", id}, {"close", true}, {"wait_ms", 45'000}});
  CHECK(kitchen.engine->last().input_closed);
  kitchen.engine->last().print("sum\n");
  kitchen.engine->last().exit(0);
  const Json shown = *waiting->wait().structured;
  CHECK(shown["status"] == "exited");
  CHECK(shown["stdout"] == "sum\n");
}

TEST_CASE("send_input says why it cannot") {
  Kitchen kitchen;
  const std::string id = background(kitchen);
  const auto refusal = [&](Json arguments, const std::string& principal = "local") {
    const mcp::ToolResult result =
        kitchen.call("send_input", std::move(arguments), principal)->wait();
    CHECK(result.is_error);
    return text_of(result);
  };
  CHECK_THAT(refusal({{"job_id", id}}), contains("E5001 text: is missing"));
  CHECK_THAT(refusal({{"job_id", id}, {"text", "x"}}, "bob"), contains("E5002"));
  CHECK(kitchen.engine->last().input.empty());
  kitchen.engine->last().exit(0);
  CHECK_THAT(refusal({{"job_id", id}, {"text", "x"}}), contains("the job has ended"));

  const std::string deaf = started(kitchen, {{"command", "sleep 9"}, {"wait_ms", 0}});
  CHECK_THAT(refusal({{"job_id", deaf}, {"text", "x"}}), contains("background: true or pty: true"));
}

TEST_CASE("get_job waits for a line that matches, in both streams, and says where it is") {
  Kitchen kitchen;
  const std::string id = background(kitchen);
  kitchen.engine->last().print("starting\n");
  const auto waiting = kitchen.call(
      "get_job", {{"job_id", id}, {"pattern", "listening on \\d+"}, {"wait_ms", 45'000}});
  kitchen.engine->last().print("warming up\n");
  CHECK_FALSE(waiting->answered());
  kitchen.engine->last().complain("note\nlistening on 3000\n");
  const mcp::ToolResult result = waiting->wait();
  CHECK((*result.structured)["matched"] ==
        Json({{"offset", 5}, {"line", "listening on 3000"}, {"stream", "stderr"}}));
  CHECK_THAT(text_of(result), contains("matched at offset 5 of stderr: listening on 3000\n"));
}

TEST_CASE("get_job without a wait looks at the output there is for its pattern") {
  Kitchen kitchen;
  const std::string id = background(kitchen);
  kitchen.engine->last().print("one\nready\n");
  const auto look = [&](Json more) {
    Json arguments = {{"job_id", id}, {"pattern", "^ready$"}};
    arguments.update(more);
    return *kitchen.call("get_job", std::move(arguments))->wait().structured;
  };
  CHECK(look(Json::object())["matched"]["offset"] == 4);
  const Json later = look({{"offset", 10}});
  CHECK_FALSE(later.contains("matched"));
  CHECK(later["note"] == "no line has matched the pattern");
  CHECK_FALSE(look({{"stream", "stderr"}}).contains("matched"));
}

TEST_CASE("the end of a job ends the wait for a pattern, after all output was looked at") {
  Kitchen kitchen;
  const std::string id = background(kitchen);
  const auto wait = [&](const char* pattern) {
    return kitchen.call("get_job", {{"job_id", id}, {"pattern", pattern}, {"wait_ms", 45'000}});
  };
  const auto found = wait("needle$");
  const auto missed = wait("nothing");
  kitchen.engine->last().print(std::string(3 << 20, '\n') + "needle");
  kitchen.engine->last().exit(0);
  CHECK((*found->wait().structured)["matched"]["offset"] == 3 << 20);
  CHECK((*missed->wait().structured)["note"] == "no line has matched the pattern");
  CHECK(wait("nothing")->wait().structured->contains("note"));
  CHECK(kitchen.call("get_job", {{"job_id", id}, {"pattern", "("}})->wait().is_error);
}

TEST_CASE("a poll from an offset ends with new output") {
  Kitchen kitchen;
  const std::string id = background(kitchen);
  kitchen.engine->last().print("one\n");
  const auto waiting =
      kitchen.call("get_job", {{"job_id", id}, {"offset", 4}, {"wait_ms", 45'000}});
  CHECK_FALSE(waiting->answered());
  kitchen.engine->last().print("two\n");
  CHECK((*waiting->wait().structured)["stdout"] == "two\n");
}

TEST_CASE("escape sequences stay when asked for, here and in get_job") {
  Kitchen kitchen;
  const auto answer = kitchen.call("run_command", {{"command", "x"}, {"keep_ansi", true}});
  kitchen.engine->last().print("\x1b[31mred\x1b[0m\n");
  kitchen.engine->last().exit(0);
  CHECK((*answer->wait().structured)["stdout"] == "\x1b[31mred\x1b[0m\n");
  const std::string id = background(kitchen);
  kitchen.engine->last().print("\x1b[31mred\n");
  CHECK((*kitchen.call("get_job", {{"job_id", id}})->wait().structured)["stdout"] == "red\n");
  CHECK((*kitchen.call("get_job", {{"job_id", id}, {"keep_ansi", true}})
              ->wait()
              .structured)["stdout"] == "\x1b[31mred\n");
}

TEST_CASE("an unknown limit is refused with the nearest right name") {
  Kitchen kitchen;
  const mcp::ToolResult refused =
      kitchen.call("run_command", {{"command", "x"}, {"limits", {{"memory_byte", 1 << 30}}}})
          ->wait();
  CHECK(refused.is_error);
  CHECK_THAT(text_of(refused), contains("E5001 limits.memory_byte: is unknown. Remedy: use "
                                        "\"memory_bytes\""));
}

}  // namespace
}  // namespace mayfly::tools
