#include "sandbox/profile_format.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "catch_shim.h"
#include "random_profile.h"

namespace mayfly::sandbox {
namespace {

using settings::Diagnostics;

std::optional<Profile> parse(const std::string& text, Diagnostics& diagnostics,
                             const char* file = "a.toml") {
  const auto source =
      std::make_shared<settings::Source>(settings::Source{file, settings::Trust::kOperator});
  return parse_profile(text, "a", source, diagnostics);
}

Profile parse(const std::string& text) {
  Diagnostics diagnostics;
  auto profile = parse(text, diagnostics);
  INFO(text);
  if (!profile) FAIL(diagnostics.to_error().message);
  return *std::move(profile);
}

std::vector<std::string> errors_of(const std::string& text) {
  Diagnostics diagnostics;
  const bool read = parse(text, diagnostics).has_value();
  CHECK(read != diagnostics.failed());
  std::vector<std::string> out;
  for (const auto& each : diagnostics.all()) {
    out.push_back(to_string(each));
    // Each says where, what and what to do about it.
    CHECK(each.at.line > 0);
    CHECK(each.at.column > 0);
    CHECK_FALSE(each.value.empty());
    CHECK_FALSE(each.remedy.empty());
  }
  return out;
}

void check_error(const std::string& text, const std::string& error) {
  INFO(text);
  const auto errors = errors_of(text);
  REQUIRE(errors.size() == 1);
  CHECK_THAT(errors[0], test::contains(error));
}

// What a file can say of a profile: not its name, nor in which order its lists stand to each other.
Profile said(Profile profile) {
  profile.name.clear();
  profile.layers.clear();
  std::stable_sort(profile.paths.begin(), profile.paths.end(),
                   [](const auto& a, const auto& b) { return a.value.access < b.value.access; });
  return profile;
}

Profile merged(Profile base, const Profile& later) {
  Diagnostics diagnostics;
  merge_profile(base, later, diagnostics);
  if (diagnostics.failed()) FAIL(diagnostics.to_error().message);
  return base;
}

std::string error_of_merge(const std::string& base, const std::string& later) {
  Diagnostics diagnostics;
  Profile profile = parse(base);
  merge_profile(profile, parse(later), diagnostics);
  return diagnostics.failed() ? diagnostics.to_error().message : "";
}

}  // namespace

TEST_CASE("a profile that says nothing is one") {
  for (const char* text : {"", "# only words\n", "\xEF\xBB\xBF\r\n"}) {
    const Profile profile = parse(text);
    CHECK(said(profile) == Profile{});
    CHECK(print_profile(profile).empty());
    CHECK(profile.layers.size() == 1);
  }
}

TEST_CASE("every key of the format takes a value that its printing gives back") {
  const Profile profile = parse(R"(
description = "all of it"
extends = ["default", "mine"]
[filesystem]
workspace = "read-only"
read = ["/opt/x/", "${home}/./sdk"]
write = ["/srv/out"]
hide = ["${workspace}/**/.env"]
deny = ["/srv/keys"]
tmpfs = { "/var/spool" = "64M" }
bind = [{ source = "/data", destination = "/srv/data", write = true }]
toolchains = ["go", "nvm"]
cache = "off"
protect = ["Makefile"]
danger_unprotect = [".vscode"]
[network]
mode = "proxy"
allow = ["*.example.org:443", { host = "example.net", reason = "why not" }]
deny = ["bad.example.org"]
publish = [3000, 8080]
[syscalls]
allow = ["@files"]
deny = ["ptrace"]
danger_allow = ["mount"]
[capabilities]
danger_keep = ["CAP_KILL"]
[limits]
wall = "30s"
job_wall = "1h"
cpu = "none"
cpu_share = "50%"
memory = "auto"
processes = 10
open_files = 100
file = "1G"
disk = "2G"
io = "50M"
tmp = "1M"
shm = "1M"
output = 1000
watched = ["cpu"]
[environment]
pass = ["AWS_*", "EDITOR"]
set = { CI = "1", ROOT = "${workspace}" }
settable = []
[identity]
user = "agent"
hostname = "box"
[host]
tier = "landlock"
requires = ["cgroup-v2"]
[observe]
level = "all"
ignore = ["syscall mount"]
)");
  CHECK(profile.paths.front().value.path == "/opt/x");
  CHECK(profile.paths[1].value.path == "${home}/sdk");
  const std::string text = print_profile(profile);
  INFO(text);
  CHECK(parse(text) == profile);
  for (const auto& key : profile_format().keys()) {
    if (key.key != "hosts" && key.key != "danger_host") {
      CHECK_THAT("\n" + text, test::contains("\n" + key.key + " = "));
    }
  }
}

TEST_CASE("whatever profile is printed is read as the same profile") {
  const unsigned seed = std::random_device()();
  INFO("seed " << seed);
  RandomProfiles profiles(seed);
  for (int round = 0; round < 1000; ++round) {
    const Profile profile = profiles.next();
    const std::string text = print_profile(profile);
    INFO(text);
    REQUIRE(said(parse(text)) == profile);
    REQUIRE(print_profile(parse(text)) == text);
  }
}

TEST_CASE("merging is the same in whatever order it is done, and nothing changes nothing") {
  const unsigned seed = std::random_device()();
  INFO("seed " << seed);
  RandomProfiles profiles(seed);
  for (int round = 0; round < 500; ++round) {
    const Profile a = profiles.next();
    const Profile b = profiles.next();
    const Profile c = profiles.next();
    INFO(print_profile(a) << "\n---\n" << print_profile(b) << "\n---\n" << print_profile(c));
    REQUIRE(said(merged(merged(a, b), c)) == said(merged(a, merged(b, c))));
    REQUIRE(merged(a, Profile{}) == a);
    Profile from_nothing = merged(Profile{}, a);
    from_nothing.extends = a.extends;  // each file's own
    REQUIRE(said(from_nothing) == said(a));
    const Profile both = merged(a, b);
    REQUIRE(said(parse(print_profile(both))) == said(both));
  }
}

TEST_CASE("of two files the later has the say about a path, and a denied one stays denied") {
  struct Row {
    const char* base;
    const char* later;
    const char* merged;
  };
  for (const Row& row : {
           Row{"read = ['/x']", "write = ['/x']", "write = [\"/x\"]\n"},
           Row{"write = ['/x']", "read = ['/x']", "read = [\"/x\"]\n"},
           Row{"write = ['/x']", "hide = ['/x']", "hide = [\"/x\"]\n"},
           Row{"hide = ['/x']", "read = ['/x']", "read = [\"/x\"]\n"},
           Row{"read = ['/x']", "deny = ['/x']", "deny = [\"/x\"]\n"},
           Row{"read = ['/x/y']\nhide = ['/x/z']", "deny = ['/x']",
               "hide = [\"/x/z\"]\ndeny = [\"/x\"]\n"},
           Row{"deny = ['/x']", "hide = ['/x']", "deny = [\"/x\"]\n"},
           Row{"deny = ['/x']", "deny = ['/x']", "deny = [\"/x\"]\n"},
           Row{"tmpfs = {'/x' = 1}", "tmpfs = {'/x' = 2}", "tmpfs = { \"/x\" = \"2\" }\n"},
           Row{"tmpfs = {'/x' = 1}", "bind = [{source = '/a', destination = '/x'}]",
               "bind = [{ source = \"/a\", destination = \"/x\" }]\n"},
       }) {
    INFO(row.base << " and " << row.later);
    const std::string head = "[filesystem]\n";
    CHECK(print_profile(merged(parse(head + row.base), parse(head + row.later))) ==
          head + row.merged);
  }
}

TEST_CASE("what an earlier file denies a later one does not seem to give back") {
  struct Row {
    const char* base;
    const char* later;
  };
  for (const Row& row : {
           Row{"[filesystem]\ndeny = ['/x']", "[filesystem]\nread = ['/x']"},
           Row{"[filesystem]\ndeny = ['/x']", "[filesystem]\nwrite = ['/x/y/z']"},
           Row{"[filesystem]\ndeny = ['${home}/x']", "[filesystem]\nread = ['${home}/x/**/y']"},
           Row{"[syscalls]\ndeny = ['ptrace']", "[syscalls]\nallow = ['ptrace']"},
           Row{"[syscalls]\ndeny = ['ptrace']", "[syscalls]\ndanger_allow = ['ptrace']"},
           Row{"[network]\ndeny = ['a.org']", "[network]\nallow = ['a.org']"},
       }) {
    INFO(row.base << " and " << row.later);
    const std::string error = error_of_merge(row.base, row.later);
    CHECK_THAT(error, test::contains("is denied, and that wins"));
    CHECK_THAT(error, test::contains("a.toml:2:"));
  }
  CHECK(error_of_merge("[filesystem]\ndeny = ['/x']", "[filesystem]\nread = ['/xy']").empty());
  CHECK(error_of_merge("[filesystem]\nread = ['/x']", "[filesystem]\ndeny = ['/x/y']").empty());
  CHECK(error_of_merge("[syscalls]\nallow = ['ptrace']", "[syscalls]\ndeny = ['ptrace']").empty());
}

TEST_CASE("what a later file says otherwise takes the place of what an earlier one says") {
  struct Row {
    const char* base;
    const char* later;
    const char* merged;
  };
  for (const Row& row : {
           Row{"[syscalls]\nallow = ['@files', '@ipc']", "[syscalls]\ndeny = ['@ipc']",
               "[syscalls]\nallow = [\"@files\"]\ndeny = [\"@ipc\"]\n"},
           Row{"[syscalls]\ndanger_allow = ['mount']", "[syscalls]\ndeny = ['mount']",
               "[syscalls]\ndeny = [\"mount\"]\n"},
           Row{"[network]\nallow = ['a.org']", "[network]\ndeny = ['a.org']",
               "[network]\ndeny = [\"a.org\"]\n"},
           Row{"[network]\npublish = [80, 443]", "[network]\npublish = [80, 81]",
               "[network]\npublish = [443, 80, 81]\n"},
           Row{"[filesystem]\nprotect = ['x']", "[filesystem]\ndanger_unprotect = ['x']",
               "[filesystem]\ndanger_unprotect = [\"x\"]\n"},
           Row{"[filesystem]\ndanger_unprotect = ['x']", "[filesystem]\nprotect = ['x']",
               "[filesystem]\nprotect = [\"x\"]\n"},
           Row{"[environment]\npass = ['A']", "[environment]\nset = { A = '1' }",
               "[environment]\nset = { A = \"1\" }\n"},
           Row{"[environment]\nset = { A = '1' }", "[environment]\npass = ['A']",
               "[environment]\npass = [\"A\"]\n"},
       }) {
    INFO(row.base << " and " << row.later);
    CHECK(print_profile(merged(parse(row.base), parse(row.later))) == row.merged);
  }
}

TEST_CASE("files together publish no more ports than one of them may") {
  const std::string base = "[network]\npublish = [1,2,3,4,5,6,7,8,9,10]";
  CHECK(error_of_merge(base, "[network]\npublish = [10,11,12,13,14,15,16]").empty());
  CHECK_THAT(error_of_merge(base, "[network]\npublish = [11,12,13,14,15,16,17]"),
             test::contains("\"17\" is more than 16 ports"));
}

TEST_CASE("two rules of one file that contradict each other are told with both places") {
  check_error(
      "[filesystem]\nread = ['/a']\nwrite = ['/a/']\n",
      "a.toml:3:10: error: \"/a\" is in two rules of this file; the other is at a.toml:2:9");
  check_error("[filesystem]\nread = ['/a', '/./a']\n",
              "a.toml:2:15: error: \"/a\" is in two rules");
  check_error("[filesystem]\ndeny = ['/a']\nread = ['/a/b']\n",
              "a.toml:3:9: error: \"/a/b\" is denied");
  check_error("[filesystem]\ntmpfs = { '/a' = 1, '/a/' = 2 }\n",
              "a.toml:2:21: error: \"/a\" is in two");
  check_error(
      "[filesystem]\ntmpfs = { '/a' = 1 }\nbind = [{ source = '/b', destination = '/a' }]\n",
      "\"/a\" is in two rules of this file; the other is at a.toml:2:11");
  check_error("[filesystem]\nprotect = ['x']\ndanger_unprotect = ['x']\n",
              "a.toml:3:21: error: \"x\" is protected in this file, too");
  check_error("[syscalls]\nallow = ['ptrace']\ndeny = ['ptrace']\n",
              "\"ptrace\" is allowed and denied in this file");
  check_error("[syscalls]\ndanger_allow = ['mount']\ndeny = ['mount']\n",
              "\"mount\" is allowed and denied in this file");
  check_error("[network]\nallow = ['a.org']\ndeny = ['a.org']\n",
              "\"a.org\" is allowed and denied in this file");
  check_error(
      "[environment]\npass = ['A_B']\nset = { A_B = '1' }\n",
      "a.toml:2:9: error: \"A_B\" would pass a variable that environment.set has; the other "
      "is at a.toml:3:9");
  check_error("[network]\nmode = 'none'\ndanger_host = true\n",
              "a.toml:3:15: error: \"true\" is given together with network.mode");
}

TEST_CASE("a key that reads as if it took something back is refused") {
  check_error("[network]\ndanger_host = false\n", "a.toml:2:15: error: \"false\" says nothing");
  CHECK(merged(parse("[network]\ndanger_host = true"), parse("[network]\nmode = 'none'"))
            .network->value == NetworkMode::kNone);
}

TEST_CASE("a slip of the pen is told the right word") {
  struct Row {
    const char* text;
    const char* error;
  };
  for (const Row& row : {
           Row{"extend = 'default'",
               "\"extend\" is no key of this format; did you mean \"extends\"?"},
           Row{"[limit]\nwall = '1s'",
               "\"limit\" is no table of this format; did you mean \"limits\"?"},
           Row{"[limits]\ntimeout = '1s'",
               "\"timeout\" is no key of [limits]; there are wall, job_wall"},
           Row{"[limits]\nmemroy = '1G'", "did you mean \"memory\"?"},
           Row{"[limits]\nread = ['/x']", "the key filesystem.read exists: is the table right?"},
           Row{"workspace = 'read-only'",
               "the key filesystem.workspace exists: is the table right?"},
           Row{"[filesystem]\nworkspace = 'readonly'",
               "\"readonly\" is not known (filesystem.workspace); "
               "did you mean \"read-only\"?"},
           Row{"[filesystem]\ntoolchains = ['rustupp']", "did you mean \"rustup\"?"},
           Row{"[filesystem]\ntoolchains = 'atuo'", "write \"auto\", \"off\" or a list"},
           Row{"[filesystem]\nread = ['${hme}/x']", "did you mean ${home}?"},
           Row{"[filesystem]\nread = ['${WORKSPACE}/x']",
               "start with ${workspace}, ${home} or ${tmp}"},
           Row{"[filesystem]\nbind = [{ sorce = '/a', destination = '/b' }]",
               "a.toml:2:11: error: \"sorce\" is not known (filesystem.bind); did you mean "
               "\"source\"?"},
           Row{"[network]\nallow = [{ hots = 'a.org' }]", "did you mean \"host\"?"},
           Row{"[limits]\nmemory = '512Q'",
               "a.toml:2:10: error: \"512Q\" is not a size (limits.memory); "
               "write it like 512M or 4GiB"},
           Row{"[limits]\nwall = '10 minutes'", "is not a time (limits.wall); write it like 30s"},
           Row{"[limits]\ncpu_share = '50'",
               "is not a share (limits.cpu_share); write it like 50%"},
           Row{"[limits]\nwatched = ['memroy']", "did you mean \"memory\"?"},
           Row{"[host]\nrequires = ['cgroupv2']", "did you mean \"cgroup-v2\"?"},
           Row{"[host]\ntier = 'ful'", "did you mean \"full\"?"},
           Row{"[observe]\nlevel = 'write'", "did you mean \"writes\"?"},
       }) {
    check_error(row.text, row.error);
  }
}

TEST_CASE("a value of the wrong type, or out of range, says which one is wanted") {
  struct Row {
    const char* text;
    const char* error;
  };
  for (const Row& row : {
           Row{"description = 3", "\"3\" is a number (description); write it in quotes"},
           Row{"extends = 3", "\"3\" is a number (extends)"},
           Row{"extends = ['a', 3]", "a.toml:1:17: error: \"3\" is a number (extends)"},
           Row{"extends = '../evil'", "\"../evil\" is no name of a profile"},
           Row{"extends = 'x.toml'", "\"x.toml\" is no name of a profile"},
           Row{"filesystem = 'x'", "\"x\" is a text, and filesystem is a table"},
           Row{"[filesystem]\nread = '/x'",
               "\"/x\" is not a list (filesystem.read); put it in [ ]"},
           Row{"[filesystem]\nread = [1]",
               "a.toml:2:9: error: \"1\" is a number (filesystem.read)"},
           Row{"[filesystem]\nread = [['/x']]", "\"[…]\" is a list"},
           Row{"[filesystem]\ntmpfs = { '/x' = true }", "\"true\" is true or false and no size"},
           Row{"[filesystem]\ntmpfs = { 'x' = 1 }", "a.toml:2:11: error: \"x\" is not absolute"},
           Row{"[filesystem]\ntmpfs = ['/x']", "\"[…]\" is a list (filesystem.tmpfs)"},
           Row{"[filesystem]\nbind = ['/x']", "\"/x\" is a text (filesystem.bind); write a table"},
           Row{"[filesystem]\nbind = [{ source = '/x' }]", "has no source or no destination"},
           Row{"[filesystem]\nbind = [{ source = '/x', destination = '/y', write = 1 }]",
               "\"1\" is not true or false"},
           Row{"[filesystem]\nworkspace = true", "\"true\" is not known"},
           Row{"[network]\ndanger_host = 1", "\"1\" is a number (network.danger_host)"},
           Row{"[network]\npublish = 3000", "\"3000\" is not a list (network.publish)"},
           Row{"[network]\npublish = [0]", "give 1 to 65535"},
           Row{"[network]\npublish = [80, 65536]", "a.toml:2:16: error: \"65536\" is out of range"},
           Row{"[network]\npublish = ['80']", "\"80\" is a text and no number"},
           Row{"[network]\npublish = [80, 80]", "\"80\" is published twice in this file"},
           Row{"[network]\npublish = [1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17]",
               "\"17\" is more than 16 ports"},
           Row{"[limits]\nprocesses = -1", "\"-1\" is out of range (limits.processes)"},
           Row{"[limits]\nprocesses = 0", "is out of range"},
           Row{"[limits]\nprocesses = 1.5", "is a number with a fraction and no number"},
           Row{"[limits]\nprocesses = '10'", "is a text and no number"},
           Row{"[limits]\nprocesses = 9223372036854775807", "is out of range"},
           Row{"[limits]\nopen_files = 15", "give 16 to"},
           Row{"[limits]\nmemory = 512", "\"512\" is less than a sandbox itself needs"},
           Row{"[limits]\nmemory = '101%'", "is more than the machine has"},
           Row{"[limits]\nmemory = '99999999999G'", "is too large"},
           Row{"[limits]\nwall = 30", "is a number and no time"},
           Row{"[limits]\nwall = '400d'", "is more than a year"},
           Row{"[limits]\nwall = 07:32:00", "is a date or a time"},
           Row{"[limits]\ndisk = inf", "is a number with a fraction and no size"},
           Row{"[environment]\nset = { 'A-B' = '1' }", "\"A-B\" is no name of a variable"},
           Row{"[environment]\nset = { A = 1 }", "\"1\" is no text"},
           Row{"[environment]\npass = ['*']", "\"*\" is no name of a variable"},
           Row{"[environment]\npass = ['A*B']", "\"A*B\" is no name of a variable"},
           Row{"[identity]\nuser = 'root'", "\"root\" is the name of another user inside"},
           Row{"[identity]\nuser = 'a:b'", "\"a:b\" is no user name"},
           Row{"[identity]\nuser = \"a\\nroot:x:0\"", "is no user name"},
           Row{"[identity]\nhostname = 'a b'", "\"a b\" is no host name"},
       }) {
    check_error(row.text, row.error);
  }
}

TEST_CASE("all that is wrong with a profile is told at once") {
  const auto errors = errors_of(
      "descripton = 'x'\n[filesystem]\nread = ['x', '/ok', '/proc']\nwrite = ['/ok']\n"
      "since = 1979-05-27\n[limits]\nmemory = '1X'\nwall = 3\n[environment]\n"
      "settable = ['a-b', 'A', 'c-d']\n");
  std::vector<std::string> places;
  for (const std::string& error : errors) places.push_back(error.substr(0, error.find(": ")));
  CHECK(places == std::vector<std::string>{"a.toml:1:1", "a.toml:3:9", "a.toml:3:21", "a.toml:4:10",
                                           "a.toml:5:9", "a.toml:7:10", "a.toml:8:8",
                                           "a.toml:10:13", "a.toml:10:25"});
}

TEST_CASE("a hostile file costs no more than its size") {
  std::string pairs = "[environment]\npass = [\n";
  for (int i = 0; i < 4096; ++i) pairs += "'A" + std::to_string(i) + "_*',\n";
  pairs += "]\n";
  for (int i = 0; i < 4096; ++i) pairs += "set.B" + std::to_string(i) + " = ''\n";
  CHECK(parse(pairs).environment_set.size() == 4096);
  std::string many = "[filesystem]\nread = [\n";
  for (int i = 0; i < 60'000; ++i) many += "'/a" + std::to_string(i) + "',\n";
  check_error(many + "]\n", "has more than 4096 entries (filesystem.read)");
  std::string keys;
  for (int i = 0; i < 60'000; ++i) keys += "a" + std::to_string(i) + " = 1\n";
  Diagnostics diagnostics;
  CHECK_FALSE(parse(keys, diagnostics).has_value());
  CHECK(diagnostics.errors() == 60'000);
}

TEST_CASE("names of profiles are names of files, and no paths") {
  for (const char* name : {"a", "a.b", "A-b_9", "x.tom"}) CHECK(is_profile_name(name));
  for (const char* name : {"", ".", "..", ".a", "-a", "a/b", "a b", "a.toml", "é", "a\n"}) {
    CHECK_FALSE(is_profile_name(name));
  }
  CHECK_FALSE(is_profile_name(std::string(65, 'a')));
  CHECK_FALSE(is_profile_name(std::string_view("a\0b", 3)));
}

TEST_CASE("the schema for editors has every key of the format") {
  const auto schema = nlohmann::json::parse(profile_format().schema());
  for (const auto& key : profile_format().keys()) {
    INFO(key.full());
    const auto& top = schema["properties"];
    CHECK((key.table.empty() ? top : top[key.table]["properties"]).contains(key.key));
  }
}

}  // namespace mayfly::sandbox
