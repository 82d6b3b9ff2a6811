#include <atomic>
#include <thread>

#include "files/replacement.h"
#include "files/write.h"
#include "fixture.h"

namespace mayfly::files {
namespace {

using mayfly::test::contains;
using test::as_ordinary_user;
using test::error_of;
using test::in_child;
using test::Playground;
using test::stat_of;
using Names = std::vector<std::string>;

Result<WriteAnswer> write_at(const Playground& in, WriteRequest request) {
  if (request.target.path.empty()) request.target = in.target("file");
  const auto spot = find_spot(request.target, request.parents);
  if (!spot) return fail(spot.error());
  return write(*spot, request);
}

constexpr WriteMode kModes[] = {WriteMode::kCreate, WriteMode::kOverwrite, WriteMode::kAppend};

TEST_CASE("creating refuses to clobber") {
  const Playground in;
  in.put("file", "old");
  const auto answer = write_at(in, {.content = "new"});
  CHECK_THAT(error_of(answer), contains("E5001 path \"file\": exists already"));
  CHECK_THAT(error_of(answer), contains("\"overwrite\""));
  CHECK(in.get("file") == "old");
  CHECK(in.names() == Names{"file"});
}

TEST_CASE("what is no regular file is not replaced") {
  const Playground in;
  std::filesystem::create_directory(in.at("directory"));
  REQUIRE(::mkfifo(in.at("fifo").c_str(), 0600) == 0);
  for (const WriteMode mode : kModes) {
    CHECK_THAT(error_of(write_at(in, {.target = in.target("directory"), .mode = mode})),
               contains("is a directory"));
    CHECK_THAT(error_of(write_at(in, {.target = in.target("fifo"), .mode = mode})),
               contains("is a FIFO"));
    CHECK_THAT(error_of(write_at(in, {.target = {"/dev", "null", "/dev/null"}, .mode = mode})),
               contains("is a character device"));
  }
  CHECK(in.names() == Names{"directory", "fifo"});
}

TEST_CASE("a file with another digest than expected is left alone, and its digest told") {
  const Playground in;
  in.put("file", "old");
  for (const WriteMode mode : {WriteMode::kOverwrite, WriteMode::kAppend}) {
    const auto refused =
        write_at(in, {.content = "new", .mode = mode, .expected_digest = digest("older")});
    CHECK_THAT(error_of(refused),
               contains("E5001 path \"file\": its digest is now " + digest("old")));
    CHECK_THAT(error_of(refused), contains("read it again"));
  }
  CHECK(in.get("file") == "old");
  CHECK(in.names() == Names{"file"});
  CHECK_THAT(error_of(write_at(in, {.target = in.target("new"),
                                    .mode = WriteMode::kOverwrite,
                                    .expected_digest = digest("old")})),
             contains("nothing is there"));
  CHECK(write_at(
            in, {.content = "new", .mode = WriteMode::kOverwrite, .expected_digest = digest("old")})
            .has_value());
}

// With room for 1000 bytes in any file.
std::string with_small_files(const std::function<std::string()>& work) {
  return in_child([&] {
    std::signal(SIGXFSZ, SIG_IGN);
    const rlimit small{1000, 1000};
    ::setrlimit(RLIMIT_FSIZE, &small);
    return work();
  });
}

TEST_CASE("where there is no room nothing changes and nothing is left") {
  const Playground in;
  const std::string large(5000, 'x');
  for (const WriteMode mode : kModes) {
    if (mode != WriteMode::kCreate) in.put("file", "old");
    const std::string said =
        with_small_files([&] { return error_of(write_at(in, {.content = large, .mode = mode})); });
    CHECK_THAT(said, contains("E4002 path \"file\""));
    CHECK_THAT(said, contains("nothing was changed"));
    if (mode != WriteMode::kCreate) CHECK(in.get("file") == "old");
    CHECK(in.names() == (mode == WriteMode::kCreate ? Names{} : Names{"file"}));
  }
}

TEST_CASE("what was added to a large file before the disk was full is taken off again") {
  const Playground in;
  in.put("file", "old");
  REQUIRE(::truncate(in.at("file").c_str(), kMostWhole + 1) == 0);
  const std::string said = in_child([&] {
    std::signal(SIGXFSZ, SIG_IGN);
    const rlimit small{kMostWhole + 1000, kMostWhole + 1000};
    ::setrlimit(RLIMIT_FSIZE, &small);
    return error_of(write_at(in, {.content = std::string(5000, 'x'), .mode = WriteMode::kAppend}));
  });
  CHECK_THAT(said, contains("E4002"));
  CHECK(stat_of(in.at("file")).st_size == kMostWhole + 1);
}

TEST_CASE("an ordinary user's refusals name what forbids, and change nothing") {
  const Playground in;
  in.put("closed/file", "old");
  in.put("open/mine", "old");
  in.put("open/protected", "old");
  const bool root = ::geteuid() == 0;
  if (root) {
    REQUIRE(::chown(in.at("open").c_str(), test::kOrdinaryUser, test::kOrdinaryUser) == 0);
    REQUIRE(::chown(in.at("open/protected").c_str(), test::kOrdinaryUser, 0) == 0);
  }
  REQUIRE(::chmod(in.at("closed/file").c_str(), 0666) == 0);
  REQUIRE(::chmod(in.at("closed").c_str(), 0555) == 0);
  REQUIRE(::chmod(in.at("open/mine").c_str(), 0666) == 0);
  REQUIRE(::chmod(in.at("open/protected").c_str(), 0444) == 0);
  const auto attempt = [&](const char* path, WriteMode mode) {
    return as_ordinary_user([&] {
      return error_of(write_at(in, {.target = in.target(path), .content = "new", .mode = mode}));
    });
  };
  const std::string create = attempt("closed/new", WriteMode::kCreate);
  const std::string directory = attempt("closed/file", WriteMode::kOverwrite);
  const std::string mode = attempt("open/protected", WriteMode::kOverwrite);
  const std::string owner = attempt("open/mine", WriteMode::kOverwrite);
  REQUIRE(::chmod(in.at("closed").c_str(), 0755) == 0);
  CHECK_THAT(create, contains("E2001 path \"closed/new\""));
  CHECK_THAT(directory, contains("its directory may not"));
  CHECK_THAT(mode, contains("permission denied"));
  if (root) CHECK_THAT(owner, contains("its owner 0 and group 0 cannot be kept"));
  CHECK(in.get("closed/file") == "old");
  CHECK(in.get("open/protected") == "old");
  if (root) CHECK(in.get("open/mine") == "old");
  CHECK(in.names("open") == Names{"mine", "protected"});
  CHECK(in.names("closed") == Names{"file"});
}

TEST_CASE("of many that create one file at once, one does, and its content is whole") {
  const Playground in;
  for (int round = 0; round < 25; ++round) {
    const std::string name = "file" + std::to_string(round);
    std::atomic<int> created = 0;
    std::atomic<int> winner = -1;
    std::vector<std::thread> threads;
    for (int i = 0; i < 4; ++i) {
      threads.emplace_back([&, i] {
        const std::string content(20'000, static_cast<char>('a' + i));
        if (write_at(in, {.target = in.target(name), .content = content})) {
          ++created;
          winner = i;
        }
      });
    }
    for (std::thread& thread : threads) thread.join();
    CHECK(created == 1);
    CHECK(in.get(name) == std::string(20'000, static_cast<char>('a' + winner)));
  }
  CHECK(in.names().size() == 25);
}

TEST_CASE("a reader never sees part of a file that is being replaced") {
  const Playground in;
  const std::string one(100'000, '1');
  const std::string two(50'000, '2');
  in.put("file", one);
  std::atomic<bool> stop = false;
  bool torn = false;
  std::thread reader([&] {
    while (!stop) {
      const std::string seen = in.get("file");
      torn = torn || (seen != one && seen != two);
    }
  });
  for (int i = 0; i < 40; ++i) {
    const auto answer =
        write_at(in, {.content = i % 2 == 0 ? two : one, .mode = WriteMode::kOverwrite});
    CHECK(error_of(answer) == "no error");
  }
  stop = true;
  reader.join();
  CHECK(!torn);
}

TEST_CASE("what is changed between the look and the replacement is not lost") {
  const Playground in;
  in.put("file", "old");
  const auto spot = find_spot(in.target("file"), Parents::kMustExist);
  REQUIRE(spot.has_value());
  auto replacement = Replacement::begin(*spot);
  REQUIRE(error_of(replacement) == "no error");
  REQUIRE(replacement->add("mine").has_value());
  in.put("file", "theirs, later");
  CHECK_THAT(error_of(replacement->put_in_place()), contains("changed while it was being written"));
  CHECK(in.get("file") == "theirs, later");
}

TEST_CASE("a new file does not take the place of one that came first") {
  const Playground in;
  const auto spot = find_spot(in.target("file"), Parents::kMustExist);
  REQUIRE(spot.has_value());
  {
    auto replacement = Replacement::begin(*spot);
    REQUIRE(replacement.has_value());
    REQUIRE(replacement->add("mine").has_value());
    in.put("file", "theirs");
    CHECK_THAT(error_of(replacement->put_in_place()), contains("was left alone"));
  }
  CHECK(in.get("file") == "theirs");
  CHECK(in.names() == Names{"file"});
}

}  // namespace
}  // namespace mayfly::files
