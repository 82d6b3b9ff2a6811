#include "files/line_diff.h"

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <numeric>
#include <span>

namespace mayfly::files {
namespace {

// Equal lines get equal numbers. By sorting, not hashing: the lines may have been chosen to
// collide.
struct Numbered {
  std::vector<std::uint32_t> before;
  std::vector<std::uint32_t> after;
  std::uint32_t count = 0;
};

Numbered number_lines(const std::vector<std::string_view>& before,
                      const std::vector<std::string_view>& after) {
  const auto line = [&](std::size_t i) {
    return i < before.size() ? before[i] : after[i - before.size()];
  };
  std::vector<std::uint32_t> order(before.size() + after.size());
  std::iota(order.begin(), order.end(), 0U);
  std::sort(order.begin(), order.end(), [&](std::uint32_t a, std::uint32_t b) {
    const std::string_view left = line(a);
    const std::string_view right = line(b);
    return left.size() != right.size() ? left.size() < right.size() : left < right;
  });
  Numbered numbered{std::vector<std::uint32_t>(before.size()),
                    std::vector<std::uint32_t>(after.size()), 0};
  for (std::size_t i = 0; i < order.size(); ++i) {
    if (i > 0 && line(order[i]) != line(order[i - 1])) ++numbered.count;
    const std::uint32_t at = order[i];
    (at < before.size() ? numbered.before[at] : numbered.after[at - before.size()]) =
        numbered.count;
  }
  ++numbered.count;
  return numbered;
}

// Lines of one side whose number occurs on the other, and where they were. The rest is certain to
// be removed or added, and need not be compared.
struct Side {
  std::vector<std::uint32_t> lines;
  std::vector<std::uint32_t> positions;

  Side(const std::vector<std::uint32_t>& own, const std::vector<std::uint32_t>& other,
       std::uint32_t count, std::vector<bool>& differs) {
    std::vector<bool> common(count);
    for (const std::uint32_t line : other) common[line] = true;
    differs.assign(own.size(), true);
    for (std::size_t i = 0; i < own.size(); ++i) {
      if (!common[own[i]]) continue;
      lines.push_back(own[i]);
      positions.push_back(static_cast<std::uint32_t>(i));
    }
  }
};

using Length = std::int64_t;
using Box = std::span<const std::uint32_t>;

// E. Myers, An O(ND) Difference Algorithm and Its Variations (1986), section 4b.
class Comparison {
 public:
  Comparison(const Side& before, const Side& after, LineDiff& out, std::uint64_t work)
      : before_(before), after_(after), out_(out), work_(work) {
    const std::size_t size = 2 * (before.lines.size() + after.lines.size() + 2) + 1;
    forward_.resize(size);
    backward_.resize(size);
  }

  // Depth: the number of differences halves at each level.
  void compare(Length a, Length a_end, Length b, Length b_end) {
    while (a < a_end && b < b_end && old_line(a) == new_line(b)) keep(a++, b++);
    while (a < a_end && b < b_end && old_line(a_end - 1) == new_line(b_end - 1)) {
      keep(--a_end, --b_end);
    }
    if (a == a_end || b == b_end) return;
    const Middle middle = find_middle(a, a_end, b, b_end);
    if (!middle.found) return;
    compare(a, middle.a, b, middle.b);
    compare(middle.a, a_end, middle.b, b_end);
  }

 private:
  struct Middle {
    bool found = false;
    Length a = 0;
    Length b = 0;
  };

  std::uint32_t old_line(Length i) const { return before_.lines[static_cast<std::size_t>(i)]; }
  std::uint32_t new_line(Length i) const { return after_.lines[static_cast<std::size_t>(i)]; }

  void keep(Length a, Length b) {
    out_.removed[before_.positions[static_cast<std::size_t>(a)]] = false;
    out_.added[after_.positions[static_cast<std::size_t>(b)]] = false;
  }

  bool spend(Length steps) {
    if (work_ < static_cast<std::uint64_t>(steps)) return false;
    work_ -= static_cast<std::uint64_t>(steps);
    return true;
  }

  // A point on a shortest path through the box, about half-way: where the furthest paths from both
  // corners meet. Diagonal k is where a - b (forward), or the rest of them (backward), differ by k.
  Middle find_middle(Length a, Length a_end, Length b, Length b_end) {
    const Length n = a_end - a;
    const Length m = b_end - b;
    const Length delta = n - m;
    const Length most = (n + m + 1) / 2;
    const Length origin = most + 1;
    const auto ahead = [&](Length k) -> Length& {
      return forward_[static_cast<std::size_t>(origin + k)];
    };
    const auto behind = [&](Length k) -> Length& {
      return backward_[static_cast<std::size_t>(origin + k)];
    };
    ahead(1) = 0;
    behind(1) = 0;
    for (Length d = 0; d <= most; ++d) {
      if (!spend(4 * (d + 1))) return {};
      for (Length k = -d; k <= d; k += 2) {
        // Diagonals outside the box lead nowhere.
        if (k > n || k < -m) continue;
        const bool down = k == -d || k == -m || (k != d && k != n && ahead(k - 1) < ahead(k + 1));
        Length x = down ? ahead(k + 1) : ahead(k - 1) + 1;
        const Length start = x;
        while (x < n && x - k < m && old_line(a + x) == new_line(b + x - k)) ++x;
        if (!spend(x - start)) return {};
        ahead(k) = x;
        const Length other = delta - k;
        if (delta % 2 != 0 && other >= -(d - 1) && other <= d - 1 && other >= -m && other <= n &&
            x + behind(other) >= n) {
          return {true, a + start, b + start - k};
        }
      }
      for (Length k = -d; k <= d; k += 2) {
        if (k > n || k < -m) continue;
        const bool down = k == -d || k == -m || (k != d && k != n && behind(k - 1) < behind(k + 1));
        Length x = down ? behind(k + 1) : behind(k - 1) + 1;
        const Length start = x;
        while (x < n && x - k < m && old_line(a_end - 1 - x) == new_line(b_end - 1 - (x - k))) ++x;
        if (!spend(x - start)) return {};
        behind(k) = x;
        const Length other = delta - k;
        if (delta % 2 == 0 && other >= -d && other <= d && other >= -m && other <= n &&
            x + ahead(other) >= n) {
          return {true, a_end - start, b_end - (start - k)};
        }
      }
    }
    return {};
  }

  const Side& before_;
  const Side& after_;
  LineDiff& out_;
  std::uint64_t work_;
  std::vector<Length> forward_;
  std::vector<Length> backward_;
};

}  // namespace

std::vector<std::string_view> split_lines(std::string_view text) {
  std::vector<std::string_view> lines;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size() - 1) + 1;
    lines.push_back(text.substr(0, end));
    text.remove_prefix(end);
  }
  return lines;
}

LineDiff diff_lines(const std::vector<std::string_view>& before,
                    const std::vector<std::string_view>& after, std::uint64_t work) {
  LineDiff diff;
  const Numbered numbered = number_lines(before, after);
  const Side old_side(numbered.before, numbered.after, numbered.count, diff.removed);
  const Side new_side(numbered.after, numbered.before, numbered.count, diff.added);
  Comparison(old_side, new_side, diff, work)
      .compare(0, static_cast<Length>(old_side.lines.size()), 0,
               static_cast<Length>(new_side.lines.size()));
  return diff;
}

}  // namespace mayfly::files
