#pragma once

#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

namespace mayfly::sandbox {

// The memory of a program's thread, for reports: another thread may change it at any time, so
// nothing is permitted because of it. Whoever reads for a notification asks afterwards whether the
// thread still waits (Listener::still_asked), since its number may be another's by then.

// The string at `address`, at most `most` bytes of it, cut at its zero. Empty if it cannot be read.
std::optional<std::string> text_of_thread(pid_t thread, std::uint64_t address, std::size_t most);

// Exactly `size` bytes into `to`; false if they cannot be read.
bool read_of_thread(pid_t thread, std::uint64_t address, void* to, std::size_t size);

}  // namespace mayfly::sandbox
