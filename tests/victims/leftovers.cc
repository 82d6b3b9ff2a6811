// Attack 7. `leftovers plant` leaves something everywhere; `leftovers find` looks for it, in a call
// at the same time and in one after it.
#include <fcntl.h>
#include <sys/ipc.h>
#include <sys/msg.h>
#include <sys/sem.h>
#include <sys/shm.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include <vector>

#include "victim.h"

using namespace mayfly::victim;

namespace {

constexpr key_t kKey = 0x6d617966;

// The system call wants the name without its slash, and /dev/mqueue need not be mounted.
long open_queue(int flags) {
  return syscall(SYS_mq_open, "mayfly-victim", flags, 0600, nullptr);
}

std::vector<std::string> places() {
  return {"/tmp", "/var/tmp", "/dev/shm", "/run", setting("HOME"), setting("HOME") + "/.config"};
}

int plant() {
  for (const std::string& place : places()) {
    mkdir(place.c_str(), 0755);
    close(open((place + "/mayfly-victim").c_str(), O_CREAT | O_WRONLY | O_CLOEXEC, 0644));
  }
  shmget(kKey, 4096, IPC_CREAT | 0666);
  msgget(kKey, IPC_CREAT | 0666);
  semget(kKey, 1, IPC_CREAT | 0666);
  open_queue(O_CREAT | O_RDWR);
  close(open("planted", O_CREAT | O_WRONLY | O_CLOEXEC, 0644));
  // The other call looks meanwhile, and says so in the workspace, which both have.
  for (int i = 0; i < 2000 && access("looked", F_OK) != 0; ++i) usleep(10'000);
  return access("looked", F_OK) == 0 ? 0 : 1;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc > 1 && strcmp(argv[1], "plant") == 0) return plant();
  Victim victim;
  for (const std::string& place : places()) {
    const Alone alone = place == "/dev/shm" || place == setting("HOME") ? Alone::kSucceeds : Alone::kUncertain;
    victim.attempt(place, alone, [&] { return must_fail(access((place + "/mayfly-victim").c_str(), F_OK)); });
  }
  victim.attempt("SysV shared memory", Alone::kSucceeds, [] { return must_fail(shmget(kKey, 0, 0)); });
  victim.attempt("SysV queue", Alone::kSucceeds, [] { return must_fail(msgget(kKey, 0)); });
  victim.attempt("SysV semaphore", Alone::kSucceeds, [] { return must_fail(semget(kKey, 0, 0)); });
  victim.attempt("POSIX queue", Alone::kSucceeds, [] { return must_fail(open_queue(O_RDONLY)); });
  close(open("looked", O_CREAT | O_WRONLY | O_CLOEXEC, 0644));
  return victim.result();
}
