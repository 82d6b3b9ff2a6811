#include <fcntl.h>
#include <unistd.h>

#include <cstdlib>

#include "base/sys.h"
#include "base/text.h"
#include "sandbox/linux/probes/attempt.h"

namespace mayfly::sandbox::probes {
namespace {

// The first namespaces have fixed inode numbers (include/linux/proc_ns.h).
constexpr const char* kFirstUser = "user:[4026531837]";
constexpr const char* kFirstPid = "pid:[4026531836]";
constexpr const char* kLikely = "likely: ";

bool is_first(const std::string& kind, const char* first) {
  const auto link = sys::readlink("/proc/self/ns/" + kind);
  return !link || *link == first;
}

bool under_a_filter() {
  const auto file = sys::open("/proc/self/status", O_RDONLY);
  const auto status = file ? sys::read_file(file->get(), 1U << 16) : Result<std::string>("");
  return status && status->find("\nSeccomp:\t2") != std::string::npos;
}

}  // namespace

bool in_container() { return container_probe().detail.starts_with(kLikely); }

std::string setting(const std::string& path) {
  const auto file = sys::open(path, O_RDONLY);
  if (!file) return "";
  const auto content = sys::read_file(file->get(), 1U << 16);
  return content ? content->substr(0, content->find('\n')) : "";
}

Probe container_probe() {
  Probe probe;
  probe.id = "container";
  probe.name = "inside a container";
  probe.state = Probe::State::kFact;
  probe.needed = "choosing the remedy";
  std::vector<std::string> signs;
  if (!is_first("user", kFirstUser)) signs.push_back("a user namespace of its own");
  if (!is_first("pid", kFirstPid)) signs.push_back("a pid namespace of its own");
  if (under_a_filter()) signs.push_back("a seccomp filter");
  for (const char* mark : {"/.dockerenv", "/run/.containerenv", "/run/systemd/container"}) {
    if (::access(mark, F_OK) == 0) signs.push_back(std::string("the file ") + mark);
  }
  if (const char* name = std::getenv("container")) {
    signs.push_back("the variable container=" + text::shorten(text::one_line(name), 40));
  }
  probe.detail = signs.empty() ? "no sign of one: the first user and pid namespaces, no filter"
                               : kLikely + text::join(signs, ", ");
  return probe;
}

Probe core_pattern_probe() {
  Probe probe;
  probe.id = "core_pattern";
  probe.name = "core dumps";
  probe.state = Probe::State::kFact;
  probe.needed = "nothing: sandboxes have RLIMIT_CORE 1, which starts no helper of the host";
  const std::string pattern = setting("/proc/sys/kernel/core_pattern");
  probe.detail = pattern.starts_with("|") ? "go to a program of the host: " : "go to a file: ";
  probe.detail += text::shorten(text::one_line(pattern), 200);
  return probe;
}

}  // namespace mayfly::sandbox::probes
