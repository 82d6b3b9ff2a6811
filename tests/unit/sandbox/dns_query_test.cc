#include "sandbox/linux/dns_query.h"

#include <random>
#include <string>
#include <vector>

#include "catch_shim.h"

namespace mayfly::sandbox {
namespace {

using Bytes = std::string;

Bytes header(unsigned flags = 0x0100, unsigned questions = 1, unsigned answers = 0,
             unsigned authorities = 0, unsigned additional = 0) {
  Bytes out("\x12\x34", 2);
  for (const unsigned number : {flags, questions, answers, authorities, additional}) {
    out += static_cast<char>(number >> 8U);
    out += static_cast<char>(number & 0xffU);
  }
  return out;
}

Bytes question(const std::vector<Bytes>& labels, unsigned type = 1) {
  Bytes out;
  for (const Bytes& label : labels) out += static_cast<char>(label.size()) + label;
  return out + Bytes("\0\0", 2) + static_cast<char>(type) + Bytes("\0\1", 2);
}

std::string name_of(const Bytes& packet) {
  const auto query = parse_dns_query(packet);
  return query.has_value() ? query->name : "(none)";
}

unsigned code_of(const Bytes& answer) { return static_cast<unsigned char>(answer.at(3)) & 0xfU; }

}  // namespace

TEST_CASE("the name of a question is read, in one spelling") {
  const Bytes packet = header() + question({"WWW", "Example-1", "ORG"}, 28);
  const auto query = parse_dns_query(packet);
  REQUIRE(query.has_value());
  CHECK(query->name == "www.example-1.org");
  CHECK(query->type == 28);
  CHECK(query->size == packet.size());
  CHECK(name_of(header() + question({})) == ".");
  CHECK(name_of(header() + question({"_srv", "a\nb\x1b\xff c", "x.y"})) == "_srv.a?b???c.x?y");
  // With EDNS behind it, which is not the question's.
  const Bytes edns = header(0x0120, 1, 0, 0, 1) + question({"a"}) + Bytes("\0\0\x29\4\xd0\0\0", 7);
  CHECK(name_of(edns) == "a");
  CHECK(parse_dns_query(edns)->size == 12 + 7);
}

TEST_CASE("a name is as long as names may be") {
  const Bytes longest(63, 'a');
  const Bytes most = header() + question({longest, longest, longest, Bytes(61, 'b')});
  CHECK(name_of(most).size() == 253);
  CHECK(name_of(header() + question({longest, longest, longest, Bytes(62, 'b')})) == "(none)");
  CHECK(name_of(header() + question({Bytes(64, 'a')})) == "(none)");
  CHECK(name_of(header() + question(std::vector<Bytes>(127, "a"))).size() == 253);
  CHECK(name_of(header() + question(std::vector<Bytes>(128, "a"))) == "(none)");
}

TEST_CASE("what is not one plain question has no name") {
  const Bytes one = question({"a", "b"});
  const std::vector<Bytes> packets = {
      "",
      "x",
      header(),
      header().substr(0, 11),
      header(0x8100) + one,                        // an answer
      header(0x1100) + one,                        // another operation
      header(0x0100, 0) + one,                     // no question
      header(0x0100, 2) + one + one,               // two
      header(0x0100, 1, 1) + one,                  // with an answer
      header(0x0100, 1, 0, 1) + one,               // with an authority
      header(0x0100, 1, 0, 0, 3) + one,            // with more than EDNS and a signature
      header() + Bytes("\xc0\x0c\0\1\0\1", 6),     // a name that is itself
      header() + Bytes("\1a\xc0\x0c\0\1\0\1", 8),  // a pointer behind a label
      header() + Bytes("\1a\1b", 4),               // without an end
      header() + Bytes("\1a\0\0\1\0", 6),          // without its class
      header() + Bytes("\x05"
                       "ab",
                       3),
      header() + one + Bytes(kMaxDnsQuery, 'x'),
  };
  for (const Bytes& packet : packets) {
    CAPTURE(packet.size());
    CHECK_FALSE(parse_dns_query(packet).has_value());
    const Bytes answer = dns_answer(packet, std::nullopt, DnsCode::kNoSuchName);
    CHECK(answer.size() <= packet.size());
    if (!answer.empty()) CHECK((code_of(answer) == 1 || code_of(answer) == 4));
  }
}

TEST_CASE("an answer is the question's, says no such name, and is never answered itself") {
  const Bytes packet = header(0x0120, 1, 0, 0, 1) + question({"a", "b"}) + Bytes("\0\0\x29", 3);
  const auto query = parse_dns_query(packet);
  const Bytes answer = dns_answer(packet, query, DnsCode::kNoSuchName);
  CHECK(answer == header(0x8183) + question({"a", "b"}));
  CHECK(dns_answer(answer, parse_dns_query(answer), DnsCode::kNoSuchName).empty());
}

TEST_CASE("no packet makes the parser read beyond it, or an answer longer than it") {
  std::mt19937 random(11);
  const Bytes good = header() + question({"www", "example", "org"}) + Bytes("\0\0\x29\4\xd0", 5);
  for (int i = 0; i < 200000; ++i) {
    Bytes packet = good;
    for (unsigned changes = random() % 8; changes > 0; --changes) {
      packet[random() % packet.size()] = static_cast<char>(random() & 0xffU);
    }
    packet.resize(random() % (packet.size() + 1));
    packet.shrink_to_fit();
    const auto query = parse_dns_query(packet);
    const Bytes answer = dns_answer(packet, query, DnsCode::kNoSuchName);
    REQUIRE(answer.size() <= packet.size());
    if (!query.has_value()) continue;
    REQUIRE(query->size <= packet.size());
    REQUIRE(!query->name.empty());
    REQUIRE(query->name.size() <= 253);
    REQUIRE(query->name.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789-_.?") ==
            std::string::npos);
  }
}

TEST_CASE("names of this machine are not those of others") {
  for (const char* name : {"localhost", "a.localhost", "1.0.0.127.in-addr.arpa",
                           "1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0."
                           "ip6.arpa"}) {
    CHECK(names_this_machine(name));
  }
  for (const char* name : {"notlocalhost", "localhost.example.org", "1.0.0.10.in-addr.arpa", ".",
                           "1.127.in-addr.arpa.example", "1127.in-addr.arpa"}) {
    CHECK_FALSE(names_this_machine(name));
  }
}

}  // namespace mayfly::sandbox
