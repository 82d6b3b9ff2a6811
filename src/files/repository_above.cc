#include "files/repository_above.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstddef>
#include <string_view>
#include <vector>

#include "base/fd.h"
#include "base/text.h"

namespace mayfly::files {
namespace {

constexpr std::size_t kMostAbove = 64;

bool same_file(const struct stat& a, const struct stat& b) {
  return a.st_dev == b.st_dev && a.st_ino == b.st_ino;
}

// The last `count` components of the name that a directory has now; fewer if there are fewer.
std::vector<std::string> last_components(int directory, std::size_t count) {
  char buffer[4096];
  const std::string link = "/proc/self/fd/" + std::to_string(directory);
  const ssize_t size = ::readlinkat(AT_FDCWD, link.c_str(), buffer, sizeof buffer);
  if (size <= 0) return {};
  std::vector<std::string> parts =
      text::split(std::string_view(buffer, static_cast<std::size_t>(size)), '/');
  if (parts.size() > count) parts.erase(parts.begin(), parts.end() - static_cast<long>(count));
  return parts;
}

}  // namespace

std::string enter_above(int directory, const std::string& area, IgnoreChain& chain) {
  struct stat top {};
  struct stat here {};
  if (area.empty() || ::fstatat(AT_FDCWD, area.c_str(), &top, 0) != 0) return {};
  std::vector<OwnedFd> above;  // from the nearest up
  int at = directory;
  while (!is_repository(at)) {
    if (above.size() == kMostAbove || ::fstat(at, &here) != 0 || same_file(here, top)) return {};
    OwnedFd next(::openat(at, "..", O_PATH | O_DIRECTORY | O_CLOEXEC));
    struct stat parent {};
    if (!next.valid() || ::fstat(next.get(), &parent) != 0 || same_file(here, parent)) return {};
    at = next.get();
    above.push_back(std::move(next));
  }
  const std::vector<std::string> names = last_components(directory, above.size());
  if (names.size() != above.size()) return {};
  std::string path;
  for (std::size_t i = 0; i < names.size(); ++i) {
    chain.enter(above[above.size() - 1 - i].get(), path);
    path += names[i] + "/";
  }
  return path;
}

}  // namespace mayfly::files
