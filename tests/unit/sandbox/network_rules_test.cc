#include "sandbox/network_rules.h"

#include <arpa/inet.h>
#include <netinet/in.h>

#include <algorithm>
#include <random>

#include "catch_shim.h"

namespace mayfly::sandbox {
namespace {

constexpr unsigned kSeed = 20260401;

HostRule rule(const std::string& text) {
  auto parsed = parse_host_rule(text);
  INFO(text);
  REQUIRE(parsed.has_value());
  return *std::move(parsed);
}

Destination to(const std::string& text) {
  auto parsed = parse_destination(text);
  INFO(text);
  REQUIRE(parsed.has_value());
  return *std::move(parsed);
}

NetworkPolicy rules(const std::vector<std::string>& allow,
                    const std::vector<std::string>& deny = {}) {
  NetworkPolicy out;
  out.mode = NetworkMode::kProxy;
  for (const std::string& text : allow) out.allow.push_back(rule(text));
  for (const std::string& text : deny) out.deny.push_back(rule(text));
  return out;
}

// Everything but how it was written.
HostRule unwritten(HostRule value) {
  value.text.clear();
  return value;
}

template <typename T>
const T& one_of(std::mt19937& random, const std::vector<T>& list) {
  return list[random() % list.size()];
}

// Something near the grammar, with a byte or two of anything.
std::string near_host(std::mt19937& random) {
  static const std::vector<std::string> kPieces = {
      "http://", "https://", "example", ".",  "org", "*",        "*.",
      ":",       "443",      "1-99",    "0",  "127", "10.0.0.0", "/8",
      "/",       "[",        "]",       "::", "1",   "fe80",     "ffff:",
      "0x7f",    "0177",     "xn--a",   "-",  "_",   "@",        "%25",
      "A",       "65536",    "?",       "#",  "\\",  "10.0.0.1", "::ffff:10.0.0.1",
      "/120"};
  std::string out;
  for (std::size_t n = random() % 7 + 1; n > 0; --n) out += one_of(random, kPieces);
  if (random() % 4 == 0) out[random() % out.size()] = static_cast<char>(random());
  return out;
}

std::string valid_rule(std::mt19937& random) {
  static const std::vector<std::string> kSchemes = {"", "", "http://", "https://"};
  static const std::vector<std::string> kHosts = {"a.b",
                                                  "x.a.b",
                                                  "b",
                                                  "*.b",
                                                  "*.a.b",
                                                  "*",
                                                  "10.0.0.0/8",
                                                  "10.1.2.3",
                                                  "0.0.0.0/0",
                                                  "[fd00::/8]",
                                                  "[fd00::1]",
                                                  "[::/0]",
                                                  "[64:ff9b::a00:1]"};
  static const std::vector<std::string> kPorts = {"", "", ":80", ":443", ":1-100", ":1-65535"};
  return one_of(random, kSchemes) + one_of(random, kHosts) + one_of(random, kPorts);
}

HostRule valid_host_rule(std::mt19937& random) {
  HostRule out = rule(valid_rule(random));
  static const std::vector<std::vector<std::string>> kMethods = {{}, {}, {"GET"}, {"GET", "POST"}};
  static const std::vector<std::string> kPaths = {"",    "",     "/",       "/a",
                                                  "/a/", "/a/b", "/a/../b", "/%61"};
  if (out.scheme != "http") return out;
  out.methods = one_of(random, kMethods);
  out.path_prefix = one_of(random, kPaths);
  return out;
}

Destination valid_destination(std::mt19937& random) {
  static const std::vector<std::string> kTexts = {"a.b",
                                                  "http://a.b",
                                                  "https://x.a.b",
                                                  "http://x.a.b/a/b",
                                                  "http://a.b/a/../c",
                                                  "b:443",
                                                  "http://b/a/",
                                                  "10.1.2.3",
                                                  "10.1.2.3:80",
                                                  "http://10.1.2.3/a",
                                                  "[fd00::1]:443",
                                                  "fd00::1",
                                                  "[64:ff9b::10.0.0.1]:80",
                                                  "9.9.9.9:99",
                                                  "other.b:99",
                                                  "c"};
  Destination out = to(one_of(random, kTexts));
  static const std::vector<std::string> kMethods = {"", "GET", "POST", "PUT"};
  if (out.scheme == "http") out.method = one_of(random, kMethods);
  return out;
}

}  // namespace

TEST_CASE("a host rule is a name, a pattern, an address or a range, with scheme and ports") {
  CHECK(rule("Example.ORG.").name == "example.org");
  CHECK(rule("*.example.org").below);
  CHECK(rule("*.example.org").name == "example.org");
  CHECK((rule("*").below && rule("*").name.empty()));
  CHECK(rule("my_bucket.s3.example.org").name == "my_bucket.s3.example.org");
  CHECK(rule("r3---sn.example").name == "r3---sn.example");
  CHECK(rule("10.0.0.0/8").range->prefix == 8);
  CHECK(rule("[fd00::/8]:443").low_port == 443);
  CHECK(rule("fd00::1:443").range->prefix == 128);
  CHECK(rule("HTTP://a.b").high_port == 80);
  CHECK(rule("https://a.b").low_port == 443);
  CHECK(rule("https://a.b:8443").low_port == 8443);
  CHECK(rule("a.b:8000-8999").high_port == 8999);
  CHECK(rule("a.b").low_port == 0);
  CHECK(unwritten(rule("a.b:1-65535")) == unwritten(rule("a.b")));
  CHECK(rule("Example.ORG").text == "Example.ORG");
}

TEST_CASE("what programs read in different ways is no host at all") {
  const std::string long_label(64, 'a');
  std::string long_name;
  for (int i = 0; i < 5; ++i) long_name += std::string(60, 'a') + ".";
  for (const std::string& text : std::vector<std::string>{
           "", ".", "a..b", "a.b..", ".a", "-a.b", "a-.b", "a b", "a\tb", std::string("a\0b", 3),
           "a\x7f",
           "b\xc3\xbc"
           "cher.example",
           "user@a.b", "a.b@c", "http://a@b", "ftp://a.b", "a.b/path", "http://a.b/", "a.b?x",
           "a.b#x", "a.b\\c", "a%2eb", "a,b", "a.b:", "a.b:0", "a.b:65536", "a.b:+1", "a.b:080",
           "a.b:9-1", "a.b:1-", "a.b:-1", "a.b:1-2-3", "a.b:99999999999999999999", "a*.b", "*a.b",
           "**", "*.", "*.*.b", "*.1.2.3.4", "*.0x1",
           // addresses that are one to some programs
           "0177.0.0.1", "0x7f.1", "127.1", "2130706433", "0x7f000001", "1.2.3", "1.2.3.4.5",
           "256.1.1.1", "1.2.3.04", "a.1", "a.0x", "1.2.3.4.", "127.0.0.1:0", "a.b.0xff",
           "10.0.0.1/8", "10.0.0.0/33", "10.0.0.0/08", "10.0.0.0/", "10.0.0.0/-1", "1.2.3/24",
           "10.0.0.0:80/8", "a.b/8", "::ffff:10.0.0.1", "::ffff:0a00:1", "::ffff:10.0.0.0/104",
           "fe80::1%eth0", "[fe80::1%25eth0]", "[::1", "::1]", "[::1]x", "[::1]80", "[::]/0:1",
           "[1.2.3.4]", "[]", "[a.b]", "http://::1", "fd00::1/8", "::1/129", ":::", "1::2::3",
           "12345::", "::1.2.3", "::01.2.3.4", "::1.2.3.4.5", long_label, long_name,
           std::string(10'000, 'a')}) {
    INFO(text);
    const auto parsed = parse_host_rule(text);
    REQUIRE_FALSE(parsed.has_value());
    CHECK(parsed.error().code == ErrorCode::kInvalidConfiguration);
    CHECK_FALSE(parsed.error().message.empty());
    if (text.find('/') == std::string::npos) CHECK_FALSE(parse_destination(text).has_value());
  }
}

TEST_CASE("an error says what to write instead") {
  const auto remedy = [](const char* text) { return parse_host_rule(text).error().remedy; };
  CHECK_THAT(remedy("10.1.2.3/8"), test::contains("10.0.0.0/8"));
  CHECK_THAT(remedy("fd12:3456::1/16"), test::contains("fd12::/16"));
  CHECK_THAT(remedy("::ffff:10.0.0.1"), test::contains("write 10.0.0.1"));
  CHECK_THAT(remedy("::ffff:10.0.0.0/104"), test::contains("write 10.0.0.0/8"));
  CHECK_THAT(remedy("b\xc3\xbc"
                    "cher.example"),
             test::contains("xn--"));
  CHECK_THAT(remedy("ssh://a.b"), test::contains(":22"));
}

TEST_CASE("a destination is one host, with the path that plain HTTP asks for") {
  CHECK(to("https://Example.org:8443/x?y#z").port == 8443);
  CHECK(to("https://example.org").port == 443);
  CHECK(to("https://example.org/x").path.empty());
  CHECK(to("http://example.org/a/b?c=http://d").path == "/a/b");
  CHECK(to("http://example.org").path == "/");
  CHECK(to("example.org").port == 0);
  CHECK(to("example.org:22").port == 22);
  CHECK(to("[::1]:80").range->family == 6);
  CHECK(to("::1").port == 0);
  CHECK(to("https://evil.example/@good.example").name == "evil.example");
  for (const char* text :
       {"*.example.org", "*", "10.0.0.0/8", "[fd00::/8]", "a.b:1-2", "a.b/x",
        "http://good.example\\@evil.example/", "http://good.example@evil.example", "https://a.b:/",
        "https:///x", "https://", "//a.b"}) {
    INFO(text);
    const auto parsed = parse_destination(text);
    REQUIRE_FALSE(parsed.has_value());
    CHECK(parsed.error().code == ErrorCode::kInvalidArgument);
  }
}

TEST_CASE("addresses are printed as RFC 5952 says") {
  for (const auto& [text, printed] :
       std::vector<std::pair<std::string, std::string>>{{"::", "::"},
                                                        {"0:0:0:0:0:0:0:1", "::1"},
                                                        {"::/0", "::/0"},
                                                        {"2001:DB8::", "2001:db8::"},
                                                        {"1:0:0:2:0:0:0:3", "1:0:0:2::3"},
                                                        {"1:0:2:3:4:5:6:7", "1:0:2:3:4:5:6:7"},
                                                        {"1:0:0:2:0:0:3:4", "1::2:0:0:3:4"},
                                                        {"64:ff9b::10.0.0.1", "64:ff9b::a00:1"},
                                                        {"10.0.0.0/8", "10.0.0.0/8"},
                                                        {"10.1.2.3/32", "10.1.2.3"},
                                                        {"1:2:3:4:5:6:7::", "1:2:3:4:5:6:7:0"}}) {
    INFO(text);
    CHECK(to_string(parse_address_range(text).value()) == printed);
  }
}

TEST_CASE("a denial wins, and the most specific rule is named") {
  const NetworkPolicy policy =
      rules({"*", "*.example.org", "api.example.org:443", "10.0.0.0/8", "10.1.0.0/16"},
            {"*.bad.org", "evil.bad.org", "10.1.2.0/24"});
  const auto decided = [&policy](const std::string& text) {
    const NetworkDecision decision = decide(policy, to(text));
    return std::string(decision.allowed ? "yes " : "no ") +
           (decision.rule != nullptr ? decision.rule->text : "-");
  };
  CHECK(decided("https://api.example.org") == "yes api.example.org:443");
  CHECK(decided("http://api.example.org") == "yes *.example.org");
  CHECK(decided("example.org:1") == "yes *");
  CHECK(decided("x.bad.org") == "no *.bad.org");
  CHECK(decided("evil.bad.org") == "no evil.bad.org");
  CHECK(decided("bad.org") == "yes *");
  CHECK(decided("10.9.9.9") == "yes 10.0.0.0/8");
  CHECK(decided("10.1.9.9") == "yes 10.1.0.0/16");
  CHECK(decided("10.1.2.9") == "no 10.1.2.0/24");
  CHECK(decided("9.9.9.9") == "no -");
  CHECK(decided("[fd00::1]:80") == "no -");
  CHECK(decided("notexample.org") == "yes *");
}

TEST_CASE("a name never allows an address, and a denied address has no second spelling") {
  CHECK_FALSE(decide(rules({"*"}), to("169.254.169.254")).allowed);
  CHECK_FALSE(decide(rules({"*"}), to("[::1]:80")).allowed);
  const NetworkPolicy policy = rules({"::/0", "0.0.0.0/0"}, {"10.0.0.0/8"});
  for (const char* address : {"10.0.0.1", "64:ff9b::10.0.0.1", "2002:a00:1::", "::10.0.0.1",
                              "2001:0:1:2:3:4:f5ff:fffe"}) {
    INFO(address);
    CHECK_FALSE(decide(policy, to(address)).allowed);
  }
  CHECK(decide(policy, to("64:ff9b::11.0.0.1")).allowed);
  CHECK(decide(policy, to("2606:4700::1111")).allowed);
  // A resolver may hand out what nobody can write.
  Destination mapped;
  mapped.range = AddressRange{6, {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 10, 0, 0, 1}, 128};
  CHECK_FALSE(decide(policy, mapped).allowed);
}

TEST_CASE("what is not known about a destination counts against it") {
  CHECK_FALSE(decide(rules({"a.b:443"}), to("a.b")).allowed);
  CHECK_FALSE(decide(rules({"*"}, {"a.b:443"}), to("a.b")).allowed);
  CHECK(decide(rules({"*"}, {"a.b:443"}), to("a.b:80")).allowed);
  CHECK(decide(rules({"https://a.b"}), to("a.b:443")).allowed);
  CHECK_FALSE(decide(rules({"https://a.b"}), to("http://a.b:443")).allowed);
  CHECK_FALSE(decide(rules({"http://a.b"}), to("a.b:80")).allowed);
  CHECK_FALSE(decide(rules({"*"}, {"http://a.b"}), to("a.b:80")).allowed);
  NetworkPolicy policy = rules({"http://a.b"});
  policy.allow[0].methods = {"GET"};
  Destination request = to("http://a.b/");
  CHECK_FALSE(decide(policy, request).allowed);
  request.method = "GET";
  CHECK(decide(policy, request).allowed);
  request.method = "POST";
  CHECK_FALSE(decide(policy, request).allowed);
}

TEST_CASE(
    "a path rule is about whole components, and paths read in two ways are on the wrong side") {
  NetworkPolicy allowed = rules({"http://a.b"});
  allowed.allow[0].path_prefix = "/api";
  NetworkPolicy denied = rules({"http://a.b"}, {"http://a.b"});
  denied.deny[0].path_prefix = "/admin";
  for (const char* path : {"/api", "/api/", "/api/x", "/%61pi/x"}) {
    INFO(path);
    CHECK(decide(allowed, to(std::string("http://a.b") + path)).allowed);
  }
  for (const char* path : {"/apiary", "/", "/api/../admin", "/api/%2e%2e/admin", "/api/..%2fadmin",
                           "/api//x", "/api/%", "/api;x", "/api/%5c..", "/api/%00", "/api/./x"}) {
    INFO(path);
    CHECK_FALSE(decide(allowed, to(std::string("http://a.b") + path)).allowed);
  }
  for (const char* path : {"/admin", "/admin/x", "/%61dmin", "//admin", "/x/../admin", "/admin;x",
                           "/%2561dmin", "/./admin"}) {
    INFO(path);
    CHECK_FALSE(decide(denied, to(std::string("http://a.b") + path)).allowed);
  }
  CHECK(decide(denied, to("http://a.b/administrator")).allowed);
}

TEST_CASE("rules count in mode proxy alone") {
  NetworkPolicy policy = rules({"a.b"});
  policy.mode = NetworkMode::kNone;
  CHECK_FALSE(decide(policy, to("a.b")).allowed);
  policy.mode = NetworkMode::kHost;
  CHECK(decide(policy, to("9.9.9.9")).allowed);
}

TEST_CASE("one rule covers another if it is about all of the same") {
  const auto covered = [](const char* outer, const char* inner) {
    return covers(rule(outer), rule(inner));
  };
  CHECK(covered("*", "*.example.org"));
  CHECK(covered("*.example.org", "*.a.example.org"));
  CHECK(covered("*.example.org", "*.example.org:443"));
  CHECK_FALSE(covered("*.example.org", "example.org"));
  CHECK_FALSE(covered("*.example.org", "badexample.org"));
  CHECK_FALSE(covered("example.org", "*.example.org"));
  CHECK_FALSE(covered("*", "10.0.0.1"));
  CHECK(covered("10.0.0.0/8", "10.1.0.0/16"));
  CHECK_FALSE(covered("10.1.0.0/16", "10.0.0.0/8"));
  CHECK_FALSE(covered("0.0.0.0/0", "::1"));
  CHECK(covered("a.b:1-100", "a.b:80"));
  CHECK_FALSE(covered("a.b:80", "a.b"));
  CHECK(covered("a.b", "https://a.b"));
  CHECK_FALSE(covered("https://a.b", "a.b:443"));
}

TEST_CASE("whatever comes in, a parsed rule prints to one that is the same") {
  INFO("seed " << kSeed);
  std::mt19937 random(kSeed);
  int parsed_rules = 0;
  for (int i = 0; i < 40'000; ++i) {
    const std::string text = i % 4 == 0 ? valid_rule(random) : near_host(random);
    INFO(text);
    const auto parsed = parse_host_rule(text);
    const auto destination = parse_destination(text);
    if (destination && !destination->name.empty()) {
      in_addr address{};
      REQUIRE(::inet_aton(destination->name.c_str(), &address) == 0);
    }
    if (!parsed) continue;
    ++parsed_rules;
    const auto again = parse_host_rule(canonical_text(*parsed));
    INFO(canonical_text(*parsed));
    REQUIRE(again.has_value());
    REQUIRE(unwritten(*again) == unwritten(*parsed));
    REQUIRE(canonical_text(*again) == canonical_text(*parsed));
    REQUIRE(covers(*parsed, *parsed));
    REQUIRE(parsed->low_port <= parsed->high_port);
    REQUIRE(parsed->name.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789-_.") ==
            std::string::npos);
  }
  CHECK(parsed_rules > 10'000);
}

TEST_CASE("what a covered rule decides its cover decides too") {
  INFO("seed " << kSeed);
  std::mt19937 random(kSeed);
  int covered = 0;
  int decided = 0;
  for (int i = 0; i < 40'000; ++i) {
    NetworkPolicy narrow;
    narrow.mode = NetworkMode::kProxy;
    NetworkPolicy wide = narrow;
    narrow.allow = {valid_host_rule(random)};
    wide.allow = {valid_host_rule(random)};
    if (!covers(wide.allow[0], narrow.allow[0])) continue;
    ++covered;
    const Destination destination = valid_destination(random);
    INFO(canonical_text(narrow.allow[0]) << " in " << canonical_text(wide.allow[0]));
    if (decide(narrow, destination).allowed) {
      ++decided;
      REQUIRE(decide(wide, destination).allowed);
    }
    std::swap(narrow.allow, narrow.deny);
    std::swap(wide.allow, wide.deny);
    if (decide(narrow, destination).rule != nullptr) {
      REQUIRE(decide(wide, destination).rule != nullptr);
    }
  }
  CHECK(covered > 1'000);
  CHECK(decided > 100);
}

}  // namespace mayfly::sandbox
