#include "files/ignore_rules.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "base/fd.h"

namespace mayfly::files {
namespace {

// Of all files that are in force at once. A rule may need sixteen times its text.
constexpr std::size_t kMostRuleBytes = 512 * 1024;

// At most `limit` + 1 bytes of a regular file; nothing if it is something else. Links are not
// followed, as git does not.
std::string read_regular(int directory, const char* name, std::size_t limit) {
  std::string content;
  struct stat status {};
  if (::fstatat(directory, name, &status, AT_SYMLINK_NOFOLLOW) != 0 || !S_ISREG(status.st_mode)) {
    return content;
  }
  const OwnedFd file(
      ::openat(directory, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC));
  if (!file.valid() || ::fstat(file.get(), &status) != 0 || !S_ISREG(status.st_mode)) {
    return content;
  }
  char buffer[16384];
  while (content.size() <= limit) {
    const ssize_t got = ::read(file.get(), buffer, sizeof buffer);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) break;
    content.append(buffer, static_cast<std::size_t>(got));
  }
  return content;
}

// Blanks at the end go, but not "\ ".
std::string_view without_trailing_blanks(std::string_view line) {
  std::size_t end = 0;
  for (std::size_t i = 0; i < line.size(); ++i) {
    if (line[i] == ' ') continue;
    if (line[i] == '\\') ++i;
    end = std::min(i + 1, line.size());
  }
  return line.substr(0, end);
}

}  // namespace

IgnoreRules::IgnoreRules(std::string_view text) {
  if (text.starts_with("\xEF\xBB\xBF")) text.remove_prefix(3);
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    std::string_view line = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    if (!line.empty() && line.back() == '\r') line.remove_suffix(1);
    // To git, a line ends at its first NUL.
    line = line.substr(0, line.find('\0'));
    if (!line.empty() && line.front() != '#') add(without_trailing_blanks(line));
  }
}

void IgnoreRules::add(std::string_view line) {
  Rule rule;
  rule.keep = line.starts_with('!');
  if (rule.keep) line.remove_prefix(1);
  rule.directories_only = line.ends_with('/');
  if (rule.directories_only) line.remove_suffix(1);
  rule.of_path = line.find('/') != std::string_view::npos;
  if (line.starts_with('/')) line.remove_prefix(1);
  if (line.empty()) return;
  if (line.find_first_of("*?[\\") == std::string_view::npos) {
    rule.literal = line;
  } else {
    rule.wildcard = Wildcard::parse(line, rule.of_path ? Wildcard::Of::kPath : Wildcard::Of::kName);
    if (!rule.wildcard) return;
  }
  rules_.push_back(std::move(rule));
}

IgnoreRules::Verdict IgnoreRules::judge(std::string_view path, bool is_directory,
                                        Work& work) const {
  const std::string_view name = path.substr(path.rfind('/') + 1);
  for (auto rule = rules_.rbegin(); rule != rules_.rend() && work.spend(1); ++rule) {
    if (rule->directories_only && !is_directory) continue;
    const std::string_view subject = rule->of_path ? path : name;
    if (rule->wildcard ? rule->wildcard->matches(subject, work) : rule->literal == subject) {
      return rule->keep ? Verdict::kKept : Verdict::kIgnored;
    }
  }
  return Verdict::kNone;
}

IgnoreRules IgnoreChain::load(int directory, const char* name, Level& level) {
  const std::size_t room = kMostRuleBytes - bytes_;
  const std::string text = read_regular(directory, name, room);
  constexpr std::uint64_t kStepsPerByte = 20;
  work_.spend(1 + text.size() * kStepsPerByte);
  if (text.size() > room) {
    complete_ = false;
    return {};
  }
  level.bytes += text.size();
  bytes_ += text.size();
  return IgnoreRules(text);
}

void IgnoreChain::enter(int directory, std::string_view path) {
  Level level;
  level.base = path.size();
  level.ignore = load(directory, ".ignore", level);
  level.git = load(directory, ".gitignore", level);
  level.repository = is_repository(directory);
  if (level.repository) {
    constexpr int kFlags = O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
    const OwnedFd git(::openat(directory, ".git", kFlags));
    const OwnedFd info(git.valid() ? ::openat(git.get(), "info", kFlags) : -1);
    if (info.valid()) level.exclude = load(info.get(), "exclude", level);
  }
  levels_.push_back(std::move(level));
}

void IgnoreChain::leave() {
  bytes_ -= levels_.back().bytes;
  levels_.pop_back();
}

bool IgnoreChain::ignored(std::string_view path, bool is_directory) {
  using Verdict = IgnoreRules::Verdict;
  Verdict verdict = Verdict::kNone;
  for (auto level = levels_.rbegin(); level != levels_.rend() && verdict == Verdict::kNone;
       ++level) {
    verdict = level->ignore.judge(path.substr(level->base), is_directory, work_);
  }
  for (auto level = levels_.rbegin(); level != levels_.rend() && verdict == Verdict::kNone;
       ++level) {
    verdict = level->git.judge(path.substr(level->base), is_directory, work_);
    if (!level->repository) continue;
    if (verdict == Verdict::kNone) {
      verdict = level->exclude.judge(path.substr(level->base), is_directory, work_);
    }
    break;
  }
  return verdict == Verdict::kIgnored;
}

bool is_repository(int directory) {
  struct stat status {};
  return ::fstatat(directory, ".git", &status, AT_SYMLINK_NOFOLLOW) == 0 &&
         (S_ISDIR(status.st_mode) || S_ISREG(status.st_mode));
}

}  // namespace mayfly::files
