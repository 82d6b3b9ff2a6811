#include "sandbox/linux/thread_text.h"

#include <sys/uio.h>

#include <algorithm>

namespace mayfly::sandbox {

bool read_of_thread(pid_t thread, std::uint64_t address, void* to, std::size_t size) {
  struct iovec here {
    to, size
  };
  struct iovec there {
    reinterpret_cast<void*>(address), size
  };
  return ::process_vm_readv(thread, &here, 1, &there, 1, 0) == static_cast<ssize_t>(size);
}

// A string may end right before a page that is not there, so it is read up to each page's end.
std::optional<std::string> text_of_thread(pid_t thread, std::uint64_t address, std::size_t most) {
  constexpr std::uint64_t kPage = 4096;
  if (address == 0) return std::nullopt;
  std::string text;
  while (text.size() < most) {
    char part[kPage];
    const std::size_t size =
        std::min<std::size_t>(kPage - (address + text.size()) % kPage, most - text.size());
    if (!read_of_thread(thread, address + text.size(), part, size)) return std::nullopt;
    const char* end = std::find(part, part + size, '\0');
    text.append(static_cast<const char*>(part), end);
    if (end != part + size) return text;
  }
  return text;
}

}  // namespace mayfly::sandbox
