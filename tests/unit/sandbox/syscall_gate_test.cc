#include "sandbox/linux/syscall_gate.h"

#include <linux/sched.h>
#include <seccomp.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#include <random>
#include <set>

#include "catch_shim.h"
#include "filters.h"
#include "sandbox/syscall_names.h"

// The rules of a policy in a compiled filter, run on made-up calls.
namespace mayfly::sandbox {
namespace {

using namespace test;

constexpr std::uint64_t kHigh = 0x100000000;  // a bit that an int does not have

seccomp_data call_of(long number, std::array<std::uint64_t, 6> arguments = {}) {
  seccomp_data data{};
  data.nr = static_cast<int>(number);
  data.arch = AUDIT_ARCH_X86_64;
  std::copy(arguments.begin(), arguments.end(), std::begin(data.args));
  return data;
}

struct Filters {
  explicit Filters(SyscallPolicy of, FilterOptions options = {})
      : policy(std::move(of)),
        programs(compile_filters(policy, options).value()),
        refusals(compile_refusals(policy).value()) {}
  std::uint32_t operator()(long number, std::array<std::uint64_t, 6> arguments = {}) const {
    return answer_of(programs, number, arguments);
  }
  // The text of the rule that refuses the call; "-" if none allows it, empty if none refuses it.
  std::string refusing(long number, std::array<std::uint64_t, 6> arguments = {}) const {
    const auto number_of_rule = refused_by(refusals, call_of(number, arguments));
    if (!number_of_rule) return {};
    const SyscallRule* rule = numbered_rule(policy, *number_of_rule);
    return rule == nullptr ? "-" : rule->text;
  }
  SyscallPolicy policy;
  std::vector<FilterProgram> programs;
  std::string refusals;
};

SyscallPolicy denying(std::initializer_list<const char*> texts) {
  SyscallPolicy policy = everything();
  policy.deny = rules(texts);
  return policy;
}

SyscallPolicy endangered(std::initializer_list<const char*> texts) {
  SyscallPolicy policy = everything();
  policy.danger_allow = rules(texts);
  return policy;
}

std::size_t first_instruction(const FilterProgram& filter) {
  sock_filter first{};
  std::memcpy(&first, filter.bytes.data(), sizeof first);
  return first.code == (BPF_LD | BPF_W | BPF_ABS) ? first.k : ~std::size_t{0};
}

}  // namespace

TEST_CASE("a policy without conditions and danger has no gate") {
  CHECK(compile_gate(everything(), kReport, Namespaces::kOwn).empty());
  CHECK(compile_gate(denying({"ptrace", "@ipc"}), kReport, Namespaces::kOwn).empty());
}

TEST_CASE("the gate looks at the architecture before anything else") {
  const Filters filters(denying({"socket(arg0 == AF_INET)"}));
  CHECK(first_instruction(filters.programs.back()) == offsetof(seccomp_data, arch));
  CHECK(answer_of(filters.programs, SYS_socket, {AF_INET}, AUDIT_ARCH_I386) == kReport);
  CHECK(filters(SYS_socket | 0x40000000, {AF_INET}) == kReport);  // x32
}

TEST_CASE("a denied call is reported, and refused where nobody reports") {
  const Filters filters(denying({"uname", "@ipc"}));
  CHECK(filters(SYS_uname) == kReport);
  CHECK(filters(SYS_shmget) == kReport);
  CHECK(filters(SYS_read) == kAllow);
  CHECK(filters.refusing(SYS_uname) == "uname");
  CHECK(filters.refusing(SYS_shmget) == "@ipc");
  CHECK(filters.refusing(SYS_read).empty());
  CHECK(filters.refusing(SYS_mount).empty());  // no profile's doing
  const Filters alone(denying({"uname", "socket(arg0 == AF_INET)", "connect"}),
                      {.supervision = Supervision::kNone});
  CHECK(alone(SYS_uname) == kRefused);
  CHECK(alone(SYS_socket, {AF_INET}) == kRefused);
  CHECK(alone(SYS_socket, {AF_INET6}) == kAllow);
  CHECK(alone(SYS_connect) == kRefused);
}

TEST_CASE("a denied connect or fallocate is known to whoever would do it") {
  for (const SyscallPolicy& policy :
       {denying({"connect", "fallocate"}), denying({"@sockets", "@files"}), SyscallPolicy()}) {
    const Filters filters(policy);
    for (const long number : {SYS_connect, SYS_fallocate}) {
      CHECK(filters(number) == kReport);
      CHECK_FALSE(filters.refusing(number).empty());
    }
  }
  const Filters some(denying({"fallocate(arg1 & 2)"}));
  CHECK(some.refusing(SYS_fallocate, {3, 2}) == "fallocate(arg1 & 2)");
  CHECK(some.refusing(SYS_fallocate, {3, 1}).empty());
  CHECK(some.refusing(SYS_connect).empty());
}

TEST_CASE("with the host's namespaces, init knows which changes of modes are denied") {
  FilterOptions shared;
  shared.namespaces = Namespaces::kHosts;
  const Filters filters(denying({"chmod", "fchmod(arg1 & 2)"}), shared);
  CHECK(filters(SYS_chmod) == kReport);
  CHECK(filters.refusing(SYS_chmod) == "chmod");
  CHECK(filters.refusing(SYS_fchmod, {3, 0666}) == "fchmod(arg1 & 2)");
  CHECK(filters.refusing(SYS_fchmod, {3, 0644}).empty());
}

TEST_CASE("no danger is let through where namespaces are the host's") {
  FilterOptions shared;
  shared.namespaces = Namespaces::kHosts;
  const auto filters = compile_filters(endangered({"socket"}), shared);
  REQUIRE_FALSE(filters.has_value());
  CHECK(filters.error().code == ErrorCode::kHostCannotEnforce);
}

TEST_CASE("a condition denies its arguments and no others") {
  const Filters filters(
      denying({"socket(arg0 == AF_INET, arg1 == SOCK_DGRAM)", "mmap(arg2 & PROT_EXEC|PROT_WRITE)",
               "kill(arg1 != 15)", "madvise(arg2 !& 8)"}));
  CHECK(filters(SYS_socket, {AF_INET, SOCK_DGRAM}) == kReport);
  CHECK(filters(SYS_socket, {AF_INET, SOCK_STREAM}) == kAllow);
  CHECK(filters(SYS_socket, {AF_INET6, SOCK_DGRAM}) == kAllow);
  CHECK(filters(SYS_mmap, {0, 1, PROT_EXEC | PROT_WRITE | PROT_READ}) == kReport);
  CHECK(filters(SYS_mmap, {0, 1, PROT_EXEC | PROT_READ}) == kAllow);
  CHECK(filters(SYS_kill, {1, SIGTERM}) == kAllow);
  CHECK(filters(SYS_kill, {1, SIGKILL}) == kReport);
  CHECK(filters(SYS_madvise, {0, 0, 4}) == kReport);
  CHECK(filters(SYS_madvise, {0, 0, 12}) == kAllow);
  CHECK(filters.refusing(SYS_kill, {1, SIGKILL}) == "kill(arg1 != 15)");
}

TEST_CASE("upper halves of arguments do not get around a denial") {
  const Filters filters(denying({"socket(arg0 == AF_INET)", "prctl(arg0 == PR_SET_NAME)",
                                 "personality(arg0 == 0xffffffff)", "setpriority(arg0 == 0)",
                                 "getrlimit(arg0 == 0xffffffffffffffff)"}));
  for (const std::uint64_t upper : {std::uint64_t{0}, kHigh, 0xffffffff00000000}) {
    CHECK(filters(SYS_socket, {upper | AF_INET}) == kReport);
    CHECK(filters(SYS_prctl, {upper | 15}) == kReport);
    CHECK(filters(SYS_personality, {upper | 0xffffffff}) == kReport);
    CHECK(filters(SYS_setpriority, {upper}) == kReport);
    CHECK(filters(SYS_getrlimit, {upper | 0xffffffff}) == kReport);
  }
  CHECK(filters(SYS_setpriority, {1}) == kAllow);
}

TEST_CASE("upper halves of arguments do not get something allowed") {
  SyscallPolicy policy;
  policy.allow = rules({"getpriority(arg0 == 1)", "sched_yield", "mlockall(arg0 != 4)",
                        "pwrite64(arg3 == 0x100000001)"});
  const Filters filters(policy);
  CHECK(filters(SYS_getpriority, {1}) == kAllow);
  CHECK(filters(SYS_getpriority, {kHigh | 1}) == kReport);
  CHECK(filters(SYS_mlockall, {1}) == kAllow);
  CHECK(filters(SYS_mlockall, {4}) == kReport);
  CHECK(filters(SYS_mlockall, {kHigh | 4}) == kReport);
  // A value of more than 32 bits is about an argument that has them.
  CHECK(filters(SYS_pwrite64, {0, 0, 0, kHigh | 1}) == kAllow);
  CHECK(filters(SYS_pwrite64, {0, 0, 0, 1}) == kReport);
}

TEST_CASE("flags of a socket's type and bits above a mode do not get around a denial") {
  const Filters filters(denying({"socket(arg1 == SOCK_DGRAM)", "chmod(arg1 == 0777)",
                                 "mkdir(arg1 == 0777)", "chmod(arg1 != 0644, arg0 == 9)"}));
  CHECK(filters(SYS_socket, {AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK}) == kReport);
  CHECK(filters(SYS_socket, {AF_INET, SOCK_STREAM | SOCK_CLOEXEC}) == kAllow);
  CHECK(filters(SYS_chmod, {0, 0100777}) == kReport);
  CHECK(filters(SYS_mkdir, {0, 04777}) == kReport);
  CHECK(filters(SYS_chmod, {9, 0644}) == kAllow);
  CHECK(filters(SYS_chmod, {9, 0600}) == kReport);
}

TEST_CASE("of an allow with conditions one alternative must hold") {
  SyscallPolicy policy = everything();
  std::erase_if(policy.allow, [](const SyscallRule& rule) { return rule.group == "sockets"; });
  for (const SyscallRule& rule :
       rules({"socket(arg0 == AF_INET, arg1 == SOCK_STREAM)", "socket(arg0 == AF_INET6)"})) {
    policy.allow.push_back(rule);
  }
  const Filters filters(policy);
  CHECK(filters(SYS_socket, {AF_INET, SOCK_STREAM | SOCK_CLOEXEC}) == kAllow);
  CHECK(filters(SYS_socket, {AF_INET6, SOCK_DGRAM}) == kAllow);
  CHECK(filters(SYS_socket, {AF_INET, SOCK_DGRAM}) == kReport);
  CHECK(filters(SYS_socket, {AF_UNIX, SOCK_STREAM}) == kReport);
  CHECK(filters(SYS_socket, {AF_INET6, SOCK_DGRAM, 999}) == kReport);  // the tables hold too
  CHECK(filters.refusing(SYS_socket, {AF_UNIX, SOCK_STREAM}) ==
        "socket(arg0 == AF_INET, arg1 == SOCK_STREAM)");
  CHECK(filters(SYS_connect) == kReport);
  CHECK(filters.refusing(SYS_connect) == "-");
  // Its group allows it whatever the others say.
  policy.allow.push_back(rules({"@sockets"}).front());
  CHECK(Filters(policy)(SYS_socket, {AF_UNIX, SOCK_STREAM}) == kAllow);
}

TEST_CASE("what is essential is allowed by every policy, and nothing else by an empty one") {
  const Filters filters{SyscallPolicy()};
  std::set<long> allowed;
  for (long number = 0; number < 512; ++number) {
    if (filters(number) == kAllow) allowed.insert(number);
  }
  CHECK(allowed == std::set<long>{SYS_close, SYS_execve, SYS_exit, SYS_exit_group, SYS_prlimit64,
                                  SYS_restart_syscall, SYS_rt_sigreturn, SYS_sendmsg});
  CHECK(Filters(denying({"@processes", "@sockets", "@files"}))(SYS_execve) == kAllow);
  CHECK(filters.refusing(SYS_execve).empty());
  CHECK(filters.refusing(SYS_read) == "-");
}

TEST_CASE("danger_allow goes past the tables and not past the tail") {
  const Filters filters(endangered({"mount", "unshare(arg0 & CLONE_NEWNS)", "ioctl", "chmod",
                                    "clone3", "io_uring_setup(arg0 == 8)", "prlimit64"}));
  CHECK(filters(SYS_mount) == kAllow);
  CHECK(filters(SYS_umount2) == kReport);
  CHECK(filters(SYS_unshare, {CLONE_NEWNS | CLONE_NEWNET}) == kAllow);
  CHECK(filters(SYS_unshare, {CLONE_NEWNET}) == kReport);
  CHECK(filters(SYS_chmod, {0, 04755}) == kAllow);
  CHECK(filters(SYS_clone3) == kAllow);
  CHECK(filters(SYS_io_uring_setup, {8}) == kAllow);
  CHECK(filters(SYS_io_uring_setup, {kHigh | 8}) == kAbsent);
  CHECK(filters(SYS_io_uring_enter) == kAbsent);
  CHECK(filters(SYS_ioctl, {0, TIOCSTI}) == kRefused);
  CHECK(filters(SYS_ioctl, {0, TIOCSETD}) == kRefused);
  CHECK(filters(SYS_prlimit64, {1, RLIMIT_AS, 0}) == kRefused);  // aimed at init
  CHECK(filters.refusing(SYS_mount).empty());
  CHECK(Filters(endangered({"@devices"}))(SYS_ioctl, {0, 1}) == kAllow);
}

// How many there are depends on the library: an old one knows none.
TEST_CASE("a call younger than the tables can be allowed, and its neighbours stay absent") {
  for (const std::string& name : call_names()) {
    const auto decision = parse_syscall_rule(name + "(arg0 == 1)");
    REQUIRE(decision.has_value());
    const int number = seccomp_syscall_resolve_name(name.c_str());
    if (number <= newest_known_call()) continue;
    INFO(name);
    SyscallPolicy policy = everything();
    policy.danger_allow = {*decision};
    const Filters filters(policy);
    CHECK(filters(number, {1}) == kAllow);
    CHECK(filters(number, {2}) == kReport);
    CHECK(filters(number + 1, {1}) == kAbsent);
  }
  CHECK(answer_of(compile_filters(everything()).value(), newest_known_call() + 1) == kAbsent);
}

TEST_CASE("deny wins over danger_allow, with conditions and without") {
  SyscallPolicy policy = endangered({"mount", "unshare", "reboot"});
  policy.deny = rules({"unshare(arg0 & CLONE_NEWUSER)", "reboot"});
  const Filters filters(policy);
  CHECK(filters(SYS_mount) == kAllow);
  CHECK(filters(SYS_unshare, {CLONE_NEWNS}) == kAllow);
  CHECK(filters(SYS_unshare, {CLONE_NEWNS | CLONE_NEWUSER}) == kReport);
  CHECK(filters(SYS_reboot) == kReport);
  CHECK(filters.refusing(SYS_reboot) == "reboot");
}

TEST_CASE("lists that are longer than a jump can be are enforced to their end") {
  SyscallPolicy policy = everything();
  for (int i = 0; i < 300; ++i) {
    policy.deny.push_back(
        parse_syscall_rule("alarm(arg0 == " + std::to_string(1000 + i) + ")").value());
  }
  policy.deny.push_back(parse_syscall_rule("uname(arg0 == 5)").value());
  for (int i = 0; i < 100; ++i) {
    policy.allow.push_back(parse_syscall_rule("getsid(arg0 == " + std::to_string(i) + ")").value());
  }
  const Filters filters(policy);
  for (const std::uint64_t value : {1000, 1150, 1299}) {
    CHECK(filters(SYS_alarm, {value}) == kReport);
    CHECK(filters.refusing(SYS_alarm, {value}) == "alarm(arg0 == " + std::to_string(value) + ")");
  }
  CHECK(filters(SYS_alarm, {999}) == kAllow);
  CHECK(filters(SYS_alarm, {1300}) == kAllow);
  CHECK(filters(SYS_uname, {5}) == kReport);
  CHECK(filters(SYS_uname, {6}) == kAllow);
  CHECK(filters(SYS_write) == kAllow);
}

TEST_CASE("alternatives that are longer than a jump can be are all looked at") {
  SyscallPolicy policy;
  for (int i = 0; i < 300; ++i) {
    policy.allow.push_back(
        parse_syscall_rule("alarm(arg0 == " + std::to_string(1000 + i) + ")").value());
  }
  const Filters filters(policy);
  for (const std::uint64_t value : {1000, 1150, 1299}) CHECK(filters(SYS_alarm, {value}) == kAllow);
  for (const std::uint64_t value : {0, 999, 1300}) CHECK(filters(SYS_alarm, {value}) == kReport);
}

TEST_CASE("rules that do not fit into a filter are an error") {
  SyscallPolicy policy = everything();
  for (std::size_t i = 0; i < kMaxSyscallRules; ++i) {
    policy.deny.push_back(
        parse_syscall_rule("alarm(arg0 == 0x1" + std::to_string(100000000 + i) + ")").value());
  }
  const auto filters = compile_filters(policy);
  REQUIRE_FALSE(filters.has_value());
  CHECK(filters.error().code == ErrorCode::kInvalidConfiguration);
  policy.deny.push_back(policy.deny.back());
  CHECK_FALSE(check_syscalls(policy).has_value());
}

TEST_CASE("filters are not made of rules that make no sense") {
  SyscallPolicy policy = denying({"execve"});
  CHECK_FALSE(compile_filters(policy).has_value());
  CHECK_FALSE(compile_refusals(policy).has_value());
}

TEST_CASE("a broken program of refusals refuses everything") {
  const seccomp_data call = call_of(SYS_read);
  CHECK(refused_by("", call) == kNotAllowed);
  CHECK(refused_by("abc", call) == kNotAllowed);
  CHECK(refused_by(std::string(64, '\xff'), call) == kNotAllowed);
}

TEST_CASE("made-up rules mean to the filter what they say") {
  // Each rule is about calls without rows of conditions in the tables, so it alone decides.
  const char* const kCalls[] = {"alarm", "getsid", "pwrite64"};
  const long kNumbers[] = {SYS_alarm, SYS_getsid, SYS_pwrite64};
  const char* const kCompare[] = {"==", "!=", "&", "!&"};
  std::mt19937_64 random(4);
  const std::uint64_t kValues[] = {0, 1, 2, 3, 0x80000000, kHigh, kHigh | 1, 0xffffffff, ~0ULL};
  const auto any = [&](const auto& list) { return list[random() % std::size(list)]; };
  for (int round = 0; round < 300; ++round) {
    SyscallPolicy policy = everything();
    for (int i = 0; i < 4; ++i) {
      std::string text = any(kCalls);
      for (std::uint64_t k = 0; k <= random() % 3; ++k) {
        const std::string compare = any(kCompare);
        const std::uint64_t value = any(kValues);
        if (value == 0 && compare.ends_with('&')) continue;
        text += (text.find('(') == std::string::npos ? "(arg" : ", arg") +
                std::to_string(random() % 2) + " " + compare + " " + std::to_string(value);
      }
      if (text.find('(') == std::string::npos) continue;
      if (auto rule = parse_syscall_rule(text + ")")) policy.deny.push_back(*rule);
    }
    const Filters filters(policy);
    for (int i = 0; i < 40; ++i) {
      const std::size_t which = random() % 3;
      const std::uint64_t arguments[] = {any(kValues), any(kValues)};
      // Wide enough to be sure: what holds for all 64 bits is denied.
      const auto holds = [&](const ArgumentCondition& condition) {
        const std::uint64_t value = arguments[condition.argument];
        switch (condition.compare) {
          case ArgumentCondition::Compare::kEqual:
            return value == condition.value;
          case ArgumentCondition::Compare::kNotEqual:
            return value != condition.value;
          case ArgumentCondition::Compare::kAllBits:
            return (value & condition.value) == condition.value;
          case ArgumentCondition::Compare::kNoBits:
            return (value & condition.value) == 0;
        }
        return false;
      };
      const bool denied =
          std::any_of(policy.deny.begin(), policy.deny.end(), [&](const SyscallRule& rule) {
            return rule.call == kCalls[which] &&
                   std::all_of(rule.when.begin(), rule.when.end(), holds);
          });
      const std::uint32_t answer = filters(kNumbers[which], {arguments[0], arguments[1]});
      if (denied) CHECK(answer == kReport);
      // The question and the filter never differ.
      const bool refused = !filters.refusing(kNumbers[which], {arguments[0], arguments[1]}).empty();
      CHECK(refused == (answer == kReport));
    }
  }
}

}  // namespace mayfly::sandbox
