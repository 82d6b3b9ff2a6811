#include "sandbox/linux/socket_owners.h"

#include "catch_shim.h"

namespace mayfly::sandbox {
namespace {

Note question(std::uint64_t number) {
  Note note;
  note.kind = Kind::kFindSocket;
  note.question = number;
  note.device = 8;
  note.inode = 77;
  return note;
}

Note here(std::uint64_t number, bool found) {
  Note note;
  note.kind = Kind::kSocketHere;
  note.question = number;
  note.found = found;
  return note;
}

}  // namespace

TEST_CASE("a question goes to all the others, and the first yes is the answer") {
  SocketOwners owners;
  const auto passed_on = owners.ask(1, question(5), {2, 3});
  REQUIRE(passed_on.size() == 2);
  CHECK(passed_on[0].note.kind == Kind::kHaveSocket);
  CHECK(passed_on[0].note.inode == 77);
  const std::uint64_t number = passed_on[0].note.question;
  CHECK(owners.hear(2, here(number, false)).empty());
  const auto answer = owners.hear(3, here(number, true));
  REQUIRE(answer.size() == 1);
  CHECK(answer[0].call == 1);
  CHECK(answer[0].note.kind == Kind::kSocketFound);
  CHECK(answer[0].note.question == 5);
  CHECK(answer[0].note.found);
}

TEST_CASE("everybody's no is a no, and so is nobody to ask") {
  SocketOwners owners;
  const auto alone = owners.ask(1, question(5), {});
  REQUIRE(alone.size() == 1);
  CHECK_FALSE(alone[0].note.found);
  const auto number = owners.ask(1, question(6), {2, 3})[0].note.question;
  CHECK(owners.hear(2, here(number, false)).empty());
  const auto answer = owners.forget(3);
  REQUIRE(answer.size() == 1);
  CHECK(answer[0].note.question == 6);
  CHECK_FALSE(answer[0].note.found);
}

TEST_CASE("a call that was not asked cannot answer, and nobody answers twice") {
  SocketOwners owners;
  const auto number = owners.ask(1, question(5), {2, 3})[0].note.question;
  CHECK(owners.hear(4, here(number, true)).empty());
  CHECK(owners.hear(1, here(number, true)).empty());
  CHECK(owners.hear(2, here(number, false)).empty());
  CHECK(owners.hear(2, here(number, true)).empty());
  CHECK(owners.hear(3, here(number + 1, true)).empty());
}

TEST_CASE("who has ended is not answered") {
  SocketOwners owners;
  const auto number = owners.ask(1, question(5), {2})[0].note.question;
  CHECK(owners.forget(1).empty());
  CHECK(owners.hear(2, here(number, true)).empty());
}

TEST_CASE("a call has only so many questions open, whatever it does") {
  SocketOwners owners;
  int refused = 0;
  for (std::uint64_t i = 0; i < 1000; ++i) {
    const auto messages = owners.ask(1, question(i), {2});
    if (messages.size() == 1 && messages[0].call == 1) ++refused;
  }
  CHECK(refused > 900);
  // Another call still gets its questions through.
  CHECK(owners.ask(3, question(1), {2})[0].call == 2);
}

}  // namespace mayfly::sandbox
