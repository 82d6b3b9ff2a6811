#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <thread>

#include "ground.h"

using namespace mayfly;
using test::AuditGround;
using test::contains;

namespace {

std::string refusal(const audit::LogOptions& options) {
  const auto log = audit::Log::open(options);
  if (log) {
    const auto added = (*log)->append("call", audit::Json::object());
    return added ? "taken" : describe(added.error());
  }
  return describe(log.error());
}

// What is limited to so many bytes until it goes.
class FileLimit {
 public:
  explicit FileLimit(rlim_t bytes) {
    ::getrlimit(RLIMIT_FSIZE, &before_);
    struct rlimit now = before_;
    now.rlim_cur = bytes;
    ::setrlimit(RLIMIT_FSIZE, &now);
  }
  ~FileLimit() { ::setrlimit(RLIMIT_FSIZE, &before_); }

 private:
  struct rlimit before_ {};
};

}  // namespace

TEST_CASE("a log, its heads and its key are for their owner only") {
  const AuditGround ground;
  const auto log = ground.open();
  AuditGround::add(*log, 3);
  for (const std::string& path :
       {ground.file(), ground.file() + ".head", ground.options().key_file}) {
    struct ::stat status {};
    REQUIRE(::stat(path.c_str(), &status) == 0);
    CHECK((status.st_mode & 07777) == 0600);
  }
  struct ::stat status {};
  REQUIRE(::stat((ground.top + "/log").c_str(), &status) == 0);
  CHECK((status.st_mode & 07777) == 0700);
  CHECK(ground.faults().empty());
}

TEST_CASE("a log is not written where others could change it") {
  const AuditGround ground;
  AuditGround::add(*ground.open(), 1);
  const std::string file = ground.file();
  auto options = ground.options();

  ::chmod(file.c_str(), 0622);
  CHECK_THAT(refusal(options), contains("may be written by others"));
  ::chmod(file.c_str(), 0600);
  ::chmod((ground.top + "/log").c_str(), 0777);
  CHECK_THAT(refusal(options), contains("chmod go-w"));
  ::chmod((ground.top + "/log").c_str(), 0700);
  ::chmod(options.key_file.c_str(), 0640);
  CHECK_THAT(refusal(options), contains("chmod 600"));
  ::chmod(options.key_file.c_str(), 0600);
  REQUIRE(::link(file.c_str(), (ground.top + "/log/other").c_str()) == 0);
  CHECK_THAT(refusal(options), contains("has another name too"));
  ::unlink((ground.top + "/log/other").c_str());
  CHECK(refusal(options) == "taken");

  for (const std::string& name : {file, file + ".head"}) {
    ::rename(name.c_str(), (ground.top + "/aside").c_str());
    REQUIRE(::symlink((ground.top + "/aside").c_str(), name.c_str()) == 0);
    CHECK_THAT(refusal(options), contains("is a link"));
    ::unlink(name.c_str());
    ::mkfifo(name.c_str(), 0600);
    CHECK_THAT(refusal(options), contains("no regular file"));
    ::unlink(name.c_str());
    ::mkdir(name.c_str(), 0700);
    CHECK_THAT(refusal(options), contains("is a directory"));
    ::rmdir(name.c_str());
    ::rename((ground.top + "/aside").c_str(), name.c_str());
  }
  AuditGround::write(options.key_file, "short");
  CHECK_THAT(refusal(options), contains("a key has 32"));
}

TEST_CASE("several logs append to one file at once") {
  const AuditGround ground;
  auto options = ground.options();
  options.rotate_bytes = 20'000;
  options.keep = 100;
  std::vector<std::thread> servers;
  for (int i = 0; i < 4; ++i) {
    servers.emplace_back([&] {
      const auto log = AuditGround::open(options);
      AuditGround::add(*log, 100);
    });
  }
  for (std::thread& server : servers) server.join();
  const auto verdict = ground.verdict();
  CHECK(verdict.intact());
  CHECK(verdict.records == 400);
  CHECK(verdict.chains == 4);
  CHECK(verdict.parts > 4);
}

TEST_CASE("chains go on across rotation, and what goes with the oldest part is no fault") {
  const AuditGround ground;
  auto options = ground.options();
  options.rotate_bytes = 2'000;
  options.keep = 3;
  const auto idle = AuditGround::open(options);
  AuditGround::add(*idle, 1);
  AuditGround::add(*AuditGround::open(options), 50);
  const auto log = AuditGround::open(options);
  AuditGround::add(*log, 100);
  AuditGround::add(*idle, 1);
  auto verdict = ground.verdict();
  CHECK(verdict.faults.empty());
  CHECK(verdict.parts == 4);
  CHECK(verdict.records < 40);
  options.keep = 1;
  AuditGround::add(*AuditGround::open(options), 10);
  verdict = ground.verdict();
  CHECK(verdict.faults.empty());
  CHECK(verdict.parts == 2);
}

TEST_CASE("a write that does not fit leaves nothing behind") {
  const AuditGround ground;
  const auto log = ground.open();
  AuditGround::add(*log, 10);
  const auto before = AuditGround::read(ground.file());
  for (const rlim_t more : {0, 1, 100, 300}) {
    const FileLimit limit(before.size() + more);
    const auto added = log->append("call", {{"text", std::string(1000, 'x')}});
    REQUIRE_FALSE(added);
    CHECK_THAT(describe(added.error()), contains(ground.file()));
  }
  CHECK(AuditGround::read(ground.file()) == before);
  AuditGround::add(*log, 2);
  CHECK(ground.faults().empty());
  CHECK(ground.verdict().records == 12);
}

TEST_CASE("a torn line is repaired by the next writer, and told") {
  const AuditGround ground;
  const auto log = ground.open();
  AuditGround::add(*log, 3);
  const std::string whole = AuditGround::read(ground.file());
  AuditGround::write(ground.file(), whole + std::string(10'000, 'x'));
  CHECK(ground.faults() == std::vector<std::string>{"torn line"});
  AuditGround::add(*log, 1);
  CHECK(ground.faults().empty());
  const auto lines = AuditGround::lines(ground.file());
  REQUIRE(lines.size() == 5);
  CHECK_THAT(lines[3], contains(R"("event":"log_repaired","torn_bytes":10000)"));
}

TEST_CASE("a log goes on when its file is taken away, and the loss is found") {
  const AuditGround ground;
  const auto log = ground.open();
  AuditGround::add(*log, 3);
  ::unlink(ground.file().c_str());
  AuditGround::add(*log, 3);
  CHECK(ground.faults() == std::vector<std::string>{"missing"});
}

TEST_CASE("nothing is appended beside heads that the key does not confirm") {
  const AuditGround ground;
  const auto log = ground.open();
  AuditGround::add(*log, 3);
  std::string heads = AuditGround::read(ground.file() + ".head");
  heads.replace(heads.find("\"chains\":1"), 10, "\"chains\":0");
  AuditGround::write(ground.file() + ".head", heads);
  const auto added = log->append("call", audit::Json::object());
  REQUIRE_FALSE(added);
  CHECK_THAT(describe(added.error()), contains("E2001") && contains("verify"));
}
