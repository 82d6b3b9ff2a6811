#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <string>
#include <vector>

#include "base/sys.h"
#include "sandbox/engine.h"
#include "tools/shell_notebook.h"
#include "unit/catch_shim.h"

namespace mayfly::tools {
namespace {

using test::contains;

struct Ran {
  int status = 0;
  std::string out;  // and what went to stderr

  bool operator==(const Ran&) const = default;
};

// Bash itself, without a sandbox: what is run here is harmless.
Ran run(const std::vector<std::string>& argv, int notebook) {
  auto pipe = sys::pipe();
  REQUIRE(pipe);
  std::vector<char*> words;
  for (const std::string& word : argv) words.push_back(const_cast<char*>(word.c_str()));
  words.push_back(nullptr);
  char path[] = "PATH=/usr/bin:/bin";
  char term[] = "TERM=dumb";
  char* environment[] = {path, term, nullptr};
  const pid_t child = ::fork();
  if (child == 0) {
    ::dup2(pipe->write.get(), 1);
    ::dup2(pipe->write.get(), 2);
    ::dup2(::open("/dev/null", O_RDONLY | O_CLOEXEC), 0);
    if (notebook >= 0) ::dup2(notebook, sandbox::kNotebookFd);
    if (::chdir("/") != 0) ::_exit(126);
    ::execve(words[0], words.data(), environment);
    ::_exit(127);
  }
  pipe->write.reset();
  Ran ran;
  ran.out = sys::read_file(pipe->read.get(), 1 << 20).value_or("");
  REQUIRE(::waitpid(child, &ran.status, 0) == child);
  return ran;
}

struct Shelled {
  Ran ran;
  std::optional<ShellState> saved;
  bool overflowed = false;
};
Shelled shell(const std::string& command, const ShellState& state = {},
              const std::vector<std::pair<std::string, std::string>>& overrides = {}) {
  auto notebook = ShellNotebook::make(state, overrides);
  REQUIRE(notebook);
  Shelled out;
  out.ran = run(wrapped_shell(command), notebook->for_program()->get());
  out.saved = notebook->saved();
  out.overflowed = notebook->overflowed();
  return out;
}
Ran plain(const std::string& command) { return run({"/bin/bash", "-c", command}, -1); }

TEST_CASE("a command in a shell with a state does what it does without, and is saved") {
  const std::string command = GENERATE(
      as<std::string>{}, "", "true", "false", "exit 3", "(exit 4)", "f() { exit 5; }; f",
      "set -e; false; echo no", "set -e; f() { false; }; f", "set -u; echo $nope",
      "echo a\nmissing-program\necho $LINENO $# $0 \"$@\"", "cat; read x; echo \"[$x]\"",
      "exec 3>/dev/null; echo x >&3; exit 2", "sleep 0 &", "trap 'echo debug' DEBUG; true",
      "set -eE; trap 'echo err' ERR; false", "readonly R=1; export R; R=2; echo after",
      "export UID EUID PPID", "set -o posix; exit 7",
      "printf() { echo mine; }; export() { echo mine; }; printf x", "exec >/dev/null; echo hidden",
      "exec >&- 2>&-; exit 6", "{ exit 8; } >/dev/null", "while :; do exit 9; done </dev/null",
      "unset PWD HOME", "echo $-", "echo \"$BASH_EXECUTION_STRING\"", "cat <<X\n$TERM\nX\n",
      "# nothing", "yes | head -1");
  CAPTURE(command);
  const Shelled shelled = shell(command);
  const Ran without = plain(command);
  CHECK(shelled.ran.out == without.out);
  CHECK(shelled.ran.status == without.status);
  REQUIRE(shelled.saved);
  CHECK(shelled.saved->cwd == "/");
}

TEST_CASE("directory, exported variables and functions come back, others do not") {
  const Shelled first = shell(
      "cd /usr/lib/..; cd bin; export A=$'x\\ny\"$q\\'\\e\\xff' B=2; C=3; readonly D=4; export D "
      "UID; "
      "f() { echo \"f $1\"; }; export -f f; g() { :; }; export PATH=$PATH:/opt TERM=mine");
  REQUIRE(first.saved);
  CHECK(first.ran.out.empty());
  CHECK(first.saved->cwd == "/usr/bin");
  const Shelled second = shell(
      "printf %s \"$A\" | od -An -tx1; echo $B ${C-no} $D $TERM $PATH; f 1; bash -c 'f 2'; "
      "type -t g; cd ~-; pwd; D=5",
      *first.saved, {{"B", "it's"}});
  CHECK_THAT(second.ran.out, contains(" 78 0a 79 22 24 71 27 1b ff\nit's no 4 mine "
                                      "/usr/bin:/bin:/opt\nf 1\nf 2\n/usr\n"));
  CHECK_THAT(second.ran.out, contains("D: readonly variable"));
  REQUIRE(second.saved);
  CHECK(second.saved->cwd == "/usr");
  CHECK_THAT(shell("echo $B", *second.saved).ran.out, contains("it's"));
}

TEST_CASE("a terminal's type belongs to the call, not to the state") {
  const auto saved = shell("true").saved;
  REQUIRE(saved);
  CHECK(saved->statements.find("TERM") == std::string::npos);
  CHECK(saved->statements.find("PWD=\"/\"") == std::string::npos);
  CHECK(saved->statements.find("SHLVL") == std::string::npos);
}

TEST_CASE("a shell that was replaced, trapped its exit or has too much to save is not saved") {
  CHECK_FALSE(shell("exec true").saved);
  const Shelled trapped = shell("trap 'echo bye' EXIT; exit 6");
  CHECK_FALSE(trapped.saved);
  CHECK(trapped.ran == plain("trap 'echo bye' EXIT; exit 6"));
  const Shelled big = shell("export BIG=$(head -c 300000 /dev/zero | tr '\\0' x); exit 9");
  CHECK_FALSE(big.saved);
  CHECK(big.overflowed);
  CHECK(big.ran == plain("exit 9"));
}

// What fits of it ends at a page of the notebook; how much is left after that depends on what the
// shell started from.
TEST_CASE("however much of too large a state was written, it is not saved") {
  const std::string padding(GENERATE(0U, 5U, 6U, 7U, 8U, 20U, 1000U, 2048U, 4000U, 4090U), ' ');
  CAPTURE(padding.size());
  const std::string command =
      GENERATE(as<std::string>{}, "export BIG=$(head -c 300000 /dev/zero | tr '\\0' x)",
               "for i in {1..300}; do export V$i=$(printf %01000d 0); done",
               "eval \"f() { : $(head -c 300000 /dev/zero | tr '\\0' x); }\"; export -f f");
  const Shelled big = shell(command, {"/", padding});
  CHECK_FALSE(big.saved);
  CHECK(big.overflowed);
}

TEST_CASE("statements that are no bash harm nobody but their own shell") {
  CHECK(shell("echo fine", {"/", "if ( 'unclosed"}).ran.out == "fine\n");
}

}  // namespace
}  // namespace mayfly::tools
