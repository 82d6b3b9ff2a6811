#include "sandbox/path_rules.h"

#include <algorithm>
#include <filesystem>

#include "base/text.h"

namespace mayfly::sandbox {
namespace {

constexpr std::size_t kMostMatches = 1'000;
constexpr std::size_t kMostLookedAt = 200'000;

// One bracket expression at pattern[0] == '['. Its length, and whether `c` is in it; 0 if it never
// ends, and then '[' stands for itself.
std::size_t bracket(std::string_view pattern, char c, bool& found) {
  std::size_t at = 1;
  const bool negated = at < pattern.size() && (pattern[at] == '!' || pattern[at] == '^');
  if (negated) ++at;
  found = false;
  for (bool first = true; at < pattern.size(); first = false) {
    if (pattern[at] == ']' && !first) {
      found = found != negated;
      return at + 1;
    }
    const char low = pattern[at];
    const bool range = at + 2 < pattern.size() && pattern[at + 1] == '-' && pattern[at + 2] != ']';
    const char high = range ? pattern[at + 2] : low;
    found = found || (low <= c && c <= high);
    at += range ? 3 : 1;
  }
  return 0;
}

// One component against one component. Without recursion: a pattern is never worth more than
// length times length.
bool component_matches(std::string_view pattern, std::string_view name) {
  std::size_t p = 0;
  std::size_t n = 0;
  std::size_t star = std::string_view::npos;
  std::size_t star_name = 0;
  while (n < name.size()) {
    bool found = false;
    std::size_t length = 0;
    if (p < pattern.size() && pattern[p] == '*') {
      star = p++;
      star_name = n;
      continue;
    }
    if (p < pattern.size()) {
      if (pattern[p] == '?') {
        length = 1;
        found = true;
      } else if (pattern[p] == '[' && (length = bracket(pattern.substr(p), name[n], found)) > 0) {
      } else {
        const bool escaped = pattern[p] == '\\' && p + 1 < pattern.size();
        length = escaped ? 2 : 1;
        found = pattern[p + (escaped ? 1 : 0)] == name[n];
      }
    }
    if (found) {
      p += length;
      ++n;
    } else if (star != std::string_view::npos) {
      p = star + 1;
      n = ++star_name;
    } else {
      return false;
    }
  }
  while (p < pattern.size() && pattern[p] == '*') ++p;
  return p == pattern.size();
}

bool has_wildcard(std::string_view component) {
  for (std::size_t i = 0; i < component.size(); ++i) {
    if (component[i] == '\\') {
      ++i;
    } else if (component[i] == '*' || component[i] == '?' || component[i] == '[') {
      return true;
    }
  }
  return false;
}

std::string unescaped(std::string_view component) {
  std::string out;
  for (std::size_t i = 0; i < component.size(); ++i) {
    if (component[i] == '\\' && i + 1 < component.size()) ++i;
    out += component[i];
  }
  return out;
}

std::vector<std::string> components_of(std::string_view path) {
  std::vector<std::string> components = text::split(path, '/');
  std::erase(components, "");
  return components;
}

}  // namespace

const char* to_string(CoverKind kind) { return kind == CoverKind::kHide ? "hide" : "deny"; }

bool is_pattern(std::string_view path) {
  return path.find_first_of("*?[\\") != std::string_view::npos;
}

bool matches(std::string_view pattern, std::string_view path) {
  return PathPattern(pattern).follow(path).complete();
}

std::string fixed_directory(std::string_view pattern) {
  std::string out;
  const std::vector<std::string> parts = text::split(pattern, '/');
  for (std::size_t i = 1; i + 1 < parts.size(); ++i) {
    const std::string& part = parts[i];
    if (has_wildcard(part)) break;
    out += "/" + unescaped(part);
  }
  return out.empty() ? "/" : out;
}

PathPattern::PathPattern(std::string_view pattern) : components_(components_of(pattern)) {}

bool PathPattern::Progress::complete() const { return reached_.back() != 0; }

bool PathPattern::Progress::open() const {
  return std::find(reached_.begin(), reached_.end() - 1, 1) != reached_.end() - 1;
}

// "**" may stand for nothing.
void PathPattern::skip_any(Progress& progress) const {
  for (std::size_t i = 0; i < components_.size(); ++i) {
    if (progress.reached_[i] != 0 && components_[i] == "**") progress.reached_[i + 1] = 1;
  }
}

PathPattern::Progress PathPattern::start() const {
  Progress progress;
  progress.reached_.assign(components_.size() + 1, 0);
  progress.reached_.front() = 1;
  skip_any(progress);
  return progress;
}

PathPattern::Progress PathPattern::step(const Progress& from, std::string_view name) const {
  Progress progress;
  progress.reached_.assign(components_.size() + 1, 0);
  for (std::size_t i = 0; i < components_.size(); ++i) {
    if (from.reached_[i] == 0) continue;
    if (components_[i] == "**") {
      progress.reached_[i] = 1;
    } else if (component_matches(components_[i], name)) {
      progress.reached_[i + 1] = 1;
    }
  }
  skip_any(progress);
  return progress;
}

PathPattern::Progress PathPattern::follow(std::string_view path) const {
  Progress progress = start();
  for (const std::string& name : components_of(path)) progress = step(progress, name);
  return progress;
}

std::vector<std::string> find_matches(const std::string& pattern) {
  namespace fs = std::filesystem;
  std::vector<std::string> found;
  std::error_code error;
  std::size_t looked_at = 0;
  const std::string top = fixed_directory(pattern);
  const bool deep = pattern.find("**") != std::string::npos;
  const auto depth = std::count(pattern.begin(), pattern.end(), '/') -
                     (top == "/" ? 0 : std::count(top.begin(), top.end(), '/'));
  auto walk =
      fs::recursive_directory_iterator(top, fs::directory_options::skip_permission_denied, error);
  for (; !error && walk != fs::recursive_directory_iterator(); walk.increment(error)) {
    if (++looked_at > kMostLookedAt) return {};
    if (!deep && walk.depth() + 1 >= depth) walk.disable_recursion_pending();
    if (!matches(pattern, walk->path().string())) continue;
    found.push_back(walk->path().string());
    if (found.size() == kMostMatches) break;
  }
  std::sort(found.begin(), found.end());
  return found;
}

}  // namespace mayfly::sandbox
