// Attacks 9 and 10: programs from memory, deleted programs, and the server's own program
// (CVE-2019-5736). The runner starts it also as a script of "#!/proc/self/exe" with this program's
// path in LD_PRELOAD, so that the code below runs in a process whose program is the server's.
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <sys/xattr.h>

#include "victim.h"

using namespace mayfly::victim;

namespace {

#ifdef VICTIM_PRELOADED
constexpr Alone kAlone = Alone::kSucceeds;  // outside, the program is a copy that nobody else uses
#else
constexpr Alone kAlone = Alone::kDangerous;
#endif

// A program that is a sealed file in memory is nobody's: content and mode must hold still, its
// times and attributes end with the process that made it. On a disk nothing may change.
bool is_copy_in_memory(const std::string& link) {
  char program[4096] = {};
  (void)!readlink(link.c_str(), program, sizeof program - 1);
  return strncmp(program, "/memfd:", 7) == 0;
}

void attack_program(Victim& victim, const std::string& link) {
  victim.attempt(link + ": open for writing", Alone::kDangerous,
                 [&] { return must_fail(open(link.c_str(), O_WRONLY | O_CLOEXEC)); });
  victim.attempt(link + ": truncate", Alone::kDangerous,
                 [&] { return must_fail(truncate(link.c_str(), 0)); });
  victim.attempt(link + ": chmod", kAlone, [&] { return must_fail(chmod(link.c_str(), 0700)); });
  if (!is_copy_in_memory(link)) {
    victim.attempt(link + ": setxattr", kAlone,
                   [&] { return must_fail(setxattr(link.c_str(), "user.victim", "x", 1, 0)); });
    victim.attempt(link + ": utimes", kAlone,
                   [&] { return must_fail(utimensat(AT_FDCWD, link.c_str(), nullptr, 0)); });
  }
  victim.attempt(link + ": a hard link", Alone::kDangerous, [&] {
    return must_fail(linkat(AT_FDCWD, link.c_str(), AT_FDCWD, "linked-exe", AT_SYMLINK_FOLLOW));
  });
}

#ifdef VICTIM_PRELOADED

__attribute__((constructor)) void run() {
  char program[4096] = {};
  (void)!readlink("/proc/self/exe", program, sizeof program - 1);
  // Only in the server's program: what it starts inherits LD_PRELOAD too.
  if (strstr(program, "mayfly") == nullptr || strstr(program, "victim-") != nullptr) return;
  Victim victim;
  std::printf("in the program %s\n", program);
  attack_program(victim, "/proc/self/exe");
  const int kept = open("/proc/self/exe", O_RDONLY);
  if (kept >= 0) attack_program(victim, "/proc/self/fd/" + std::to_string(kept));
  _exit(victim.result());
}

}  // namespace

#else

Outcome runs(int status) {
  if (WIFEXITED(status) && WEXITSTATUS(status) == 0) return succeeded("ran");
  return blocked("did not run");
}

template <typename Execute>
Outcome in_child(Execute execute) {
  const pid_t child = fork();
  if (child == 0) {
    execute();
    _exit(1);
  }
  int status = 1;
  waitpid(child, &status, 0);
  return runs(status);
}

// What the policy says: code may come from anywhere that can be written (an agent compiles and
// runs), so these run, everywhere alike, with not one right more. A change of that is a change of
// policy.
void documented(const char* name, const Outcome& outcome) {
  std::printf("- policy: %s: %s\n", name, outcome.how.c_str());
}

}  // namespace

int main() {
  Victim victim;
  attack_program(victim, "/proc/1/exe");
  attack_program(victim, "/proc/" + std::to_string(getppid()) + "/exe");

  char* const argv[] = {const_cast<char*>("true"), nullptr};
  char* const envp[] = {nullptr};
  documented("memfd and execveat", in_child([&] {
               const int source = open("/usr/bin/true", O_RDONLY | O_CLOEXEC);
               const int memory = memfd_create("program", 0);
               char buffer[65536];
               ssize_t got = 0;
               while ((got = read(source, buffer, sizeof buffer)) > 0)
                 (void)!write(memory, buffer, size_t(got));
               execveat(memory, "", argv, envp, AT_EMPTY_PATH);
             }));
  documented("a deleted program", in_child([&] {
               (void)!system("cp /usr/bin/true deleted-true");
               const int file = open("deleted-true", O_RDONLY);
               unlink("deleted-true");
               execveat(file, "", argv, envp, AT_EMPTY_PATH);
             }));
  documented("a program in /tmp", in_child([&] {
               (void)!system("cp /usr/bin/true /tmp/true");
               execve("/tmp/true", argv, envp);
             }));
  victim.attempt("ld.so with a file of a noexec mount", Alone::kUncertain, [&] {
    return in_child([&] {
      char* const words[] = {const_cast<char*>("ld.so"), const_cast<char*>("/proc/self/comm"),
                             nullptr};
      execve("/lib64/ld-linux-x86-64.so.2", words, envp);
    });
  });
  return victim.result();
}
#endif
