#include "sandbox/git_config.h"

#include <algorithm>
#include <cctype>

namespace mayfly::sandbox {
namespace {

bool is_name_byte(char c) { return std::isalnum(static_cast<unsigned char>(c)) || c == '-'; }
bool is_blank(char c) { return c == ' ' || c == '\t' || c == '\r'; }
char lower(char c) { return static_cast<char>(std::tolower(static_cast<unsigned char>(c))); }

class Parser {
 public:
  explicit Parser(std::string_view text) : text_(text) {}

  Result<std::vector<GitConfigEntry>> parse() {
    if (text_.find('\0') != std::string_view::npos) return fail(error("a NUL byte"));
    std::vector<GitConfigEntry> entries;
    while (true) {
      skip_blank_and_comments();
      if (at_end()) return entries;
      if (peek() == '[') {
        TRY(section());
      } else {
        entries.push_back(TRY(entry()));
      }
    }
  }

 private:
  bool at_end() const { return position_ >= text_.size(); }
  char peek() const { return text_[position_]; }
  char next() {
    if (text_[position_] == '\n') ++line_;
    return text_[position_++];
  }

  Error error(const std::string& what) const {
    return input_error(ErrorCode::kInvalidConfiguration, "", "",
                       "git configuration, line " + std::to_string(line_) + ": " + what, "");
  }

  void skip_line() {
    while (!at_end() && peek() != '\n') next();
  }

  void skip_blank_and_comments() {
    while (!at_end()) {
      if (is_blank(peek()) || peek() == '\n') {
        next();
      } else if (peek() == '#' || peek() == ';') {
        skip_line();
      } else {
        return;
      }
    }
  }

  // [name], [name.sub] (old style: git lowers it) or [name "Sub \"section\""].
  Status section() {
    next();
    std::string name;
    while (!at_end() && (is_name_byte(peek()) || peek() == '.')) name += lower(next());
    if (name.empty()) return fail(error("a section without a name"));
    std::string subsection;
    bool quoted = false;
    while (!at_end() && (peek() == ' ' || peek() == '\t')) next();
    if (!at_end() && peek() == '"') {
      quoted = true;
      next();
      while (true) {
        if (at_end() || peek() == '\n') return fail(error("an unfinished section name"));
        char c = next();
        if (c == '"') break;
        if (c == '\\') {
          if (at_end() || peek() == '\n') return fail(error("an unfinished section name"));
          c = next();
        }
        subsection += c;
      }
    }
    if (at_end() || next() != ']') return fail(error("a section that does not end with ]"));
    prefix_ = quoted ? name + "." + subsection + "." : name + ".";
    return {};
  }

  Result<GitConfigEntry> entry() {
    if (!std::isalpha(static_cast<unsigned char>(peek()))) {
      return fail(error("neither a section, a key nor a comment"));
    }
    if (prefix_.empty()) return fail(error("a key outside of any section"));
    std::string name;
    while (!at_end() && is_name_byte(peek())) name += lower(next());
    while (!at_end() && is_blank(peek())) next();
    if (at_end() || peek() == '\n') return GitConfigEntry{prefix_ + name, "true"};
    if (peek() == '#' || peek() == ';') {
      skip_line();
      return GitConfigEntry{prefix_ + name, "true"};
    }
    if (next() != '=') return fail(error("a key without ="));
    return GitConfigEntry{prefix_ + name, TRY(value())};
  }

  // Trailing blanks go, unless quoted; a backslash at the end of a line continues the value.
  Result<std::string> value() {
    std::string result;
    std::size_t keep = 0;
    bool quoted = false;
    while (!at_end() && is_blank(peek())) next();
    while (true) {
      if (at_end() || peek() == '\n') {
        if (quoted) return fail(error("an unfinished quote"));
        break;
      }
      char c = next();
      if (!quoted && (c == '#' || c == ';')) {
        skip_line();
        break;
      }
      if (c == '"') {
        quoted = !quoted;
        keep = result.size();
        continue;
      }
      if (c == '\\') {
        if (!at_end() && peek() == '\r') next();
        if (at_end()) return fail(error("a backslash at the end"));
        c = next();
        if (c == '\n') continue;
        if (c == 't')
          c = '\t';
        else if (c == 'n')
          c = '\n';
        else if (c == 'b')
          c = '\b';
        else if (c != '\\' && c != '"')
          return fail(error("an unknown escape"));
        result += c;
        keep = result.size();
        continue;
      }
      result += c;
      if (quoted || !is_blank(c)) keep = result.size();
    }
    result.resize(keep);
    return result;
  }

  std::string_view text_;
  std::size_t position_ = 0;
  int line_ = 1;
  std::string prefix_;
};

}  // namespace

Result<std::vector<GitConfigEntry>> parse_git_config(std::string_view text) {
  return Parser(text).parse();
}

Result<std::vector<std::string>> dangerous_changes(std::string_view before, std::string_view after,
                                                   const std::string& workspace) {
  const std::vector<GitConfigEntry> now = TRY(parse_git_config(after));
  const std::vector<GitConfigEntry> was =
      parse_git_config(before).value_or(std::vector<GitConfigEntry>{});
  std::vector<std::string> keys;
  for (const GitConfigEntry& entry : now) {
    if (classify(entry, workspace) == GitKeyEffect::kHarmless) continue;
    if (std::find(was.begin(), was.end(), entry) != was.end()) continue;
    if (std::find(keys.begin(), keys.end(), entry.key) == keys.end()) keys.push_back(entry.key);
  }
  return keys;
}

}  // namespace mayfly::sandbox
