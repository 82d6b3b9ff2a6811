#include <unistd.h>

#include <functional>

#include "audit/hash.h"
#include "audit/record.h"
#include "ground.h"

using namespace mayfly;
using test::AuditGround;
using test::contains;

namespace {

using Lines = std::vector<std::string>;
using Kinds = std::vector<std::string>;

// Two servers that took turns, 10 records each; the second is still running.
void fill(const AuditGround& ground) {
  const auto first = ground.open();
  const auto second = ground.open();
  for (int i = 0; i < 10; ++i) {
    AuditGround::add(*first, 1);
    AuditGround::add(*second, 1);
  }
}

std::string chain_of(const std::string& line) { return audit::open_record(line)->chain; }

// What somebody without the key makes of a line: with a right hash and a made-up mac.
std::string forged(const std::string& line, const std::string& text, const std::string& prev = {}) {
  auto fields = audit::Json::parse(line);
  fields["text"] = text;
  if (!prev.empty()) fields["prev"] = prev;
  const std::string mac = fields["mac"];
  fields.erase("mac");
  fields.erase("hash");
  std::string body = fields.dump();
  const std::string hash = audit::sha256(body);
  body.pop_back();
  return body + ",\"hash\":\"" + hash + "\",\"mac\":\"" + mac + "\"}";
}

Lines recomputed_from(Lines lines, std::size_t at) {
  const std::string chain = chain_of(lines[at]);
  lines[at] = forged(lines[at], "forged");
  std::string prev = audit::open_record(lines[at])->hash;
  for (std::size_t i = at + 1; i < lines.size(); ++i) {
    if (chain_of(lines[i]) != chain) continue;
    lines[i] = forged(lines[i], "x", prev);
    prev = audit::open_record(lines[i])->hash;
  }
  return lines;
}

}  // namespace

TEST_CASE("each way to tamper with lines is found") {
  struct Row {
    const char* what;
    std::function<void(Lines&)> tamper;
    Kinds with_key;
    Kinds without_key;
  };
  const Row rows[] = {
      {"nothing", [](Lines&) {}, {}, {}},
      {"an edit",
       [](Lines& l) { l[5].replace(l[5].find("\"number\":"), 10, "\"number\":7"); },
       {"edited"},
       {"edited"}},
      {"an edit with its own hash made new",
       [](Lines& l) { l[5] = forged(l[5], "forged"); },
       {"forged", "edited"},
       {"edited"}},
      {"a chain that was computed anew",
       [](Lines& l) { l = recomputed_from(l, 5); },
       {"forged", "head does not match"},
       {"head does not match"}},
      {"a cut in the middle", [](Lines& l) { l.erase(l.begin() + 5); }, {"missing"}, {"missing"}},
      {"a longer cut",
       [](Lines& l) { l.erase(l.begin() + 5, l.begin() + 9); },
       {"missing"},
       {"missing"}},
      {"a cut at the start", [](Lines& l) { l.erase(l.begin()); }, {"missing"}, {"missing"}},
      {"a cut at the end", [](Lines& l) { l.pop_back(); }, {"cut at the end"}, {"cut at the end"}},
      {"lines that changed places",
       [](Lines& l) { std::swap(l[4], l[6]); },
       {"reordered"},
       {"reordered"}},
      {"a first line that was moved back",
       [](Lines& l) { std::swap(l[0], l[8]); },
       {"reordered"},
       {"reordered"}},
      {"a line that is there twice",
       [](Lines& l) { l.insert(l.begin() + 5, l[3]); },
       {"repeated"},
       {"repeated"}},
      {"a chain that is gone",
       [](Lines& l) {
         const std::string chain = chain_of(l[0]);
         std::erase_if(l, [&](const std::string& line) { return chain_of(line) == chain; });
       },
       {"chain gone"},
       {"chain gone"}},
      {"another line of ours",
       [](Lines& l) { l.insert(l.begin() + 3, "{\"seq\":1}"); },
       {"no record"},
       {"no record"}},
      {"an empty line",
       [](Lines& l) { l.insert(l.begin() + 3, ""); },
       {"no record"},
       {"no record"}},
      {"a line of 10 MB",
       [](Lines& l) { l.insert(l.begin() + 3, std::string(10'000'000, 'x')); },
       {"no record"},
       {"no record"}},
      {"all lines gone", [](Lines& l) { l.clear(); }, {"chain gone"}, {"chain gone"}},
      {"a chain of somebody else's",
       [](Lines& l) {
         const audit::Key other(std::string(32, 'o'));
         std::string line =
             audit::seal(1, "aa", "call", audit::Json::object(), audit::no_hash(), other).line;
         line.pop_back();
         l.push_back(line);
       },
       {"forged", "unknown chain"},
       {"unknown chain"}},
      {"a record added by somebody without the key",
       [](Lines& l) {
         const auto last = audit::open_record(l.back());
         const audit::Key other(std::string(32, 'o'));
         std::string line = audit::seal(last->seq + 1, last->chain, "call", audit::Json::object(),
                                        last->hash, other)
                                .line;
         line.pop_back();
         l.push_back(line);
       },
       {"forged"},
       {}},
  };
  for (const Row& row : rows) {
    INFO(row.what);
    const AuditGround ground;
    fill(ground);
    Lines lines = AuditGround::lines(ground.file());
    REQUIRE(lines.size() == 20);
    row.tamper(lines);
    AuditGround::write_lines(ground.file(), lines);
    CHECK(ground.faults() == row.with_key);
    CHECK(ground.faults(false) == row.without_key);
  }
}

TEST_CASE("a fault says where it is") {
  const AuditGround ground;
  fill(ground);
  Lines lines = AuditGround::lines(ground.file());
  lines.erase(lines.begin() + 4, lines.begin() + 6);
  AuditGround::write_lines(ground.file(), lines);
  const auto verdict = ground.verdict();
  REQUIRE(verdict.faults.size() == 1);
  CHECK(verdict.faults[0].file == ground.file());
  CHECK(verdict.faults[0].line == 5);
  CHECK(verdict.faults[0].seq == 3);
  CHECK(verdict.faults[0].count == 2);
}

TEST_CASE("heads that were put back or changed are found") {
  const AuditGround ground;
  const auto log = ground.open();
  const std::string path = ground.file() + ".head";
  AuditGround::add(*log, 5);
  const std::string old = AuditGround::read(path);
  AuditGround::add(*ground.open(), 1);
  AuditGround::add(*log, 5);
  const std::string now = AuditGround::read(path);
  CHECK(ground.faults().empty());

  AuditGround::write(path, old);
  CHECK(ground.faults() == Kinds{"head too old", "unknown chain"});
  AuditGround::write(path, "");
  CHECK(ground.faults() == Kinds{"heads changed"});
  ::unlink(path.c_str());
  CHECK(ground.faults() == Kinds{"heads changed"});
  std::string fewer = now;
  fewer.resize(fewer.size() - 384);
  AuditGround::write(path, fewer);
  CHECK(ground.faults() == Kinds{"heads changed", "unknown chain"});
  for (const char* part : {"\"seq\":10", "\"pruned\":0", "\"ended\":false", "\"chains\":2"}) {
    std::string changed = now;
    changed[changed.find(part) + std::string(part).size() - 1] ^= 1;
    AuditGround::write(path, changed);
    CHECK(ground.faults().front() == "heads changed");
  }
  // The heads of another log of the same key.
  AuditGround::write(path, now);
  Lines lines = AuditGround::lines(ground.file());
  lines.resize(3);
  AuditGround::write_lines(ground.file(), lines);
  CHECK(ground.faults() == Kinds{"cut at the end", "chain gone"});
}

TEST_CASE("a rotated part that is missing is found") {
  const AuditGround ground;
  auto options = ground.options();
  options.rotate_bytes = 2'000;
  const auto log = AuditGround::open(options);
  AuditGround::add(*log, 20);
  REQUIRE(ground.faults().empty());
  ::rename((ground.file() + ".2").c_str(), (ground.top + "/aside").c_str());
  CHECK(ground.faults() == Kinds{"missing"});
  ::rename((ground.top + "/aside").c_str(), (ground.file() + ".2").c_str());
  ::rename((ground.file() + ".1").c_str(), (ground.top + "/aside").c_str());
  ::rename((ground.file() + ".2").c_str(), (ground.file() + ".1").c_str());
  ::rename((ground.top + "/aside").c_str(), (ground.file() + ".2").c_str());
  CHECK(ground.faults() == Kinds{"reordered"});
}

TEST_CASE("a record that its server could not confirm any more is no fault") {
  const AuditGround ground;
  const auto log = ground.open();
  AuditGround::add(*log, 5);
  const std::string heads = AuditGround::read(ground.file() + ".head");
  AuditGround::add(*log, 1);
  AuditGround::write(ground.file() + ".head", heads);
  const auto verdict = ground.verdict();
  CHECK(verdict.faults.empty());
  REQUIRE(verdict.notes.size() == 1);
  CHECK_THAT(verdict.notes[0], contains("its server was ended"));
  AuditGround::add(*log, 1);
  CHECK(ground.faults().empty());
}

TEST_CASE("with another key nothing is confirmed") {
  const AuditGround ground;
  fill(ground);
  ::unlink(ground.options().key_file.c_str());
  CHECK_FALSE(audit::Key::read(ground.options().key_file));
  AuditGround::write(ground.options().key_file, std::string(32, 'z'));
  ::chmod(ground.options().key_file.c_str(), 0600);
  CHECK(ground.faults() == Kinds{"forged", "heads changed", "unknown chain"});
}

TEST_CASE("what is no log is an error, not a fault") {
  const AuditGround ground;
  CHECK_FALSE(audit::verify(ground.file(), {}));
  CHECK_FALSE(audit::verify("relative", {}));
  CHECK_FALSE(audit::verify(ground.top, {}));
  ::mkdir((ground.top + "/log").c_str(), 0700);
  ::mkfifo(ground.file().c_str(), 0600);
  CHECK_FALSE(audit::verify(ground.file(), {}));
}
