#include "tools/toolset.h"

#include <string>

#include "mcp/server.h"
#include "mcp/wire.h"
#include "tools/briefing.h"
#include "unit/catch_shim.h"
#include "unit/tools/fake_engine.h"

namespace mayfly::tools {
namespace {

using test::contains;
using test::test_policy;

Briefing briefing() { return make_briefing({test_policy("default")}, milliseconds{45'000}); }

// What tools/list costs a client, hints and all.
std::string listing(const mcp::ToolRegistry& tools) {
  mcp::Json list = mcp::Json::array();
  for (const auto& entry : tools.entries()) {
    mcp::Json tool = {{"name", entry.spec.name},
                      {"description", entry.spec.description},
                      {"inputSchema", entry.spec.input_schema},
                      {"annotations", mcp::annotations(entry.spec.annotations)}};
    if (!entry.spec.title.empty()) tool["title"] = entry.spec.title;
    if (entry.spec.output_schema) tool["outputSchema"] = *entry.spec.output_schema;
    if (!entry.spec.meta.empty()) tool["_meta"] = entry.spec.meta;
    list.push_back(std::move(tool));
  }
  return list.dump();
}

std::size_t cost_of(std::initializer_list<const char*> names) {
  const mcp::ToolRegistry tools = make_toolset(briefing(), nullptr);
  mcp::ToolRegistry some;
  for (const char* name : names) {
    const auto* entry = tools.find(name);
    REQUIRE(entry != nullptr);
    some.add(entry->spec, {});
  }
  return listing(some).size();
}

TEST_CASE("the list of tools costs at most 8 KB, and neither files nor commands take it all") {
  const std::string list = listing(make_toolset(briefing(), nullptr));
  INFO(list);
  CHECK(list.size() <= 8192);
  CHECK(cost_of({"run_command", "get_job", "send_input", "stop_job", "list_jobs",
                 "sandbox_info"}) <= 5300);
  CHECK(cost_of({"read_file", "write_file", "edit_file", "list_directory", "search_files"}) <=
        3050);
}

TEST_CASE("a server accepts the tools: names, schemas and all") {
  auto server = mcp::Server::make(
      {}, [] { return ""; }, make_toolset(briefing(), nullptr));
  CHECK(server);
}

TEST_CASE("schemas are flat: no choice of types, nothing at the root but an object") {
  const mcp::ToolRegistry tools = make_toolset(briefing(), nullptr);
  const std::string list = listing(tools);
  for (const char* word : {"oneOf", "anyOf", "allOf", "$ref", "null", "\"type\":["}) {
    CHECK(list.find(word) == std::string::npos);
  }
  for (const auto& entry : tools.entries()) {
    CHECK(entry.spec.input_schema["type"] == "object");
    CHECK(entry.spec.input_schema["additionalProperties"] == false);
  }
}

TEST_CASE("hints are true to what the profiles allow") {
  const auto hints = [](sandbox::WorkspaceAccess access) {
    sandbox::Policy policy = test_policy("default");
    policy.workspace_access = access;
    return run_command_spec(make_briefing({policy}, milliseconds{1})).annotations;
  };
  CHECK(hints(sandbox::WorkspaceAccess::kReadWrite).destructive);
  CHECK_FALSE(hints(sandbox::WorkspaceAccess::kReadOnly).destructive);
  CHECK_FALSE(hints(sandbox::WorkspaceAccess::kReadWrite).open_world);
}

TEST_CASE("file tools that only look are read-only; those that write destroy only where they can") {
  sandbox::Policy policy = test_policy("default");
  policy.workspace_access = sandbox::WorkspaceAccess::kReadOnly;
  const Briefing reading = make_briefing({policy}, milliseconds{1});
  for (const auto spec : {read_file_spec, list_directory_spec, search_files_spec}) {
    CHECK(spec(briefing()).annotations.read_only);
    CHECK_FALSE(spec(briefing()).annotations.destructive);
  }
  for (const auto spec : {write_file_spec, edit_file_spec}) {
    CHECK_FALSE(spec(briefing()).annotations.read_only);
    CHECK(spec(briefing()).annotations.destructive);
    CHECK_FALSE(spec(reading).annotations.destructive);
  }
}

TEST_CASE("a profile can be chosen only where there are several") {
  CHECK_FALSE(run_command_spec(briefing()).input_schema["properties"].contains("profile"));
  const Briefing two =
      make_briefing({test_policy("default"), test_policy("strict")}, milliseconds{1});
  CHECK(run_command_spec(two).input_schema["properties"]["profile"] ==
        mcp::Json({{"type", "string"}, {"description", "one of default, strict"}}));
}

TEST_CASE("instructions say what a model must know, in at most 2 KiB") {
  sandbox::Policy policy = test_policy("default");
  const std::string text = instructions(make_briefing({policy}, milliseconds{45'000}));
  CHECK(text.size() <= 2048);
  for (const char* part :
       {"/usr/share (read-write", "/tmp is new", "$SCRATCH (/scratch)", "Network: none",
        "10 min (a job 1 h), memory 2 GiB", "still running after 45 s", "get_job", "violations"}) {
    CHECK_THAT(text, contains(part));
  }
  policy.workspaces.resize(20);
  for (auto& workspace : policy.workspaces) workspace.path = "/" + std::string(3000, 'x');
  CHECK(instructions(make_briefing({policy}, milliseconds{1})).size() <= 2048);
}

}  // namespace
}  // namespace mayfly::tools
