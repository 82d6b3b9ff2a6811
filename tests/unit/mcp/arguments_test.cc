#include "mcp/arguments.h"

#include "fixture.h"

using namespace mayfly;
using namespace mayfly::mcp;
using namespace mayfly::mcp::test;

namespace {

std::string coerced(const char* arguments) {
  Json value = Json::parse(arguments);
  coerce_arguments(value, echo_schema());
  return value.dump();
}

std::vector<Error> faults(const char* arguments) {
  static const Schema kCompiled = *Schema::compile(echo_schema());
  Json value = Json::parse(arguments);
  return check_arguments(value, echo_schema(), kCompiled);
}

std::string fault(const char* arguments) {
  const auto found = faults(arguments);
  REQUIRE(found.size() == 1);
  return describe(found[0]);
}

}  // namespace

TEST_CASE("null for an absent optional argument is dropped") {
  CHECK(coerced(R"({"text":null,"count":3,"env":null})") == R"({"count":3})");
  CHECK(coerced(R"({"edits":[{"old":"a","all":null}]})") == R"({"edits":[{"old":"a"}]})");
}

TEST_CASE("null for a required argument, or for a name of the caller's own, is refused") {
  CHECK_THAT(fault(R"({"edits":[{"old":null}]})"), contains("edits[0].old"));
  CHECK_THAT(fault(R"({"env":{"A":null}})"), contains("env.A"));
}

TEST_CASE("strings that spell a value become it where the schema takes no string") {
  CHECK(coerced(R"({"count":"5","loud":"true","argv":"[\"a\",\"b\"]","env":"{\"A\":\"1\"}"})") ==
        R"({"count":5,"loud":true,"argv":["a","b"],"env":{"A":"1"}})");
  CHECK(coerced(R"({"loud":"False","count":" 7 "})") == R"({"loud":false,"count":7})");
  CHECK(coerced(R"({"edits":"[{\"old\":\"x\",\"all\":\"true\"}]"})") ==
        R"({"edits":[{"old":"x","all":true}]})");
  CHECK(coerced(R"({"count":5.0,"timeout_ms":"5.0"})") == R"({"count":5,"timeout_ms":5})");
}

TEST_CASE("what could mean something else stays as it is and is refused") {
  CHECK(coerced(R"({"text":"5"})") == R"({"text":"5"})");
  CHECK(coerced(R"({"text":"{\"a\":1}"})") == R"({"text":"{\"a\":1}"})");
  CHECK_THAT(fault(R"({"text":5})"), contains("must be string, not integer"));
  CHECK_THAT(fault(R"({"text":{"a":1}})"), contains("must be string, not object"));
  CHECK_THAT(fault(R"({"argv":"ls"})"), contains("must be array, not string"));
  CHECK_THAT(fault(R"({"count":"5x"})"), contains("must be integer, not string"));
  CHECK_THAT(fault(R"({"count":1.5})"), contains("must be integer, not number"));
  CHECK_THAT(fault(R"({"loud":"yes"})"), contains("must be boolean"));
  CHECK_THAT(fault(R"({"loud":1})"), contains("must be boolean"));
}

TEST_CASE("an unknown argument is refused with the name that was probably meant") {
  CHECK(fault(R"({"timeout":5})") ==
        "E5001 timeout \"5\": unknown argument. Remedy: use \"timeout_ms\"");
  CHECK_THAT(fault(R"({"edits":[{"old":"a","al":true}]})"), contains("edits[0].al"));
  CHECK_THAT(fault(R"({"zzzzzz":5})"), contains("known are text, count"));
}

TEST_CASE("an unknown argument that abbreviates or wraps a known one is told that one") {
  const auto told = [](const char* arguments, const char* schema) {
    const auto found = explain_faults(Json::parse(arguments), Json::parse(schema));
    return found.empty() ? std::string() : found.back().remedy;
  };
  const char* command = R"({"type":"object","additionalProperties":false,
      "properties":{"command":{"type":"string"},"cwd":{"type":"string"}}})";
  CHECK(told(R"({"cmd":"ls"})", command) == "use \"command\"");
  CHECK(told(R"({"cwdd":"ls"})", command) == "use \"cwd\"");
  const char* edit = R"({"type":"object","additionalProperties":false,
      "properties":{"old":{"type":"string"},"path":{"type":"string"}}})";
  CHECK(told(R"({"old_string":"a"})", edit) == "use \"old\"");
  CHECK(told(R"({"file_path":"a"})", edit) == "use \"path\"");
}

TEST_CASE("a list that is missing or is something else is told how to write it") {
  const Json schema = Json::parse(R"({"type":"object","required":["edits"],"properties":{
      "argv":{"type":"array","items":{"type":"string"}},
      "edits":{"type":"array","items":{"type":"object","required":["old","new"]}}}})");
  const auto first = [&](const char* arguments) {
    return explain_faults(Json::parse(arguments), schema).at(0).remedy;
  };
  CHECK(first("{}") == R"(give a list of objects, as in [{"old": ..., "new": ...}])");
  CHECK(first(R"({"edits":{}})") == R"(give a list of objects, as in [{"old": ..., "new": ...}])");
  CHECK(first(R"({"argv":"ls","edits":[]})") == R"(give a list, as in ["a", "b"])");
}

TEST_CASE("a fault names the argument, its value and what is expected") {
  CHECK_THAT(fault(R"({"mode":"apend"})"), contains("E5001 mode \"apend\": must be one of"));
  CHECK_THAT(fault(R"({"mode":"apend"})"), contains("use \"append\""));
  CHECK_THAT(fault(R"({"count":0})"), contains("must be at least 1"));
  CHECK_THAT(fault(R"({"count":"101"})"), contains("must be at most 100"));
  CHECK_THAT(fault(R"({"argv":[]})"), contains("at least 1 items"));
  CHECK_THAT(fault(R"({"argv":["a",2]})"), contains("argv[1]"));
  CHECK_THAT(fault(R"({"edits":[{}]})"), contains("edits[0].old"));
  CHECK_THAT(fault(R"({"edits":[{}]})"), contains("required"));
}

TEST_CASE("all faults are told at once, within reason") {
  CHECK(faults(R"({"timeout":1,"count":0,"text":5})").size() == 3);
  CHECK(faults(R"({"argv":[1,2,3,4,5,6,7,8,9,10,11,12]})").size() == 8);
  CHECK(faults(R"({"text":"a","count":5,"argv":["x"],"env":{"A":"b"}})").empty());
}

TEST_CASE("what the explanation does not know is left to the library") {
  const Json schema = Json::parse(
      R"({"type":"object","properties":{"a":{"type":"string","maxLength":5,"pattern":"^x"},
          "b":{"type":"array","uniqueItems":true}}})");
  const auto compiled = Schema::compile(schema);
  REQUIRE(compiled);
  Json value = Json::parse(R"({"a":"y"})");
  CHECK(check_arguments(value, schema, *compiled).at(0).field == "a");
  value = Json::parse(R"({"b":[1,1]})");
  CHECK_FALSE(check_arguments(value, schema, *compiled).empty());
  value = Json{{"a", std::string(1'000'000, 'x')}};
  CHECK_THAT(check_arguments(value, schema, *compiled).at(0).message, contains("at most 5"));
}

TEST_CASE("a long value is shortened in the message") {
  const std::string line = fault(("{\"mode\":\"" + std::string(100'000, 'x') + "\"}").c_str());
  CHECK(line.size() < 500);
}

TEST_CASE("refused arguments are a tool error that the model sees") {
  Fixture server;
  server.initialize("2025-11-25");
  const Json result =
      server.legacy("1", "tools/call", R"("name":"echo","arguments":{"timeout":1,"count":0})")
          .at("result");
  CHECK(result.at("isError") == true);
  const auto text = result.at("content").at(0).at("text").get<std::string>();
  CHECK_THAT(text, contains("timeout_ms"));
  CHECK_THAT(text, contains("\n"));
}
