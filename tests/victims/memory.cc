// Attack 17, the kinds that a limit forgets: `memory KIND` takes 300 MiB in one way. The runner
// gives it 100 MiB, and demands that it is stopped for its memory.
#include <fcntl.h>
#include <sys/ipc.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/shm.h>
#include <sys/socket.h>

#include "victim.h"

using namespace mayfly::victim;

namespace {

constexpr std::size_t kTaken = 300U << 20;

void* map(int flags, int file) {
  return mmap(nullptr, kTaken, PROT_READ | PROT_WRITE, flags, file, 0);
}

// The watch looks ten times a second; this is how long a program may go unseen.
Outcome hold() {
  for (int i = 0; i < 30; ++i) usleep(100'000);
  return succeeded("300 MiB for three seconds");
}

Outcome touch(void* memory) {
  if (memory == MAP_FAILED) return blocked();
  memset(memory, 1, kTaken);
  return hold();
}

constexpr std::size_t kPiece = 1U << 20;
const std::string piece(kPiece, 'x');

Outcome write_to(int file) {
  for (std::size_t done = 0; done < kTaken; done += kPiece) {
    if (write(file, piece.data(), kPiece) != static_cast<ssize_t>(kPiece)) return blocked();
  }
  return hold();
}

bool make_pipe(int (&ends)[2]) {
  if (pipe2(ends, O_CLOEXEC | O_NONBLOCK) < 0) return false;
  fcntl(ends[1], F_SETPIPE_SZ, kPiece);
  return true;
}

bool make_sockets(int (&ends)[2]) {
  return socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends) == 0;
}

// What the kernel holds for one end until the other reads it.
template <typename Make>
Outcome fill_buffers(Make make) {
  std::size_t held = 0;
  int ends[2];
  while (held < kTaken && make(ends)) {
    for (ssize_t wrote = 0; (wrote = write(ends[1], piece.data(), kPiece)) > 0;)
      held += static_cast<std::size_t>(wrote);
  }
  if (held < kTaken)
    return blocked(errno_text(errno) + " at " + std::to_string(held >> 20) + " MiB");
  return hold();
}

Outcome take(const std::string& kind) {
  if (kind == "private") return touch(map(MAP_PRIVATE | MAP_ANONYMOUS, -1));
  if (kind == "shared") return touch(map(MAP_SHARED | MAP_ANONYMOUS, -1));
  if (kind == "sysv") return touch(shmat(shmget(IPC_PRIVATE, kTaken, 0600), nullptr, 0));
  if (kind == "temporary file")
    return write_to(open("/tmp/victim", O_CREAT | O_WRONLY | O_CLOEXEC, 0600));
  if (kind == "unmapped memory file") return write_to(memfd_create("victim", MFD_CLOEXEC));
  if (kind == "pipes") return fill_buffers(make_pipe);
  if (kind == "sockets") return fill_buffers(make_sockets);
  const int file = memfd_create("victim", MFD_CLOEXEC);
  if (ftruncate(file, kTaken) < 0) return blocked();
  if (kind == "memory file") return touch(map(MAP_SHARED, file));
  // As before, and the one that watches cannot open a file any more.
  const struct rlimit two { 2, 2 };
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
