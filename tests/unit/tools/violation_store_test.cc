#include "tools/violation_store.h"

#include <limits>
#include <string>
#include <thread>

#include "unit/catch_shim.h"

namespace mayfly::tools {
namespace {

using sandbox::Report;
using sandbox::Violation;
using sandbox::ViolationKind;

Violation denied(const std::string& target, ViolationKind kind = ViolationKind::kFilesystem,
                 const std::string& operation = "write") {
  Violation violation;
  violation.kind = kind;
  violation.operation = operation;
  violation.target = target;
  violation.rule = "default: filesystem.write";
  violation.errno_name = "EROFS";
  return violation;
}

Report report(const std::string& call_id, std::vector<Violation> violations,
              const std::string& digest = "d1") {
  Report out;
  out.call_id = call_id;
  out.policy_digest = digest;
  out.violations = std::move(violations);
  out.violations_total = out.violations.size();
  return out;
}

// What the third of three calls is told that were denied these.
std::uint64_t third(const Violation& a, const Violation& b, const Violation& c) {
  ViolationStore store;
  CHECK(store.add("local", "run_command", report("1", {a})) == Repetitions{0});
  CHECK(store.add("local", "run_command", report("2", {b})) == Repetitions{0});
  return store.add("local", "run_command", report("3", {c})).at(0);
}

}  // namespace

TEST_CASE("the third call that is denied the same is told so, and those after it") {
  ViolationStore store;
  const auto call = [&store](int n) {
    return store.add("local", "run_command", report(std::to_string(n), {denied("/usr/a")})).at(0);
  };
  CHECK(call(1) == 0);
  CHECK(call(2) == 0);
  CHECK(call(3) == 3);
  CHECK(call(4) == 4);
}

TEST_CASE("a call counts once, whatever it tries and however often") {
  ViolationStore store;
  Violation often = denied("/usr/a");
  often.count = 1'000'000;
  const auto told =
      store.add("local", "run_command", report("1", {often, denied("/usr/b"), denied("/usr/c")}));
  CHECK(told == Repetitions{0, 0, 0});
  CHECK(store.add("local", "run_command", report("2", {often})) == Repetitions{0});
}

TEST_CASE("calls in between that are denied nothing, or something else, change nothing") {
  ViolationStore store;
  store.add("local", "run_command", report("1", {denied("/usr/a")}));
  CHECK(store.add("local", "run_command", report("2", {})).empty());
  store.add("local", "read_file",
            report("3", {denied("/etc/a", ViolationKind::kFilesystem, "read")}));
  store.add("local", "write_file", report("4", {denied("/usr/a")}));
  CHECK(store.add("local", "run_command", report("5", {denied("/usr/a")})) == Repetitions{3});
}

TEST_CASE("what differs only in details that the rule does not look at is the same wall") {
  const auto network = [](const std::string& target, const std::string& operation = "connect") {
    return denied(target, ViolationKind::kNetwork, operation);
  };
  CHECK(third(denied("/usr/out.1"), denied("/usr/out.2"), denied("/usr/tmpXa81")) == 3);
  CHECK(third(network("1.1.1.1:443"), network("1.1.1.1:80"), network("1.1.1.1:53/udp")) == 3);
  CHECK(third(network("[2001:db8::1]:443"), network("[2001:db8::1]:80"),
              network("[2001:db8::1]:1/udp")) == 3);
  CHECK(third(network("/run/a.1"), network("/run/a.2"), network("/run/b")) == 3);
  CHECK(third(network("port 80", "bind"), network("port 81", "bind"), network("port 82", "bind")) ==
        3);
  const auto capability = [](const std::string& target) {
    return denied(target, ViolationKind::kCapability, "chown");
  };
  CHECK(third(capability("CAP_CHOWN /a/b"), capability("CAP_CHOWN"), capability("CAP_CHOWN /c")) ==
        3);
  const auto memory = [](const std::string& target) {
    return denied(target, ViolationKind::kResource, "memory");
  };
  CHECK(third(memory("512 MiB of 512 MiB"), memory("511 MiB of 512 MiB"), memory("")) == 3);
}

TEST_CASE("another directory, host, capability, system call, operation or rule is another wall") {
  const auto network = [](const std::string& t) { return denied(t, ViolationKind::kNetwork); };
  const auto syscall = [](const std::string& t) { return denied(t, ViolationKind::kSyscall); };
  const auto capability = [](const std::string& t) {
    return denied(t, ViolationKind::kCapability);
  };
  CHECK(third(denied("/usr/a"), denied("/usr/a"), denied("/usr/lib/a")) == 0);
  CHECK(third(denied("/a"), denied("/a"), denied("/usr/a")) == 0);
  CHECK(third(network("1.1.1.1:1"), network("1.1.1.1:1"), network("1.1.1.2:1")) == 0);
  CHECK(third(network("2001:db8::1"), network("2001:db8::1"), network("2001:db8::2")) == 0);
  CHECK(third(network("a.example.org"), network("a.example.org"), network("b.example.org")) == 0);
  CHECK(third(syscall("AF_VSOCK, SOCK_STREAM"), syscall("AF_VSOCK, SOCK_STREAM"),
              syscall("AF_ALG, SOCK_STREAM")) == 0);
  CHECK(third(capability("CAP_CHOWN /a"), capability("CAP_CHOWN /a"), capability("CAP_KILL")) == 0);
  Violation other = denied("/usr/a");
  other.operation = "remove";
  CHECK(third(denied("/usr/a"), denied("/usr/a"), other) == 0);
  other = denied("/usr/a");
  other.rule = "default: filesystem.hide";
  CHECK(third(denied("/usr/a"), denied("/usr/a"), other) == 0);
}

TEST_CASE("a changed policy starts counts again, and so does time") {
  ViolationStore store;
  const TimePoint start = Clock::now();
  const auto call = [&](const char* id, const char* digest, TimePoint when) {
    return store.add("local", "run_command", report(id, {denied("/usr/a")}, digest), when).at(0);
  };
  call("1", "d1", start);
  call("2", "d1", start);
  CHECK(call("3", "d2", start) == 0);
  CHECK(call("4", "d1", start + DenialLoops::kForgotten) == 3);
  CHECK(call("5", "d1", start + DenialLoops::kForgotten * 2 + milliseconds(1)) == 0);
  CHECK(call("6", "d1", start + DenialLoops::kForgotten * 2 + milliseconds(2)) == 0);
  CHECK(call("7", "d1", start + DenialLoops::kForgotten * 2 + milliseconds(3)) == 3);
}

TEST_CASE("callers know nothing of each other") {
  ViolationStore store;
  for (const char* id : {"1", "2", "3"}) {
    store.add("alice", "run_command", report(id, {denied("/usr/a")}));
  }
  CHECK(store.add("bob", "run_command", report("4", {denied("/usr/a")})) == Repetitions{0});
  CHECK(store.latest("bob").denials == 1);
  CHECK(store.latest("bob").entries.size() == 1);
  CHECK(store.of_call("bob", "1").empty());
  CHECK(store.latest("carol").entries.empty());
  CHECK(store.latest("carol").denials == 0);
}

TEST_CASE("entries are the latest call first, in the receipt's order, with its facts") {
  ViolationStore store;
  store.add("local", "run_command", report("1", {denied("/usr/a"), denied("/usr/b")}));
  store.add("local", "write_file", report("2", {denied("/usr/c")}));
  const auto view = store.latest("local");
  REQUIRE(view.entries.size() == 3);
  CHECK(view.entries[0].call_id == "2");
  CHECK(view.entries[0].tool == "write_file");
  CHECK(view.entries[1].violation == denied("/usr/a"));
  CHECK(view.entries[2].violation == denied("/usr/b"));
  CHECK(store.of_call("local", "1").size() == 2);
  CHECK(store.latest("local", 1).entries.size() == 1);
}

TEST_CASE("a hostile call cannot make the store grow, and totals stay exact") {
  ViolationStore store;
  const std::string long_word(1 << 20, 'x');
  std::uint64_t expected = 0;
  for (int call = 0; call < 300; ++call) {
    std::vector<Violation> kinds;
    for (int kind = 0; kind < 100; ++kind) {
      Violation violation = denied("/d" + std::to_string(call * 100 + kind) + "/" +
                                   (kind == 0 && call < 3 ? long_word : std::string("x")));
      violation.count = 7;
      kinds.push_back(std::move(violation));
    }
    Report one = report(std::to_string(call), std::move(kinds));
    one.violations_total = 1'000'000;  // more than it could name
    expected += one.violations_total;
    store.add("local", "run_command", one);
  }
  const auto view = store.latest("local");
  CHECK(view.denials == expected);
  CHECK(view.calls == 300);
  CHECK(view.entries.size() == ViolationStore::kKept);
  CHECK(view.entries[0].call_id == "299");

  ViolationStore words;
  words.add("local", "run_command", report("1", {denied("/" + long_word)}));
  CHECK(words.latest("local").entries[0].violation.target.size() < 1100);
}

TEST_CASE("totals do not wrap") {
  ViolationStore store;
  Violation many = denied("/usr/a");
  many.count = std::numeric_limits<std::uint64_t>::max();
  store.add("local", "run_command", report("1", {many, many}));
  store.add("local", "run_command", report("2", {many}));
  CHECK(store.latest("local").denials == std::numeric_limits<std::uint64_t>::max());
}

TEST_CASE("of many callers the one that was denied something longest ago is forgotten") {
  ViolationStore store;
  for (std::size_t i = 0; i < ViolationStore::kCallers; ++i) {
    store.add("caller " + std::to_string(i), "run_command", report("1", {denied("/usr/a")}));
  }
  store.add("caller 0", "run_command", report("2", {denied("/usr/a")}));
  store.add("one more", "run_command", report("1", {denied("/usr/a")}));
  CHECK(store.callers() == ViolationStore::kCallers);
  CHECK(store.latest("caller 0").denials == 2);
  CHECK(store.latest("caller 1").denials == 0);
}

TEST_CASE("walls are forgotten before they fill the memory, the one met last never") {
  DenialLoops loops;
  const TimePoint now = Clock::now();
  for (std::size_t i = 0; i < 10 * DenialLoops::kKept; ++i) {
    loops.met("d", "a" + std::to_string(i), denied("/usr/a"), now);
    loops.met("d", "b" + std::to_string(i), denied("/d" + std::to_string(i) + "/x"), now);
  }
  CHECK(loops.met("d", "last", denied("/usr/a"), now) == 10 * DenialLoops::kKept + 1);
  CHECK(loops.met("d", "last", denied("/d0/x"), now) == 1);
}

TEST_CASE("calls of many threads are all counted") {
  ViolationStore store;
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&store, t] {
      for (int i = 0; i < 500; ++i) {
        store.add("local", "run_command",
                  report(std::to_string(t) + "." + std::to_string(i), {denied("/usr/a")}));
        store.latest("local", 5);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  CHECK(store.latest("local").denials == 2000);
  CHECK(store.add("local", "run_command", report("x", {denied("/usr/a")})).at(0) == 2001);
}

TEST_CASE("the same violation of several calls is summed up, the latest first") {
  ViolationStore store;
  for (const char* id : {"1", "2", "3"}) {
    Violation thrice = denied("/usr/a");
    thrice.count = 3;
    store.add("local", "run_command", report(id, {thrice, denied(std::string("/usr/") + id)}));
  }
  const auto sums = summed(store.latest("local").entries, 2);
  REQUIRE(sums.size() == 2);
  CHECK(sums[0].latest.violation.target == "/usr/a");
  CHECK(sums[0].latest.violation.count == 9);
  CHECK(sums[0].calls == 3);
  CHECK(sums[0].latest.call_id == "3");
  CHECK(sums[0].latest.repeated == 3);
  CHECK(sums[1].latest.violation.target == "/usr/3");
  CHECK(sums[1].calls == 1);
}

}  // namespace mayfly::tools
