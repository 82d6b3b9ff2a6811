#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <mutex>

#include "base/fd.h"
#include "base/sys.h"
#include "sandbox/report.h"

namespace mayfly::sandbox {
namespace {

constexpr std::size_t kKeptInMemory = 64 * 1024;

// A file without a name: it is gone with its last descriptor, however the server ends.
OwnedFd unlinked_file() {
  const char* directory = std::getenv("TMPDIR");
  for (const char* candidate : {directory, "/tmp", "/var/tmp"}) {
    if (candidate == nullptr) continue;
    auto file = sys::open(candidate, O_TMPFILE | O_RDWR | O_EXCL, 0600);
    if (file) return std::move(*file);
  }
  // No writable directory: the kernel's own memory, which is bounded by the output limit too.
  auto memory = sys::memfd_unsealed("output");
  return memory ? std::move(*memory) : OwnedFd();
}

}  // namespace

// The first kKeptInMemory bytes stay in `head`; what follows goes to `file`.
struct OutputStream::State {
  mutable std::mutex mutex;
  std::string head;
  OwnedFd file;
  std::uint64_t size = 0;
};

OutputStream::OutputStream() : state_(std::make_unique<State>()) {}
OutputStream::~OutputStream() = default;

void OutputStream::append(const char* data, std::size_t size) {
  const std::lock_guard lock(state_->mutex);
  const std::size_t room = kKeptInMemory - std::min(kKeptInMemory, state_->head.size());
  const std::size_t first = std::min(room, size);
  state_->head.append(data, first);
  if (first < size) {
    if (!state_->file.valid()) state_->file = unlinked_file();
    // A full disk cuts the output short here, and `size` says so: it counts what is really kept.
    const auto written = sys::write_all(state_->file.get(), {data + first, size - first});
    if (!written) {
      state_->size += first;
      return;
    }
  }
  state_->size += size;
}

std::uint64_t OutputStream::size() const {
  const std::lock_guard lock(state_->mutex);
  return state_->size;
}

std::string OutputStream::read(std::uint64_t offset, std::size_t size) const {
  const std::lock_guard lock(state_->mutex);
  if (offset >= state_->size) return {};
  size = std::min<std::uint64_t>(size, state_->size - offset);
  std::string out;
  if (offset < state_->head.size()) out = state_->head.substr(offset, size);
  const std::uint64_t in_file = offset + out.size() - std::min<std::uint64_t>(kKeptInMemory, offset + out.size());
  const std::size_t rest = size - out.size();
  if (rest == 0 || !state_->file.valid()) return out;
  const std::size_t before = out.size();
  out.resize(before + rest);
  const ssize_t got = ::pread(state_->file.get(), out.data() + before, rest, static_cast<off_t>(in_file));
  out.resize(before + static_cast<std::size_t>(std::max<ssize_t>(0, got)));
  return out;
}

}  // namespace mayfly::sandbox
