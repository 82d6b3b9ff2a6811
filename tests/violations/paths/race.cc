// race WORKSPACE COUNT: opens a path for writing while four threads change it between one that is
// denied and one that is not. Prints, as JSON, how often which came out.
#include <fcntl.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <thread>
#include <vector>

int main(int argc, char** argv) {
  if (argc != 3) return 2;
  const std::string allowed = std::string(argv[1]) + "/granted";
  const std::string refused = "/usr/refused";
  const long count = std::atol(argv[2]);
  static char path[4096];
  std::atomic<bool> done{false};
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&] {
      // Copied byte by byte and not at once: what is read meanwhile is half of each.
      while (!done.load()) {
        for (const std::string* text : {&allowed, &refused}) {
          std::memcpy(path, text->c_str(), text->size() + 1);
        }
      }
    });
  }
  long made = 0;
  long denied = 0;
  long mixed = 0;
  long other = 0;
  for (long i = 0; i < count; ++i) {
    const int fd = ::open(path, O_WRONLY | O_CREAT, 0600);
    if (fd >= 0) {
      ::close(fd);
      ++made;
    } else if (errno == EROFS || errno == EACCES) {
      ++denied;
    } else if (errno == ENOENT || errno == ENOTDIR || errno == EISDIR) {
      ++mixed;
    } else {
      ++other;
    }
  }
  done = true;
  for (std::thread& thread : threads) thread.join();
  std::printf("{\"made\": %ld, \"refused\": %ld, \"mixed\": %ld, \"other\": %ld}\n", made, denied,
              mixed, other);
  return 0;
}
