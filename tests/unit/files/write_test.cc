#include "files/write.h"

#include "fixture.h"

namespace mayfly::files {
namespace {

using test::error_of;
using test::Playground;
using test::stat_of;

Result<WriteAnswer> write_at(const Playground& in, WriteRequest request) {
  if (request.target.path.empty()) request.target = in.target("file");
  const auto spot = find_spot(request.target, request.parents);
  if (!spot) return fail(spot.error());
  return write(*spot, request);
}

TEST_CASE("a new file has the mode that the umask leaves, and nothing else is left") {
  const Playground in;
  const mode_t before = ::umask(022);
  const auto answer = write_at(in, {.content = "hello"});
  ::umask(before);
  REQUIRE(error_of(answer) == "no error");
  CHECK(answer->created);
  CHECK(answer->size == 5);
  CHECK(answer->digest == digest("hello"));
  CHECK(answer->other_links == 0);
  CHECK(in.get("file") == "hello");
  CHECK((stat_of(in.at("file")).st_mode & 07777) == 0644);
  CHECK(in.names() == std::vector<std::string>{"file"});
}

TEST_CASE("missing directories are made with the file on request") {
  const Playground in;
  const auto answer =
      write_at(in, {.target = in.target("a/b/c"), .content = "x", .parents = Parents::kCreate});
  REQUIRE(error_of(answer) == "no error");
  CHECK(in.get("a/b/c") == "x");
}

TEST_CASE("a file is replaced whole, and a reader that has it open keeps the old one") {
  const Playground in;
  in.put("file", "old content");
  const auto reader = sys::open(in.at("file"), O_RDONLY);
  const auto answer = write_at(in, {.content = "new", .mode = WriteMode::kOverwrite});
  REQUIRE(error_of(answer) == "no error");
  CHECK(!answer->created);
  CHECK(in.get("file") == "new");
  CHECK(*sys::read_file(reader->get(), 100) == "old content");
  CHECK(in.names() == std::vector<std::string>{"file"});
}

TEST_CASE("the mode of a replaced file stays, but for set-id bits") {
  const Playground in;
  for (const WriteMode mode : {WriteMode::kOverwrite, WriteMode::kAppend}) {
    in.put("file", "old");
    REQUIRE(::chmod(in.at("file").c_str(), 06751) == 0);
    REQUIRE(write_at(in, {.content = "new", .mode = mode}).has_value());
    CHECK((stat_of(in.at("file")).st_mode & 07777) == 0751);
    REQUIRE(::chmod(in.at("file").c_str(), 0600) == 0);
  }
}

TEST_CASE("owner and group of a replaced file stay") {
  if (::geteuid() != 0) return;  // only root can make a file of somebody else's
  const Playground in;
  in.put("file", "old");
  REQUIRE(::chown(in.at("file").c_str(), 1234, 5678) == 0);
  REQUIRE(write_at(in, {.content = "new", .mode = WriteMode::kOverwrite}).has_value());
  CHECK(stat_of(in.at("file")).st_uid == 1234);
  CHECK(stat_of(in.at("file")).st_gid == 5678);
  CHECK(in.get("file") == "new");
}

TEST_CASE("a link stays, and what it leads to is replaced") {
  const Playground in;
  in.put("real/file", "old");
  std::filesystem::create_symlink("real/file", in.at("link"));
  REQUIRE(
      write_at(in, {.target = in.target("link"), .content = "new", .mode = WriteMode::kOverwrite})
          .has_value());
  CHECK(in.get("real/file") == "new");
  CHECK(std::filesystem::is_symlink(in.at("link")));
  CHECK(in.names("real") == std::vector<std::string>{"file"});
}

TEST_CASE("other names of a file keep the old content and are counted") {
  const Playground in;
  in.put("file", "old");
  std::filesystem::create_hard_link(in.at("file"), in.at("other"));
  std::filesystem::create_hard_link(in.at("file"), in.at("third"));
  const auto answer = write_at(in, {.content = "new", .mode = WriteMode::kOverwrite});
  REQUIRE(answer.has_value());
  CHECK(answer->other_links == 2);
  CHECK(in.get("other") == "old");
}

TEST_CASE("appending makes a file, then adds to it") {
  const Playground in;
  const auto first = write_at(in, {.content = "one\n", .mode = WriteMode::kAppend});
  REQUIRE(error_of(first) == "no error");
  CHECK(first->created);
  const auto second = write_at(in, {.content = "two\n", .mode = WriteMode::kAppend});
  REQUIRE(second.has_value());
  CHECK(!second->created);
  CHECK(second->size == 8);
  CHECK(second->digest == digest("one\ntwo\n"));
  CHECK(in.get("file") == "one\ntwo\n");
}

TEST_CASE("a large file is appended to in place") {
  const Playground in;
  in.put("file", "start");
  REQUIRE(::truncate(in.at("file").c_str(), kMostWhole + 1) == 0);
  const ino_t inode = stat_of(in.at("file")).st_ino;
  const auto answer = write_at(in, {.content = "end", .mode = WriteMode::kAppend});
  REQUIRE(error_of(answer) == "no error");
  CHECK(answer->size == kMostWhole + 4);
  CHECK(answer->digest.empty());
  CHECK(stat_of(in.at("file")).st_ino == inode);
  const auto file = sys::open(in.at("file"), O_RDONLY);
  char end[4] = {};
  REQUIRE(::pread(file->get(), end, 3, kMostWhole + 1) == 3);
  CHECK(std::string(end) == "end");
}

TEST_CASE("text is written in the charset that was asked for, with one mark") {
  const Playground in;
  const WriteRequest request{
      .content = "\xC3\xBC", .mode = WriteMode::kAppend, .charset = Charset::kUtf16Le};
  REQUIRE(write_at(in, request).has_value());
  REQUIRE(write_at(in, request).has_value());
  CHECK(in.get("file") == std::string("\xFF\xFE\xFC\0\xFC\0", 6));
  const auto mixed = write_at(in, {.content = "x", .mode = WriteMode::kAppend});
  CHECK_THAT(error_of(mixed), mayfly::test::contains("is utf-16le"));
  CHECK_THAT(error_of(write_at(in, {.content = "\xE2\x82\xAC",
                                    .mode = WriteMode::kOverwrite,
                                    .charset = Charset::kLatin1})),
             mayfly::test::contains("E5001 content"));
  CHECK(in.get("file").size() == 6);
}

TEST_CASE("the longest name and one that is not UTF-8 can be written") {
  const Playground in;
  for (const std::string& name :
       {std::string(255, 'n'), std::string(255, '\xFC'), std::string("\xC3")}) {
    const auto answer = write_at(in, {.target = in.target(name), .content = "x"});
    REQUIRE(error_of(answer) == "no error");
    CHECK(in.get(name) == "x");
  }
  CHECK(in.names().size() == 3);
}

}  // namespace
}  // namespace mayfly::files
