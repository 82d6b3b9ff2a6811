#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <iterator>
#include <string>
#include <thread>

#include "catch_shim.h"
#include "files/edit.h"
#include "files/text_file.h"
#include "tree.h"

namespace mayfly::files {
namespace {

using std::string_literals::operator""s;
using test::contains;
using test::Tree;

std::string content_of(const Tree& tree, const std::string& name) {
  std::ifstream file(tree.path / name, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

EditRequest request_for(const Tree& tree, const std::string& name, const std::string& from,
                        const std::string& to) {
  EditRequest request;
  request.target = {tree.path.string(), name, name};
  request.edits = {{from, to}};
  return request;
}

Result<EditAnswer> edit_file(const EditRequest& request) {
  const Spot spot = TRY(find_spot(request.target, Parents::kMustExist));
  return edit(spot, request);
}

std::size_t files_in(const Tree& tree) {
  return static_cast<std::size_t>(
      std::distance(std::filesystem::directory_iterator(tree.path), {}));
}

TEST_CASE("an edit changes the file, keeps its mode, and answers with the diff") {
  const Tree tree;
  tree.add("f", "one\ntwo\n");
  std::filesystem::permissions(tree.path / "f", std::filesystem::perms(0750));
  const EditAnswer answer = edit_file(request_for(tree, "f", "two", "three")).value();
  CHECK(content_of(tree, "f") == "one\nthree\n");
  CHECK(answer.diff == "--- a/f\n+++ b/f\n@@ -1,2 +1,2 @@\n one\n-two\n+three\n");
  CHECK_FALSE(answer.diff_cut);
  CHECK(answer.replacements == 1);
  CHECK(answer.size == 10);
  CHECK(answer.digest == digest("one\nthree\n"));
  CHECK((std::filesystem::status(tree.path / "f").permissions()) == std::filesystem::perms(0750));
  CHECK(files_in(tree) == 1);
}

TEST_CASE("a dry run answers the same and changes nothing") {
  const Tree tree;
  tree.add("f", "one\n");
  EditRequest request = request_for(tree, "f", "one", "two");
  request.dry_run = true;
  const EditAnswer dry = edit_file(request).value();
  CHECK(content_of(tree, "f") == "one\n");
  request.dry_run = false;
  CHECK(encode(edit_file(request)) == encode(Result<EditAnswer>(dry)));
  CHECK(content_of(tree, "f") == "two\n");
}

TEST_CASE("of several edits all are made or none") {
  const Tree tree;
  tree.add("f", "one\ntwo\n");
  EditRequest request = request_for(tree, "f", "one", "1");
  request.edits.push_back({"three", "3"});
  CHECK(edit_file(request).error().field == "edits[1].old");
  CHECK(content_of(tree, "f") == "one\ntwo\n");
  CHECK(files_in(tree) == 1);
}

TEST_CASE("a file that is not what was expected is not edited") {
  const Tree tree;
  tree.add("f", "one\n");
  EditRequest request = request_for(tree, "f", "one", "two");
  request.expected_digest = digest("other\n");
  const Error error = edit_file(request).error();
  CHECK(error.code == ErrorCode::kInvalidArgument);
  CHECK(error.field == "expected_digest");
  CHECK_THAT(error.message, contains(digest("one\n")));
  CHECK_THAT(error.remedy, contains("read it again"));
  request.expected_digest = digest("one\n");
  CHECK(edit_file(request));
}

TEST_CASE("the encoding and the byte order mark of a file stay") {
  const Tree tree;
  tree.add("bom", "\xEF\xBB\xBFone\r\n");
  tree.add("little", "\xFF\xFEo\0n\0e\0\n\0"s);
  tree.add("big", "\xFE\xFF\0o\0n\0e\0\n"s);
  for (const char* name : {"bom", "little", "big"}) {
    CHECK(edit_file(request_for(tree, name, "one", "\xC3\xA9")));
  }
  CHECK(content_of(tree, "bom") == "\xEF\xBB\xBF\xC3\xA9\r\n");
  CHECK(content_of(tree, "little") == "\xFF\xFE\xE9\0\n\0"s);
  CHECK(content_of(tree, "big") == "\xFE\xFF\0\xE9\0\n"s);
}

TEST_CASE("what is not text, or not wholly, is refused and left as it is") {
  const Tree tree;
  tree.add("binary", "one\0\1\2\3\0\0\0\0"s);
  tree.add("unknown", "one caf\xE9 and much more text behind it\n");
  tree.add("surrogate", "\xFF\xFEo\0n\0e\0\0\xD8\n\0"s);
  for (const char* name : {"binary", "unknown", "surrogate"}) {
    const std::string before = content_of(tree, name);
    const auto answer = edit_file(request_for(tree, name, "one", "two"));
    REQUIRE_FALSE(answer);
    CHECK(answer.error().code == ErrorCode::kInvalidArgument);
    CHECK_THAT(answer.error().remedy, contains("run_command"));
    CHECK(content_of(tree, name) == before);
  }
}

TEST_CASE("what is missing, no file, or too large is refused") {
  const Tree tree;
  tree.add("directory/");
  REQUIRE(::mkfifo((tree.path / "fifo").c_str(), 0600) == 0);
  tree.add("large");
  std::filesystem::resize_file(tree.path / "large", kMostWhole + 1);
  CHECK(edit_file(request_for(tree, "missing", "a", "b")).error().code == ErrorCode::kNotFound);
  for (const char* name : {"directory", "fifo", "large"}) {
    CHECK(edit_file(request_for(tree, name, "a", "b")).error().code == ErrorCode::kInvalidArgument);
  }
}

TEST_CASE("a link is followed to the file that is edited") {
  const Tree tree;
  tree.add("d/f", "one\n");
  std::filesystem::create_symlink("d/f", tree.path / "link");
  CHECK(edit_file(request_for(tree, "link", "one", "two")));
  CHECK(content_of(tree, "d/f") == "two\n");
  CHECK(std::filesystem::is_symlink(tree.path / "link"));
}

TEST_CASE("who reads while a file is edited sees one content or the other") {
  const Tree tree;
  const std::string a(50'000, 'a');
  const std::string b(50'000, 'b');
  tree.add("f", a + "\n");
  std::atomic<bool> end = false;
  std::atomic<bool> torn = false;
  std::thread reader([&] {
    while (!end) {
      const std::string now = content_of(tree, "f");
      if (now != a + "\n" && now != b + "\n") torn = true;
    }
  });
  for (int i = 0; i < 20; ++i) {
    CHECK(edit_file(request_for(tree, "f", i % 2 == 0 ? a : b, i % 2 == 0 ? b : a)));
  }
  end = true;
  reader.join();
  CHECK_FALSE(torn);
}

}  // namespace
}  // namespace mayfly::files
