// terminals CASE: programs in a terminal of their own.
#include <algorithm>
#include <filesystem>
#include <fstream>

#include "lab.h"

namespace lab = mayfly::lab;
namespace sandbox = mayfly::sandbox;
using lab::check;
using lab::same;

namespace {

constexpr const char* kShell = "/bin/bash";
constexpr const char* kPython = "/usr/bin/python3";

std::string without_returns(std::string text) {
  std::erase(text, '\r');
  return text;
}

constexpr const char* kFacts = R"(
import os, sys
print(*map(os.isatty, range(3)), len({os.fstat(fd).st_rdev for fd in range(3)}))
print(os.getsid(0) == os.getpid(), os.tcgetpgrp(0) == os.getpgrp())
with open("/dev/tty", "w") as terminal: terminal.write("by its other name\n")
with open(os.ttyname(0), "w") as terminal: terminal.write("by its own name\n")
)";

void facts(sandbox::Tier tier) {
  lab::Lab in({}, tier);
  same(without_returns(in.told({kPython, "-c", kFacts})),
       "True True True 1\nTrue True\nby its other name\nby its own name\n", "what a terminal is");
  const std::string name = without_returns(in.told({"tty"}));
  check(name.starts_with("/dev/pts/"), "its name: " + name);
  if (tier == sandbox::Tier::kFull) same(name, "/dev/pts/0\n", "it is the first of its own devpts");
  same(in.told({"stty", "size"}), "40 120\r\n", "its usual size");
  same(in.in_terminal({"stty", "size"}, {.columns = 80, .rows = 24})->end().out->read(0, 100),
       "24 80\r\n", "the size that was asked for");
  const sandbox::Report both = in.in_terminal({kShell, "-c", "echo one; echo two >&2"})->end();
  same(both.out->read(0, 100), "one\r\ntwo\r\n", "both streams are one");
  check(both.err->size() == 0, "and the other is empty");
}

void kinds_of_terminal() {
  lab::Lab in;
  const std::vector<std::string> say = {kShell, "-c", "echo $TERM"};
  same(in.told(say), "xterm-256color\r\n", "the usual kind");
  sandbox::Command own;
  own.argv = say;
  own.terminal.emplace();
  own.environment = {{"TERM", "vt100"}};
  same(in.start(std::move(own))->end().out->read(0, 100), "vt100\r\n", "the call's own kind");
  sandbox::Command none;
  none.argv = say;
  same(in.start(std::move(none))->end().out->read(0, 100), "dumb\n", "without a terminal");
}

void raw() {
  lab::Lab in;
  const auto python = in.in_terminal({kPython, "-c", R"(
import os, tty
tty.setraw(0)
print("ready", flush=True)
while (key := os.read(0, 1)[0]) != ord("q"): print("key", key, flush=True)
)"});
  python->hear("ready");
  for (const auto& [key, number] : {std::pair("\x03", "3"), {"\x1a", "26"}, {"a", "97"}}) {
    python->must_say(key);
    python->hear(std::string("key ") + number + "\n");
  }
  python->must_say("q");
  check(python->end().exit_code == 0, "keys come as they are typed, and none is a signal");
}

void job_control(sandbox::Tier tier) {
  lab::Lab in({}, tier);
  const auto shell = in.in_terminal({kShell, "--norc", "--noprofile", "-i"});
  // What is typed is echoed, so what is waited for is never what was typed.
  shell->must_say("PS1='$((1+1))ready '\n");
  shell->hear("2ready ");
  shell->must_say("sed -u 's/ask/[&]/'\n");
  shell->must_say("ask\n");
  shell->hear("[ask]");
  shell->must_say("\x03");
  shell->hear("2ready ");
  shell->must_say("echo status $((1000+$?))\n");
  shell->hear("status 1130");
  shell->hear("2ready ");
  shell->must_say("sed -u 's/ask/[&]/'\n");
  shell->must_say("ask\n");
  shell->hear("[ask]");
  shell->must_say("\x1a");
  shell->hear("Stopped");
  shell->hear("2ready ");
  shell->must_say("fg\n");
  shell->hear("sed -u");
  shell->must_say("ask\n");
  shell->hear("[ask]");
  shell->must_say("\x04");
  shell->hear("2ready ");
  shell->must_say("exit 5\n");
  check(shell->end().exit_code == 5, "the shell ended as it was told");
  check(shell->heard().find("no job control") == std::string::npos, "the shell has job control");
}

void end_of_file() {
  lab::Lab in;
  const auto lines = in.in_terminal({"cat"});
  lines->must_say("a line\n");
  lines->hear("a line\r\na line\r\n");
  check(lines->close().has_value(), "a terminal can be closed");
  check(!lines->say("x").has_value(), "then nothing more is taken");
  check(lines->end().exit_code == 0, "whole lines, then the end");

  const auto half = in.in_terminal({"cat"});
  half->must_say("half");
  check(half->close().has_value(), "half a line can be closed");
  check(half->end().exit_code == 0, "half a line, then the end");
  same(half->heard(), "halfhalf", "as typed, and as read");

  sandbox::Command given;
  given.argv = {"cat"};
  given.terminal.emplace();
  given.stdin_bytes = "given\n";
  const auto first = in.start(std::move(given));
  check(first->close().has_value(), "it can be closed before there is a terminal");
  same(first->end().out->read(0, 100), "given\r\ngiven\r\n", "what it started with");
}

// More than a terminal keeps while nobody reads it.
void last_words(sandbox::Tier tier) {
  constexpr std::uint64_t kBytes = 30000;
  lab::Lab in({}, tier);
  const std::string write = "import os\nn = 30000\nwhile n: n -= os.write(1, b'x' * n)\n";
  for (int i = 0; i < 20; ++i) {
    const auto alone = in.in_terminal({kPython, "-c", write + "os._exit(0)"})->end();
    check(alone.out->size() == kBytes, "all is there: " + std::to_string(alone.out->size()));
    // Somebody else still has the terminal.
    const auto shared = in.in_terminal({kPython, "-c",
                                        "import subprocess\nsubprocess.Popen(['sleep', '1000'])\n" +
                                            write + "os._exit(0)"})
                            ->end();
    check(shared.out->size() == kBytes, "all is there: " + std::to_string(shared.out->size()));
  }
}

void output_limit() {
  lab::Lab in;
  sandbox::Command command;
  command.argv = {"yes"};
  command.terminal.emplace();
  command.limits = in.policy.limits;
  command.limits.output_bytes = 10000;
  const sandbox::Report report = in.start(std::move(command))->end();
  check(report.ended_by == sandbox::EndedBy::kOutput, "the limit holds for a terminal");
  check(report.out->size() == 10000, "and nothing beyond it is kept");
}

void ends() {
  lab::Lab in;
  const auto cancelled = in.in_terminal({kShell, "-c", "echo up; cat"});
  cancelled->hear("up");
  cancelled->call().cancel();
  check(cancelled->end().ended_by == sandbox::EndedBy::kCancelled, "it can be cancelled");

  const auto asked = in.in_terminal({kShell, "-c", "trap 'echo bye; exit' TERM; echo up; read"});
  asked->hear("up");
  asked->call().terminate(std::chrono::milliseconds(60'000));
  asked->hear("bye");
  check(asked->end().ended_by == sandbox::EndedBy::kCancelled, "it can be asked to end");

  const sandbox::Report none = in.in_terminal({"no-such-program"})->end();
  check(none.setup_error && none.setup_error->code == mayfly::ErrorCode::kProgramNotStarted,
        "a program that is not there");
}

// Who is left in the terminal does not keep the call.
void background() {
  lab::Lab in;
  const sandbox::Report report =
      in.in_terminal({kShell, "-c", "sleep 1000 & setsid sleep 1000 & echo out; exit 4"})->end();
  check(report.exit_code == 4, "the program's end is the call's");
  same(report.out->read(0, 100), "out\r\n", "its output");
}

constexpr const char* kAttacks = R"(
import ctypes, errno, fcntl, os, sys, termios
libc = ctypes.CDLL(None, use_errno=True)
def attempt(name, action):
    try:
        result = action()
    except OSError as error:
        result = errno.errorcode[error.errno]
    print(name + ":", result)
def call(*arguments):
    result = libc.syscall(*arguments)
    if result < 0: raise OSError(ctypes.get_errno(), "")
    return result
def type_into(path):
    fd = os.open(path, os.O_RDWR | os.O_NOCTTY)
    fcntl.ioctl(fd, termios.TIOCSTI, b"x")
def number_of_master(fd):
    fcntl.ioctl(fd, 0x80045430, bytearray(4))  # TIOCGPTN: only masters know theirs
def steal():
    if (child := os.fork()) == 0:
        os.setsid()
        try:
            fcntl.ioctl(0, termios.TIOCSCTTY, 1)
        except OSError as error:
            os._exit(error.errno)
        os._exit(0)
    return errno.errorcode.get(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), "stolen")
def other_descriptors():
    found = []
    for fd in range(3, 4096):
        try:
            os.fstat(fd)
            found.append(fd)
        except OSError:
            pass
    return found
def of_parent():
    parent = call(434, os.getppid(), 0)
    return [fd for fd in range(64) if call(438, parent, fd, 0) >= 0]
attempt("other descriptors", other_descriptors)
attempt("type into stdin", lambda: fcntl.ioctl(0, termios.TIOCSTI, b"x"))
attempt("change its line discipline", lambda: fcntl.ioctl(0, 0x5423, bytes(4)))  # TIOCSETD, N_TTY
attempt("type into /dev/tty", lambda: type_into("/dev/tty"))
attempt("another line discipline", lambda: fcntl.ioctl(0, 0x5423, bytearray([27, 0, 0, 0])))
attempt("stdin is a master", lambda: number_of_master(0))
attempt("take it from its session", steal)
attempt("descriptors of init", lambda: os.listdir("/proc/1/fd"))
attempt("descriptors of the parent", lambda: os.listdir(f"/proc/{os.getppid()}/fd"))
attempt("copy one of the parent's", of_parent)
attempt("terminals", lambda: sorted(os.listdir("/dev/pts")))
)";

// One of the sandbox's own making is another one, and cannot be typed into either.
constexpr const char* kOwnTerminals = R"(
import pty
def make_one():
    master, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSTI, b"x")
attempt("a master of the program's own", make_one)
attempt("terminals then", lambda: sorted(os.listdir("/dev/pts")))
)";

void attacks(sandbox::Tier tier) {
  lab::Lab in({}, tier);
  const bool full = tier == sandbox::Tier::kFull;
  const std::string script = std::string(kAttacks) + (full ? kOwnTerminals : "");
  const std::string out = without_returns(in.told({kPython, "-c", script}));
  same(out,
       std::string("other descriptors: []\n"
                   "type into stdin: EPERM\n"
                   "change its line discipline: EPERM\n"
                   "type into /dev/tty: EPERM\n"
                   "another line discipline: EPERM\n"
                   "stdin is a master: ENOTTY\n"
                   "take it from its session: EPERM\n"
                   "descriptors of init: EACCES\n"
                   "descriptors of the parent: EACCES\n"
                   "copy one of the parent's: EPERM\n") +
           (full ? "terminals: ['0', 'ptmx']\n"
                   "a master of the program's own: EPERM\n"
                   "terminals then: ['0', '1', 'ptmx']\n"
                 : "terminals: EACCES\n"),
       "attacks");
}

std::size_t descriptors() {
  const std::filesystem::directory_iterator all("/proc/self/fd");
  return static_cast<std::size_t>(std::distance(begin(all), end(all)));
}

std::size_t processes_below(const std::string& pid) {
  std::size_t count = 0;
  std::error_code gone;
  for (const auto& task : std::filesystem::directory_iterator("/proc/" + pid + "/task", gone)) {
    std::ifstream children(task.path() / "children");
    for (std::string child; children >> child;) count += 1 + processes_below(child);
  }
  return count;
}

void nothing_left() {
  constexpr int kCalls = 200;
  constexpr std::size_t kReady = 20;  // the engine has places prepared for the next calls
  lab::Lab in;
  in.told({"true"});
  const std::size_t fds = descriptors();
  const std::size_t processes = processes_below("self");
  for (int i = 0; i < kCalls; i += 4) {
    std::vector<std::shared_ptr<lab::Talk>> some;
    for (int k = 0; k < 4; ++k) {
      some.push_back(in.in_terminal({kShell, "-c", "sleep 1000 & read -r line; echo $line"}));
      some.back()->must_say("typed\n");
    }
    for (const auto& talk : some) check(talk->end().exit_code == 0, "a call of many");
  }
  check(descriptors() < fds + kReady, "descriptors: " + std::to_string(descriptors()));
  check(processes_below("self") < processes + kReady, "processes are left");
  same(in.told({"tty"}), "/dev/pts/0\r\n", "terminals are given back");
}

}  // namespace

int main(int argc, char** argv) {
  if (const auto code = sandbox::helper_main(argc, argv)) return *code;
  using sandbox::Tier;
  return lab::run(argc, argv,
                  {{"facts", [] { facts(Tier::kFull); }},
                   {"landlock_facts", [] { facts(Tier::kLandlock); }},
                   {"kinds_of_terminal", kinds_of_terminal},
                   {"raw", raw},
                   {"job_control", [] { job_control(Tier::kFull); }},
                   {"landlock_job_control", [] { job_control(Tier::kLandlock); }},
                   {"end_of_file", end_of_file},
                   {"last_words", [] { last_words(Tier::kFull); }},
                   {"landlock_last_words", [] { last_words(Tier::kLandlock); }},
                   {"output_limit", output_limit},
                   {"ends", ends},
                   {"background", background},
                   {"attacks", [] { attacks(Tier::kFull); }},
                   {"landlock_attacks", [] { attacks(Tier::kLandlock); }},
                   {"nothing_left", nothing_left}});
}
