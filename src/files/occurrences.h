#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "files/canonical_text.h"
#include "files/edit.h"

namespace mayfly::files {

// The places of `text` that an edit is for, in their order and without overlap, and what comes in
// their place. `text` and `edit` outlive it. Each pass takes time linear in the text.
class Occurrences {
 public:
  Occurrences(std::string_view text, const Edit& edit, Matching matching);

  bool any() const { return first_ != std::string_view::npos; }
  // Also where two overlap.
  bool several() const;
  // The lines in which the first `limit` of them start.
  std::vector<std::uint64_t> first_lines(std::size_t limit) const;

  struct Place {
    std::size_t begin = 0;
    std::size_t end = 0;
  };
  std::optional<Place> next();
  // Only for the place that next() returned last.
  std::string replacement(const Place& place);

 private:
  bool look_for(std::string needle);
  void look_for_blanks();
  std::string_view hay() const { return likeness_ ? std::string_view(canonical_) : text_; }
  std::size_t find(std::size_t from) const;
  bool at_line_start(std::size_t at) const;
  bool crlf_at(const Place& place);

  std::string_view text_;
  const Edit& edit_;
  std::optional<Likeness> likeness_;  // empty: byte by byte
  std::string canonical_;
  std::string needle_;
  std::size_t first_ = std::string_view::npos;  // in hay()
  std::size_t next_ = 0;
  std::optional<CanonicalReader> reader_;     // where hay() was taken from
  std::size_t read_ = 0;                      // characters of hay() that it has passed
  std::size_t line_end_ = 0;                  // the first at or after the last place
  std::optional<std::size_t> last_line_end_;  // of the text, once it was looked for
};

}  // namespace mayfly::files
