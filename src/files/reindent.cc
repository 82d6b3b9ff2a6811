#include "files/reindent.h"

#include <algorithm>
#include <cstddef>
#include <vector>

#include "files/canonical_text.h"
#include "files/line_diff.h"

namespace mayfly::files {
namespace {

std::vector<std::string_view> lines_with_text(std::string_view text) {
  std::vector<std::string_view> lines;
  while (!text.empty() && lines.size() < 2) {
    const std::size_t end = std::min(text.find('\n'), text.size() - 1) + 1;
    if (!is_blank_line(text.substr(0, end))) lines.push_back(text.substr(0, end));
    text.remove_prefix(end);
  }
  return lines;
}

bool all(std::string_view blanks, char c) {
  return blanks.find_first_not_of(c) == std::string_view::npos;
}

// The indentation that `own` becomes where `from` became `to`.
std::string moved(std::string_view own, std::string_view from, std::string_view to) {
  const std::string own_text(own);
  const auto plus = [&](std::string_view rest) { return std::string(to) + std::string(rest); };
  if (!from.empty() && !to.empty() && all(from, ' ') && all(to, '\t') &&
      from.size() % to.size() == 0 && all(own, ' ')) {
    const std::size_t unit = from.size() / to.size();
    return std::string(own.size() / unit, '\t') + std::string(own.size() % unit, ' ');
  }
  if (!from.empty() && !to.empty() && all(from, '\t') && all(to, ' ') &&
      to.size() % from.size() == 0 && all(own, '\t')) {
    return std::string(own.size() * (to.size() / from.size()), ' ');
  }
  if (own.starts_with(from)) return plus(own.substr(from.size()));
  // Less than the first line had: what can be taken away or added is.
  if (from.starts_with(to)) {
    const std::size_t surplus = from.size() - to.size();
    return own_text.substr(std::min(surplus, own_text.size()));
  }
  if (to.starts_with(from)) return std::string(to.substr(from.size())) + own_text;
  return own_text;
}

}  // namespace

std::string reindent(std::string_view replacement, std::string_view wanted,
                     std::string_view found) {
  const auto wanted_lines = lines_with_text(wanted);
  const auto found_lines = lines_with_text(found);
  if (wanted_lines.empty() || found_lines.empty()) return std::string(replacement);
  const std::string_view from = indentation(wanted_lines[0]);
  const std::string_view to = indentation(found_lines[0]);
  // Only the first line was copied without its indentation: the others have theirs.
  const bool only_first = from.empty() && wanted_lines.size() > 1 && found_lines.size() > 1 &&
                          !indentation(wanted_lines[1]).empty() &&
                          indentation(wanted_lines[1]) == indentation(found_lines[1]);
  std::string out;
  bool first = true;
  for (const std::string_view line : split_lines(replacement)) {
    if (is_blank_line(line) || (only_first && !first)) {
      out += line;
    } else {
      const std::string_view own = indentation(line);
      out.append(moved(own, from, to)).append(line.substr(own.size()));
    }
    first = false;
  }
  return out;
}

}  // namespace mayfly::files
