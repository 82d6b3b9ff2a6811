// tasks_in_force TIER CASE: runs the tasks of attempts.cc in real sandboxes of that tier. What must
// not be possible is also tried where it is, so that a refusal means something.
#include <dirent.h>
#include <fcntl.h>
#include <spawn.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <future>
#include <map>

#include "attempts.h"
#include "sandbox/engine.h"
#include "sandbox/host_user.h"
#include "sandbox/shipped_profiles.h"

namespace sandbox = mayfly::sandbox;
using sandbox::EndedBy;
using sandbox::Policy;
using sandbox::Report;

namespace {

int failures = 0;

void check(bool holds, const std::string& what) {
  if (holds) return;
  std::printf("not so: %s\n", what.c_str());
  ++failures;
}

void same(const std::string& found, const std::string& wanted, const std::string& what) {
  if (found == wanted) return;
  std::printf("%s: found\n%s\nwanted\n%s\n", what.c_str(), found.c_str(), wanted.c_str());
  ++failures;
}

void put(const std::string& path, const std::string& content, uid_t owner) {
  std::ofstream(path) << content;
  if (::geteuid() == 0 && ::chown(path.c_str(), owner, owner) < 0) std::exit(1);
}

class Sandbox {
 public:
  Sandbox(const std::string& directory, sandbox::Tier tier)
      : workspace_(directory + "/work"), tier_(tier), engine_(make_engine(directory)) {
    // Root's own would be shown by an idmapped mount, for which one tier has no mounts.
    constexpr uid_t kSomebody = 21001;
    std::filesystem::create_directories(workspace_);
    if (::geteuid() == 0 && ::chown(workspace_.c_str(), kSomebody, kSomebody) < 0) std::exit(1);
    put(workspace_ + "/note", "a note\n", kSomebody);
    put(workspace_ + "/covered", "hidden\n", kSomebody);
    outside_ = directory + "/outside";
    put(outside_, "outside\n", kSomebody);
    sandbox::Host host;
    host.user = sandbox::host_user(::geteuid());
    host.workspaces = {workspace_};
    auto policy = sandbox::resolve(sandbox::find_profile("default").value(), host);
    if (!policy) {
      std::printf("resolve: %s\n", describe(policy.error()).c_str());
      std::exit(1);
    }
    policy_ = std::move(*policy);
    policy_.weakest_tier = tier;
  }

  const Policy& usual() const { return policy_; }
  sandbox::Tier tier() const { return tier_; }
  std::string in(const std::string& name) const { return workspace_ + "/" + name; }
  const std::string& outside() const { return outside_; }
  Policy read_only() const {
    Policy policy = policy_;
    for (sandbox::MountRule& rule : policy.mounts) {
      if (rule.destination == workspace_) rule.access = sandbox::Access::kRead;
    }
    return policy;
  }

  mayfly::Result<Report> start(const Policy& policy, sandbox::Command command) {
    auto report = std::make_shared<std::promise<Report>>();
    sandbox::CallObserver observer;
    observer.on_finish = [report](Report done) { report->set_value(std::move(done)); };
    auto call = engine_->start(std::make_shared<Policy>(policy), std::move(command), observer);
    if (!call) return mayfly::fail(call.error());
    return report->get_future().get();
  }
  static sandbox::Command task(const Policy& policy, const std::string& name,
                               const std::string& request) {
    sandbox::Command command;
    command.task = name;
    command.stdin_bytes = request;
    command.limits = policy.limits;
    return command;
  }

  Report run(const Policy& policy, const std::string& name, const std::string& request) {
    return whole(start(policy, task(policy, name, request)), request);
  }
  Report run(const std::string& name, const std::string& request) {
    return run(policy_, name, request);
  }
  Report whole(mayfly::Result<Report> report, const std::string& what) const {
    if (!report || report->setup_error) {
      std::printf("%s: %s\n", what.c_str(),
                  describe(report ? *report->setup_error : report.error()).c_str());
      std::exit(1);
    }
    same(report->tier, sandbox::to_string(tier_), "tier");
    return std::move(*report);
  }

  static std::string answer(const Report& report) { return report.out->read(0, 1U << 23); }
  std::string told(const std::string& name, const std::string& request) {
    return answer(run(name, request));
  }

 private:
  static std::unique_ptr<sandbox::Engine> make_engine(const std::string& directory) {
    sandbox::EngineOptions options;
    options.state_root = directory + "/state";
    options.tasks = mayfly::test::attempts();
    return sandbox::make_engine(std::move(options), nullptr);
  }

  std::string workspace_;
  std::string outside_;
  const sandbox::Tier tier_;
  std::unique_ptr<sandbox::Engine> engine_;
  Policy policy_;
};

constexpr const char* kTasks[] = {"reader", "writer"};

// Ended by the filter, before it could answer.
void killed(Sandbox& in, const std::string& task, const std::string& request) {
  const Report report = in.run(task, request);
  check(report.ended_by == EndedBy::kSeccomp && report.signal == SIGSYS,
        task + " is killed for: " + request + ", it ended by " + to_string(report.ended_by));
  same(Sandbox::answer(report), "", "no answer of " + request);
}

void answers(Sandbox& in) {
  for (const char* task : kTasks) {
    const Report report = in.run(task, "read note");
    same(Sandbox::answer(report), "a note\n", "a file of the workspace");
    check(report.exit_code == 0 && report.ended_by == EndedBy::kExit, "the task ends by itself");
    check(!report.left_files_in_tmp && report.violations_total == 0, "nothing to tell");
    const auto& stages = report.usage.setup;
    check(
        std::any_of(stages.begin(), stages.end(), [](const auto& s) { return s.stage == "task"; }),
        "the stage has a name of its own");
    same(in.told(task, "open note"), "a note\n", "a file that was opened before the filter");
    same(in.told(task, "beneath note"), "a note\n", "the same with openat2");
    const Report nothing = in.run(task, "nothing");
    check(nothing.exit_code == 0 && Sandbox::answer(nothing).empty(), "nothing to run");
  }
}

void whole_answer(Sandbox& in) {
  constexpr std::size_t kSize = 5U << 20;
  check(in.told("reader", "big " + std::to_string(kSize)) == std::string(kSize, 'x'),
        "an answer of 5 MiB arrives whole");
}

void starting(Sandbox& in) {
  const auto refusal = [&](sandbox::Command command) {
    const auto report = in.start(in.usual(), std::move(command));
    return report ? std::string("it ran") : report.error().field + ": " + report.error().value;
  };
  same(refusal(Sandbox::task(in.usual(), "stranger", "")), "task: stranger", "an unknown task");
  sandbox::Command both = Sandbox::task(in.usual(), "reader", "read note");
  both.argv = {"/usr/bin/true"};
  same(refusal(std::move(both)), "command: ", "a task and a program");
  sandbox::Command neither = Sandbox::task(in.usual(), "", "");
  same(refusal(std::move(neither)), "command: ", "neither");
  sandbox::Command elsewhere = Sandbox::task(in.usual(), "reader", "read note");
  elsewhere.cwd = "/nowhere";
  const auto report = in.start(in.usual(), std::move(elsewhere));
  check(report && report->setup_error && report->setup_error->field == "cwd",
        "a stage that fails is named although no memory is shared");
}

void preparing(Sandbox& in) {
  check(in.run("reader", "prepare-throw").exit_code.value_or(0) != 0, "to throw while preparing");
  check(in.run("reader", "prepare-abort").signal == SIGABRT, "to crash while preparing");
  same(in.told("writer", "prepare-write made-early"), "x", "a writing task may write early");
  if (in.usual().requirements.empty()) {
    const Report report = in.run("reader", "prepare-write made-too-early");
    const bool landlock =
        std::any_of(report.layers.begin(), report.layers.end(),
                    [](const std::string& layer) { return layer.starts_with("Landlock"); });
    if (landlock) same(Sandbox::answer(report), "xx", "a reading task may not");
  }
}

void posture(Sandbox& in) {
  for (const char* task : kTasks) {
    same(in.told(task, "descriptors"), "0 1 2 ", "descriptors");
    same(in.told(task, "status"),
         "CapInh: 0000000000000000\nCapPrm: 0000000000000000\nCapEff: 0000000000000000\n"
         "CapAmb: 0000000000000000\nNoNewPrivs: 1\nSeccomp: 2\n",
         "what the kernel says of the task");
  }
  // Whose is what it makes, on the host?
  same(in.told("writer", "create mine"), "done", "a new file");
  struct stat made {};
  check(::stat(in.in("mine").c_str(), &made) == 0 && made.st_uid != 0, "it is not root's");
  if (in.tier() == sandbox::Tier::kFull) {
    const std::string map = in.told("reader", "read /proc/self/uid_map");
    check(map.find("4294967295") == std::string::npos && !map.empty(), "one id is mapped: " + map);
    same(in.told("reader", "read /proc/sys/user/max_user_namespaces"), "0\n",
         "the innermost user namespace is the task's own");
  }
}

void hidden(Sandbox& in) {
  Policy policy = in.usual();
  const auto told = [&](const std::string& request) {
    return Sandbox::answer(in.run(policy, "reader", request));
  };
  same(told("read covered"), "hidden\n", "without the rule");
  const bool full = in.tier() == sandbox::Tier::kFull;
  if (full) {
    policy.covers.push_back(
        {in.in("covered"), sandbox::CoverKind::kDeny, "mine: filesystem.deny", {}});
    same(told("read covered"), "EACCES", "with the rule");
  }
  const char* const nowhere = full ? "ENOENT" : "EACCES";
  same(told("read " + in.outside()), nowhere, "a file beside the workspace");
  same(told("open " + in.outside()), nowhere, "the same, before the filter");
  same(told("beneath ../outside"), "EXDEV", "the same, by the way up");
  same(told("read ../outside"), nowhere, "the same, by the way up, after the filter");
  const std::string root = told("list /root");
  check(root == nowhere || root == "EACCES" || root == "ENOENT", "the home of root: " + root);
  // The host's processes: this one is none of the task's.
  const std::string self = "/proc/" + std::to_string(::getpid());
  same(told("read " + self + "/status"), nowhere, "a process of the host");
  const std::string host = told("read /proc/1/root/etc/hostname");
  check(host == "EACCES" || host == "ENOENT" || host == "EPERM", "the root of process 1: " + host);
}

void reading(Sandbox& in) {
  for (const char* request :
       {"write note", "create other", "set-id other", "rename note", "unlink note", "chmod note"}) {
    killed(in, "reader", request);
  }
  same(in.told("reader", "read note"), "a note\n", "the note after all that");
}

void writing(Sandbox& in) {
  same(in.told("writer", "write new"), "done", "write");
  same(in.told("reader", "read new"), "written", "what was written");
  same(in.told("writer", "chmod new"), "done", "chmod");
  struct stat made {};
  check(::stat(in.in("new").c_str(), &made) == 0 && (made.st_mode & 07777) == 0600, "its mode");
  same(in.told("writer", "rename new"), "done", "rename");
  same(in.told("writer", "unlink new.new"), "done", "unlink");
  killed(in, "writer", "set-id other");
  killed(in, "writer", "chmod-set-id note");
  check(!std::filesystem::exists(in.in("other")), "no file with a set-id bit is made");
  // What is beside the workspace may be a directory in memory: the host's file stays as it was.
  (void)in.told("writer", "write " + in.outside());
  std::ifstream outside(in.outside());
  std::string content;
  std::getline(outside, content);
  same(content, "outside", "a file beside the workspace");
}

void read_only(Sandbox& in) {
  const Policy policy = in.read_only();
  const char* const refusal = in.tier() == sandbox::Tier::kFull ? "EROFS" : "EACCES";
  const auto told = [&](const std::string& request) {
    return Sandbox::answer(in.run(policy, "writer", request));
  };
  for (const char* request : {"write note", "create other", "rename note", "unlink note"}) {
    same(told(request), refusal, request);
  }
  // Landlock says nothing of modes; init does, where there are no mounts.
  same(told("chmod note"), in.tier() == sandbox::Tier::kFull ? "EROFS" : "EPERM", "chmod");
  same(told("read note"), "a note\n", "reading");
}

void kept_from(Sandbox& in) {
  for (const char* task : kTasks) {
    for (const char* request : {"exec -", "socket -", "fork -", "executable-memory -", "map -"}) {
      killed(in, task, request);
    }
    same(in.told(task, "openat2 note"), "ENOSYS", "openat2 after the filter");
  }
}

void limits(Sandbox& in) {
  Policy policy = in.usual();
  policy.limits.wall = mayfly::milliseconds(300);
  check(in.run(policy, "reader", "loop -").ended_by == EndedBy::kTimeout, "the wall limit");
  policy = in.usual();
  policy.limits.memory_bytes = 96U << 20;
  const Report memory = in.run(policy, "reader", "memory -");
  check(memory.ended_by == EndedBy::kMemory,
        std::string("the memory limit, not ") + to_string(memory.ended_by));
  policy = in.usual();
  policy.limits.output_bytes = 1U << 20;
  check(in.run(policy, "reader", "big 2000000").ended_by == EndedBy::kOutput, "the output limit");
  policy = in.usual();
  policy.limits.cpu = mayfly::milliseconds(200);
  const Report cpu = in.run(policy, "reader", "loop -");
  check(cpu.ended_by == EndedBy::kCpu,
        std::string("the CPU limit, not ") + to_string(cpu.ended_by));
  check(cpu.usage.user + cpu.usage.system > mayfly::microseconds(0), "CPU time is reported");
}

void ends(Sandbox& in) {
  check(in.run("reader", "crash -").signal == SIGSEGV, "a crash reports its signal");
  check(in.run("reader", "abort -").signal == SIGABRT, "so does abort");
  const Report thrown = in.run("reader", "throw -");
  check(thrown.exit_code.value_or(0) != 0 && thrown.ended_by == EndedBy::kExit, "to throw");
  same(Sandbox::answer(thrown), "", "no answer then");
}

// A profile's rules about system calls are for programs.
void refused(Sandbox& in) {
  Policy policy = in.usual();
  policy.syscalls.deny = {sandbox::parse_syscall_rule("fchmod").value(),
                          sandbox::parse_syscall_rule("getdents64").value()};
  same(Sandbox::answer(in.run(policy, "writer", "chmod note")), "done", "chmod by a task");
}

std::size_t open_files() {
  const auto list = std::filesystem::directory_iterator("/proc/self/fd");
  return static_cast<std::size_t>(std::distance(begin(list), end(list)));
}

// Nor do processes: main looks when the engine has ended.
void leaves_nothing(Sandbox& in) {
  constexpr int kWarmUp = 20;
  constexpr int kMany = 200;
  for (int i = 0; i < kWarmUp; ++i) (void)in.told("reader", "read note");
  const std::size_t before = open_files();
  for (int i = 0; i < kMany; ++i) {
    check(in.told("reader", "read note") == "a note\n", "every one of many answers");
  }
  // The last call's place is given back after its report.
  for (int i = 0; i < 1000 && open_files() > before; ++i) (void)in.told("reader", "nothing");
  check(open_files() <= before,
        "descriptors: " + std::to_string(open_files()) + ", before " + std::to_string(before));
}

long median_us(std::vector<long>& times) {
  std::nth_element(times.begin(), times.begin() + static_cast<long>(times.size() / 2), times.end());
  return times[times.size() / 2];
}

long took(const std::function<void()>& action) {
  const auto begin = std::chrono::steady_clock::now();
  action();
  return std::chrono::duration_cast<std::chrono::microseconds>(std::chrono::steady_clock::now() -
                                                               begin)
      .count();
}

// No test: prints what a task costs beside a bare process, turn by turn.
void cost(Sandbox& in) {
  constexpr int kTimes = 200;
  std::vector<long> tasks;
  std::vector<long> spawns;
  const auto policy = in.usual();
  for (int i = 0; i < kTimes; ++i) {
    tasks.push_back(took([&] { (void)in.run(policy, "reader", "nothing"); }));
    spawns.push_back(took([] {
      char* argv[] = {const_cast<char*>("true"), nullptr};
      pid_t child = 0;
      if (::posix_spawn(&child, "/usr/bin/true", nullptr, nullptr, argv, environ) == 0) {
        ::waitpid(child, nullptr, 0);
      }
    }));
  }
  std::printf("median of %d: a task %ld us, posix_spawn of true %ld us\n", kTimes, median_us(tasks),
              median_us(spawns));
}

const std::map<std::string, std::function<void(Sandbox&)>> kCases = {
    {"answers", answers},     {"whole_answer", whole_answer},
    {"starting", starting},   {"preparing", preparing},
    {"posture", posture},     {"hidden", hidden},
    {"reading", reading},     {"writing", writing},
    {"read_only", read_only}, {"kept_from", kept_from},
    {"limits", limits},       {"ends", ends},
    {"refused", refused},     {"leaves_nothing", leaves_nothing},
    {"cost", cost},
};

}  // namespace

int main(int argc, char** argv) {
  if (const auto code = sandbox::helper_main(argc, argv, mayfly::test::attempts())) return *code;
  if (argc != 3 || kCases.count(argv[2]) == 0) return 2;
  const bool landlock = std::string_view(argv[1]) == "landlock";
  std::string directory = std::filesystem::temp_directory_path() / "tasks-XXXXXX";
  if (::mkdtemp(directory.data()) == nullptr) return 1;
  // Others may pass through to what is theirs.
  if (::chmod(directory.c_str(), 0711) < 0) return 1;
  {
    Sandbox in(directory, landlock ? sandbox::Tier::kLandlock : sandbox::Tier::kFull);
    kCases.at(argv[2])(in);
  }
  check(::waitpid(-1, nullptr, WNOHANG) < 0 && errno == ECHILD, "no child is left");
  std::filesystem::remove_all(directory);
  return failures == 0 ? 0 : 1;
}
