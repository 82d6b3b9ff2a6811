#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace mayfly::tools {

// How the bytes of a program became a JSON string.
enum class Encoding {
  kUtf8,      // as they were, without escape sequences
  kRepaired,  // some bytes were not UTF-8, or were NUL: each is U+FFFD
  kBase64,    // not text
};
// "utf-8", "repaired", "base64".
const char* to_string(Encoding encoding);

// More than three bytes in ten are no text: NUL, control characters, or not UTF-8.
bool looks_binary(std::string_view bytes);

std::string base64(std::string_view bytes);
// Back. Line ends and blanks between characters are left out, and "=" at the end may be missing;
// nothing for anything else that is no base64.
std::optional<std::string> from_base64(std::string_view characters);

// Without terminal escape sequences: CSI (colours, cursor), OSC (titles, links), DCS and their
// like. What only looks like the start of one, and never ends, loses its ESC and stays.
std::string strip_escapes(std::string_view bytes);

// The largest prefix that does not end inside a UTF-8 sequence, and the smallest suffix that does
// not begin inside one. At most three bytes are dropped, so bytes that are no UTF-8 stay too.
std::string_view whole_at_end(std::string_view bytes);
std::string_view whole_at_start(std::string_view bytes);

struct PlainText {
  std::string text;
  Encoding encoding = Encoding::kUtf8;
};

// Whether escape sequences stay, for a reader who asked for them.
enum class Escapes { kStrip, kKeep };

// Text for a model: without escape sequences, every other byte that is not text made visible.
PlainText plain_text(std::string_view bytes, Escapes escapes = Escapes::kStrip);

}  // namespace mayfly::tools
