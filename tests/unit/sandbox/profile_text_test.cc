#include "sandbox/profile_text.h"

#include <memory>
#include <random>
#include <string>

#include "catch_shim.h"
#include "sandbox/explain.h"
#include "sandbox/profile_check.h"
#include "sandbox/profile_diff.h"
#include "sandbox/profile_format.h"
#include "sandbox/shipped_profiles.h"

namespace mayfly::sandbox {
namespace {

Profile parsed(const std::string& text) {
  settings::Diagnostics diagnostics;
  const auto source = std::make_shared<settings::Source>(settings::Source{"some.toml"});
  auto profile = parse_profile(text, "some", source, diagnostics);
  INFO(text);
  for (const auto& each : diagnostics.all()) UNSCOPED_INFO(to_string(each));
  REQUIRE(profile.has_value());
  return *profile;
}

// What is compared: not the names of files.
Profile bare(Profile profile) {
  profile.name.clear();
  profile.layers.clear();
  profile.extends.clear();
  return profile;
}

// A text with some of everything that a profile can say.
std::string generated(std::mt19937& random) {
  const auto maybe = [&random](const std::string& line) {
    return random() % 2 == 0 ? line + "\n" : std::string();
  };
  const std::string n = std::to_string(random() % 90 + 10);
  return maybe("description = \"for " + n + " \\\"people\\\" # no comment\"") + "[filesystem]\n" +
         maybe("workspace = \"read-write\"") + maybe("read = [\"/opt/" + n + "\", \"${home}/x\"]") +
         maybe("write = [\"/srv/" + n + "\"]") + maybe("hide = [\"/opt/h/*.key\"]") +
         maybe("deny = [\"/opt/d" + n + "\"]") + maybe("tmpfs = { \"/t" + n + "\" = \"64M\" }") +
         maybe("bind = [{ source = \"/opt/b\", destination = \"/b\" }]") +
         maybe("toolchains = \"auto\"") + maybe("protect = [\"tools/" + n + "\"]") + "[network]\n" +
         maybe("mode = \"proxy\"") + maybe("allow = [\"a" + n + ".example.org:443\"]") +
         "[syscalls]\n" + maybe("allow = [\"@files\"]") + maybe("deny = [\"ptrace\"]") +
         "[limits]\n" + maybe("memory = \"" + n + "M\"") + maybe("wall = \"" + n + "s\"") +
         maybe("processes = " + n) + "[environment]\n" + maybe("pass = [\"A_*\"]") +
         maybe("set = { X = \"" + n + "\", Y = \"a\\nb\" }") + maybe("settable = []") +
         "[observe]\n" + maybe("level = \"all\"");
}

}  // namespace

TEST_CASE("what show prints reads as the profile itself, for all that ship") {
  for (const std::string& name : shipped_profiles()) {
    INFO(name);
    const Profile profile = *find_profile(name);
    CHECK(bare(parsed(annotated_text(profile))) == bare(profile));
  }
}

TEST_CASE("what show prints reads as the profile itself, for any profile") {
  std::mt19937 random(1);
  for (int round = 0; round < 300; ++round) {
    const Profile profile = parsed(generated(random));
    CHECK(bare(parsed(annotated_text(profile))) == bare(profile));
  }
}

TEST_CASE("show says of each value where it stands") {
  CHECK_THAT(annotated_text(parsed("[limits]\n\nwall = \"1m\"\n")),
             test::contains("wall = \"1m\"  # some.toml:3:8"));
}

TEST_CASE("a profile is the same as itself, and what one permits more the other permits less") {
  std::mt19937 random(2);
  for (int round = 0; round < 200; ++round) {
    const Profile a = parsed(generated(random));
    const Profile b = parsed(generated(random));
    CHECK(diff_profiles(a, a).same());
    const ProfileDiff there = diff_profiles(a, b);
    const ProfileDiff back = diff_profiles(b, a);
    CHECK(there.more.size() == back.less.size());
    CHECK(there.less.size() == back.more.size());
    CHECK(there.other.size() == back.other.size());
    CHECK(there.same() == (bare(a) == bare(b)));
  }
}

TEST_CASE("a rule that takes away counts as less, one that gives as more") {
  const Profile nothing = parsed("");
  CHECK(diff_profiles(nothing, parsed("[filesystem]\nread = [\"/opt\"]\n")).more.size() == 1);
  CHECK(diff_profiles(nothing, parsed("[filesystem]\ndeny = [\"/opt\"]\n")).less.size() == 1);
  CHECK(diff_profiles(nothing, parsed("[limits]\ncpu = \"1m\"\n")).less.size() == 1);
  CHECK(diff_profiles(nothing, parsed("[network]\ndanger_host = true\n")).more.size() == 1);
  CHECK(diff_profiles(nothing, parsed("[environment]\nsettable = []\n")).less.size() == 1);
  CHECK(diff_profiles(nothing, parsed("[host]\ntier = \"landlock\"\n")).more.size() == 1);
  // Said as it is anyway: no difference.
  CHECK(diff_profiles(nothing, parsed("[limits]\nwall = \"10m\"\n")).same());
}

TEST_CASE(
    "an explanation names every value that a profile has, and what holds where it says none") {
  std::mt19937 random(3);
  for (int round = 0; round < 50; ++round) {
    const Profile profile = parsed(generated(random));
    const Explanation explanation = explain(profile, nullptr);
    std::size_t values = 0;
    for (const ExplainedRule& rule : explanation.rules) values += rule.values.size();
    std::size_t said = 0;
    for (const auto& field : profile_format().fields()) {
      if (field.info.table.empty()) continue;
      said += field.parts(profile).size();
    }
    CHECK(values >= said);
    CHECK_THAT(to_text(explanation), test::contains("memory"));
  }
}

TEST_CASE("an explanation says loudly what weakens the sandbox") {
  const Profile profile = parsed("[network]\ndanger_host = true\n");
  CHECK_THAT(to_text(explain(profile, nullptr)), test::contains("DANGER"));
  CHECK_THAT(to_text(explain(parsed(""), nullptr)), !test::contains("DANGER"));
}

TEST_CASE("rules to no purpose are warned of, good ones are not") {
  const auto warnings = [](const std::string& text) {
    settings::Diagnostics found;
    Profile profile = parsed("[syscalls]\nallow = [\"@files\"]\n");
    merge_profile(profile, parsed(text), found);
    warn_of_idle_rules(profile, "/home/u", "/w", found);
    CHECK_FALSE(found.failed());
    std::string out;
    for (const auto& each : found.all()) out += to_string(each) + "\n";
    return out;
  };
  const std::string usr = "[filesystem]\nread = [\"/usr\"";
  CHECK(warnings(usr + "]\n").empty());
  CHECK_THAT(warnings(""), test::contains("no program"));
  CHECK_THAT(warnings(usr + ", \"/usr/share\"]\n"),
             test::contains("there already by read \"/usr\""));
  CHECK_THAT(warnings(usr + ", \"/not/here\"]\n"), test::contains("is not on this host"));
  CHECK_THAT(warnings(usr + "]\ndeny = [\"/not/here\"]\n"), test::contains("is not there now"));
  CHECK(warnings(usr + "]\ndeny = [\"/not/*.here\"]\n").empty());
  // Below what is hidden a rule shows again.
  CHECK(warnings(usr + ", \"/usr/share/doc\"]\nhide = [\"/usr/share\"]\n").empty());
  CHECK_THAT(warnings(usr + "]\n[network]\nallow = [\"example.org\"]\n"),
             test::contains("allows nothing while network.mode is none"));
  CHECK_THAT(warnings(usr + "]\n[syscalls]\nallow = [\"ptrace\"]\ndeny = [\"@tracing\"]\n"),
             test::contains("is denied by \"@tracing\""));
}

TEST_CASE("a profile without system calls is warned of, since no program can run") {
  const auto warned = [](const std::string& text) {
    settings::Diagnostics found;
    warn_of_idle_rules(parsed("[filesystem]\nread = [\"/usr\"]\n" + text), "/home/u", "/w", found);
    return !found.all().empty();
  };
  CHECK(warned(""));
  CHECK_FALSE(warned("[syscalls]\nallow = [\"@files\"]\n"));
}

TEST_CASE("a rule that a later file denies from above is gone") {
  settings::Diagnostics found;
  Profile profile = parsed(
      "[syscalls]\nallow = [\"@files\"]\n[filesystem]\nread = [\"/usr\", \"/usr/share/doc\"]\n");
  merge_profile(profile, parsed("[filesystem]\ndeny = [\"/usr/share\"]\n"), found);
  warn_of_idle_rules(profile, "/home/u", "/w", found);
  CHECK(found.all().empty());
  CHECK(profile.paths.size() == 2);
}

}  // namespace mayfly::sandbox
