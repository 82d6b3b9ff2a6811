#include "settings/outline.h"

#include <algorithm>

namespace mayfly::settings {
namespace {

bool is_blank(char c) { return c == ' ' || c == '\t' || c == '\r'; }

std::size_t past_line(std::string_view text, std::size_t at) {
  const std::size_t end = text.find('\n', at);
  return end == std::string_view::npos ? text.size() : end + 1;
}

std::size_t past_blanks(std::string_view text, std::size_t at) {
  while (at < text.size() && is_blank(text[at])) ++at;
  return at;
}

// Past a string of any of the four kinds.
std::size_t past_string(std::string_view text, std::size_t at) {
  const char quote = text[at];
  const bool escapes = quote == '"';
  const std::string three(3, quote);
  const bool long_one = text.substr(at).starts_with(three);
  at += long_one ? 3 : 1;
  while (at < text.size()) {
    if (escapes && text[at] == '\\') {
      at += 2;
    } else if (long_one && text.substr(at).starts_with(three)) {
      at += 3;
      // Up to two quotes may stand right before the closing three.
      while (at < text.size() && text[at] == quote) ++at;
      return at;
    } else if (!long_one && text[at] == quote) {
      return at + 1;
    } else {
      ++at;
    }
  }
  return text.size();
}

std::size_t past_value(std::string_view text, std::size_t at) {
  if (at >= text.size()) return text.size();
  if (text[at] == '"' || text[at] == '\'') return past_string(text, at);
  if (text[at] == '[' || text[at] == '{') {
    return std::min(brackets_at(text, at).close + 1, text.size());
  }
  const std::size_t end = std::min(text.find_first_of(",]}#\n", at), text.size());
  std::size_t last = end;
  while (last > at && is_blank(text[last - 1])) --last;
  return last;
}

// A bare, quoted or dotted key; `at` ends past it.
std::vector<std::string> take_key(std::string_view text, std::size_t& at) {
  std::vector<std::string> parts;
  while (at < text.size()) {
    at = past_blanks(text, at);
    const std::size_t begin = at;
    if (at < text.size() && (text[at] == '"' || text[at] == '\'')) {
      at = past_string(text, at);
      parts.emplace_back(text.substr(begin + 1, at - begin - 2));
    } else {
      at = std::min(text.find_first_of(".=] \t\r\n", at), text.size());
      parts.emplace_back(text.substr(begin, at - begin));
    }
    at = past_blanks(text, at);
    if (at >= text.size() || text[at] != '.') break;
    ++at;
  }
  return parts;
}

}  // namespace

std::vector<std::string> Statement::path() const {
  std::vector<std::string> out = table;
  out.insert(out.end(), key.begin(), key.end());
  return out;
}

Brackets brackets_at(std::string_view text, std::size_t open) {
  Brackets out;
  out.open = open;
  // Not past_value for what is inside: deep nesting must not become deep recursion.
  std::size_t depth = 0;
  std::size_t at = open;
  while (at < text.size()) {
    const char c = text[at];
    std::size_t next = at + 1;
    bool part = false;
    if (c == '"' || c == '\'') {
      next = past_string(text, at);
      part = true;
    } else if (c == '#') {
      next = past_line(text, at);
    } else if (c == '[' || c == '{') {
      ++depth;
    } else if (c == ']' || c == '}') {
      if (--depth == 0) {
        out.close = at;
        return out;
      }
      part = true;
    } else if (c == ',') {
      if (depth == 1) out.comma_after_last = true;
    } else {
      part = !is_blank(c) && c != '\n';
    }
    if (part && depth >= 1) {
      out.last_value_end = next;
      out.comma_after_last = false;
    }
    at = next;
  }
  out.close = text.size();
  return out;
}

std::vector<Statement> outline(std::string_view text) {
  std::vector<Statement> out;
  std::vector<std::string> table;
  std::size_t at = text.starts_with("\xEF\xBB\xBF") ? 3 : 0;
  while (at < text.size()) {
    const std::size_t begin = at;
    at = past_blanks(text, at);
    if (at >= text.size() || text[at] == '#' || text[at] == '\n') {
      at = past_line(text, at);
      continue;
    }
    Statement statement;
    statement.begin = begin;
    if (text[at] == '[') {
      at += text.substr(at).starts_with("[[") ? 2 : 1;
      table = take_key(text, at);
      statement.value_begin = statement.value_end = at;
    } else {
      statement.key = take_key(text, at);
      at = past_blanks(text, std::min(at + 1, text.size()));  // past '='
      statement.value_begin = at;
      at = statement.value_end = past_value(text, at);
    }
    statement.table = table;
    at = past_line(text, at);
    statement.end = at;
    out.push_back(std::move(statement));
  }
  return out;
}

}  // namespace mayfly::settings
