#include "sandbox/linux/program_memory.h"

#include <sys/uio.h>

#include <algorithm>
#include <cstring>

namespace mayfly::sandbox {

bool ProgramMemory::read(std::uint64_t at, void* into, std::size_t size) const {
  const iovec local{into, size};
  const iovec remote{reinterpret_cast<void*>(at), size};  // NOLINT: the program's address
  return ::process_vm_readv(thread_, &local, 1, &remote, 1, 0) == static_cast<ssize_t>(size);
}

std::optional<std::string_view> ProgramMemory::string(std::uint64_t at, PathBuffer& buffer) const {
  constexpr std::size_t kPage = 4096;
  constexpr std::size_t kFirst = 256;  // most paths are shorter, and a copy costs by its size
  std::size_t have = 0;
  // It may end right before a page that is not there, so no read crosses the end of a page.
  while (have < sizeof buffer.bytes) {
    const std::uint64_t from = at + have;
    const std::size_t to_page_end = kPage - from % kPage;
    const std::size_t part = std::min(
        {to_page_end, sizeof buffer.bytes - have, have == 0 ? kFirst : sizeof buffer.bytes});
    char* into = buffer.bytes + have;
    if (!read(from, into, part)) return std::nullopt;
    if (const void* end = std::memchr(into, '\0', part)) {
      return std::string_view(
          buffer.bytes, static_cast<std::size_t>(static_cast<const char*>(end) - buffer.bytes));
    }
    have += part;
  }
  return std::nullopt;
}

std::optional<std::string> ProgramMemory::text(std::uint64_t at) const {
  PathBuffer buffer;
  const auto found = string(at, buffer);
  return found.has_value() ? std::optional<std::string>(*found) : std::nullopt;
}

}  // namespace mayfly::sandbox
