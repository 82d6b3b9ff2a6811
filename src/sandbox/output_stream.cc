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
  std::uint64_t in_file = 0;

  std::uint64_t size() const { return head.size() + in_file; }
};

OutputStream::OutputStream() : state_(std::make_unique<State>()) {}
OutputStream::~OutputStream() = default;

void OutputStream::append(const char* data, std::size_t size) {
  const std::lock_guard lock(state_->mutex);
  const std::size_t first = std::min(kKeptInMemory - state_->head.size(), size);
  state_->head.append(data, first);
  if (first == size) return;
  if (!state_->file.valid()) state_->file = unlinked_file();
  // A full disk cuts the output short: size() counts what is really kept.
  for (std::size_t done = first; done < size;) {
    const ssize_t put =
        ::pwrite(state_->file.get(), data + done, size - done, static_cast<off_t>(state_->in_file));
    if (put <= 0) return;
    done += static_cast<std::size_t>(put);
    state_->in_file += static_cast<std::uint64_t>(put);
  }
}

std::uint64_t OutputStream::size() const {
  const std::lock_guard lock(state_->mutex);
  return state_->size();
}

std::string OutputStream::read(std::uint64_t offset, std::size_t size) const {
  const std::lock_guard lock(state_->mutex);
  if (offset >= state_->size()) return {};
  size = std::min<std::uint64_t>(size, state_->size() - offset);
  std::string out;
  if (offset < state_->head.size()) out = state_->head.substr(offset, size);
  const std::size_t before = out.size();
  if (before == size) return out;
  out.resize(size);
  const auto from = static_cast<off_t>(offset + before - state_->head.size());
  const ssize_t got = ::pread(state_->file.get(), out.data() + before, size - before, from);
  out.resize(before + static_cast<std::size_t>(std::max<ssize_t>(0, got)));
  return out;
}

}  // namespace mayfly::sandbox
