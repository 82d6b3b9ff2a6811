#include "files/occurrences.h"

#include <cstring>

#include "files/reindent.h"

namespace mayfly::files {
namespace {

constexpr std::size_t kNone = std::string_view::npos;

bool has(std::string_view text, std::string_view part) { return text.find(part) != kNone; }

std::string with_crlf(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c == '\n') out += '\r';
    out += c;
  }
  return out;
}

// `replacement` without a last line of nothing but blanks, if `wanted` has one too: those in the
// text stay where they are.
std::string_view without_last_blanks(std::string_view replacement, std::string_view wanted) {
  const auto last = [](std::string_view text) { return text.substr(text.rfind('\n') + 1); };
  if (!has(wanted, "\n") || !has(replacement, "\n")) return replacement;
  if (!is_blank_line(last(wanted)) || !is_blank_line(last(replacement))) return replacement;
  return replacement.substr(0, replacement.size() - last(replacement).size());
}

}  // namespace

Occurrences::Occurrences(std::string_view text, const Edit& edit, Matching matching)
    : text_(text), edit_(edit) {
  const std::string_view wanted = edit.old_text;
  if (matching == Matching::kLooseWhitespace) {
    look_for_blanks();
  } else {
    const bool crlf = has(text, "\r\n");
    const bool lines = has(wanted, "\n");
    // Byte by byte, LF at the start would be found in the middle of CR LF, and all places of a text
    // with both line ends would not be all.
    const bool misleading =
        crlf && lines && !has(wanted, "\r") && (edit.replace_all || wanted.front() == '\n');
    if (misleading || !look_for(edit.old_text)) {
      if (lines && (crlf || has(wanted, "\r\n"))) {
        likeness_ = Likeness::kLineEnds;
        canonical_ = canonical(text, *likeness_);
        look_for(canonical(wanted, *likeness_));
      }
    }
  }
  next_ = first_;
  if (likeness_) reader_.emplace(text_, *likeness_);
}

bool Occurrences::look_for(std::string needle) {
  needle_ = std::move(needle);
  first_ = find(0);
  return any();
}

void Occurrences::look_for_blanks() {
  likeness_ = Likeness::kBlanks;
  std::string needle = canonical(edit_.old_text, *likeness_);
  // Nothing but blanks is everywhere, and the marks must not be found in the text.
  if (is_blank_line(edit_.old_text)) return;
  if (edit_.old_text.find_first_of("\1\2\3") != kNone) return;
  const bool starts_with_text = needle.front() == kSameDepth;
  if (starts_with_text) needle.erase(0, 1);
  canonical_ = canonical(text_, *likeness_);
  if (look_for(needle)) return;
  // How the first line, if it may have been copied from its middle, or what is before it compares
  // with the next is not known.
  const std::size_t mark = needle.find_first_of("\1\2\3");
  const bool first_may_be_cut = indentation(edit_.old_text).empty();
  if (mark == kNone || !first_may_be_cut) return;
  if (starts_with_text && needle[mark] != kDeeper) return;
  for (const char other : {kSameDepth, kShallower, kDeeper}) {
    needle[mark] = other;
    if (look_for(needle)) return;
  }
}

// memmem() is linear whatever the two contain; std::string::find is not.
std::size_t Occurrences::find(std::size_t from) const {
  const std::string_view in = hay();
  if (needle_.empty() || from > in.size()) return kNone;
  const void* found = ::memmem(in.data() + from, in.size() - from, needle_.data(), needle_.size());
  return found == nullptr ? kNone
                          : static_cast<std::size_t>(static_cast<const char*>(found) - in.data());
}

bool Occurrences::several() const { return any() && find(first_ + 1) != kNone; }

std::vector<std::uint64_t> Occurrences::first_lines(std::size_t limit) const {
  std::vector<std::uint64_t> lines;
  std::uint64_t line = 1;
  std::size_t counted = 0;
  for (std::size_t at = first_; at != kNone && lines.size() < limit; at = find(at + 1)) {
    for (; counted < at; ++counted) line += hay()[counted] == '\n' ? 1 : 0;
    lines.push_back(line);
  }
  return lines;
}

std::optional<Occurrences::Place> Occurrences::next() {
  if (next_ == kNone) return std::nullopt;
  const std::size_t begin = next_;
  const std::size_t end = begin + needle_.size();
  next_ = find(end);
  if (!reader_) return Place{begin, end};
  Place place;
  while (read_ < end) {
    const auto unit = reader_->next();
    if (!unit) return std::nullopt;
    if (read_++ == begin) place.begin = unit->begin;
    place.end = unit->end;
  }
  if (likeness_ != Likeness::kBlanks) return place;
  // The indentation belongs to it, so that it can be changed.
  std::size_t start = place.begin;
  while (start > 0 && is_blank(text_[start - 1])) --start;
  if (at_line_start(start)) place.begin = start;
  return place;
}

bool Occurrences::at_line_start(std::size_t at) const { return at == 0 || text_[at - 1] == '\n'; }

// How lines end at a place: in it, else behind it, else before it.
bool Occurrences::crlf_at(const Place& place) {
  std::size_t end = text_.substr(place.begin, place.end - place.begin).find('\n');
  if (end != kNone) {
    end += place.begin;
  } else {
    if (line_end_ != kNone && line_end_ < place.end) line_end_ = text_.find('\n', place.end);
    if (line_end_ == kNone && !last_line_end_) last_line_end_ = text_.rfind('\n');
    end = line_end_ != kNone ? line_end_ : *last_line_end_;
  }
  return end != kNone && end > 0 && text_[end - 1] == '\r';
}

std::string Occurrences::replacement(const Place& place) {
  const std::string& wanted = edit_.old_text;
  const std::string& replacement = edit_.new_text;
  if (!has(replacement, "\n") && likeness_ != Likeness::kBlanks) return replacement;
  // Who writes CR means it, where nothing was taken for the same.
  if (!likeness_ && (has(wanted, "\r") || has(replacement, "\r"))) return replacement;
  std::string lines = canonical(replacement, Likeness::kLineEnds);
  if (likeness_ == Likeness::kBlanks) {
    lines = without_last_blanks(lines, wanted);
    const std::string_view found = text_.substr(place.begin, place.end - place.begin);
    const bool from_line_end = is_blank_line(std::string_view(wanted).substr(0, wanted.find('\n')));
    if (from_line_end || at_line_start(place.begin)) lines = reindent(lines, wanted, found);
  }
  return crlf_at(place) ? with_crlf(lines) : lines;
}

}  // namespace mayfly::files
