#include "sandbox/linux/cgroup_text.h"

#include <algorithm>
#include <charconv>

#include "base/text.h"

namespace mayfly::sandbox {
namespace {

std::vector<std::string> lines_of(std::string_view text) { return text::split(text, '\n'); }

// mountinfo writes a space, tab, newline and backslash as \ooo.
std::string unescape(std::string_view field) {
  std::string plain;
  for (std::size_t at = 0; at < field.size(); ++at) {
    if (field[at] == '\\' && at + 3 < field.size()) {
      const auto digit = [&](std::size_t i) { return static_cast<unsigned>(field[at + i] - '0'); };
      if (digit(1) < 8 && digit(2) < 8 && digit(3) < 8) {
        plain += static_cast<char>(digit(1) * 64 + digit(2) * 8 + digit(3));
        at += 3;
        continue;
      }
    }
    plain += field[at];
  }
  return plain;
}

bool has(const std::vector<std::string>& words, std::string_view word) {
  return std::find(words.begin(), words.end(), word) != words.end();
}

// In a container the mount's root is often the container's own group.
std::optional<std::string> below(const CgroupMount& mount, const std::string& path) {
  if (mount.root == "/") return path == "/" ? mount.point : mount.point + path;
  if (path == mount.root) return mount.point;
  if (path.starts_with(mount.root + "/")) return mount.point + path.substr(mount.root.size());
  return std::nullopt;
}

}  // namespace

std::vector<std::string> parse_words(std::string_view text) {
  std::vector<std::string> words;
  std::string word;
  for (const char c : text) {
    if (c != ' ' && c != '\n' && c != '\t') {
      word += c;
    } else if (!word.empty()) {
      words.push_back(std::move(word));
      word.clear();
    }
  }
  if (!word.empty()) words.push_back(std::move(word));
  return words;
}

std::vector<Membership> parse_memberships(std::string_view text) {
  std::vector<Membership> found;
  for (const std::string& line : lines_of(text)) {
    const std::size_t first = line.find(':');
    const std::size_t second = line.find(':', first + 1);
    if (first == std::string::npos || second == std::string::npos) continue;
    Membership membership;
    const std::string controllers = line.substr(first + 1, second - first - 1);
    if (!controllers.empty()) membership.controllers = text::split(controllers, ',');
    membership.path = line.substr(second + 1);
    // A path that leads out of a cgroup namespace names nothing that we could use.
    if (!membership.path.starts_with('/') || membership.path.starts_with("/..")) continue;
    found.push_back(std::move(membership));
  }
  return found;
}

std::vector<CgroupMount> parse_cgroup_mounts(std::string_view mountinfo) {
  std::vector<CgroupMount> found;
  for (const std::string& line : lines_of(mountinfo)) {
    const std::vector<std::string> fields = parse_words(line);
    const auto dash = std::find(fields.begin(), fields.end(), "-");
    if (dash - fields.begin() < 6 || fields.end() - dash < 4) continue;
    const std::string& type = *(dash + 1);
    if (type != "cgroup" && type != "cgroup2") continue;
    CgroupMount mount;
    mount.v2 = type == "cgroup2";
    mount.root = unescape(fields[3]);
    mount.point = unescape(fields[4]);
    mount.options = text::split(*(dash + 3), ',');
    found.push_back(std::move(mount));
  }
  return found;
}

std::string v2_directory(const std::vector<Membership>& memberships,
                         const std::vector<CgroupMount>& mounts) {
  for (const Membership& membership : memberships) {
    if (!membership.controllers.empty()) continue;
    for (const CgroupMount& mount : mounts) {
      if (!mount.v2) continue;
      if (const auto found = below(mount, membership.path)) return *found;
    }
  }
  return {};
}

std::string v1_directory(const std::string& controller, const std::vector<Membership>& memberships,
                         const std::vector<CgroupMount>& mounts) {
  for (const Membership& membership : memberships) {
    if (!has(membership.controllers, controller)) continue;
    for (const CgroupMount& mount : mounts) {
      if (mount.v2 || !has(mount.options, controller)) continue;
      if (const auto found = below(mount, membership.path)) return *found;
    }
  }
  return {};
}

std::optional<std::uint64_t> parse_number(std::string_view text) {
  while (!text.empty() && (text.back() == '\n' || text.back() == ' ')) text.remove_suffix(1);
  std::uint64_t number = 0;
  const auto [end, failed] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (failed != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return number;
}

std::vector<pid_t> parse_pids(std::string_view text) {
  std::vector<pid_t> pids;
  for (const std::string& word : parse_words(text)) {
    if (const auto number = parse_number(word)) pids.push_back(static_cast<pid_t>(*number));
  }
  return pids;
}

std::optional<std::uint64_t> parse_keyed(std::string_view text, std::string_view key) {
  for (const std::string& line : lines_of(text)) {
    const std::vector<std::string> words = parse_words(line);
    if (words.size() == 2 && words[0] == key) return parse_number(words[1]);
  }
  return std::nullopt;
}

std::optional<std::uint64_t> parse_nested(std::string_view text, std::string_view key) {
  std::optional<std::uint64_t> sum;
  const std::string prefix = std::string(key) + "=";
  for (const std::string& word : parse_words(text)) {
    if (!word.starts_with(prefix)) continue;
    if (const auto number = parse_number(std::string_view(word).substr(prefix.size()))) {
      sum = sum.value_or(0) + *number;
    }
  }
  return sum;
}

std::optional<std::uint64_t> parse_pressure(std::string_view text) {
  for (const std::string& line : lines_of(text)) {
    if (line.starts_with("some ")) return parse_nested(line, "total");
  }
  return std::nullopt;
}

std::uint64_t parse_device_sum(std::string_view text, std::string_view operation) {
  std::uint64_t sum = 0;
  for (const std::string& line : lines_of(text)) {
    const std::vector<std::string> words = parse_words(line);
    if (words.size() == 3 && words[1] == operation) sum += parse_number(words[2]).value_or(0);
  }
  return sum;
}

}  // namespace mayfly::sandbox
