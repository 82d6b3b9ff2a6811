#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace mayfly::settings {

// Where the statements of a TOML text stand, so that a program can change one and leave the rest,
// comments and layout, as a person wrote it. Offsets are in bytes.
struct Statement {
  std::vector<std::string> table;  // of the header above it, or that it is; empty at the top
  std::vector<std::string> key;    // empty: it is a header
  std::size_t begin = 0;           // of its line
  std::size_t value_begin = 0;
  std::size_t value_end = 0;
  std::size_t end = 0;  // past its last line, line end included

  bool is_header() const { return key.empty(); }
  std::vector<std::string> path() const;  // table and key
};

// Of a text that parse_document takes; of any other the answer means nothing, but ends.
std::vector<Statement> outline(std::string_view text);

// The inside of a list or an inline table that begins at `open`.
struct Brackets {
  std::size_t open = 0;
  std::size_t close = 0;           // of the bracket itself
  std::size_t last_value_end = 0;  // past the last part; 0: there is none
  bool comma_after_last = false;
};
Brackets brackets_at(std::string_view text, std::size_t open);

}  // namespace mayfly::settings
