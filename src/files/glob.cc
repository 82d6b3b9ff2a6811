#include "files/glob.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <cstddef>
#include <utility>

namespace mayfly::files {
namespace {

constexpr std::size_t kLongestGlob = 4096;
constexpr std::size_t kMostAlternatives = 1000;

using Test = int (*)(int);
constexpr std::array<std::pair<std::string_view, Test>, 12> kClasses = {{
    {"alnum", std::isalnum},
    {"alpha", std::isalpha},
    {"blank", std::isblank},
    {"cntrl", std::iscntrl},
    {"digit", std::isdigit},
    {"graph", std::isgraph},
    {"lower", std::islower},
    {"print", std::isprint},
    {"punct", std::ispunct},
    {"space", std::isspace},
    {"upper", std::isupper},
    {"xdigit", std::isxdigit},
}};

// Where the brace that opens at `open` closes; npos if nowhere. `commas` gets those of this level.
std::size_t closing_brace(std::string_view pattern, std::size_t open,
                          std::vector<std::size_t>& commas) {
  std::size_t depth = 0;
  for (std::size_t i = open; i < pattern.size(); ++i) {
    if (pattern[i] == '\\') {
      ++i;
    } else if (pattern[i] == '{') {
      ++depth;
    } else if (pattern[i] == '}') {
      if (--depth == 0) return i;
    } else if (pattern[i] == ',' && depth == 1) {
      commas.push_back(i);
    }
  }
  return std::string_view::npos;
}

// All that `pattern` stands for, without braces. False if that is too much.
bool expand(const std::string& pattern, std::vector<std::string>& out) {
  std::vector<std::string> todo = {pattern};
  std::size_t written = 0;
  while (!todo.empty()) {
    const std::string next = std::move(todo.back());
    todo.pop_back();
    std::size_t open = 0;
    while (open < next.size() && next[open] != '{') open += next[open] == '\\' ? 2 : 1;
    std::vector<std::size_t> commas;
    const std::size_t close =
        open < next.size() ? closing_brace(next, open, commas) : std::string::npos;
    if (close == std::string::npos) {
      out.push_back(next);
      continue;
    }
    commas.push_back(close);
    std::size_t start = open + 1;
    std::vector<std::string> parts;
    for (const std::size_t comma : commas) {
      parts.push_back(next.substr(0, open) + next.substr(start, comma - start) +
                      next.substr(close + 1));
      written += parts.back().size();
      start = comma + 1;
      if (written > kMostAlternatives * kLongestGlob) return false;
    }
    todo.insert(todo.end(), parts.rbegin(), parts.rend());
    if (todo.size() + out.size() > kMostAlternatives) return false;
  }
  return true;
}

Error bad_glob(std::string_view pattern, std::string_view message) {
  return input_error(ErrorCode::kInvalidArgument, "glob", pattern, message,
                     "use * ? [a-z] {a,b} and ** for directories, and \\ in front of a literal");
}

}  // namespace

bool Wildcard::parse_class(std::string_view pattern, std::size_t& at, Set& set) {
  std::size_t i = at + 1;
  const bool negated = i < pattern.size() && (pattern[i] == '!' || pattern[i] == '^');
  if (negated) ++i;
  const auto index = [](char c) { return std::size_t{static_cast<unsigned char>(c)}; };
  char previous = 0;
  for (bool first = true;; first = false, ++i) {
    if (i >= pattern.size()) return false;
    char c = pattern[i];
    if (c == ']' && !first) break;
    const std::size_t named_end = pattern.substr(i, 2) == "[:" ? pattern.find(']', i + 2) : 0;
    if (c == '-' && previous != 0 && i + 1 < pattern.size() && pattern[i + 1] != ']') {
      c = pattern[++i];
      if (c == '\\' && ++i < pattern.size()) c = pattern[i];
      if (i >= pattern.size()) return false;
      for (std::size_t byte = index(previous); byte <= index(c); ++byte) set.set(byte);
      previous = 0;
      continue;
    }
    if (pattern.substr(i, 2) == "[:" && named_end == std::string_view::npos) return false;
    if (named_end > i + 2 && pattern[named_end - 1] == ':') {
      const std::string_view name = pattern.substr(i + 2, named_end - 1 - (i + 2));
      const auto* found = std::find_if(kClasses.begin(), kClasses.end(),
                                       [&](const auto& known) { return known.first == name; });
      if (found == kClasses.end()) return false;
      for (int byte = 0; byte < 128; ++byte) {
        if (found->second(byte) != 0) set.set(static_cast<std::size_t>(byte));
      }
      i = named_end;
      previous = 0;
      continue;
    }
    if (c == '\\') {
      if (++i >= pattern.size()) return false;
      c = pattern[i];
    }
    set.set(index(c));
    previous = c;
  }
  if (negated) set.flip();
  at = i;
  return true;
}

std::optional<Wildcard> Wildcard::parse(std::string_view pattern, Of of) {
  using Kind = Token::Kind;
  Wildcard wildcard;
  wildcard.path_ = of == Of::kPath;
  // git compares what comes before the first special character by itself, and so takes "**" after
  // it for one that stands at the start.
  const std::size_t literal = std::min(pattern.find_first_of("*?[\\"), pattern.size());
  for (std::size_t i = 0; i < pattern.size(); ++i) {
    Token token{Kind::kByte, pattern[i]};
    if (pattern[i] == '*') {
      const std::size_t start = i;
      while (i + 1 < pattern.size() && pattern[i + 1] == '*') ++i;
      token.kind = Kind::kStar;
      const bool between = start == 0 || pattern[start - 1] == '/' || start == literal;
      if (wildcard.path_ && i > start && between) {
        if (i + 1 == pattern.size()) token.kind = Kind::kRest;
        if (i + 1 < pattern.size() && pattern[i + 1] == '/') {
          token.kind = Kind::kDirectories;
          ++i;
        }
      }
    } else if (pattern[i] == '?') {
      token.kind = Kind::kAny;
    } else if (pattern[i] == '[') {
      token.kind = Kind::kClass;
      token.set = static_cast<std::uint32_t>(wildcard.sets_.size());
      if (!parse_class(pattern, i, wildcard.sets_.emplace_back())) return std::nullopt;
    } else if (pattern[i] == '\\') {
      if (++i == pattern.size()) return std::nullopt;
      token.byte = pattern[i];
    }
    wildcard.tokens_.push_back(token);
  }
  return wildcard;
}

bool Wildcard::one(const Token& token, char c) const {
  if (token.kind == Token::Kind::kByte) return token.byte == c;
  if (path_ && c == '/') return false;
  if (token.kind == Token::Kind::kAny) return true;
  return token.kind == Token::Kind::kClass && sets_[token.set][static_cast<unsigned char>(c)];
}

// Where it goes wrong, the last star takes one byte more; where that is a '/', the last "**" takes
// one directory more. What came before these has been matched as early as can be, so nothing else
// needs to be tried again.
bool Wildcard::matches(std::string_view name, Work& work) const {
  using Kind = Token::Kind;
  constexpr std::size_t kNone = std::string_view::npos;
  std::size_t token = 0;
  std::size_t at = 0;
  std::size_t star = kNone;
  std::size_t star_at = 0;
  std::size_t directories = kNone;
  std::size_t directories_at = 0;
  while (work.spend(1)) {
    if (token == tokens_.size() && at == name.size()) return true;
    if (token < tokens_.size()) {
      const Token& next = tokens_[token];
      if (next.kind == Kind::kRest) return true;
      if (next.kind == Kind::kStar) {
        star = ++token;
        star_at = at;
        continue;
      }
      if (next.kind == Kind::kDirectories) {
        directories = ++token;
        directories_at = at;
        star = kNone;
        continue;
      }
      if (at < name.size() && one(next, name[at])) {
        ++token;
        ++at;
        continue;
      }
    }
    if (star != kNone && star_at < name.size() && !(path_ && name[star_at] == '/')) {
      token = star;
      at = ++star_at;
    } else if (directories != kNone) {
      const std::size_t slash = name.find('/', directories_at);
      if (slash == kNone) return false;
      token = directories;
      at = directories_at = slash + 1;
      star = kNone;
    } else {
      return false;
    }
  }
  return false;
}

Result<Glob> Glob::parse(std::string_view pattern) {
  Glob glob;
  if (pattern.empty()) return glob;
  if (pattern.size() > kLongestGlob) return fail(bad_glob(pattern, "is too long"));
  glob.all_ = false;
  std::string plain(pattern.substr(pattern.front() == '/' ? 1 : 0));
  glob.of_paths_ = pattern.front() == '/';
  glob.directories_only_ = !plain.empty() && plain.back() == '/';
  if (glob.directories_only_) plain.pop_back();
  glob.of_paths_ = glob.of_paths_ || plain.find('/') != std::string::npos;
  std::vector<std::string> alternatives;
  if (!expand(plain, alternatives)) {
    return fail(bad_glob(pattern, "stands for too many alternatives"));
  }
  for (const std::string& alternative : alternatives) {
    auto parsed =
        Wildcard::parse(alternative, glob.of_paths_ ? Wildcard::Of::kPath : Wildcard::Of::kName);
    if (!parsed) {
      return fail(bad_glob(pattern, "has a '[' that is not closed, or a '\\' at the end"));
    }
    glob.any_of_.push_back(*std::move(parsed));
  }
  return glob;
}

bool Glob::matches(std::string_view path, bool is_directory, Work& work) const {
  if (all_) return true;
  if (directories_only_ && !is_directory) return false;
  const std::size_t slash = path.rfind('/');
  if (!of_paths_ && slash != std::string_view::npos) path.remove_prefix(slash + 1);
  return std::any_of(any_of_.begin(), any_of_.end(),
                     [&](const Wildcard& wildcard) { return wildcard.matches(path, work); });
}

}  // namespace mayfly::files
