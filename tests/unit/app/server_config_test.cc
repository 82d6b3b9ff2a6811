#include "app/server_config.h"

#include <stdlib.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>
#include <sstream>

#include "mcp/json.h"
#include "unit/catch_shim.h"

namespace mayfly::app {
namespace {

namespace fs = std::filesystem;
using test::contains;

class Ground {
 public:
  Ground() {
    char name[] = "/tmp/server-config-XXXXXX";
    top_ = fs::canonical(::mkdtemp(name));
  }
  ~Ground() { fs::remove_all(top_); }
  std::string write(const std::string& name, const std::string& text) const {
    std::ofstream(top_ / name) << text;
    return (top_ / name).string();
  }
  std::string path(const std::string& name) const { return (top_ / name).string(); }

 private:
  fs::path top_;
};

// Everything that is wrong with `text`, a line each.
std::string faults(const std::string& text) {
  settings::Diagnostics diagnostics;
  parse_server_config(text, std::make_shared<settings::Source>(settings::Source{"m.toml"}),
                      diagnostics);
  std::string out;
  for (const auto& each : diagnostics.all()) out += to_string(each) + "\n";
  return out;
}

ServerConfig parsed(const std::string& text) {
  settings::Diagnostics diagnostics;
  auto config = parse_server_config(
      text, std::make_shared<settings::Source>(settings::Source{"m.toml"}), diagnostics);
  CHECK_FALSE(diagnostics.failed());
  return config;
}

constexpr const char* kAll = R"(workspaces = ["/src/a", "${home}/b"]
profiles = ["build", "/etc/own.toml"]
era = "modern"
receipt = "full"
wait = "30s"

[calls]
most = 8
queued = 0

[jobs]
running = 4
finished = 2
keep = "1h"
output = "64M"
)";

TEST_CASE("a configuration with every key is read, and printed as it was written") {
  const ServerConfig config = parsed(kAll);
  CHECK(config.workspaces->value.at(1).value == "${home}/b");
  CHECK(config.profiles->value.at(0).at.line == 2);
  CHECK(config.era->value == mcp::EraOption::kModern);
  CHECK(config.receipt->value == tools::ReceiptForm::kFull);
  CHECK(config.wait->value == milliseconds{30'000});
  CHECK(config.calls.most->value == 8);
  CHECK(config.calls.queued->value == 0);
  CHECK(config.jobs.keep->value == milliseconds{3'600'000});
  CHECK(config.jobs.output_bytes->value == 64U << 20);
  CHECK(server_config_format().write(config) == kAll);
}

TEST_CASE("all that is wrong is said at once, each with its place") {
  const std::string said = faults(
      "workspaces = [\"/ok\", \"relative\"]\nprofiles = []\nera = \"modren\"\nwait = \"25h\"\n"
      "[calls]\nmost = 0\nqueud = 3\n[jobs]\nkeep = 10\noutput = \"lots\"\n");
  for (const char* line :
       {"m.toml:1:22: error: \"relative\" is no absolute path", "m.toml:2:12: error:",
        "m.toml:3:7: error: \"modren\" is not known (era); did you mean \"modern\"?",
        "m.toml:4:8: error: \"25h\" is longer than a day",
        "m.toml:6:8: error: \"0\" is out of range",
        "m.toml:7:1: error: \"queud\" is no key of [calls]; did you mean \"queued\"?",
        "m.toml:9:8: error:", "m.toml:10:10: error: \"lots\" is not a size"}) {
    CHECK_THAT(said, contains(line));
  }
}

TEST_CASE("what a later version has, and what profiles say, is refused for what it is") {
  CHECK_THAT(faults("tokens = [\"x\"]\n[http]\nport = 1\n"),
             contains("\"http\" is nothing that this version has; take it out"));
  CHECK_THAT(faults("[limits]\nmemory = \"4G\"\n"), contains("belongs into a profile"));
  CHECK_THAT(faults("[limts]\n"), contains("is no table of this format"));
}

TEST_CASE("an audit log is written where the operator says, and only then") {
  const auto options = [](const std::string& text) {
    settings::Diagnostics diagnostics;
    ServerConfig config = built_in_config();
    server_config_format().merge(
        config,
        parse_server_config(text, std::make_shared<settings::Source>(settings::Source{"m.toml"}),
                            diagnostics));
    CHECK_FALSE(diagnostics.failed());
    sandbox::HostUser user;
    user.home = "/home/u";
    return audit_options(config, user);
  };
  CHECK_FALSE(options(""));
  CHECK_FALSE(options("[audit]\nfile = \"/a/b\"\nenabled = false\n"));
  const auto plain = options("[audit]\nfile = \"${home}/b\"\n");
  REQUIRE(plain);
  CHECK(plain->log.file == "/home/u/b");
  CHECK(plain->log.key_file.ends_with("/audit/audit.key"));
  CHECK(plain->log.flush == audit::Flush::kNone);
  CHECK(plain->on_full == tools::OnFull::kRefuse);
  const auto all = options(
      "[audit]\nfile = \"/a\"\nkey_file = \"/k\"\nflush = \"answer\"\n"
      "on_full = \"continue\"\nrotate_bytes = \"1M\"\nkeep = 2\n");
  REQUIRE(all);
  CHECK(all->log.key_file == "/k");
  CHECK(all->log.flush == audit::Flush::kAnswer);
  CHECK(all->on_full == tools::OnFull::kContinue);
  CHECK(all->log.rotate_bytes == 1U << 20);
  CHECK(all->log.keep == 2);
  for (const char* line : {"file = \"relative\"", "file = \"/a/\"", "flush = \"always\"",
                           "on_full = \"stop\"", "keep = 0", "files = \"/x\""}) {
    CHECK_THAT(faults(std::string("[audit]\n") + line + "\n"), contains("m.toml:2:"));
  }
}

TEST_CASE("of a key the last file's value holds, lists too, and the place says whose it is") {
  const Ground ground;
  const ConfigFiles files{
      {ground.write("system.toml", "profiles = [\"strict\"]\nwait = \"5s\"\n[calls]\nmost = 8\n"),
       ground.write("user.toml", "profiles = [\"build\"]\n[calls]\nqueued = 3\n")},
      false};
  settings::Diagnostics diagnostics;
  const LoadedServerConfig loaded = load_server_config(files, diagnostics);
  CHECK_FALSE(diagnostics.failed());
  CHECK(loaded.marks.size() == 2);
  CHECK(loaded.real_paths == files.paths);
  REQUIRE(loaded.config.profiles->value.size() == 1);
  CHECK(loaded.config.profiles->value[0].value == "build");
  CHECK(to_string(loaded.config.wait->at) == ground.path("system.toml") + ":2:8");
  CHECK(to_string(loaded.config.calls.queued->at) == ground.path("user.toml") + ":3:10");
  CHECK(to_string(loaded.config.jobs.keep->at) == "built in");
  CHECK_FALSE(loaded.config.workspaces.has_value());
}

TEST_CASE("both files' errors are said; a file that is not there is one only if it was named") {
  const Ground ground;
  const std::string bad = ground.write("bad.toml", "era = 1\n");
  const std::string worse = ground.write("worse.toml", "= no TOML\n");
  settings::Diagnostics both;
  const auto loaded = load_server_config({{bad, worse, ground.path("absent")}, false}, both);
  CHECK(both.errors() == 2);
  CHECK(loaded.marks.size() == 3);
  settings::Diagnostics named;
  load_server_config({{ground.path("absent")}, true}, named);
  REQUIRE(named.failed());
  CHECK_THAT(to_string(named.all().front()), contains("absent: error: No such file or directory"));
}

TEST_CASE("a file that others can write is refused, and a directory and a FIFO are") {
  const Ground ground;
  const auto refused = [](const std::string& path) {
    settings::Diagnostics diagnostics;
    load_server_config({{path}, false}, diagnostics);
    return diagnostics.failed() ? to_string(diagnostics.all().front()) : "taken";
  };
  const std::string file = ground.write("m.toml", "era = \"auto\"\n");
  CHECK(refused(file) == "taken");
  fs::permissions(file, fs::perms(0666));
  CHECK_THAT(refused(file), contains("can be written by other users"));
  CHECK_THAT(refused(ground.path("")), contains("is no regular file"));
  REQUIRE(::mkfifo(ground.path("fifo").c_str(), 0600) == 0);
  CHECK_THAT(refused(ground.path("fifo")), contains("is no regular file"));
}

TEST_CASE("the schema in the repository is the code's") {
  const auto text_of = [](const char* path) {
    std::stringstream text;
    text << std::ifstream(path).rdbuf();
    return text.str();
  };
  // After a change: mayfly config schema > config/mayfly.schema.json
  CHECK(mcp::Json::parse(text_of(MAYFLY_SCHEMA_FILE)) ==
        mcp::Json::parse(server_config_format().schema()));
}

TEST_CASE("the example shows every key with what is built in") {
  std::string shown;
  std::ifstream example(MAYFLY_EXAMPLE_FILE);
  for (std::string line; std::getline(example, line);) {
    const bool value = line.size() > 1 && line[0] == '#' && line[1] >= 'a' && line[1] <= 'z';
    if (value || line.starts_with('[')) shown += line.substr(value ? 1 : 0) + "\n";
  }
  ServerConfig config = parsed(shown);
  CHECK(config.workspaces.has_value());
  CHECK(config.audit.file.has_value());
  CHECK(config.audit.key_file.has_value());
  config.workspaces.reset();
  config.audit.file.reset();
  config.audit.key_file.reset();
  CHECK(server_config_format().write(config) == server_config_format().write(built_in_config()));
}

}  // namespace
}  // namespace mayfly::app
