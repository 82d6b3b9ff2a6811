#include "sandbox/syscall_policy.h"

#include <fcntl.h>
#include <linux/sched.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>

#include "catch_shim.h"
#include "filters.h"

namespace mayfly::sandbox {
namespace {

using Compare = ArgumentCondition::Compare;
using Verdict = SyscallVerdict;
using test::everything;
using test::rules;

SyscallRule parsed(const char* text) {
  INFO(text);
  auto rule = parse_syscall_rule(text);
  REQUIRE(rule.has_value());
  return *rule;
}

Error refused(const std::string& text) {
  INFO(text);
  const auto rule = parse_syscall_rule(text);
  REQUIRE_FALSE(rule.has_value());
  CHECK(rule.error().code == ErrorCode::kInvalidConfiguration);
  return rule.error();
}

}  // namespace

TEST_CASE("a rule names a group, or a call, or a call with conditions") {
  CHECK(parsed("@sockets").group == "sockets");
  CHECK(parsed("ptrace").call == "ptrace");
  CHECK(parsed("ptrace").when.empty());
  const SyscallRule rule = parsed(" socket ( arg0 == AF_INET ,\targ1 & 0x1|0o2 ) ");
  CHECK(rule.call == "socket");
  REQUIRE(rule.when.size() == 2);
  CHECK(rule.when[0] == ArgumentCondition{0, Compare::kEqual, AF_INET});
  CHECK(rule.when[1] == ArgumentCondition{1, Compare::kAllBits, 3});
}

TEST_CASE("values are numbers in three bases and constants, alone or together") {
  const auto value = [](const std::string& text) {
    return parsed(("fcntl(arg1 == " + text + ")").c_str()).when.front().value;
  };
  CHECK(value("31") == 31);
  CHECK(value("0x1f") == 31);
  CHECK(value("0o37") == 31);
  CHECK(value("037") == 31);
  CHECK(value("0") == 0);
  CHECK(value("0xffffffffffffffff") == ~0ULL);
  CHECK(value("18446744073709551615") == ~0ULL);
  CHECK(value("CLONE_NEWNET") == CLONE_NEWNET);
  CHECK(value("TIOCSTI") == TIOCSTI);
  CHECK(value("O_CREAT|O_EXCL") == (O_CREAT | O_EXCL));
  CHECK(value("PROT_EXEC | 0x10") == (PROT_EXEC | 0x10));
}

TEST_CASE("each comparison is read as what it is") {
  CHECK(parsed("mmap(arg2 !& PROT_EXEC)").when.front().compare == Compare::kNoBits);
  CHECK(parsed("mmap(arg2 & PROT_EXEC)").when.front().compare == Compare::kAllBits);
  CHECK(parsed("kill(arg1 != 9)").when.front().compare == Compare::kNotEqual);
}

TEST_CASE("a rule's text parses to the same rule") {
  for (const char* text : {"@files", "ptrace", "socket(arg0 == AF_INET)",
                           "  clone ( arg0 & CLONE_NEWNET|CLONE_NEWNS )",
                           "mmap(arg2 !& 4, arg3 & MAP_SHARED)", "kill(arg1 != 0x9)"}) {
    const SyscallRule rule = parsed(text);
    CHECK(parsed(rule.text.c_str()) == rule);
  }
}

TEST_CASE("calls of other architectures are known") {
  for (const char* call : {"socketcall", "arm_fadvise64_64", "_newselect", "stime", "umount"}) {
    CHECK(parsed(call).call == call);
  }
}

TEST_CASE("what is not known is refused with the nearest name") {
  CHECK_THAT(refused("@socket").remedy, mayfly::test::contains("\"@sockets\""));
  CHECK_THAT(refused("ptrce").remedy, mayfly::test::contains("\"ptrace\""));
  CHECK_THAT(refused("io_uring_setp").remedy, mayfly::test::contains("\"io_uring_setup\""));
  CHECK_THAT(refused("sockets").remedy, mayfly::test::contains("\"@sockets\""));
  CHECK_THAT(refused("socket(arg0 == AF_INT)").remedy, mayfly::test::contains("\"AF_INET\""));
  CHECK_THAT(refused("Ptrace").message, mayfly::test::contains("no system call"));
}

TEST_CASE("what is no rule is refused") {
  for (const char* text : {"",
                           " ",
                           "@",
                           "@ ",
                           "()",
                           "socket(",
                           "socket()",
                           "socket(arg0)",
                           "socket(arg0 ==)",
                           "socket(arg0 == )",
                           "socket(arg0 == AF_INET",
                           "socket(arg0 == AF_INET,)",
                           "socket(arg0 == AF_INET) x",
                           "socket(arg6 == 1)",
                           "socket(arg == 1)",
                           "socket(arg01 == 1)",
                           "socket(arg0 = 1)",
                           "socket(arg0 > 1)",
                           "socket(arg0 === 1)",
                           "socket(arg0 == 1 |)",
                           "socket(arg0 == -1)",
                           "socket(arg0 == 08)",
                           "socket(arg0 == 0x)",
                           "socket(arg0 == 0xg)",
                           "socket(arg0 == 12a)",
                           "socket(arg0 == 18446744073709551616)",
                           "socket(arg0 & 0)",
                           "socket(arg0 !& 0)",
                           "socket(arg0 == 1, arg0 == 2)",
                           "@sockets(arg0 == 1)",
                           "435",
                           "socket(arg0 == 0x10000000000000000)",
                           "mount\n",
                           "mount;",
                           "mount, ptrace",
                           "socket(arg0 == \"AF_INET\")",
                           "socket(arg0 == af_inet)"}) {
    (void)refused(text);
  }
  (void)refused(std::string("ptrace\0", 7));
  (void)refused(std::string("ptrace\xff"));
}

TEST_CASE("a rule is not longer and has no more conditions than anybody needs") {
  (void)refused(std::string(10'000'000, '('));
  (void)refused("ptrace" + std::string(kMaxSyscallRule, ' '));
  std::string many = "prctl(arg0 != 0";
  for (std::size_t i = 1; i < kMaxArgumentConditions; ++i) many += ",arg0 != " + std::to_string(i);
  CHECK(parse_syscall_rule(many + ")").has_value());
  (void)refused(many + ",arg0 != 99)");
}

TEST_CASE("what starts and ends programs cannot be denied, and the error names it") {
  for (const std::string& call : essential_calls()) {
    SyscallPolicy policy = everything();
    policy.deny = rules({"ptrace", call.c_str()});
    policy.deny.back().rule = "mine: syscalls.deny";
    const auto checked = check_syscalls(policy);
    REQUIRE_FALSE(checked.has_value());
    CHECK(checked.error().code == ErrorCode::kInvalidConfiguration);
    CHECK(checked.error().field == "mine: syscalls.deny");
    CHECK_THAT(checked.error().message, mayfly::test::contains(call));
  }
  SyscallPolicy policy = everything();
  policy.deny = rules({"execve(arg0 == 0)"});
  CHECK_FALSE(check_syscalls(policy).has_value());
  policy.deny = rules({"@processes"});
  CHECK(check_syscalls(policy).has_value());
  CHECK(decide(policy, "execve").verdict == Verdict::kAllowed);
  CHECK(decide(policy, "fork").verdict == Verdict::kDenied);
}

TEST_CASE("only calls of the tables can be allowed without danger") {
  SyscallPolicy policy;
  policy.allow = rules({"mount"});
  const auto checked = check_syscalls(policy);
  REQUIRE_FALSE(checked.has_value());
  CHECK_THAT(checked.error().remedy, mayfly::test::contains("syscalls.danger_allow"));
  policy.allow = rules({"exit(arg0 == 0)"});
  CHECK_FALSE(check_syscalls(policy).has_value());
  policy.allow = {};
  policy.danger_allow = rules({"mount", "clone3"});
  CHECK(check_syscalls(policy).has_value());
}

TEST_CASE("an error of a rule says where it stands") {
  SyscallPolicy policy;
  policy.deny = rules({"execve"});
  policy.deny[0].rule = "mine: syscalls.deny";
  policy.deny[0].at = {std::make_shared<settings::Source>(settings::Source{"/a/mine.toml"}), 3, 9};
  CHECK(check_syscalls(policy).error().field == "/a/mine.toml:3:9 mine: syscalls.deny");
}

TEST_CASE("groups have their calls, those that a supervisor does too") {
  const auto has = [](const char* group, const char* call) {
    const auto calls = calls_of_group(group);
    return std::find(calls.begin(), calls.end(), call) != calls.end();
  };
  CHECK(has("sockets", "connect"));
  CHECK(has("sockets", "socket"));
  CHECK(has("files", "fallocate"));
  CHECK_FALSE(has("files", "socket"));
  CHECK(calls_of_group("nothing").empty());
  CHECK(is_in_tables("connect"));
  CHECK_FALSE(is_in_tables("mount"));
}

TEST_CASE("a decision names the rule that decides") {
  SyscallPolicy policy = everything();
  policy.deny = rules({"ptrace", "socket(arg0 == AF_INET6)", "@ipc"});
  policy.danger_allow = rules({"mount", "clone3(arg1 == 88)", "ptrace"});
  const auto decision = [&](const char* call) { return decide(policy, call); };
  const auto text = [&](const char* call) {
    const SyscallRule* rule = decision(call).rule;
    return rule == nullptr ? std::string() : rule->text;
  };
  CHECK(decision("ptrace").verdict == Verdict::kDenied);  // deny wins over danger_allow
  CHECK(text("ptrace") == "ptrace");
  CHECK(decision("shmget").verdict == Verdict::kDenied);
  CHECK(text("shmget") == "@ipc");
  CHECK(decision("socket").verdict == Verdict::kSometimes);
  CHECK(text("socket") == "socket(arg0 == AF_INET6)");
  CHECK(decision("mount").verdict == Verdict::kAllowed);
  CHECK(text("mount") == "mount");
  CHECK(decision("clone3").verdict == Verdict::kSometimes);
  CHECK(decision("read").verdict == Verdict::kAllowed);
  CHECK(text("read") == "@files");
  CHECK(decision("openat").verdict == Verdict::kSometimes);  // the tables' own conditions
  CHECK(decision("connect").verdict == Verdict::kAllowed);
  CHECK(decision("reboot").verdict == Verdict::kDenied);
  CHECK(decision("reboot").rule == nullptr);
  CHECK_FALSE(allows_tracing(policy));
  policy.deny.erase(policy.deny.begin());
  CHECK(allows_tracing(policy));
}

TEST_CASE("a policy without rules allows only what no program can do without") {
  const SyscallPolicy nothing;
  CHECK(decide(nothing, "execve").verdict == Verdict::kAllowed);
  CHECK(decide(nothing, "read").verdict == Verdict::kDenied);
  CHECK(decide(nothing, "ptrace").verdict == Verdict::kDenied);
}

}  // namespace mayfly::sandbox
