// rules_in_force ATTEMPTS CASE: runs attempts.cc under policies that differ in one rule, through
// the engine itself. Each attack is also tried under a policy without the rule, where it must
// succeed.
#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <functional>
#include <future>
#include <map>

#include "sandbox/engine.h"
#include "sandbox/host_probe.h"
#include "sandbox/host_user.h"
#include "sandbox/shipped_profiles.h"

namespace sandbox = mayfly::sandbox;
using sandbox::Policy;
using sandbox::Report;
using sandbox::SyscallRule;
using sandbox::Violation;

namespace {

int failures = 0;

void check(bool holds, const std::string& what) {
  if (holds) return;
  std::printf("not so: %s\n", what.c_str());
  ++failures;
}

void same(const std::string& found, const std::string& wanted, const std::string& what) {
  if (found != wanted) {
    std::printf("%s: found\n%s\nwanted\n%s\n", what.c_str(), found.c_str(), wanted.c_str());
    ++failures;
  }
}

class Sandbox {
 public:
  Sandbox(std::string workspace, const std::string& attempts)
      : workspace_(std::move(workspace)), engine_(sandbox::make_engine(options(), nullptr)) {
    std::filesystem::create_directory(workspace_);
    std::filesystem::copy_file(attempts, workspace_ + "/attempts");
    // Root's own would be shown by an idmapped mount, for which one tier has no mounts.
    constexpr uid_t kSomebody = 21001;
    if (::geteuid() == 0 && ::chown(workspace_.c_str(), kSomebody, kSomebody) < 0) std::exit(1);
    sandbox::Host host;
    host.user = sandbox::host_user(::geteuid());
    host.workspaces = {workspace_};
    auto policy = sandbox::resolve(sandbox::find_profile("default").value(), host);
    if (!policy) {
      std::printf("resolve: %s\n", describe(policy.error()).c_str());
      std::exit(1);
    }
    policy_ = std::move(*policy);
  }

  const Policy& usual() const { return policy_; }
  const std::string& workspace() const { return workspace_; }

  mayfly::Result<Report> start(const Policy& policy, const std::vector<std::string>& words) {
    sandbox::Command command;
    command.argv = {workspace_ + "/attempts"};
    command.argv.insert(command.argv.end(), words.begin(), words.end());
    command.limits = policy.limits;
    auto report = std::make_shared<std::promise<Report>>();
    sandbox::CallObserver observer;
    observer.on_finish = [report](Report done) { report->set_value(std::move(done)); };
    auto call = engine_->start(std::make_shared<Policy>(policy), std::move(command), observer);
    if (!call) return mayfly::fail(call.error());
    return report->get_future().get();
  }

  Report run(const Policy& policy, const std::vector<std::string>& words) {
    auto report = start(policy, words);
    if (!report) {
      std::printf("start: %s\n", describe(report.error()).c_str());
      std::exit(1);
    }
    if (report->setup_error) {
      std::printf("setup: %s\n", describe(*report->setup_error).c_str());
      std::exit(1);
    }
    return *report;
  }

  // What the program printed, its lines with blanks between them.
  std::string told(const Policy& policy, const std::vector<std::string>& words) {
    return lines(run(policy, words));
  }
  static std::string lines(const Report& report) {
    std::string out = report.out->read(0, 4096);
    if (!out.empty() && out.back() == '\n') out.pop_back();
    std::replace(out.begin(), out.end(), '\n', ' ');
    return out;
  }

 private:
  sandbox::EngineOptions options() const {
    sandbox::EngineOptions out;
    out.state_root = workspace_ + ".state";
    return out;
  }

  std::string workspace_;
  std::unique_ptr<sandbox::Engine> engine_;
  Policy policy_;
};

std::vector<SyscallRule> rules(const std::vector<std::string>& texts, const char* list) {
  std::vector<SyscallRule> out;
  for (const std::string& text : texts) {
    out.push_back(sandbox::parse_syscall_rule(text).value());
    out.back().rule = std::string("mine: syscalls.") + list;
    out.back().at = {
        std::make_shared<mayfly::settings::Source>(mayfly::settings::Source{"/etc/mine.toml"}),
        static_cast<int>(out.size()), 9};
  }
  return out;
}

Policy denying(const Sandbox& in, const std::vector<std::string>& texts) {
  Policy policy = in.usual();
  policy.syscalls.deny = rules(texts, "deny");
  return policy;
}

Policy endangered(const Sandbox& in, const std::vector<std::string>& texts) {
  Policy policy = in.usual();
  policy.syscalls.danger_allow = rules(texts, "danger_allow");
  return policy;
}

std::vector<std::string> call(const char* how, std::initializer_list<unsigned long> numbers) {
  std::vector<std::string> words = {how};
  for (const unsigned long number : numbers) words.push_back(std::to_string(number));
  return words;
}

const Violation* find(const Report& report, const std::string& operation) {
  const auto found =
      std::find_if(report.violations.begin(), report.violations.end(),
                   [&](const Violation& each) { return each.operation == operation; });
  return found == report.violations.end() ? nullptr : &*found;
}

constexpr unsigned long kUpper = 0x700000000;  // bits that an int does not have
constexpr const char* kAll = "0 0 0 0";
constexpr const char* kNone = "1 1 1 1";  // EPERM

// Every way to make a call meets the condition, whatever is in the upper halves.
void conditions(Sandbox& in) {
  const Policy policy = denying(in, {"socket(arg0 == AF_INET)", "prctl(arg0 == PR_SET_NAME)",
                                     "socket(arg1 == SOCK_SEQPACKET)"});
  for (const unsigned long upper : {0UL, kUpper, 0xffffffff00000000UL}) {
    const auto inet = call("calls", {SYS_socket, upper | AF_INET, SOCK_STREAM, 0});
    same(in.told(in.usual(), inet), kAll, "socket without the rule");
    same(in.told(policy, inet), kNone, "socket with the rule");
  }
  const auto inet6 = call("calls", {SYS_socket, AF_INET6, SOCK_STREAM, 0});
  same(in.told(policy, inet6), kAll, "socket of another family");
  const auto packets = call("calls", {SYS_socket, AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0});
  same(in.told(in.usual(), packets), kAll, "socket with a flag, without the rule");
  same(in.told(policy, packets), kNone, "socket with a flag");
}

// The numbers of other programs' calls, in a filter with conditions and without.
void foreign_numbers(Sandbox& in) {
#if defined(__x86_64__)
  constexpr unsigned long kSocket32 = 359;
  constexpr unsigned long kX32 = 0x40000000;
  for (const Policy& policy : {in.usual(), denying(in, {"socket(arg0 == AF_INET)"}),
                               endangered(in, {"socket", "mount"})}) {
    const auto int80 = call("int80", {kSocket32, AF_INET, SOCK_STREAM, 0});
    check(in.run(policy, int80).signal == SIGSYS, "int 0x80 kills");
    const auto x32 = call("one", {kX32 | SYS_socket, AF_INET, SOCK_STREAM, 0});
    check(in.run(policy, x32).signal == SIGSYS, "a number of x32 kills");
  }
#else
  (void)in;
#endif
}

// The supervisor does not do what is denied.
void connect(Sandbox& in) {
  same(in.told(in.usual(), {"connects"}), "0 0", "connect without a rule");
  const Report report = in.run(denying(in, {"connect"}), {"connects"});
  same(Sandbox::lines(report), "1 1", "connect with a rule");
  const Violation* violation = find(report, "connect");
  check(violation != nullptr && violation->count == 2 &&
            violation->kind == sandbox::ViolationKind::kSyscall &&
            violation->rule == "mine: syscalls.deny, /etc/mine.toml:1:9",
        "a denied connect is reported with its rule");
  // A path's address is longer than the other.
  same(in.told(denying(in, {"connect(arg2 == 110)"}), {"connects"}), "0 1", "connect to a path");
  same(in.told(denying(in, {"connect(arg2 != 110)"}), {"connects"}), "1 0", "connect to a port");
}

void fallocate(Sandbox& in) {
  same(in.told(in.usual(), {"reserves"}), "0 8192 0 8192", "fallocate without a rule");
  same(in.told(denying(in, {"fallocate"}), {"reserves"}), "1 0 1 0", "fallocate with a rule");
  same(in.told(denying(in, {"fallocate(arg1 & 1)"}), {"reserves"}), "0 8192 1 0",
       "fallocate with a condition");
}

// A program starts without the group that has what starts it, and has nothing of the rest.
void allow_list(Sandbox& in) {
  Policy policy = in.usual();
  const auto without = [&policy](const char* group) {
    std::erase_if(policy.syscalls.allow,
                  [group](const SyscallRule& rule) { return rule.group == group; });
  };
  without("sockets");
  const auto inet = call("calls", {SYS_socket, AF_INET, SOCK_STREAM, 0});
  const Report report = in.run(policy, inet);
  same(Sandbox::lines(report), kNone, "socket without its group");
  const Violation* violation = find(report, "socket");
  check(violation != nullptr && violation->rule == "default: syscalls.allow" &&
            violation->remedy.find("@sockets") != std::string::npos,
        "what no rule allows is reported with the group that would");
  same(in.told(denying(in, {"@sockets"}), inet), kNone, "socket with its group denied");
  const auto local = call("calls", {SYS_socket, AF_UNIX, SOCK_STREAM, 0});
  same(in.told(policy, local), kNone, "a local socket without its group");

  const auto one = rules({"socket(arg0 == AF_INET)"}, "allow").front();
  policy.syscalls.allow.push_back(one);
  same(in.told(policy, inet), kAll, "a socket that a condition allows");
  // Of a family the kernel looks at 32 bits; of what it is not known, both readings must agree.
  same(in.told(policy, call("calls", {SYS_socket, kUpper | AF_INET, SOCK_STREAM, 0})), kAll,
       "a socket that a condition allows as the kernel sees it");
  same(in.told(policy, call("calls", {SYS_socket, AF_INET6, SOCK_STREAM, 0})), kNone,
       "a socket that no condition allows");
  without("time");
  policy.syscalls.allow.push_back(rules({"alarm(arg0 == 1)"}, "allow").front());
  same(in.told(policy, call("calls", {SYS_alarm, 1})), kAll, "an alarm that a condition allows");
  same(in.told(policy, call("calls", {SYS_alarm, kUpper | 1})), kNone, "an alarm by half of it");
}

// Arguments that are wrong tell whether the kernel looked at the call: it answers EINVAL (22).
void danger(Sandbox& in) {
  const auto clone3 = call("one", {SYS_clone3, 0, 1});
  same(in.told(in.usual(), clone3), std::to_string(ENOSYS), "clone3 without the rule");
  same(in.told(endangered(in, {"clone3"}), clone3), std::to_string(EINVAL), "clone3");
  Policy both = endangered(in, {"clone3"});
  both.syscalls.deny = rules({"clone3(arg1 == 1)"}, "deny");
  same(in.told(both, clone3), "1", "clone3 that is denied as well");
  const auto settime = call("one", {SYS_clock_settime, 99, 0});
  same(in.told(in.usual(), settime), "1", "clock_settime without the rule");
  same(in.told(endangered(in, {"clock_settime(arg0 == 99)"}), settime), std::to_string(EINVAL),
       "clock_settime");
  // Core files and terminals stay as they are, whatever is allowed.
  const auto typing = call("one", {SYS_ioctl, 0, 0x5412, 0});
  same(in.told(endangered(in, {"ioctl"}), typing), "1", "typing into a terminal");
}

void receipts(Sandbox& in) {
  const Policy policy =
      denying(in, {"uname", "socket(arg0 == AF_INET)", "socket(arg0 == AF_INET6)", "@tracing"});
  const auto rule_of = [&](const std::vector<std::string>& words, const char* name) {
    const Report report = in.run(policy, words);
    const Violation* violation = find(report, name);
    if (violation == nullptr) return std::string("none");
    check(!violation->remedy.empty() && violation->errno_name == "EPERM",
          "the violation says what to do");
    return violation->rule;
  };
  same(rule_of(call("one", {SYS_uname}), "uname"), "mine: syscalls.deny, /etc/mine.toml:1:9",
       "the first rule");
  same(rule_of(call("one", {SYS_socket, AF_INET6, SOCK_STREAM, 0}), "socket"),
       "mine: syscalls.deny, /etc/mine.toml:3:9", "of two about a call, the one that holds");
  same(rule_of(call("one", {SYS_ptrace, 0, 0, 0}), "ptrace"),
       "mine: syscalls.deny, /etc/mine.toml:4:9", "a group's rule");
  same(rule_of(call("one", {SYS_swapon}), "swapon"), "default: system calls",
       "what no profile allows");
}

// Nothing runs under rules that make no sense.
void refused_rules(Sandbox& in) {
  const auto refused = [&](const Policy& policy, const char* word) {
    auto report = in.start(policy, {"one"});
    const mayfly::Error error = !report               ? report.error()
                                : report->setup_error ? *report->setup_error
                                                      : mayfly::Error{};
    check(error.code == mayfly::ErrorCode::kInvalidConfiguration &&
              describe(error).find(word) != std::string::npos,
          std::string("refused: ") + word + ", not " + describe(error));
  };
  refused(denying(in, {"execve"}), "execve");
  refused(denying(in, {"exit_group(arg0 == 0)"}), "exit_group");
  Policy policy = in.usual();
  policy.syscalls.allow.push_back(rules({"mount"}, "allow").front());
  refused(policy, "mount");
  policy = in.usual();
  policy.capabilities = {"CAP_SYS_ADMIN"};
  refused(policy, "CAP_SYS_ADMIN");
}

Policy keeping(const Sandbox& in, const std::vector<std::string>& names) {
  Policy policy = endangered(in, {"chroot"});
  policy.capabilities = names;
  return policy;
}

void capability(Sandbox& in) {
  const std::string none = "0000000000000000";
  const std::string kept = "0000000000040000";  // CAP_SYS_CHROOT is 18
  const Report report = in.run(keeping(in, {"CAP_SYS_CHROOT"}), {"capabilities"});
  const std::string found = Sandbox::lines(report);
  same(found,
       "CapInh:\t" + kept + " CapPrm:\t" + kept + " CapEff:\t" + kept + " CapBnd:\t" + kept +
           " CapAmb:\t" + kept,
       "what a started program has");
  check(std::find(report.layers.begin(), report.layers.end(), "no capabilities") ==
            report.layers.end(),
        "the layers do not say that there are none");
  const Report usual = in.run(in.usual(), {"capabilities"});
  check(Sandbox::lines(usual).starts_with("CapInh:\t" + none + " CapPrm:\t" + none + " CapEff:\t" +
                                          none) &&
            Sandbox::lines(usual).ends_with("CapAmb:\t" + none),
        "no capabilities without the rule");
  check(
      std::find(usual.layers.begin(), usual.layers.end(), "no capabilities") != usual.layers.end(),
      "then the layers say so");
  // EFAULT: the capability was there, and the path was looked at. EPERM comes after that, too.
  const auto chroot = call("one", {SYS_chroot, 0});
  same(in.told(in.usual(), chroot), "1", "chroot without the rule");
  same(in.told(keeping(in, {"CAP_SYS_CHROOT"}), chroot), std::to_string(EFAULT), "chroot");
}

void kept_from_host(Sandbox& in) {
  Policy policy = keeping(in, {"CAP_KILL", "CAP_SYS_CHROOT", "CAP_SYS_PTRACE"});
  // The strongest attempt: the filter lets it do what it wants with modes.
  policy.syscalls.danger_allow = rules({"chroot", "fsetxattr"}, "danger_allow");
  same(in.told(policy, {"leave_behind"}), "1 1 1", "capabilities and set-id bits on a file");
  const std::string left = in.workspace() + "/left";
  char value[64];
  check(::getxattr(left.c_str(), "security.capability", value, sizeof value) < 0,
        "no capability is on the file");
  struct stat info {};
  check(::stat(left.c_str(), &info) == 0 && (info.st_mode & 06000) == 0, "no set-id bit is on it");
  // Init shrugs signals off, and the engine still hears how the call ended.
  const Report report = in.run(policy, call("one", {SYS_kill, 1, SIGKILL}));
  check(report.exit_code == 0, "init cannot be killed from inside");
}

void tracing(Sandbox& in) {
  const Report kept = in.run(keeping(in, {"CAP_SYS_PTRACE"}), {"trace"});
  same(Sandbox::lines(kept), "1 1 13 13 0", "init cannot be traced, a sibling can");
  same(Sandbox::lines(in.run(in.usual(), {"trace"})).substr(0, 9), "1 1 13 13", "nor by others");
}

void observe(Sandbox& in) {
  const auto swapon = call("one", {SYS_swapon});
  Policy policy = in.usual();
  check(in.run(policy, swapon).violations_total == 1, "it is told");
  policy.observe.level = sandbox::ObserveLevel::kOff;
  Report report = in.run(policy, swapon);
  same(Sandbox::lines(report), "1", "it is stopped still");
  check(report.violations.empty() && report.violations_total == 0, "nothing is told");
  policy.observe = {sandbox::ObserveLevel::kWrites,
                    {sandbox::parse_ignore_pattern("syscall swap*").value()}};
  report = in.run(policy, swapon);
  check(report.violations.empty() && report.violations_total == 0, "what is ignored is not told");
  check(in.run(policy, call("one", {SYS_reboot})).violations.size() == 1, "the rest is");
}

// What doctor finds and what a call needs are the same.
void requirements(Sandbox& in) {
  const auto table = sandbox::probe_host();
  sandbox::Profile profile = sandbox::find_profile("default").value();
  for (const char* name : {"cgroup", "cgroup-v2", "landlock", "supervisor"}) {
    const auto requirement = sandbox::parse_requirement(name).value();
    profile.requires_ = {{requirement, {}}};
    const bool can = check_host(table, profile).has_value();
    Policy policy = in.usual();
    policy.requirements = {requirement};
    const auto report = in.start(policy, call("one", {SYS_getpid}));
    check(report.has_value() == can, std::string(name) + " as doctor says");
    if (report) continue;
    const mayfly::Error& error = report.error();
    check(error.code == mayfly::ErrorCode::kHostCannotEnforce && error.value == name &&
              !error.remedy.empty(),
          std::string(name) + " is refused by name: " + describe(error));
  }
}

void network(Sandbox& in) {
  using sandbox::NetworkMode;
  for (const NetworkMode mode : {NetworkMode::kNone, NetworkMode::kProxy, NetworkMode::kHost}) {
    Policy policy = in.usual();
    policy.network.mode = mode;
    const Report report = in.run(policy, {"outside"});
    same(Sandbox::lines(report), std::to_string(ENETUNREACH), "nothing outside is reached");
    const std::string what = std::string("network.mode = ") + to_string(mode);
    const auto count = std::count_if(report.unavailable.begin(), report.unavailable.end(),
                                     [&](const auto& each) { return each.what == what; });
    check(count == (mode == NetworkMode::kNone ? 0 : 1), "the report says so: " + what);
  }
}

// Run where no user namespace can be made: there init does these calls for the program.
void landlock_tier(Sandbox& in) {
  Policy usual = in.usual();
  usual.weakest_tier = sandbox::Tier::kLandlock;
  const Report report = in.run(usual, {"modes"});
  check(report.tier == "landlock", "the tier is landlock");
  same(Sandbox::lines(report), "0 0 644", "modes without a rule");
  Policy policy = usual;
  policy.syscalls.deny = rules({"chmod", "fchmod(arg1 & 4)"}, "deny");
  const Report denied = in.run(policy, {"modes"});
  same(Sandbox::lines(denied), "1 1 600", "modes with a rule");
  const Violation* violation = find(denied, "fchmod");
  check(violation != nullptr && violation->rule == "mine: syscalls.deny, /etc/mine.toml:2:9",
        "the rule is named");
  const auto refused = [&](const Policy& wider, const std::string& field) {
    const auto started = in.start(wider, {"modes"});
    const mayfly::Error error =
        started ? started->setup_error.value_or(mayfly::Error{}) : started.error();
    check(error.code == mayfly::ErrorCode::kHostCannotEnforce && error.field == field,
          field + " is refused, not " + describe(error));
  };
  policy = usual;
  policy.syscalls.danger_allow = rules({"chroot"}, "danger_allow");
  refused(policy, "mine: syscalls.danger_allow");
  policy = usual;
  policy.capabilities = {"CAP_KILL"};
  refused(policy, "capabilities.danger_keep");
  policy = usual;
  policy.network.publish = {3000};
  refused(policy, "network.publish");
}

const std::map<std::string, std::function<void(Sandbox&)>> kCases = {
    {"conditions", conditions},
    {"foreign_numbers", foreign_numbers},
    {"connect", connect},
    {"fallocate", fallocate},
    {"allow_list", allow_list},
    {"danger", danger},
    {"receipts", receipts},
    {"refused_rules", refused_rules},
    {"capability", capability},
    {"kept_from_host", kept_from_host},
    {"tracing", tracing},
    {"observe", observe},
    {"requirements", requirements},
    {"network", network},
    {"landlock_tier", landlock_tier},
};

}  // namespace

int main(int argc, char** argv) {
  if (const auto code = sandbox::helper_main(argc, argv)) return *code;
  if (argc != 3 || kCases.count(argv[2]) == 0) return 2;
  std::string directory = std::filesystem::temp_directory_path() / "rules-XXXXXX";
  if (::mkdtemp(directory.data()) == nullptr) return 1;
  // Others may pass through to what is theirs.
  if (::chmod(directory.c_str(), 0711) < 0) return 1;
  {
    Sandbox in(directory + "/work", argv[1]);
    kCases.at(argv[2])(in);
  }
  std::filesystem::remove_all(directory);
  return failures == 0 ? 0 : 1;
}
