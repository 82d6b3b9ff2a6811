#include "sandbox/linux/id_view.h"

#include <fcntl.h>

#include <algorithm>
#include <sstream>

#include "base/sys.h"

namespace mayfly::sandbox {
namespace {

std::string slurp(const std::string& path) {
  constexpr std::size_t kMost = 64 * 1024;
  const auto file = sys::open(path, O_RDONLY);
  if (!file) return {};
  auto content = sys::read_file(file->get(), kMost);
  return content ? std::move(*content) : std::string();
}

std::vector<std::uint32_t> numbers_after(std::string_view status, std::string_view key) {
  std::vector<std::uint32_t> numbers;
  const std::size_t at = status.find(key);
  if (at == std::string_view::npos) return numbers;
  std::string_view line = status.substr(at + key.size());
  line = line.substr(0, line.find('\n'));
  std::istringstream words{std::string(line)};
  for (std::uint32_t one = 0; words >> one;) numbers.push_back(one);
  return numbers;
}

}  // namespace

IdView IdView::of_thread(pid_t thread, Of of) {
  const std::string directory = "/proc/" + std::to_string(thread) + "/";
  return parse(slurp(directory + (of == Of::kUser ? "uid_map" : "gid_map")),
               slurp(directory + "status"), of);
}

IdView IdView::parse(std::string_view map, std::string_view status, Of of) {
  IdView view;
  std::istringstream lines{std::string(map)};
  std::uint32_t first = 0;
  std::uint32_t outside = 0;
  std::uint32_t count = 0;
  while (lines >> first >> outside >> count) view.map_.emplace_back(first, count);
  view.own_ = numbers_after(status, of == Of::kUser ? "\nUid:" : "\nGid:");
  if (of == Of::kGroup) view.groups_ = numbers_after(status, "\nGroups:");
  return view;
}

bool IdView::maps(std::uint32_t id) const {
  return std::any_of(map_.begin(), map_.end(), [id](const auto& range) {
    return id >= range.first && id - range.first < range.second;
  });
}

bool IdView::is_group(std::uint32_t id) const {
  return is_effective(id) || std::find(groups_.begin(), groups_.end(), id) != groups_.end();
}

}  // namespace mayfly::sandbox
