#include "settings/watched_names.h"

#include <limits.h>
#include <unistd.h>

#include <deque>
#include <filesystem>

namespace mayfly::settings {
namespace {

constexpr int kMostLinks = 40;  // as the kernel

std::string link_target(const std::string& path) {
  char target[PATH_MAX];
  const ssize_t length = ::readlink(path.c_str(), target, sizeof target);
  return length > 0 ? std::string(target, static_cast<std::size_t>(length)) : std::string();
}

// Walks down from the root as the kernel would. A link is watched where it stands and then gone
// through; where something is missing, that is watched for, and the walk ends.
void add_file(const std::string& file, WatchedNames& out) {
  std::deque<std::string> left;
  const auto put_in_front = [&left](const std::filesystem::path& path) {
    std::deque<std::string> parts;
    for (const auto& part : path.relative_path()) parts.push_back(part.string());
    left.insert(left.begin(), parts.begin(), parts.end());
  };
  std::error_code ignored;
  put_in_front(std::filesystem::absolute(file, ignored));
  std::filesystem::path here = "/";
  int links = 0;
  while (!left.empty()) {
    const std::string name = left.front();
    left.pop_front();
    if (name.empty() || name == ".") continue;
    if (name == "..") {
      here = here.parent_path();
      continue;
    }
    const std::filesystem::path next = here / name;
    const std::string target = link_target(next.string());
    if (!target.empty() && ++links <= kMostLinks) {
      out[here.string()].insert(name);
      if (target.starts_with('/')) here = "/";
      put_in_front(target);
      continue;
    }
    if (left.empty() || !std::filesystem::is_directory(next, ignored)) {
      out[here.string()].insert(name);
      return;
    }
    here = next;
  }
}

}  // namespace

WatchedNames watched_names(const std::vector<std::string>& files) {
  WatchedNames out;
  for (const std::string& file : files) add_file(file, out);
  return out;
}

}  // namespace mayfly::settings
