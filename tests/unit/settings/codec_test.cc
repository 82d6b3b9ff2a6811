#include "settings/codec.h"

#include "catch_shim.h"

namespace mayfly::settings {
namespace {

struct Wrong {
  const char* text;
  const char* message;
  const char* remedy;
};

std::unique_ptr<Table> document(const std::string& value) {
  Diagnostics diagnostics;
  auto table = parse_document("k = " + value,
                              std::make_shared<Source>(Source{"a", Trust::kOperator}), diagnostics);
  INFO(value);
  REQUIRE(table != nullptr);
  return table;
}

template <typename T>
Reading<T> read(const Codec<T>& codec, const std::string& value) {
  return codec.read(*document(value)->front().value);
}

template <typename T>
void check_wrong(const Codec<T>& codec, const std::vector<Wrong>& rows) {
  for (const Wrong& row : rows) {
    INFO(row.text);
    const auto value = read(codec, row.text);
    REQUIRE_FALSE(value.has_value());
    CHECK(value.error().message == row.message);
    CHECK_THAT(value.error().remedy, test::contains(row.remedy));
  }
}

template <typename T>
void check_same(const Codec<T>& codec, const std::vector<T>& values) {
  for (const T& value : values) {
    const std::string text = codec.write(value);
    INFO(text);
    const auto again = read(codec, text);
    REQUIRE(again.has_value());
    CHECK(*again == value);
  }
}

}  // namespace

TEST_CASE("each type of value is read as it is written") {
  check_same(size_codec(), {1, 1024, 1025, 1ULL << 40, ~0ULL});
  check_same(duration_codec(), {milliseconds(1), milliseconds(90'061'001)});
  check_same(percent_codec(), {1, 100'000});
  check_same(count_codec(0, 1U << 30), {0, 17, 1U << 30});
  check_same(bool_codec(), {true, false});
  check_same(any_text_codec(500), {std::string(), std::string("a \"b\"\n")});
  check_same(list_codec(any_text_codec(500)),
             {{}, {"a"}, std::vector<std::string>(300, "a.b.c.d.e.f")});
  check_same(or_word<std::uint64_t>(size_codec(), "none", 0), {0, 5});
  check_same(word_codec<int>({{"one", 1}, {"two", 2}}), {1, 2});
}

TEST_CASE("values of the wrong type say which one they are and which one is wanted") {
  check_wrong(size_codec(), {{"true", "is true or false and no size", "in quotes"},
                             {"1.5", "is a number with a fraction and no size", "in quotes"},
                             {"inf", "is a number with a fraction and no size", "in quotes"},
                             {"nan", "is a number with a fraction and no size", "in quotes"},
                             {"[1]", "is a list and no size", "in quotes"},
                             {"{a = 1}", "is a table and no size", "in quotes"},
                             {"-1", "is not a size", "512M"},
                             {"0", "is nothing", "1 or more"}});
  check_wrong(duration_codec(),
              {{"30", "is a number and no time", "in quotes"}, {"\"30\"", "is not a time", "30s"}});
  check_wrong(count_codec(16, 100),
              {{"\"17\"", "is a text and no number", "without quotes"},
               {"17.0", "is a number with a fraction and no number", "digits"},
               {"-17", "is out of range", "16 to 100"},
               {"15", "is out of range", "16 to 100"},
               {"9223372036854775807", "is out of range", "16 to 100"}});
  check_wrong(bool_codec(),
              {{"\"true\"", "is a text", "without quotes"}, {"1", "is a number", "true or false"}});
  check_wrong(any_text_codec(3), {{"1", "is a number", "in quotes"},
                                  {"\"abcd\"", "is longer than 3 bytes", "shorten"}});
  check_wrong(or_word<std::uint64_t>(size_codec(), "none", 0),
              {{"\"nine\"", "is not a size", "or \"none\""}});
}

TEST_CASE("a wrong word gets the nearest right one, and one that is near none gets them all") {
  const auto codec = word_codec<int>({{"read-write", 1}, {"read-only", 2}});
  check_wrong(codec, {{"\"readonly\"", "is not known", "did you mean \"read-only\"?"},
                      {"\"x\"", "is not known", "write one of read-write, read-only"},
                      {"true", "is not known", "write one of read-write, read-only"}});
}

TEST_CASE("all that is wrong in a list is told, each with its own place") {
  const auto table = document("[\"1M\", \"2X\", 3,\n \"4Y\"]");
  const auto value = list_codec(size_codec()).read(*table->front().value);
  REQUIRE_FALSE(value.has_value());
  CHECK(value.error().value == "2X");
  CHECK(to_string(value.error().at.value()) == "a:1:12");
  REQUIRE(value.error().more.size() == 1);
  CHECK(value.error().more.front().value == "4Y");
  CHECK(to_string(value.error().more.front().at.value()) == "a:2:2");
  check_wrong(list_codec(size_codec()), {{"\"1M\"", "is not a list", "[ ]"}});
}

TEST_CASE("a list that nobody can have written is refused as a whole") {
  std::string text = "[";
  for (std::size_t i = 0; i <= kMostItems; ++i) text += "\n1,";
  check_wrong(list_codec(size_codec()), {{(text + "]").c_str(), "has more than 4096 entries", ""}});
}

}  // namespace mayfly::settings
