#include "settings/document.h"

#include <random>

#include "catch_shim.h"

namespace mayfly::settings {
namespace {

struct Parsed {
  std::unique_ptr<Table> table;
  Diagnostics diagnostics;
};

Parsed parse(std::string_view text) {
  Parsed out;
  out.table = parse_document(text, std::make_shared<Source>(Source{"a.toml", Trust::kOperator}),
                             out.diagnostics);
  return out;
}

const Node& node(const Table& table, const std::string& key) {
  for (const Entry& entry : table) {
    if (entry.key.value == key) return *entry.value;
  }
  FAIL("no key " << key);
  return *table.front().value;
}

std::string repeated(const std::string& text, int times) {
  std::string out;
  for (int i = 0; i < times; ++i) out += text;
  return out;
}

struct Wrong {
  const char* what;
  std::string text;
  int line;
  int column;
  const char* message;
};

}  // namespace

TEST_CASE("every kind of value has its place, in lines and characters") {
  const Parsed parsed = parse(
      "text = \"é\"\n"
      "[table]\n"
      "\"ключ\" = [1, 2.5,\n  true]\n");
  REQUIRE(parsed.table != nullptr);
  CHECK(*node(*parsed.table, "text").as<std::string>() == "é");
  CHECK(to_string(node(*parsed.table, "text").at) == "a.toml:1:8");
  const Table& table = *node(*parsed.table, "table").as<Table>();
  CHECK(to_string(table.front().key.at) == "a.toml:3:1");
  const Array& list = *table.front().value->as<Array>();
  REQUIRE(list.size() == 3);
  CHECK(*list[0].as<std::int64_t>() == 1);
  CHECK(*list[1].as<double>() == 2.5);
  CHECK(to_string(list[1].at) == "a.toml:3:14");
  CHECK(*list[2].as<bool>());
  CHECK(to_string(list[2].at) == "a.toml:4:3");
}

TEST_CASE("nothing, a comment, a byte order mark and line ends of Windows are fine") {
  for (const char* text : {"", "\n\n", "# nothing\n# at all", "\xEF\xBB\xBF", " \t\r\n"}) {
    const Parsed parsed = parse(text);
    REQUIRE(parsed.table != nullptr);
    CHECK(parsed.table->empty());
    CHECK_FALSE(parsed.diagnostics.failed());
  }
  const Parsed parsed = parse("\xEF\xBB\xBF# x\r\na = 1\r\nb = \"c\"\r\n");
  REQUIRE(parsed.table != nullptr);
  CHECK(*node(*parsed.table, "b").as<std::string>() == "c");
  CHECK(to_string(node(*parsed.table, "b").at) == "a.toml:3:5");
}

TEST_CASE("what is no TOML is one error at its place, with its line") {
  const std::vector<Wrong> rows = {
      {"a word without quotes", "a = 1\nmemory = 512M\n", 2, 13, "is not TOML"},
      {"an open text", "a = \"x\n", 1, 7, "is not TOML"},
      {"an open table", "[a\n", 1, 3, "is not TOML"},
      {"a key twice", "a = 1\na = 2\n", 2, 5, "is not TOML"},
      {"a table twice", "[a]\n[b]\n[a]\n", 3, 1, "is not TOML"},
      {"a number that is too large", "a = 9223372036854775808\n", 1, 24, "is not TOML"},
      {"a control character", "a = \"\x01\"\n", 1, 6, "is not TOML"},
      {"a NUL", std::string("a = 1\nb = \"\0\"\n", 14), 2, 6, "is a NUL byte"},
      {"Latin-1", "a = 1\nb = \"\xe9\"\n", 2, 1, "is not valid UTF-8"},
      {"a surrogate", "b = \"\xed\xa0\x80\"\n", 1, 1, "is not valid UTF-8"},
      {"UTF-16", std::string("\xff\xfe\x61\x00", 4), 1, 4, "is a NUL byte"},
  };
  for (const Wrong& row : rows) {
    INFO(row.what);
    const Parsed parsed = parse(row.text);
    CHECK(parsed.table == nullptr);
    REQUIRE(parsed.diagnostics.errors() == 1);
    const Diagnostic& error = parsed.diagnostics.all().front();
    CHECK(error.at.line == row.line);
    CHECK(error.at.column == row.column);
    CHECK_THAT(error.message, test::contains(row.message));
    CHECK_FALSE(error.remedy.empty());
  }
  CHECK(parse(rows[0].text).diagnostics.all().front().value == "memory = 512M");
}

TEST_CASE("dates are errors with their text, and hide no other error") {
  const Parsed parsed = parse("a = 1979-05-27\nb = [07:32:00, 2]\nc = 1979-05-27T07:32:00Z\n");
  CHECK(parsed.diagnostics.errors() == 3);
  CHECK_THAT(parsed.diagnostics.all().front().value, test::contains("1979-05-27"));
  CHECK_THAT(parsed.diagnostics.all().front().message, test::contains("is a date"));
  REQUIRE(parsed.table != nullptr);
  CHECK(node(*parsed.table, "b").as<Array>()->size() == 1);
}

TEST_CASE("what would cost too much is refused before it is read") {
  const std::vector<Wrong> rows = {
      {"ten megabytes", std::string(10 << 20, '#'), 0, 0, "is larger than 1 MiB"},
      {"a byte too many", std::string((1 << 20) + 1, '\n'), 0, 0, "is larger than 1 MiB"},
      {"a long line", "\n" + std::string(20'000, '#'), 2, 1, "longer than 16 KiB"},
      {"a key of a thousand tables", repeated("a.", 1000) + "a = 1", 1, 1, "more than 256 dots"},
      {"a million dots", repeated(".", 1'000'000), 1, 1, "longer than 16 KiB"},
      {"lists in lists", "a = " + repeated("[", 1000) + repeated("]", 1000), 1, 0, "is not TOML"},
      {"tables in tables", "a = " + repeated("{a=", 500) + "1" + repeated("}", 500), 1, 0,
       "is not TOML"},
  };
  for (const Wrong& row : rows) {
    INFO(row.what);
    const Parsed parsed = parse(row.text);
    CHECK(parsed.table == nullptr);
    REQUIRE(parsed.diagnostics.errors() == 1);
    CHECK(parsed.diagnostics.all().front().at.line == row.line);
    CHECK_THAT(parsed.diagnostics.all().front().message, test::contains(row.message));
    CHECK_FALSE(parsed.diagnostics.all().front().remedy.empty());
    CHECK(parsed.diagnostics.all().front().value.size() <= 80);
  }
}

TEST_CASE("the largest and deepest texts that are let through are read") {
  std::string keys;
  for (int i = 0; i < 100'000; ++i) keys += "k" + std::to_string(i) + "=1\n";
  REQUIRE(keys.size() <= kMostDocumentBytes);
  const Parsed many = parse(keys);
  REQUIRE(many.table != nullptr);
  CHECK(many.table->size() == 100'000);

  const std::string deep = "[" + repeated("a.", 256) + "a]\n" + repeated("b.", 256) + "b = 1\n";
  CHECK(parse(deep).table != nullptr);
  CHECK(parse("a = " + repeated("[", 12) + repeated("]", 12)).table != nullptr);
}

TEST_CASE("a text in quotes is read as itself, whatever it is") {
  const unsigned seed = std::random_device()();
  INFO("seed " << seed);
  std::mt19937 random(seed);
  const std::vector<std::string> pieces = {"a",
                                           ".",
                                           " ",
                                           "\"",
                                           "\\",
                                           "\n",
                                           "\t",
                                           "\r",
                                           "#",
                                           "'",
                                           "é",
                                           "\x01",
                                           "\x7f",
                                           "\U0001F600",
                                           "${a}",
                                           "\"\"\"",
                                           "=",
                                           "]",
                                           "\u0085",
                                           std::string(1, '\0'),
                                           "...................."};
  for (int round = 0; round < 500; ++round) {
    std::string text;
    const auto length = random() % (round % 10 == 0 ? 5'000 : 40);
    // Sometimes few different ones, so that long runs come up.
    const auto kinds = 1 + random() % pieces.size();
    for (unsigned i = 0; i < length; ++i) {
      text += pieces[(random() % kinds + static_cast<unsigned>(round)) % pieces.size()];
    }
    const std::string document = "k = " + quoted(text) + "\n";
    INFO(document);
    const Parsed parsed = parse(document);
    REQUIRE(parsed.table != nullptr);
    CHECK(*node(*parsed.table, "k").as<std::string>() == text);

    const std::string key = text.substr(0, 200);
    const std::size_t end = key.size() - (text.size() > 200 ? 4 : 0);
    std::string whole = key.substr(0, end);
    while (!whole.empty() && (static_cast<unsigned char>(whole.back()) & 0x80) != 0)
      whole.pop_back();
    const Parsed keys = parse(quoted_key(whole) + " = 1\n");
    REQUIRE(keys.table != nullptr);
    CHECK(keys.table->front().key.value == whole);
  }
}

TEST_CASE("values are shown as somebody would have written them, in few words") {
  const Parsed parsed = parse("a = [1]\nb = {c = 1}\nd = true\ne = -7\nf = \"g\"\nh = 0.5\n");
  REQUIRE(parsed.table != nullptr);
  const std::vector<std::pair<std::string, std::string>> rows = {
      {"a list", "[…]"},  {"a table", "{…}"}, {"true or false", "true"},
      {"a number", "-7"}, {"a text", "g"},    {"a number with a fraction", "0.500000"}};
  for (std::size_t i = 0; i < rows.size(); ++i) {
    CHECK(kind_of(*(*parsed.table)[i].value) == rows[i].first);
    CHECK(shown(*(*parsed.table)[i].value) == rows[i].second);
  }
}

}  // namespace mayfly::settings
