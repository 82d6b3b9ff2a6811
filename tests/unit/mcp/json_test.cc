#include "mcp/json.h"

#include "base/text.h"
#include "catch_shim.h"

using namespace mayfly;
using namespace mayfly::mcp;

TEST_CASE("JSON is parsed with its members in order") {
  const auto value = parse_json(R"({"b":1,"a":[true,null,-2,1.5,"x"]})");
  REQUIRE(value);
  CHECK(dump_json(*value) == R"({"b":1,"a":[true,null,-2,1.5,"x"]})");
}

TEST_CASE("nesting beyond the limit is refused and never recursed into") {
  CHECK(parse_json(std::string(128, '[') + std::string(128, ']')));
  CHECK_FALSE(parse_json(std::string(129, '[') + std::string(129, ']')));
  CHECK_FALSE(parse_json(std::string(5'000'000, '[')));
  std::string objects;
  for (int i = 0; i < 200; ++i) objects += "{\"a\":";
  CHECK_FALSE(parse_json(objects));
}

TEST_CASE("too many values are refused") {
  CHECK(parse_json("[1,2,3]", {128, 4}));
  CHECK_FALSE(parse_json("[1,2,3,4]", {128, 4}));
}

TEST_CASE("a name that is given twice in one object is refused") {
  CHECK_FALSE(parse_json(R"({"a":1,"a":2})"));
  CHECK_FALSE(parse_json(R"({"x":{"a":1,"b":2,"a":2}})"));
  CHECK(parse_json(R"({"a":{"a":1}})"));
}

TEST_CASE("an object of many names is parsed in reasonable time") {
  std::string text = "{";
  for (int i = 0; i < 300'000; ++i) text += (i > 0 ? ",\"" : "\"") + std::to_string(i) + "\":0";
  CHECK(parse_json(text + "}"));
}

TEST_CASE("what is not JSON is refused without an exception") {
  for (const char* text : {"", "{", "nul", "{\"a\":}", "[1,]", "1e999", "\"\xff\"", "\"\\ud800\"",
                           "{} {}", "\x01", "NaN", "'a'", "{\"a\" 1}", "\xEF\xBB"}) {
    CAPTURE(text);
    CHECK_FALSE(parse_json(text));
  }
}

TEST_CASE("repaired text parses where only characters were wrong") {
  CHECK(parse_json(repair_json_text("\"\xff\""))->get<std::string>() == "\xEF\xBF\xBD");
  CHECK(parse_json(repair_json_text(R"("\ud800x")"))->get<std::string>() == "\xEF\xBF\xBDx");
  CHECK(parse_json(repair_json_text(R"("\udc00\ud83d\ude00")"))->get<std::string>() ==
        "\xEF\xBF\xBD\xF0\x9F\x98\x80");
  CHECK(repair_json_text(R"("\\ud800")") == R"("\\ud800")");
  CHECK(repair_json_text("\"\\u12") == "\"\\u12");
}

TEST_CASE("writing replaces invalid UTF-8") {
  const std::string line = dump_json(Json{{"a", std::string("\xff\n")}});
  CHECK(text::is_utf8(line));
  CHECK(line.find('\n') == std::string::npos);
}
