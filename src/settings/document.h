#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "settings/diagnostics.h"
#include "settings/location.h"

namespace mayfly::settings {

struct Node;

struct Entry {
  Located<std::string> key;
  std::unique_ptr<Node> value;
};
using Table = std::vector<Entry>;  // in the order of the text
using Array = std::vector<Node>;

// One value of a TOML text (version 1.0), with its place. Dates are no settings and do not occur.
struct Node {
  Location at;
  std::variant<std::string, std::int64_t, double, bool, Array, Table> value;

  template <typename T>
  const T* as() const {
    return std::get_if<T>(&value);
  }
};

// "a text", "a number", "a table": what somebody wrote instead of what was wanted.
const char* kind_of(const Node& node);
// The value as its text would be, short, for messages.
std::string shown(const Node& node);

inline constexpr std::size_t kMostDocumentBytes = 1U << 20;

// The tables of `text`, or nothing if it is no TOML: that is one error, since the rest of it cannot
// be understood. Dates are errors too, and left out of what comes back. Bounded: 1 MiB, lines of 16
// KiB, 256 dots in a line, 16 levels; takes time and memory in proportion to the text.
std::unique_ptr<Table> parse_document(std::string_view text, std::shared_ptr<const Source> source,
                                      Diagnostics& diagnostics);

// `text` as a TOML string, quoted and escaped; a long one over several lines.
std::string quoted(std::string_view text);
// The same on one line, as keys have to be.
std::string quoted_key(std::string_view text);

}  // namespace mayfly::settings
