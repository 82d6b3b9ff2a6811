#include "tools/plain_text.h"

#include <algorithm>
#include <cstdint>

#include "base/text.h"

namespace mayfly::tools {
namespace {

constexpr char kEscape = '\x1b';
constexpr std::string_view kReplacement = "\xEF\xBF\xBD";
// An OSC or DCS that has not ended after this many bytes was none.
constexpr std::size_t kLongestString = 4096;

bool within(char c, int low, int high) {
  const int value = static_cast<unsigned char>(c);
  return value >= low && value <= high;
}

// The length of the escape sequence at the start of `bytes` (which is ESC), or 0 if it is none
// (ECMA-48). A sequence that the end of `bytes` cuts off counts as one.
std::size_t sequence_length(std::string_view bytes) {
  if (bytes.size() < 2) return bytes.size();
  std::size_t at = 2;
  switch (bytes[1]) {
    case '[':
      while (at < bytes.size() && within(bytes[at], 0x20, 0x3F)) ++at;
      if (at == bytes.size()) return at;
      return within(bytes[at], 0x40, 0x7E) ? at + 1 : 0;
    case ']':
    case 'P':
    case 'X':
    case '^':
    case '_':
      for (; at < std::min(bytes.size(), kLongestString); ++at) {
        if (bytes[at] == '\a') return at + 1;
        if (bytes[at] == kEscape) {
          return at + 1 < bytes.size() && bytes[at + 1] == '\\' ? at + 2 : at;
        }
      }
      return 0;
    default:
      at = 1;
      while (at < bytes.size() && within(bytes[at], 0x20, 0x2F)) ++at;
      if (at == bytes.size()) return at;
      return within(bytes[at], 0x30, 0x7E) ? at + 1 : 0;
  }
}

// How long the UTF-8 sequence that starts with `lead` should be; 1 for what starts none.
std::size_t wanted_length(char lead) {
  if (within(lead, 0xC2, 0xDF)) return 2;
  if (within(lead, 0xE0, 0xEF)) return 3;
  if (within(lead, 0xF0, 0xF4)) return 4;
  return 1;
}

bool is_continuation(char c) { return within(c, 0x80, 0xBF); }

constexpr std::string_view kAlphabet =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

}  // namespace

const char* to_string(Encoding encoding) {
  switch (encoding) {
    case Encoding::kUtf8:
      return "utf-8";
    case Encoding::kRepaired:
      return "repaired";
    case Encoding::kBase64:
      return "base64";
  }
  return "utf-8";
}

bool looks_binary(std::string_view bytes) {
  std::size_t odd = 0;
  for (std::size_t at = 0; at < bytes.size();) {
    const std::size_t length = wanted_length(bytes[at]);
    if (length > 1 && text::is_utf8(bytes.substr(at, length))) {
      at += length;
      continue;
    }
    const char c = bytes[at++];
    const bool white = within(c, '\a', '\r') || c == kEscape;
    if (!white && !within(c, 0x20, 0x7E)) ++odd;
  }
  return odd * 10 > bytes.size() * 3;
}

std::string base64(std::string_view bytes) {
  std::string out;
  out.reserve((bytes.size() + 2) / 3 * 4);
  for (std::size_t at = 0; at < bytes.size(); at += 3) {
    const std::size_t left = std::min<std::size_t>(3, bytes.size() - at);
    std::uint32_t group = 0;
    for (std::size_t i = 0; i < 3; ++i) {
      group = group << 8 | (i < left ? static_cast<unsigned char>(bytes[at + i]) : 0U);
    }
    for (std::size_t i = 0; i < 4; ++i) {
      out += i <= left ? kAlphabet[group >> (18 - 6 * i) & 63U] : '=';
    }
  }
  return out;
}

std::optional<std::string> from_base64(std::string_view characters) {
  std::string out;
  out.reserve(characters.size() / 4 * 3);
  std::uint32_t group = 0;
  std::size_t count = 0;
  std::size_t padding = 0;
  for (const char c : characters) {
    if (c == ' ' || within(c, '\t', '\r')) continue;
    if (c == '=') {
      ++padding;
      continue;
    }
    const auto* const found = std::find(kAlphabet.begin(), kAlphabet.end(), c);
    if (padding > 0 || found == kAlphabet.end()) return std::nullopt;
    group = group << 6 | static_cast<std::uint32_t>(found - kAlphabet.begin());
    if (++count % 4 != 0) continue;
    for (const unsigned shift : {16U, 8U, 0U}) out += static_cast<char>(group >> shift & 0xFFU);
    group = 0;
  }
  const std::size_t rest = count % 4;
  if (rest == 1 || padding > 2 || (padding > 0 && rest + padding != 4)) return std::nullopt;
  if (rest >= 2) out += static_cast<char>(group >> (rest == 2 ? 4U : 10U) & 0xFFU);
  if (rest == 3) out += static_cast<char>(group >> 2U & 0xFFU);
  return out;
}

std::string strip_escapes(std::string_view bytes) {
  std::size_t escape = bytes.find(kEscape);
  if (escape == std::string_view::npos) return std::string(bytes);
  std::string out;
  out.reserve(bytes.size());
  while (escape != std::string_view::npos) {
    out += bytes.substr(0, escape);
    bytes.remove_prefix(escape);
    bytes.remove_prefix(std::max<std::size_t>(1, sequence_length(bytes)));
    escape = bytes.find(kEscape);
  }
  out += bytes;
  return out;
}

std::string_view whole_at_end(std::string_view bytes) {
  for (std::size_t back = 1; back <= std::min<std::size_t>(3, bytes.size()); ++back) {
    const char c = bytes[bytes.size() - back];
    if (is_continuation(c)) continue;
    return wanted_length(c) > back ? bytes.substr(0, bytes.size() - back) : bytes;
  }
  return bytes;
}

std::string_view whole_at_start(std::string_view bytes) {
  std::size_t skip = 0;
  while (skip < std::min<std::size_t>(3, bytes.size()) && is_continuation(bytes[skip])) ++skip;
  return bytes.substr(skip);
}

PlainText plain_text(std::string_view bytes, Escapes escapes) {
  std::string stripped = escapes == Escapes::kKeep ? std::string(bytes) : strip_escapes(bytes);
  PlainText out;
  if (!text::is_utf8(stripped)) {
    stripped = text::repair_utf8(stripped);
    out.encoding = Encoding::kRepaired;
  }
  for (std::size_t at = stripped.find('\0'); at != std::string::npos;
       at = stripped.find('\0', at)) {
    stripped.replace(at, 1, kReplacement);
    out.encoding = Encoding::kRepaired;
  }
  out.text = std::move(stripped);
  return out;
}

}  // namespace mayfly::tools
