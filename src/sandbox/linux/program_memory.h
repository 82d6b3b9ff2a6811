#pragma once

#include <sys/types.h>

#include <climits>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace mayfly::sandbox {

// A path of a program: as long as the kernel takes them, with the zero at its end.
struct PathBuffer {
  char bytes[PATH_MAX];
};

// The memory of a thread that waits for the answer to a system call, read without trust: other
// threads may change it meanwhile, so whatever is read is read once. That the thread is still that
// thread says only Listener::still_asked() afterwards.
class ProgramMemory {
 public:
  explicit ProgramMemory(pid_t thread) : thread_(thread) {}

  // All of `size` bytes, or nothing.
  bool read(std::uint64_t at, void* into, std::size_t size) const;
  // The string at `at` without its zero, kept in `buffer`. Nothing for an address that is none and
  // for what is too long for a path.
  std::optional<std::string_view> string(std::uint64_t at, PathBuffer& buffer) const;
  std::optional<std::string> text(std::uint64_t at) const;

 private:
  pid_t thread_;
};

}  // namespace mayfly::sandbox
