#include "files/unified_diff.h"

#include <algorithm>
#include <cstddef>
#include <limits>
#include <vector>

#include "base/text.h"
#include "files/edit.h"
#include "files/line_diff.h"

namespace mayfly::files {
namespace {

constexpr std::size_t kContext = 3;
// Above this many changed lines, or this much work, the changed part is not looked into.
constexpr std::size_t kMostLines = 200'000;
constexpr std::uint64_t kMostWork = 50'000'000;

std::size_t count_lines(std::string_view text) {
  return static_cast<std::size_t>(std::count(text.begin(), text.end(), '\n'));
}

// The start of the line before the one that starts at `at`, `lines` times.
std::size_t step_back(std::string_view text, std::size_t at, std::size_t lines) {
  for (; lines > 0 && at > 0; --lines) {
    const std::size_t end = at < 2 ? std::string_view::npos : text.rfind('\n', at - 2);
    at = end == std::string_view::npos ? 0 : end + 1;
  }
  return at;
}

std::size_t step_ahead(std::string_view text, std::size_t at, std::size_t lines) {
  for (; lines > 0 && at < text.size(); --lines) {
    const std::size_t end = text.find('\n', at);
    at = end == std::string_view::npos ? text.size() : end + 1;
  }
  return at;
}

// The part in which two texts differ, at line borders: [begin, text.size() - rest) of each.
struct Changed {
  std::size_t begin = 0;
  std::size_t rest = 0;
};

Changed changed_part(std::string_view before, std::string_view after) {
  const auto differ = std::mismatch(before.begin(), before.end(), after.begin(), after.end());
  const auto same = static_cast<std::size_t>(differ.first - before.begin());
  Changed changed;
  const std::size_t line = before.substr(0, same).rfind('\n');
  changed.begin = line == std::string_view::npos ? 0 : line + 1;

  const std::size_t most = std::min(before.size(), after.size()) - changed.begin;
  std::size_t rest = 0;
  while (rest < most && before[before.size() - 1 - rest] == after[after.size() - 1 - rest]) ++rest;
  const auto starts_line = [](std::string_view text, std::size_t at) {
    return at == 0 || text[at - 1] == '\n';
  };
  if (!starts_line(before, before.size() - rest) || !starts_line(after, after.size() - rest)) {
    const std::size_t end = before.find('\n', before.size() - rest);
    rest = end == std::string_view::npos ? 0 : before.size() - end - 1;
  }
  changed.rest = rest;
  return changed;
}

// A file's name as git writes it: in quotes where it would break the line.
std::string header_name(char side, const std::string& name) {
  const std::string plain = std::string(1, side) + "/" + name;
  const bool utf8 = text::is_utf8(name);
  std::string quoted = "\"";
  bool special = false;
  for (const char c : plain) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      quoted += {'\\', c};
      special = true;
    } else if (byte < 0x20 || byte == 0x7f || (byte >= 0x80 && !utf8)) {
      quoted += {'\\', static_cast<char>('0' + byte / 64), static_cast<char>('0' + byte / 8 % 8),
                 static_cast<char>('0' + byte % 8)};
      special = true;
    } else {
      quoted += c;
    }
  }
  if (special) return quoted + "\"";
  return name.find(' ') == std::string::npos ? plain : plain + "\t";
}

class Writer {
 public:
  explicit Writer(std::uint64_t max) : max_(max) {}

  void line(char sign, std::string_view line) {
    if (out_.cut) return;
    std::string_view end;
    if (sign != '@' && (line.empty() || line.back() != '\n')) {
      end = "\n\\ No newline at end of file\n";
    }
    const std::size_t size = (sign == '@' ? 0 : 1) + line.size() + end.size();
    if (out_.text.size() + size > max_) {
      out_.cut = true;
      return;
    }
    if (sign != '@') out_.text += sign;
    out_.text.append(line).append(end);
  }
  void raw(const std::string& text) { line('@', text); }
  bool cut() const { return out_.cut; }
  CutDiff take() { return std::move(out_); }

 private:
  std::uint64_t max_;
  CutDiff out_;
};

std::string range(std::size_t start, std::size_t count) {
  // A side without lines is named by the line before it.
  return std::to_string(count == 0 ? start : start + 1) + "," + std::to_string(count);
}

void write_hunks(const std::vector<std::string_view>& before,
                 const std::vector<std::string_view>& after, const LineDiff& diff,
                 std::size_t line_offset, Writer& out) {
  const auto removed = [&](std::size_t i) { return i < before.size() && diff.removed[i]; };
  const auto added = [&](std::size_t i) { return i < after.size() && diff.added[i]; };
  std::size_t a = 0;
  std::size_t b = 0;
  while (!out.cut()) {
    while (a < before.size() && !removed(a) && !added(b)) ++a, ++b;
    if (!removed(a) && !added(b)) return;
    const std::size_t lead = std::min(a, kContext);
    std::size_t a_end = a;
    std::size_t b_end = b;
    for (std::size_t quiet = 0; quiet <= 2 * kContext;) {
      if (removed(a_end)) {
        ++a_end;
        quiet = 0;
      } else if (added(b_end)) {
        ++b_end;
        quiet = 0;
      } else if (a_end < before.size()) {
        ++a_end, ++b_end, ++quiet;
      } else {
        break;
      }
    }
    // What follows the last change, down to the context.
    std::size_t tail = 0;
    while (a_end > a && b_end > b && !removed(a_end - 1) && !added(b_end - 1)) {
      --a_end, --b_end, ++tail;
    }
    const std::size_t keep = std::min(tail, kContext);
    a_end += keep, b_end += keep;
    a -= lead, b -= lead;
    out.raw("@@ -" + range(line_offset + a, a_end - a) + " +" + range(line_offset + b, b_end - b) +
            " @@\n");
    while (a < a_end || b < b_end) {
      if (removed(a) && a < a_end) {
        out.line('-', before[a++]);
      } else if (added(b) && b < b_end) {
        out.line('+', after[b++]);
      } else {
        out.line(' ', before[a]);
        ++a, ++b;
      }
    }
  }
}

}  // namespace

CutDiff unified_diff(std::string_view before, std::string_view after, const std::string& name,
                     std::uint64_t max_chars) {
  if (before == after) return {};
  Writer out(max_chars);
  out.raw("--- " + header_name('a', name) + "\n");
  out.raw("+++ " + header_name('b', name) + "\n");
  const Changed changed = changed_part(before, after);
  const std::size_t begin = step_back(before, changed.begin, kContext);
  const std::size_t offset = count_lines(before.substr(0, begin));
  const std::size_t context =
      step_ahead(before, before.size() - changed.rest, kContext) - (before.size() - changed.rest);
  const auto middle = [&](std::string_view text) {
    return text.substr(begin, text.size() - changed.rest + context - begin);
  };
  const std::string_view old_part = middle(before);
  const std::string_view new_part = middle(after);
  const auto changed_lines = [&](std::string_view text) {
    return text.substr(changed.begin, text.size() - changed.rest - changed.begin);
  };
  if (count_lines(old_part) <= kMostLines && count_lines(new_part) <= kMostLines) {
    const auto old_lines = split_lines(old_part);
    const auto new_lines = split_lines(new_part);
    write_hunks(old_lines, new_lines, diff_lines(old_lines, new_lines, kMostWork), offset, out);
    return out.take();
  }
  // Without a list of lines: a text of nothing but line ends would need sixteen times its size.
  const auto lines_in = [](std::string_view text) {
    return count_lines(text) + (!text.empty() && text.back() != '\n' ? 1 : 0);
  };
  out.raw("@@ -" + range(offset, lines_in(old_part)) + " +" + range(offset, lines_in(new_part)) +
          " @@\n");
  const auto write_all = [&](char sign, std::string_view text) {
    while (!text.empty() && !out.cut()) {
      const std::size_t end = std::min(text.find('\n'), text.size() - 1) + 1;
      out.line(sign, text.substr(0, end));
      text.remove_prefix(end);
    }
  };
  write_all(' ', before.substr(begin, changed.begin - begin));
  write_all('-', changed_lines(before));
  write_all('+', changed_lines(after));
  write_all(' ', before.substr(before.size() - changed.rest, context));
  return out.take();
}

std::string unified_diff(std::string_view before, std::string_view after, const std::string& name) {
  return unified_diff(before, after, name, std::numeric_limits<std::uint64_t>::max()).text;
}

}  // namespace mayfly::files
