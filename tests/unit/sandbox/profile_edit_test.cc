#include "sandbox/profile_edit.h"

#include <algorithm>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "catch_shim.h"
#include "sandbox/profile_defaults.h"
#include "sandbox/profile_format.h"
#include "settings/document.h"

namespace mayfly::sandbox {
namespace {

std::shared_ptr<const settings::Source> file() {
  return std::make_shared<settings::Source>(settings::Source{"mine.toml"});
}

Profile parsed(const std::string& text) {
  settings::Diagnostics diagnostics;
  auto profile = parse_profile(text, "mine", file(), diagnostics);
  INFO(text);
  for (const auto& each : diagnostics.all()) UNSCOPED_INFO(to_string(each));
  REQUIRE(profile.has_value());
  return *profile;
}

ProfileWish read_wish(const std::string& path) {
  return {"--read", "filesystem", "read", "", settings::quoted(path), "why"};
}
ProfileWish memory_wish(const std::string& size) {
  return {"--memory", "limits", "memory", "", settings::quoted(size), "why"};
}
ProfileWish variable_wish(const std::string& name, const std::string& value) {
  return {"--env", "environment", "set", name, settings::quoted(value), "why"};
}

std::string edited(const std::string& text, const ProfileWish& wish) {
  auto out = with_wish(text, file(), wish);
  INFO(text);
  if (!out) UNSCOPED_INFO(out.error().message);
  REQUIRE(out.has_value());
  return *out;
}

// The lines of `before` that are not in `after` in the same order.
std::vector<std::string> lost_lines(const std::string& before, const std::string& after) {
  std::vector<std::string> lost;
  std::size_t at = 0;
  std::size_t begin = 0;
  while (begin < before.size()) {
    const std::size_t end = std::min(before.find('\n', begin), before.size());
    const std::string line = before.substr(begin, end - begin);
    const std::size_t found = after.find(line, at);
    if (found == std::string::npos) {
      lost.push_back(line);
    } else {
      at = found + line.size();
    }
    begin = end + 1;
  }
  return lost;
}

}  // namespace

TEST_CASE("a value more goes into the list that is there, with its comment above it") {
  CHECK(
      edited("[filesystem]\nread = [\n    \"/a\", # one\n    \"/b\"  # two\n]\n",
             read_wish("/c")) ==
      "[filesystem]\nread = [\n    \"/a\", # one\n    \"/b\",  # two\n    # why\n    \"/c\",\n]\n");
  CHECK(edited("[filesystem]\nread = [\"/a\"]  # few\n", read_wish("/c")) ==
        "[filesystem]\nread = [\"/a\",\n  # why\n  \"/c\",\n]  # few\n");
  CHECK(edited("[filesystem]\nread = []\n", read_wish("/c")) ==
        "[filesystem]\nread = [\n  # why\n  \"/c\",\n]\n");
}

TEST_CASE("brackets and quotes in comments and texts are no brackets") {
  const std::string text =
      "description = '''[filesystem]\nread = [\"/no\"]'''\n# [filesystem]\n[filesystem] # ]\n"
      "read = [ # ] \"\n  \"/a]b\", '/c\"d',\n  # \"/e\" ]\n]\n";
  const std::string after = edited(text, read_wish("/new"));
  CHECK(parsed(after).paths.size() == 3);
  CHECK(parsed(after).description == parsed(text).description);
  CHECK(lost_lines(text, after).empty());
}

TEST_CASE("a setting is replaced where it stands, and what is behind it stays") {
  CHECK(edited("[limits]\nmemory   = \"1G\"   # small\nwall = \"1m\"\n", memory_wish("2G")) ==
        "[limits]\n# why\nmemory   = \"2G\"   # small\nwall = \"1m\"\n");
}

TEST_CASE("what has no place yet gets one: in its table, or in a new one") {
  CHECK(edited("[limits]\nwall = \"1m\"\n\n[host]\ntier = \"full\"\n", memory_wish("2G")) ==
        "[limits]\nwall = \"1m\"\n# why\nmemory = \"2G\"\n\n[host]\ntier = \"full\"\n");
  CHECK(edited("extends = \"default\"", memory_wish("2G")) ==
        "extends = \"default\"\n\n[limits]\n# why\nmemory = \"2G\"\n");
  // A table of dotted keys can have no header; the key joins them.
  const std::string dotted =
      edited("limits.wall = \"1m\"\n[host]\ntier = \"full\"\n", memory_wish("2G"));
  CHECK(parsed(dotted).limits.memory->value.bytes == 2ULL << 30);
}

TEST_CASE("variables are set in every way that a file may have them") {
  for (const char* text :
       {"", "[environment]\n", "[environment]\nset = { A = \"1\" }\n", "[environment]\nset = {}\n",
        "[environment.set]\nA = \"1\"\n", "[environment]\nset.A = \"1\"\n",
        "environment.set.A = \"1\"\n", "[environment]\npass = [\"B\"]\n[environment.set]\n",
        "[environment]\nset = { A = \"1\", NEW = \"old\" }\n",
        "[environment.set]\nNEW = \"old\"\n"}) {
    INFO(text);
    const auto out = with_wish(text, file(), variable_wish("NEW", "value"));
    REQUIRE(out.has_value());
    const Profile profile = parsed(*out);
    const bool there = std::any_of(
        profile.environment_set.begin(), profile.environment_set.end(), [](const auto& each) {
          return each.value == std::pair<std::string, std::string>{"NEW", "value"};
        });
    CHECK(there);
  }
}

TEST_CASE("a wish that the parser refuses is refused in its words, under the option's name") {
  const auto refused = with_wish("", file(), read_wish("relative"));
  REQUIRE_FALSE(refused.has_value());
  CHECK_THAT(refused.error().message,
             test::contains("--read: error: \"relative\" is not absolute"));
}

TEST_CASE("a wish against a rule of the same file is refused with that rule's place") {
  const auto refused =
      with_wish("[filesystem]\nwrite = [\"/opt/a\"]\n", file(), read_wish("/opt/a"));
  REQUIRE_FALSE(refused.has_value());
  CHECK_THAT(refused.error().message, test::contains("is in two rules of this file"));
}

TEST_CASE("a comment cannot end its line") {
  ProfileWish wish = memory_wish("2G");
  wish.comment = "a\nmode = \"proxy\"\r[network]";
  const Profile profile = parsed(edited("", wish));
  CHECK_FALSE(profile.network.has_value());
}

TEST_CASE("any wishes after any others leave a file that says all of them and keeps its lines") {
  const std::string start =
      "# mine\nextends = \"default\"  # the base\n\n[filesystem]\n# tools\nread = [\"/opt/a\"]\n\n"
      "[limits]\nmemory = \"1G\" # small\n\n# the end\n";
  std::mt19937 random(4);
  for (int round = 0; round < 200; ++round) {
    std::string text = start;
    Profile expected = parsed(text);
    for (int step = 0; step < 6; ++step) {
      const std::string number = std::to_string(random() % 1000) + "-" + std::to_string(step);
      ProfileWish wish = read_wish("/srv/" + number);
      switch (random() % 5) {
        case 0:
          wish = memory_wish(std::to_string(5 + random() % 90) + "G");
          break;
        case 1:
          wish = variable_wish("V" + std::to_string(random() % 1000) + "_" + std::to_string(step),
                               "a \"quoted\" # value");
          break;
        case 2:
          wish.key = "deny";
          break;
        case 3:
          wish = {"--env", "environment", "pass", "", settings::quoted("P" + std::to_string(step)),
                  ""};
          break;
        default:
          break;
      }
      const std::string before = text;
      text = edited(text, wish);
      profile_format().merge(expected, *wished(wish));
      INFO(before << "----\n" << text);
      CHECK(print_profile(parsed(text)) == print_profile(parsed(print_profile(expected))));
      // Comments stay; of the lines only one may be written anew.
      CHECK(lost_lines(before, text).size() <= 1);
      for (const char* comment : {"# mine", "# the base", "# tools", "# small", "# the end"}) {
        CHECK_THAT(text, test::contains(comment));
      }
      const auto said = said_already(parsed(text), wish, *wished(wish));
      CHECK(said.has_value());
    }
  }
}

TEST_CASE("a new profile has every wish and parses, with or without any") {
  NewProfile profile{"mine", "default", "", {}};
  CHECK(parsed(new_profile_text(profile)).extends.front().value == "default");
  profile.description = "A \"good\" one.";
  profile.wishes = {read_wish("/opt/a"), read_wish("/opt/b"), memory_wish("2G"),
                    variable_wish("A", "1"), variable_wish("B", "2")};
  const Profile made = parsed(new_profile_text(profile));
  CHECK(made.paths.size() == 2);
  CHECK(made.environment_set.size() == 2);
  CHECK(made.limits.memory->value.bytes == 2ULL << 30);
  CHECK(made.description->value == profile.description);
}

TEST_CASE("the examples of a new profile are good ones") {
  std::string text = new_profile_text({"mine", "default", "", {}});
  std::string bare;
  for (std::size_t begin = 0; begin < text.size();) {
    const std::size_t end = text.find('\n', begin) + 1;
    std::string line = text.substr(begin, end - begin);
    const bool example = line.starts_with("# ") && line.find(" = ") != std::string::npos;
    bare += example ? line.substr(2) : line;
    begin = end;
  }
  const Profile profile = parsed(bare);
  CHECK(profile.description.has_value());
  CHECK(profile.paths.size() == 3);
  CHECK(profile.network_allow.size() == 1);
}

TEST_CASE("a wish that a key has no room for is refused, and so are keys that do not exist") {
  CHECK_FALSE(with_wish("", file(), {"--x", "filesystem", "nothing", "", "1", ""}).has_value());
}

}  // namespace mayfly::sandbox
