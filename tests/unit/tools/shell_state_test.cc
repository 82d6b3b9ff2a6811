#include <fcntl.h>
#include <unistd.h>

#include <string>

#include "tools/shell_notebook.h"
#include "tools/shell_states.h"
#include "unit/catch_shim.h"
#include "unit/tools/fake_engine.h"

namespace mayfly::tools {
namespace {

using mcp::Json;
using test::contains;
using test::Kitchen;
using test::text_of;

constexpr std::string_view kStart("\0\0", 2);

// As a shell would, behind what it read.
void write_behind(int notebook, std::size_t start, const std::string& bytes) {
  REQUIRE(::pwrite(notebook, bytes.data(), bytes.size(), static_cast<off_t>(start)) >= 0);
}
std::string save_of(const std::string& cwd, const std::string& statements) {
  return cwd + "\n" + '\0' + statements + '\0' + "END" + '\0';
}

TEST_CASE("a state belongs to its caller, is found by its handle, and the last save wins") {
  ShellStates states;
  const std::string handle = states.create("alice");
  CHECK(handle.size() == 2 + 26);
  CHECK(handle != states.create("alice"));
  states.save(handle, {"/a", "export A=1"});
  states.save(handle, {"/b", "export A=2"});
  CHECK((*states.use("alice", handle))->cwd == "/b");
  const auto stolen = states.use("bob", handle);
  REQUIRE_FALSE(stolen);
  CHECK_THAT(describe(stolen.error()), contains("E5002") && contains("no such shell state"));
}

TEST_CASE("a state that was not used for its time has expired, and says so") {
  ShellStates states({.kept = 64, .keep = milliseconds{0}});
  const auto gone = states.use("alice", states.create("alice"));
  REQUIRE_FALSE(gone);
  CHECK_THAT(describe(gone.error()), contains("it has expired") && contains("give \"new\""));
}

TEST_CASE("of too many states the one unused for longest goes") {
  ShellStates states({.kept = 2, .keep = milliseconds{60'000}});
  const std::string first = states.create("alice");
  const std::string second = states.create("alice");
  CHECK(states.use("alice", first));
  states.create("alice");
  CHECK(states.use("alice", first));
  CHECK_FALSE(states.use("alice", second));
  states.save(second, {"/a", ""});  // of a call that was still running
  CHECK_FALSE(states.use("alice", second));
}

TEST_CASE("only a complete save with a directory is one") {
  const auto saved = [](const std::string& bytes) {
    auto notebook = ShellNotebook::make({}, {});
    REQUIRE(notebook);
    const OwnedFd program = *notebook->for_program();
    write_behind(program.get(), kStart.size(), bytes);
    return notebook->saved();
  };
  const std::string whole = save_of("/a b", "declare -x A=\"1\n\"\n");
  REQUIRE(saved(whole));
  CHECK(saved(whole)->cwd == "/a b");
  CHECK(saved(whole)->statements == "declare -x A=\"1\n\"\n");
  for (std::size_t size = 0; size + 1 < whole.size(); ++size) {
    CHECK_FALSE(saved(whole.substr(0, size)));
  }
  CHECK_FALSE(saved(save_of("relative", "")));
  CHECK_FALSE(saved(save_of("", "")));
  CHECK_FALSE(saved(save_of("/" + std::string(5000, 'x'), "")));
  CHECK_FALSE(saved(std::string(kMostStateBytes, 'x')));
}

TEST_CASE("the program cannot make the notebook larger or smaller") {
  auto notebook = ShellNotebook::make({"/a", "export A=1\n"}, {{"B", "it's"}});
  REQUIRE(notebook);
  const OwnedFd program = *notebook->for_program();
  char start[64] = {};
  REQUIRE(::pread(program.get(), start, sizeof start, 0) > 0);
  CHECK(std::string(start) == "export A=1\n");
  CHECK(std::string(start + 12) == "export B='it'\\''s'\n");
  CHECK(::ftruncate(program.get(), 0) != 0);
  CHECK(::ftruncate(program.get(), 1 << 30) != 0);
  CHECK(::fcntl(program.get(), F_ADD_SEALS, F_SEAL_WRITE) != 0);
  CHECK_FALSE(notebook->overflowed());
  const off_t end = ::lseek(program.get(), 0, SEEK_END);
  write_behind(program.get(), static_cast<std::size_t>(end) - 10, std::string(10, 'x'));
  CHECK(notebook->overflowed());
}

TEST_CASE("directory and statements of one call are those that the next starts from") {
  Kitchen kitchen;
  const auto first = kitchen.call("run_command", {{"command", "cd /tmp"}, {"shell_state", "new"}});
  const sandbox::Command& command = kitchen.engine->last().command();
  CHECK(command.argv[0] == "/bin/bash");
  CHECK(command.argv.back() == "cd /tmp");
  CHECK(command.cwd.empty());
  write_behind(command.notebook.get(), kStart.size(), save_of("/tmp", "export A=1\n"));
  kitchen.engine->last().exit(0);
  const Json saved = *first->wait().structured;
  const std::string handle = saved["shell_state"].get<std::string>();
  CHECK(saved["cwd"] == "/tmp");
  CHECK_THAT(text_of(first->wait()), contains("\nshell_state " + handle + " · cwd /tmp"));

  kitchen.call("run_command", {{"command", "pwd"}, {"shell_state", handle}});
  CHECK(kitchen.engine->last().command().cwd == "/tmp");
  char start[32] = {};
  REQUIRE(::pread(kitchen.engine->last().command().notebook.get(), start, sizeof start, 0) > 0);
  CHECK(std::string(start) == "export A=1\n");
  kitchen.call("run_command", {{"command", "pwd"}, {"shell_state", handle}, {"cwd", "/etc"}});
  CHECK(kitchen.engine->last().command().cwd == "/etc");

  CHECK(kitchen.call("run_command", {{"command", "pwd"}, {"shell_state", handle}}, "bob")
            ->wait()
            .is_error);
  CHECK(kitchen.engine->calls.size() == 3);
}

TEST_CASE("a shell that was killed leaves the state as it was, and the answer says so") {
  Kitchen kitchen;
  const auto answer = kitchen.call("run_command", {{"command", "x"}, {"shell_state", "new"}});
  write_behind(kitchen.engine->last().command().notebook.get(), kStart.size(),
               save_of("/tmp", "export A=1\n"));
  kitchen.engine->last().terminate(milliseconds{0});
  const Json shown = *answer->wait().structured;
  CHECK(shown["note"] == "the shell state is as before this call: the shell was killed");
  CHECK_FALSE(shown.contains("cwd"));
  kitchen.call("run_command", {{"command", "x"}, {"shell_state", shown["shell_state"]}});
  CHECK(kitchen.engine->last().command().cwd.empty());
}

TEST_CASE("shell_state is for bash") {
  Kitchen kitchen;
  const mcp::ToolResult refused =
      kitchen.call("run_command", {{"argv", {"ls"}}, {"shell_state", "new"}})->wait();
  CHECK_THAT(text_of(refused), contains("E5001 shell_state") && contains("use command"));
}

TEST_CASE("a directory that is gone at the next call is told with its remedy") {
  Kitchen kitchen;
  const auto first = kitchen.call("run_command", {{"command", "x"}, {"shell_state", "new"}});
  write_behind(kitchen.engine->last().command().notebook.get(), kStart.size(),
               save_of("/gone", ""));
  kitchen.engine->last().exit(0);
  const Json handle = (*first->wait().structured)["shell_state"];
  const auto second = kitchen.call("run_command", {{"command", "x"}, {"shell_state", handle}});
  sandbox::Report report = kitchen.engine->last().ended(sandbox::EndedBy::kSetup);
  report.setup_error = input_error(ErrorCode::kInvalidArgument, "cwd", "/gone", "no entry", "");
  kitchen.engine->last().finish(std::move(report));
  CHECK_THAT(text_of(second->wait()),
             contains("E5001 cwd \"/gone\"") && contains("Remedy: give cwd with this call"));
}

}  // namespace
}  // namespace mayfly::tools
