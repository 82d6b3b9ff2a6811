#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace mayfly::text {

// `bytes` as valid UTF-8: each byte that is not part of a well-formed sequence (RFC 3629: no
// overlong forms, no surrogates, at most U+10FFFF) becomes U+FFFD.
std::string repair_utf8(std::string_view bytes);
bool is_utf8(std::string_view bytes);
// The length of the well-formed sequence that starts at `at`, or 0.
std::size_t sequence_length(std::string_view bytes, std::size_t at);

// `bytes` as one printable line: control characters become \n, \t, \xNN; invalid UTF-8 is repaired.
// For paths and arguments that come from a program and go to a person or a model.
std::string one_line(std::string_view bytes);

// At most `limit` bytes, cut at a character's border, with "…" where something was cut.
std::string shorten(std::string_view utf8, std::size_t limit);

// The largest n <= `limit` such that utf8.substr(0, n) ends between two characters.
std::size_t floor_boundary(std::string_view utf8, std::size_t limit);
// The smallest n >= `start` such that utf8.substr(n) starts at a character.
std::size_t ceil_boundary(std::string_view utf8, std::size_t start);

// "512 B", "3 MiB", "1.5 GiB": powers of 1024, at most one decimal.
std::string human_bytes(unsigned long long bytes);

std::vector<std::string> split(std::string_view text, char separator);
std::string join(const std::vector<std::string>& parts, std::string_view separator);

// `word` as shells take it for one word that means itself.
std::string for_shell(std::string_view word);

// Whether shells take it as the name of a variable: letters, digits and _, no digit first.
bool is_variable_name(std::string_view name);

// The candidate nearest to `word` by edit distance, or empty if none is near enough to suggest.
std::string nearest(std::string_view word, const std::vector<std::string>& candidates);

}  // namespace mayfly::text
