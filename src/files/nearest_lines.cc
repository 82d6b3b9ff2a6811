#include "files/nearest_lines.h"

#include <algorithm>
#include <bitset>
#include <cctype>
#include <cstddef>
#include <vector>

#include "base/text.h"
#include "files/canonical_text.h"
#include "files/line_diff.h"

namespace mayfly::files {
namespace {

constexpr std::size_t kMostWanted = 64 * 1024;  // bytes of the wanted text that are compared
constexpr std::size_t kMostWindow = 200;        // lines
constexpr std::size_t kMostPlaces = 12;         // looked at closely
constexpr std::size_t kMostCompared = 30;       // lines of each place, for the distance
constexpr std::size_t kMostColumns = 300;
constexpr std::size_t kMostShownLines = 12;
constexpr std::size_t kMostShownChars = 1500;

char fold(char c) { return static_cast<char>(std::tolower(static_cast<unsigned char>(c))); }

// Which runs of three characters occur, without blanks and in lower case.
class Trigrams {
 public:
  void add(std::string_view line) {
    each(line, [&](std::size_t trigram) { seen_.set(trigram); });
  }
  // High for a line with many of them and little else.
  std::int64_t score(std::string_view line) const {
    std::int64_t hits = 0;
    std::int64_t misses = 0;
    each(line, [&](std::size_t trigram) { ++(seen_[trigram] ? hits : misses); });
    constexpr std::int64_t kMost = 400;
    return std::min(hits, kMost) * 4 - std::min(misses, kMost);
  }

 private:
  template <typename Each>
  static void each(std::string_view line, const Each& each) {
    std::uint32_t last = 0;
    int length = 0;
    for (const char c : line) {
      if (is_blank(c) || c == '\n' || c == '\r') continue;
      last = (last << 8U | static_cast<unsigned char>(fold(c))) & 0xFFFFFFU;
      if (++length >= 3) each((last * 2654435761U) >> 16U);
    }
  }
  std::bitset<65536> seen_;
};

struct Place {
  std::int64_t score = 0;
  std::uint64_t line = 0;  // from 0
  std::size_t begin = 0;
  std::size_t end = 0;
};

// The windows of `height` lines with the highest scores.
std::vector<Place> promising(std::string_view text, std::size_t height, const Trigrams& trigrams) {
  struct Line {
    std::int64_t score;
    std::size_t begin;
  };
  std::vector<Line> window(height, {0, 0});  // the last lines, round and round
  std::vector<Place> places;
  std::int64_t sum = 0;
  std::uint64_t number = 0;
  for (std::size_t at = 0; at < text.size(); ++number) {
    const std::size_t end = std::min(text.find('\n', at), text.size() - 1) + 1;
    Line& slot = window[number % height];
    sum -= slot.score;
    slot = {trigrams.score(text.substr(at, end - at)), at};
    sum += slot.score;
    at = end;
    if (number + 1 < height && at < text.size()) continue;
    const std::uint64_t first = number + 1 < height ? 0 : number + 1 - height;
    const Place place{sum, first, window[first % height].begin, end};
    if (places.size() == kMostPlaces && place.score <= places.back().score) continue;
    if (places.size() == kMostPlaces) places.pop_back();
    places.insert(
        std::upper_bound(places.begin(), places.end(), place,
                         [](const Place& a, const Place& b) { return a.score > b.score; }),
        place);
  }
  return places;
}

std::string_view trimmed(std::string_view line) {
  const std::size_t begin = std::min(line.find_first_not_of(" \t\r\n"), line.size());
  line.remove_prefix(begin);
  return line.substr(0, std::min(line.find_last_not_of(" \t\r\n") + 1, kMostColumns));
}

// Edits that make one of the other. `inside`: what `line` has more at both its ends is free.
std::size_t distance(std::string_view wanted, std::string_view line, bool inside) {
  std::vector<std::size_t> row(line.size() + 1);
  for (std::size_t j = 0; j <= line.size(); ++j) row[j] = inside ? 0 : j;
  for (std::size_t i = 0; i < wanted.size(); ++i) {
    std::size_t diagonal = row[0];
    row[0] = i + 1;
    for (std::size_t j = 0; j < line.size(); ++j) {
      const std::size_t substituted = diagonal + (wanted[i] == line[j] ? 0 : 1);
      diagonal = row[j + 1];
      row[j + 1] = std::min({substituted, row[j] + 1, row[j + 1] + 1});
    }
  }
  return inside ? *std::min_element(row.begin(), row.end()) : row.back();
}

// From 0 to 1.
double similarity(const std::vector<std::string_view>& wanted, std::string_view found) {
  const auto lines = split_lines(found);
  std::size_t apart = 0;
  std::size_t size = 0;
  for (std::size_t i = 0; i < std::min(wanted.size(), kMostCompared); ++i) {
    const std::string_view a = trimmed(wanted[i]);
    const std::string_view b = i < lines.size() ? trimmed(lines[i]) : "";
    const bool inside = wanted.size() == 1;
    apart += distance(a, b, inside);
    size += inside ? a.size() : std::max(a.size(), b.size());
  }
  return size == 0 ? 0 : 1 - static_cast<double>(apart) / static_cast<double>(size);
}

std::string without_blanks(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (!is_blank(c) && c != '\r') out += c;
  }
  return out;
}

std::string without_indentation(std::string_view text) {
  std::string out;
  for (const std::string_view line : split_lines(text))
    out += line.substr(indentation(line).size());
  return out;
}

std::string in_lower_case(std::string_view text) {
  std::string out(text);
  std::transform(out.begin(), out.end(), out.begin(), fold);
  return out;
}

std::string plain_punctuation(std::string_view text) {
  static constexpr std::pair<std::string_view, char> kPlain[] = {
      {"\u2018", '\''}, {"\u2019", '\''}, {"\u201C", '"'}, {"\u201D", '"'}, {"\u2010", '-'},
      {"\u2011", '-'},  {"\u2012", '-'},  {"\u2013", '-'}, {"\u2014", '-'}, {"\u00A0", ' '}};
  std::string out;
  while (!text.empty()) {
    const auto* found = std::find_if(std::begin(kPlain), std::end(kPlain),
                                     [&](const auto& p) { return text.starts_with(p.first); });
    const bool known = found != std::end(kPlain);
    out += known ? found->second : text.front();
    text.remove_prefix(known ? found->first.size() : 1);
  }
  return out;
}

std::string what_differs(std::string_view wanted, std::string_view found) {
  const auto alike = [&](auto form) { return form(found).find(form(wanted)) != std::string::npos; };
  if (alike(without_indentation)) return "only the indentation differs";
  if (alike(without_blanks)) return "only blanks, tabs or line ends differ";
  if (alike(in_lower_case)) return "only upper and lower case differ";
  if (alike(plain_punctuation)) return "only quotation marks, dashes or no-break spaces differ";
  return {};
}

bool has_line_numbers(const std::vector<std::string_view>& lines) {
  return !lines.empty() && std::all_of(lines.begin(), lines.end(), [](std::string_view line) {
    const std::size_t begin = indentation(line).size();
    const std::size_t end = line.find_first_not_of("0123456789", begin);
    return end != std::string_view::npos && end > begin && line[end] == '\t';
  });
}

std::string show(std::string_view found, std::uint64_t number, std::uint64_t& last) {
  std::string shown;
  const auto lines = split_lines(found);
  for (std::size_t i = 0; i < std::min(lines.size(), kMostShownLines); ++i) {
    std::string line = std::to_string(number + i) + "\t";
    // Tabs stay: the reader may have to copy them.
    const std::string_view text = lines[i].substr(0, lines[i].find_last_not_of("\r\n") + 1);
    bool first = true;
    for (const std::string& part : text::split(text.substr(0, 4 * kMostColumns), '\t')) {
      line += (first ? "" : "\t") + text::one_line(part);
      first = false;
    }
    line = text::shorten(line, kMostColumns);
    if (shown.size() + line.size() > kMostShownChars) break;
    shown += (shown.empty() ? "" : "\n") + line;
    last = number + i;
  }
  return shown;
}

}  // namespace

std::optional<NearestLines> nearest_lines(std::string_view text, std::string_view wanted) {
  // Blank lines at both ends say nothing about the place.
  std::vector<std::string_view> lines = split_lines(wanted.substr(0, kMostWanted));
  while (!lines.empty() && is_blank_line(lines.back())) lines.pop_back();
  const auto first = std::find_if_not(lines.begin(), lines.end(), is_blank_line);
  lines.erase(lines.begin(), first);
  if (lines.size() > kMostWindow) lines.resize(kMostWindow);
  if (lines.empty()) return std::nullopt;
  std::string core;
  Trigrams trigrams;
  for (const std::string_view line : lines) {
    core += line;
    trigrams.add(line);
  }
  core.erase(core.find_last_not_of("\r\n") + 1);

  const Place* best = nullptr;
  double best_similarity = 0.4;  // less is no help to anybody
  const std::vector<Place> places = promising(text, lines.size(), trigrams);
  for (const Place& place : places) {
    const double alike = similarity(lines, text.substr(place.begin, place.end - place.begin));
    if (alike <= best_similarity) continue;
    best_similarity = alike;
    best = &place;
  }
  NearestLines nearest;
  if (has_line_numbers(lines)) nearest.hint = "it has line numbers in front of its lines";
  if (best == nullptr) return nearest.hint.empty() ? std::nullopt : std::optional(nearest);
  const std::string_view found = text.substr(best->begin, best->end - best->begin);
  nearest.first = best->line + 1;
  nearest.shown = show(found, nearest.first, nearest.last);
  if (nearest.hint.empty() && found.size() <= 4 * kMostWanted) {
    nearest.hint = what_differs(core, found);
  }
  return nearest;
}

}  // namespace mayfly::files
