#include "app/run_request_schema.h"

#include <cstdint>
#include <string>
#include <utility>

#include "tools/command_request.h"

namespace mayfly::app {
namespace {

using mcp::Json;

constexpr const char* kDraft = "http://json-schema.org/draft-07/schema#";
// Every reader of JSON has whole numbers up to here.
constexpr std::int64_t kMostNumber = (std::int64_t{1} << 53) - 1;

Json described(Json schema, const char* description) {
  schema["description"] = description;
  return schema;
}

Json text(const char* description) { return described({{"type", "string"}}, description); }

Json words(std::initializer_list<const char*> choices) {
  Json list = Json::array();
  for (const char* choice : choices) list.push_back(choice);
  return {{"type", "string"}, {"enum", std::move(list)}};
}

Json positive() { return {{"type", "integer"}, {"minimum", 1}, {"maximum", kMostNumber}}; }

Json list_of(Json items) { return {{"type", "array"}, {"items", std::move(items)}}; }

Json object(Json properties, Json required, const char* description) {
  Json out = {{"type", "object"},
              {"description", description},
              {"properties", std::move(properties)},
              {"additionalProperties", false}};
  if (!required.empty()) out["required"] = std::move(required);
  return out;
}

Json any_object(const char* description) { return described({{"type", "object"}}, description); }

Json limits_schema() {
  Json properties = Json::object();
  for (const tools::LimitField& field : tools::kLimitFields) properties[field.name] = positive();
  properties["cpu_ms"] = positive();
  return object(std::move(properties), Json::array(), "limits to lower; none can be raised");
}

Json filesystem_schema() {
  const Json paths = list_of({{"type", "string"}, {"maxLength", 4096}});
  return object(
      {{"workspace", described(words({"read-only"}), "nothing in the workspace can be written")},
       {"read_only", described(paths,
                               "paths that can be read and not written; each has to be there "
                               "and to be visible without this")},
       {"hide", described(paths, "paths or patterns that look empty")},
       {"deny", described(paths, "paths or patterns that cannot be opened")}},
      Json::array(), "what is taken from the profile; paths start with / or ${workspace}");
}

Json error_schema() {
  return object(
      {{"code", text("E1xxx configuration, E2xxx security, E3xxx execution, E4xxx resources, E5xxx "
                     "the request, E6xxx system")},
       {"message", text("what is wrong")},
       {"problems", described(list_of({{"type", "string"}}), "one by one, if there are several")},
       {"field", text("the member or option at fault")},
       {"value", text("what was given there")},
       {"remedy", text("what to do")}},
      Json::array({"code", "message"}), "why the command did not start");
}

}  // namespace

Json run_request_schema() {
  Json schema = object(
      {{"command", described({{"type", Json::array({"string", "array"})},
                              {"items", {{"type", "string"}}},
                              {"minItems", 1}},
                             "a text for bash -c, or a program and its arguments")},
       {"environment",
        described({{"type", "object"}, {"additionalProperties", {{"type", "string"}}}},
                  "variables to set, of those that the profile lets a call set")},
       {"timeout_ms", described(positive(), "wall time, at most the profile's")},
       {"limits", limits_schema()},
       {"filesystem", filesystem_schema()},
       {"working_directory", text("absolute, or relative to the first workspace")},
       {"stdin", text("without it stdin is at end of file")},
       {"profile", text("one that the operator named with --profile; without that option, one that "
                        "is nowhere wider than the default")}},
      Json::array({"command"}),
      "One command for one sandbox. It can only narrow what the operator "
      "gives.");
  Json out = {{"$schema", kDraft}, {"title", "Request of mayfly run --request"}};
  out.update(schema);
  return out;
}

Json run_answer_schema() {
  const Json whole = {{"type", "integer"}};
  const Json string = {{"type", "string"}};
  const Json encoding = words({"repaired", "base64"});
  const Json time = text("RFC 3339, UTC");
  Json schema = object(
      {{"call_id", string},
       {"status", words({"exited", "killed", "failed_to_start"})},
       {"ended_by", words({"exit", "signal", "timeout", "cpu", "memory", "pids", "disk", "output",
                           "seccomp", "cancelled", "setup"})},
       {"exit_code", whole},
       {"signal", text("as in SIGKILL")},
       {"error", error_schema()},
       {"profile", string},
       {"tier", words({"full", "landlock"})},
       {"policy_digest", string},
       {"layers", described(list_of(string), "what was really in force")},
       {"usage", any_object("what the call used; what is not known here is not in it")},
       {"limits", list_of(any_object("one limit, how far the call went, and who enforces it"))},
       {"lingering", list_of(any_object("a process that the kernel did not let go"))},
       {"violations", list_of(any_object("what the sandbox stopped"))},
       {"violations_total", whole},
       {"unavailable", list_of(any_object("what this host cannot give, and why"))},
       {"stdout", string},
       {"stdout_encoding", described(encoding, "absent: the text is exactly what was written")},
       {"stderr", string},
       {"stderr_encoding", encoding},
       {"timestamps", object({{"started", time}, {"ended", time}},
                             Json::array({"started", "ended"}), "of the call")}},
      Json::array({"status", "ended_by"}), "What became of a request.");
  Json out = {{"$schema", kDraft}, {"title", "Answer of mayfly run --request"}};
  out.update(schema);
  return out;
}

}  // namespace mayfly::app
