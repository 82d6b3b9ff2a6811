#include "audit/record.h"

#include <algorithm>

#include "audit/hash.h"
#include "catch_shim.h"

using namespace mayfly::audit;

namespace {
const Key kKey(std::string(32, 'k'));

Sealed sealed(Json fields) { return seal(1, "c0ffee", "call", std::move(fields), no_hash(), kKey); }
std::string_view without_newline(const std::string& line) {
  return std::string_view(line).substr(0, line.size() - 1);
}
}  // namespace

TEST_CASE("a record is one line of printable ASCII, whatever is in it") {
  const auto record = sealed({{"command", "a\nb\x1b[2J\x7f \xE2\x80\xAE \xff\xfe \xC2\x9B"}});
  CHECK(record.line.back() == '\n');
  CHECK(std::all_of(record.line.begin(), record.line.end() - 1,
                    [](char c) { return c >= ' ' && c <= '~'; }));
  const auto opened = open_record(without_newline(record.line));
  REQUIRE(opened);
  CHECK(opened->hash_holds);
  CHECK(opened->hash == record.hash);
}

TEST_CASE("a changed byte breaks a record's hash") {
  const std::string line = sealed({{"command", "rm -rf build"}}).line;
  for (std::size_t i = 0; i + 1 < line.size(); ++i) {
    std::string changed = line;
    changed[i] = changed[i] == '1' ? '2' : '1';
    const auto opened = open_record(without_newline(changed));
    const bool holds = opened && opened->hash_holds &&
                       same_text(kKey.confirm("record", opened->hash), opened->mac);
    if (holds) FAIL("a change at " << i << " is not seen: " << changed);
  }
}

TEST_CASE("a record is never longer than a line may be") {
  Json fields = Json::object();
  for (int i = 0; i < 2000; ++i) {
    fields["argv"].push_back(std::string(3000, '\x01'));
    fields["environment"]["NAME" + std::to_string(i)] = std::string(100, 'v');
  }
  fields[std::string(100'000, 'n')] = 1;
  fields["text"] = std::string(1U << 20, 'x');
  const auto record = sealed(fields);
  CHECK(record.line.size() <= kMostLineBytes);
  const auto opened = open_record(without_newline(record.line));
  REQUIRE(opened);
  const std::string text = opened->fields.at("text");
  CHECK_THAT(text, mayfly::test::contains("[cut: 1048576 bytes, sha256 "));
}

TEST_CASE("what is no record is told from one") {
  const std::string deep = std::string(50'000, '[') + std::string(50'000, ']');
  const std::string tail = ",\"hash\":\"" + no_hash() + "\",\"mac\":\"" + no_hash() + "\"}";
  for (const std::string& line :
       {std::string(), std::string("{}"), std::string("null"), deep, "{\"a\":" + deep + tail,
        "{\"seq\":-1,\"time\":\"\",\"chain\":\"\",\"event\":\"\",\"prev\":\"\"" + tail,
        "{\"seq\":1,\"time\":1,\"chain\":[],\"event\":\"\",\"prev\":\"\"" + tail, tail,
        std::string("\xff\xfe\0", 3)}) {
    CHECK_FALSE(open_record(line));
  }
}
