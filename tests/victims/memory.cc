// Attack 17, the kinds that a limit forgets: `memory KIND` takes 300 MiB in one way. The runner gives
// it 100 MiB, and demands that it is stopped for its memory.
#include <sys/ipc.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/shm.h>

#include "victim.h"

using namespace mayfly::victim;

namespace {

constexpr std::size_t kTaken = 300U << 20;

void* map(int flags, int file) { return mmap(nullptr, kTaken, PROT_READ | PROT_WRITE, flags, file, 0); }

Outcome touch(void* memory) {
  if (memory == MAP_FAILED) return blocked();
  memset(memory, 1, kTaken);
  // The watch looks ten times a second; this is how long a program may go unseen.
  for (int i = 0; i < 30; ++i) usleep(100'000);
  return succeeded("300 MiB for three seconds");
}

Outcome take(const std::string& kind) {
  if (kind == "private") return touch(map(MAP_PRIVATE | MAP_ANONYMOUS, -1));
  if (kind == "shared") return touch(map(MAP_SHARED | MAP_ANONYMOUS, -1));
  if (kind == "sysv") return touch(shmat(shmget(IPC_PRIVATE, kTaken, 0600), nullptr, 0));
  const int file = memfd_create("victim", MFD_CLOEXEC);
  if (ftruncate(file, kTaken) < 0) return blocked();
  if (kind == "memory file") return touch(map(MAP_SHARED, file));
  // As before, and the one that watches cannot open a file any more.
  const struct rlimit two {2, 2};
  if (prlimit(1, RLIMIT_NOFILE, &two, nullptr) < 0) return blocked("prlimit: " + errno_text(errno));
  return touch(map(MAP_PRIVATE | MAP_ANONYMOUS, -1));
}

}  // namespace

int main(int argc, char** argv) {
  Victim victim;
  const std::string kind = argc > 1 && strcmp(argv[1], "find") != 0 ? argv[1] : "shared";
  const Alone alone = kind == "blinded watch" ? Alone::kDangerous : Alone::kSucceeds;
  victim.attempt(kind, alone, [&] { return take(kind); });
  return victim.result();
}
