#include "files/canonical_text.h"

#include <algorithm>

namespace mayfly::files {
namespace {

std::size_t width(std::string_view blanks) {
  constexpr std::size_t kTab = 8;
  std::size_t column = 0;
  for (const char c : blanks) column += c == '\t' ? kTab - column % kTab : 1;
  return column;
}

}  // namespace

std::size_t CanonicalReader::skip_blanks(std::size_t at) const {
  while (at < text_.size() && is_blank(text_[at])) ++at;
  return at;
}

// Behind the line end at `at`; 0 if there is none.
std::size_t CanonicalReader::line_end(std::size_t at) const {
  if (at < text_.size() && text_[at] == '\n') return at + 1;
  if (at + 1 < text_.size() && text_[at] == '\r' && text_[at + 1] == '\n') return at + 2;
  return 0;
}

std::optional<CanonicalReader::Unit> CanonicalReader::next() {
  const std::size_t begin = at_;
  const bool blanks = likeness_ == Likeness::kBlanks;
  const std::size_t after_blanks = blanks ? skip_blanks(begin) : begin;
  if (after_blanks == text_.size()) return std::nullopt;
  if (const std::size_t end = line_end(after_blanks); end != 0) {
    at_ = end;
    line_start_ = true;
    return Unit{'\n', begin, end};
  }
  if (blanks && line_start_) {
    line_start_ = false;
    const std::size_t depth = width(text_.substr(begin, after_blanks - begin));
    const std::size_t before = depth_.value_or(depth);
    depth_ = depth;
    at_ = after_blanks;
    return Unit{depth == before ? kSameDepth : (depth < before ? kShallower : kDeeper), begin, at_};
  }
  at_ = std::max(after_blanks, begin + 1);
  return Unit{after_blanks > begin ? ' ' : text_[begin], begin, at_};
}

std::string canonical(std::string_view text, Likeness likeness) {
  std::string out;
  out.reserve(text.size());
  CanonicalReader reader(text, likeness);
  while (const auto unit = reader.next()) out += unit->c;
  return out;
}

std::string_view indentation(std::string_view line) {
  std::size_t end = 0;
  while (end < line.size() && is_blank(line[end])) ++end;
  return line.substr(0, end);
}

bool is_blank_line(std::string_view line) {
  return line.find_first_not_of(" \t\r\n") == std::string_view::npos;
}

}  // namespace mayfly::files
