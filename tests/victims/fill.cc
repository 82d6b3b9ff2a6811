// Attack 6: filling what is bounded. Every attempt ends at a bound of the sandbox's, not the host's.
#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include <vector>

#include "victim.h"

using namespace mayfly::victim;

namespace {

constexpr long kMiB = 1 << 20;

Outcome fill_bytes(const std::string& directory, long most_mib) {
  const std::string name = directory + "/fill";
  const int file = open(name.c_str(), O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
  if (file < 0) return blocked();
  long reached = 0;
  // Reserved, not written: as much of tmpfs, in a fraction of the time.
  while (reached <= most_mib && posix_fallocate(file, reached * kMiB, 64 * kMiB) == 0) reached += 64;
  close(file);
  unlink(name.c_str());
  const std::string how = std::to_string(reached) + " MiB";
  return reached > most_mib ? succeeded(how) : blocked("at " + how);
}

Outcome fill_inodes(const std::string& directory, long most) {
  const std::string top = directory + "/inodes";
  mkdir(top.c_str(), 0700);
  long made = 0;
  for (; made < most; ++made) {
    if (mknod((top + "/" + std::to_string(made)).c_str(), S_IFREG | 0600, 0) < 0) break;
  }
  const std::string why = errno_text(errno);
  return made == most ? succeeded(std::to_string(made) + " inodes")
                      : blocked(why + " after " + std::to_string(made));
}

}  // namespace

int main() {
  Victim victim;
  signal(SIGXFSZ, SIG_IGN);
  std::vector<std::string> places = {"/tmp", "/dev/shm", setting("HOME"), setting("SCRATCH")};
  if (victim.in_control()) places = {setting("VICTIM_WRITABLE")};
  for (const std::string& place : places) {
    if (place.empty()) continue;
    victim.attempt("fill " + place, Alone::kSucceeds,
                   [&] { return fill_bytes(place, victim.in_control() ? 128 : 1100); });
  }
  // Left to itself, tmpfs allows an inode for every second page of the machine, a kilobyte each. For
  // 1 GiB as many as it has pages are enough: 262 144.
  victim.attempt("inodes of /tmp", Alone::kSucceeds,
                 [&] { return fill_inodes(places[0], victim.in_control() ? 10'000 : 300'000); });
  victim.attempt("a file of 1 TB with a hole", Alone::kSucceeds, [] {
    const int file = open("sparse", O_CREAT | O_RDWR | O_CLOEXEC, 0600);
    const Outcome outcome = must_fail(ftruncate(file, 1L << 40));
    close(file);
    unlink("sparse");
    return outcome;
  });
  victim.attempt("1 TB of memory file", Alone::kSucceeds, [] {
    const int file = memfd_create("victim", MFD_CLOEXEC);
    return must_fail(ftruncate(file, 1L << 40));
  });
  victim.attempt("a deep path", Alone::kUncertain, [] {
    // Left there: the server must cope with it when it looks for host code.
    for (int i = 0; i < 3000; ++i) {
      if (mkdir("deep", 0755) < 0 || chdir("deep") < 0) break;
    }
    close(open("bottom", O_CREAT | O_WRONLY | O_CLOEXEC, 0644));
    return blocked("made");
  });
  return victim.result();
}
