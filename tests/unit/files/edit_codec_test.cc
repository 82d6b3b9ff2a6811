#include <random>
#include <string>

#include "base/text.h"
#include "catch_shim.h"
#include "files/edit.h"
#include "files/list.h"

namespace mayfly::files {
namespace {

EditRequest some_edit() {
  EditRequest request;
  request.target = {"/area", "path", "shown"};
  request.edits = {{"old", "new", true}, {"", std::string("\0\xFF", 2), false}};
  request.matching = Matching::kLooseWhitespace;
  request.dry_run = true;
  request.expected_digest = "0123456789abcdef";
  request.max_diff_chars = 17;
  return request;
}

ListAnswer some_listing() {
  ListAnswer answer;
  answer.entries = {{"a", ListEntry::Kind::kDirectory, 3, "", 5, false, true},
                    {"\xFF", ListEntry::Kind::kLink, 0, "to", -1, true, false}};
  answer.total = 9;
  answer.total_exact = false;
  answer.ignored = 4;
  answer.unreadable = {"x", "y"};
  return answer;
}

TEST_CASE("requests to edit and to list arrive as they were sent") {
  const EditRequest edit = decode_edit_request(encode(some_edit())).value();
  CHECK(edit.target == some_edit().target);
  CHECK(edit.edits == some_edit().edits);
  CHECK(encode(edit) == encode(some_edit()));
  CHECK(edit.dry_run);
  CHECK(edit.max_diff_chars == 17);

  ListRequest list;
  list.target = {"/area", "", "."};
  list.depth = 3;
  list.glob = "*.cc";
  list.ignore = IgnoreFiles::kHonour;
  list.offset = 7;
  list.max_entries = 8;
  const ListRequest back = decode_list_request(encode(list)).value();
  CHECK(encode(back) == encode(list));
  CHECK(back.ignore == IgnoreFiles::kHonour);
  CHECK(back.max_entries == 8);
}

TEST_CASE("answers arrive as they were sent, errors too") {
  EditAnswer edit{"diff", true, 3, 4, "digest", 5};
  CHECK(encode(decode_edit_answer(encode(Result<EditAnswer>(edit)))) ==
        encode(Result<EditAnswer>(edit)));
  CHECK(decode_edit_answer(encode(Result<EditAnswer>(edit))).value().diff_cut);
  const auto listing = decode_list_answer(encode(Result<ListAnswer>(some_listing())));
  CHECK(encode(listing) == encode(Result<ListAnswer>(some_listing())));
  CHECK(listing.value().entries[1].link == "to");
  const Error error = input_error(ErrorCode::kNotFound, "path", "x", "is not there", "look");
  CHECK(decode_edit_answer(encode(Result<EditAnswer>(fail(error)))).error() == error);
  CHECK(decode_list_answer(encode(Result<ListAnswer>(fail(error)))).error() == error);
}

TEST_CASE("a diff from the other side is made valid UTF-8") {
  EditAnswer edit;
  edit.diff = "\xFF";
  CHECK(text::is_utf8(decode_edit_answer(encode(Result<EditAnswer>(edit))).value().diff));
}

TEST_CASE("bytes that are no message are an error, never more") {
  std::mt19937 random(5);
  const auto all = [](const std::string& bytes, bool must_fail) {
    const bool edit_request = decode_edit_request(bytes).has_value();
    const bool list_request = decode_list_request(bytes).has_value();
    const auto edit_answer = decode_edit_answer(bytes);
    const auto list_answer = decode_list_answer(bytes);
    if (must_fail) {
      REQUIRE_FALSE(edit_request);
      REQUIRE_FALSE(list_request);
      REQUIRE(edit_answer.error().code == ErrorCode::kSandboxLost);
      REQUIRE(list_answer.error().code == ErrorCode::kSandboxLost);
    }
  };
  all("", true);
  all(std::string(1000, '\xFF'), true);
  const std::string messages[] = {encode(some_edit()), encode(ListRequest{}),
                                  encode(Result<EditAnswer>(EditAnswer{})),
                                  encode(Result<ListAnswer>(some_listing()))};
  for (const std::string& message : messages) {
    for (std::size_t size = 0; size < message.size(); ++size) all(message.substr(0, size), false);
    for (int i = 0; i < 3000; ++i) {
      std::string bytes = message;
      for (auto n = random() % 4; n < 4; ++n) bytes[random() % bytes.size()] = char(random());
      all(bytes, false);
    }
  }
  for (int i = 0; i < 3000; ++i) {
    std::string bytes(random() % 200, '\0');
    for (char& c : bytes) c = char(random());
    all(bytes, false);
  }
  CHECK_FALSE(decode_edit_request(encode(some_edit()) + "x"));
}

TEST_CASE("a truncated answer is an error") {
  const std::string whole = encode(Result<ListAnswer>(some_listing()));
  for (std::size_t size = 0; size < whole.size(); ++size) {
    REQUIRE(decode_list_answer(whole.substr(0, size)).error().code == ErrorCode::kSandboxLost);
  }
}

}  // namespace
}  // namespace mayfly::files
