#include "settings/format.h"

#include <nlohmann/json.hpp>

#include "catch_shim.h"

namespace mayfly::settings {
namespace {

struct Pet {
  std::optional<Located<std::string>> name;
  std::optional<Located<std::uint64_t>> weight;
  std::vector<Located<std::string>> toys;
  std::vector<Located<std::pair<std::string, std::uint64_t>>> meals;

  bool operator==(const Pet&) const = default;
};

const Format<Pet>& pets() {
  using Meal = std::pair<std::string, std::uint64_t>;
  static const Codec<std::uint64_t> size = size_codec();
  static const Format<Pet> format(
      "Pets", {{"body", "What it is."}, {"days", "What it does."}},
      {setting<Pet, std::string>(
           "", "name", any_text_codec(50), "how it is called",
           [](Pet & pet) -> auto& { return pet.name; }),
       setting<Pet, std::uint64_t>(
           "body", "weight", size, "how heavy it is",
           [](Pet & pet) -> auto& { return pet.weight; }),
       additions<Pet, std::string>(
           "days", "toys", any_text_codec(50), "what it plays with",
           [](Pet & pet) -> auto& { return pet.toys; }),
       entries<Pet, Meal>(
           "days", "meals", "{ name = size }", R"({"type":"object"})", "what it eats",
           [](Pet & pet) -> auto& { return pet.meals; },
           [](const std::string& key, const Node& node) -> Reading<Meal> {
             if (key.size() > 300) return complain("is no meal", "shorten it");
             const auto bytes = size.read(node);
             if (!bytes) return complain(node, bytes.error().message, bytes.error().remedy);
             return Meal{key, *bytes};
           },
           [](const Meal& meal) {
             return quoted_key(meal.first) + " = " + size.write(meal.second);
           },
           [](const Meal& meal) { return meal.first; })});
  return format;
}

Pet read(const std::string& text, Diagnostics& diagnostics) {
  const auto table =
      parse_document(text, std::make_shared<Source>(Source{"a", Trust::kOperator}), diagnostics);
  INFO(text);
  REQUIRE(table != nullptr);
  return pets().read(*table, diagnostics);
}

Pet read(const std::string& text) {
  Diagnostics diagnostics;
  Pet pet = read(text, diagnostics);
  if (diagnostics.failed()) FAIL(diagnostics.to_error().message);
  return pet;
}

std::vector<std::string> errors_of(const std::string& text) {
  Diagnostics diagnostics;
  read(text, diagnostics);
  std::vector<std::string> out;
  for (const Diagnostic& each : diagnostics.all()) out.push_back(to_string(each));
  return out;
}

constexpr const char* kCat =
    "name = \"Minka\"\n[body]\nweight = \"4K\"\n[days]\ntoys = [\"ball\", \"mouse\"]\n"
    "meals = { tuna = \"1K\" }\n";

}  // namespace

TEST_CASE("a format reads what it prints") {
  const Pet cat = read(kCat);
  CHECK(cat.name->value == "Minka");
  CHECK(cat.weight->value == 4096);
  CHECK(to_string(cat.toys.at(1).at) == "a:5:17");
  CHECK(cat.meals.front().value == std::pair<std::string, std::uint64_t>{"tuna", 1024});
  CHECK(read(pets().write(cat)) == cat);
  CHECK(pets().write(Pet{}).empty());
}

TEST_CASE("lists and tables of any length are printed so that they can be read again") {
  Pet cat = read(kCat);
  for (int i = 0; i < 3000; ++i) {
    cat.toys.push_back({"toy number " + std::to_string(i), {}});
    cat.meals.push_back({{"a.b.c.d." + std::to_string(i), 1}, {}});
  }
  cat.meals.push_back({{std::string(300, '.'), 1}, {}});
  CHECK(read(pets().write(cat)) == cat);
}

TEST_CASE("of two files the later replaces, adds, or adds by name") {
  Pet cat = read(kCat);
  pets().merge(cat, read("name = \"Mia\"\n[days]\ntoys = [\"ball\"]\n"
                         "meals = { tuna = \"2K\", milk = \"1K\" }\n"));
  CHECK(cat.name->value == "Mia");
  CHECK(cat.weight->value == 4096);
  CHECK(cat.toys.size() == 3);
  REQUIRE(cat.meals.size() == 2);
  CHECK(cat.meals[0].value.second == 2048);
  Pet same = cat;
  pets().merge(same, Pet{});
  CHECK(same == cat);
  Pet nothing;
  pets().merge(nothing, cat);
  CHECK(nothing == cat);
}

TEST_CASE("an unknown key is told the right one, or the table that it belongs to") {
  struct Row {
    const char* text;
    const char* error;
  };
  for (const Row& row : {
           Row{"nme = \"x\"",
               "a:1:1: error: \"nme\" is no key of this format; did you mean \"name\"?"},
           Row{"[bdy]\nweight = 1",
               "a:1:2: error: \"bdy\" is no table of this format; did you mean \"body\"?"},
           Row{"[body]\nwieght = 1",
               "a:2:1: error: \"wieght\" is no key of [body]; did you mean \"weight\"?"},
           Row{"[body]\ntoys = []",
               "a:2:1: error: \"toys\" is no key of [body]; the key days.toys exists: is the table "
               "right?"},
           Row{"weight = 1",
               "a:1:1: error: \"weight\" is no key of this format; the key body.weight exists: is "
               "the "
               "table right?"},
           Row{"[body]\nxyzzy = 1",
               "a:2:1: error: \"xyzzy\" is no key of [body]; there are weight"},
           Row{"body = 3",
               "a:1:8: error: \"3\" is a number, and body is a table; write [body] and the keys "
               "below "
               "it"},
           Row{"[[body]]\nweight = 1",
               "a:1:1: error: \"[…]\" is a list, and body is a table; write [body] and the keys "
               "below "
               "it"},
           Row{"[days]\ntoys = \"ball\"",
               "a:2:8: error: \"ball\" is not a list (days.toys); put it in [ ]"},
           Row{"[days]\nmeals = [1]",
               "a:2:9: error: \"[…]\" is a list (days.meals); write { \"name\" = \"value\" }"},
           Row{"[days]\nmeals = { tuna = \"x\" }",
               "a:2:18: error: \"x\" is not a size (days.meals); write it like 512M or 4GiB"},
       }) {
    INFO(row.text);
    CHECK(errors_of(row.text) == std::vector<std::string>{row.error});
  }
  const std::string long_name(301, 'm');
  const auto errors = errors_of("[days]\nmeals = { " + long_name + " = 1 }");
  REQUIRE(errors.size() == 1);
  CHECK_THAT(errors[0], test::contains("a:2:11: error: \"mmm"));
}

TEST_CASE("everything that is wrong with a file is told at once, in its order") {
  const auto errors = errors_of(
      "nmae = 1\nname = 2\n[body]\nweight = \"x\"\nheight = 1979-05-27\n[days]\n"
      "toys = [1, \"ball\", 2]\n[dys]\n");
  std::vector<std::string> places;
  for (const std::string& error : errors) places.push_back(error.substr(0, error.find(": ")));
  CHECK(places ==
        std::vector<std::string>{"a:1:1", "a:2:8", "a:4:10", "a:5:10", "a:7:9", "a:7:20", "a:8:2"});
}

TEST_CASE("a hundred thousand unknown keys are counted and not answered one by one") {
  std::string text;
  for (int i = 0; i < 60'000; ++i) text += "key" + std::to_string(i) + " = 1\n";
  Diagnostics diagnostics;
  read(text, diagnostics);
  CHECK(diagnostics.errors() == 60'000);
  CHECK(diagnostics.all().size() == 100);
  CHECK_THAT(diagnostics.to_error().message, test::contains("and 59990 more"));
}

TEST_CASE("more entries than anybody writes are one error") {
  for (const char* key : {"toys", "meals"}) {
    std::string text = std::string("[days]\n") + (key[0] == 't' ? "toys = [\n" : "");
    for (std::size_t i = 0; i <= kMostItems; ++i) {
      text += key[0] == 't' ? "\"a\",\n" : "meals.m" + std::to_string(i) + " = 1\n";
    }
    const auto errors = errors_of(text + (key[0] == 't' ? "]" : ""));
    REQUIRE(errors.size() == 1);
    CHECK_THAT(errors[0], test::contains("more than 4096 entries"));
  }
}

TEST_CASE("the schema is JSON with each key and no others, and the table names each") {
  const auto schema = nlohmann::json::parse(pets().schema());
  CHECK(schema["additionalProperties"] == false);
  CHECK(schema["properties"]["body"]["properties"]["weight"]["description"] == "how heavy it is");
  CHECK(schema["properties"]["days"]["additionalProperties"] == false);
  CHECK(schema["properties"]["days"]["properties"].size() == 2);
  for (const KeyInfo& key : pets().keys()) {
    CHECK_THAT(pets().markdown(), test::contains("| `" + key.full() + "` |"));
  }
}

}  // namespace mayfly::settings
