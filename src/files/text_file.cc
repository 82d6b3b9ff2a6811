#include "files/text_file.h"

#include <algorithm>
#include <iterator>

#include "base/text.h"

namespace mayfly::files {
namespace {

constexpr std::string_view kReplacement = "\xEF\xBF\xBD";
constexpr std::string_view kUtf8Mark = "\xEF\xBB\xBF";
constexpr std::string_view kLittleMark = "\xFF\xFE";
constexpr std::string_view kBigMark = "\xFE\xFF";

struct NamedCharset {
  Charset charset;
  const char* name;
};
constexpr NamedCharset kCharsets[] = {
    {Charset::kUtf8, "utf-8"},       {Charset::kUtf8Bom, "utf-8-bom"},
    {Charset::kUtf16Le, "utf-16le"}, {Charset::kUtf16Be, "utf-16be"},
    {Charset::kLatin1, "latin-1"},   {Charset::kUnknown8, "unknown-8bit"},
    {Charset::kBinary, "binary"},
};

std::string_view mark_of(Charset charset) {
  if (charset == Charset::kUtf8Bom) return kUtf8Mark;
  if (charset == Charset::kUtf16Le) return kLittleMark;
  if (charset == Charset::kUtf16Be) return kBigMark;
  return {};
}

bool is_utf16(Charset charset) {
  return charset == Charset::kUtf16Le || charset == Charset::kUtf16Be;
}

unsigned byte_at(std::string_view bytes, std::size_t at) {
  return static_cast<unsigned char>(bytes[at]);
}

void append_utf8(std::string& out, std::uint32_t code) {
  const auto put = [&](std::uint32_t byte) { out += static_cast<char>(byte); };
  if (code < 0x80) return put(code);
  if (code < 0x800) {
    put(0xC0 | code >> 6);
  } else {
    if (code < 0x10000) {
      put(0xE0 | code >> 12);
    } else {
      put(0xF0 | code >> 18);
      put(0x80 | (code >> 12 & 0x3F));
    }
    put(0x80 | (code >> 6 & 0x3F));
  }
  put(0x80 | (code & 0x3F));
}

struct Character {
  std::size_t size = 1;  // bytes taken
  std::uint32_t code = 0;
  bool broken = false;
};

Character utf16_at(std::string_view bytes, std::size_t at, Charset charset) {
  const auto unit = [&](std::size_t i) -> std::uint32_t {
    const unsigned first = byte_at(bytes, i);
    const unsigned second = byte_at(bytes, i + 1);
    return charset == Charset::kUtf16Le ? first | second << 8 : first << 8 | second;
  };
  if (at + 2 > bytes.size()) return {.size = 1, .broken = true};
  const std::uint32_t high = unit(at);
  if (high < 0xD800 || high > 0xDFFF) return {.size = 2, .code = high};
  if (high <= 0xDBFF && at + 4 <= bytes.size()) {
    const std::uint32_t low = unit(at + 2);
    if (low >= 0xDC00 && low <= 0xDFFF) {
      return {.size = 4, .code = 0x10000 + ((high - 0xD800) << 10) + (low - 0xDC00)};
    }
  }
  return {.size = 2, .broken = true};
}

// Of a well-formed sequence; its length is what text::sequence_length says.
std::uint32_t utf8_code(std::string_view sequence) {
  static constexpr unsigned kLeadBits[] = {0, 0x7F, 0x1F, 0x0F, 0x07};
  std::uint32_t code = byte_at(sequence, 0) & kLeadBits[sequence.size()];
  for (std::size_t i = 1; i < sequence.size(); ++i) {
    code = code << 6 | (byte_at(sequence, i) & 0x3F);
  }
  return code;
}

bool is_odd_control(std::uint32_t code) {
  // Text has tabs, line ends, form feeds, backspaces (man pages) and escapes (logs with colours).
  return (code < 0x20 && !(code >= 0x08 && code <= 0x0D) && code != 0x1B) || code == 0x7F;
}

bool looks_like_utf16(std::string_view bytes, Charset charset) {
  std::size_t broken = 0;
  for (std::size_t at = 2; at + 1 < bytes.size();) {
    const Character next = utf16_at(bytes, at, charset);
    // U+0000 is in no text; a mark followed by it is UTF-32, or no text at all.
    if (!next.broken && next.code == 0) return false;
    if (next.broken && at + 4 <= bytes.size()) ++broken;
    at += next.size;
  }
  return broken * 20 <= bytes.size() / 2;
}

}  // namespace

const char* to_string(Charset charset) {
  for (const NamedCharset& known : kCharsets) {
    if (known.charset == charset) return known.name;
  }
  return "";
}

std::optional<Charset> charset_named(std::string_view name) {
  for (const NamedCharset& known : kCharsets) {
    if (known.name == name) return known.charset;
  }
  return std::nullopt;
}

Charset detect(std::string_view bytes) {
  for (const Charset charset : {Charset::kUtf16Le, Charset::kUtf16Be}) {
    if (!bytes.starts_with(mark_of(charset))) continue;
    return looks_like_utf16(bytes, charset) ? charset : Charset::kBinary;
  }
  if (bytes.find('\0') != std::string_view::npos) return Charset::kBinary;
  std::size_t broken = 0;
  std::size_t controls = 0;
  for (std::size_t at = 0; at < bytes.size();) {
    const std::size_t length = text::sequence_length(bytes, at);
    if (length == 1 && is_odd_control(byte_at(bytes, at))) ++controls;
    // The end may be that of a sample, in the middle of a character.
    if (length == 0 && (bytes.size() - at > 3 || byte_at(bytes, at) < 0xC2)) ++broken;
    at += std::max<std::size_t>(length, 1);
  }
  // Compressed data has about one control character in ten bytes, and is no UTF-8.
  const std::size_t share = broken == 0 ? 3 : 20;
  if (controls * share > bytes.size()) return Charset::kBinary;
  if (broken > 0) return Charset::kUnknown8;
  return bytes.starts_with(kUtf8Mark) ? Charset::kUtf8Bom : Charset::kUtf8;
}

std::size_t mark_size(std::string_view bytes, Charset charset) {
  const std::string_view mark = mark_of(charset);
  return bytes.starts_with(mark) ? mark.size() : 0;
}

std::string decode(std::string_view bytes, Charset charset) {
  return decode_body(bytes.substr(mark_size(bytes, charset)), charset);
}

std::string decode_body(std::string_view bytes, Charset charset) {
  if (!is_utf16(charset) && charset != Charset::kLatin1) return text::repair_utf8(bytes);
  std::string out;
  out.reserve(bytes.size());
  for (std::size_t at = 0; at < bytes.size();) {
    const Character next = charset == Charset::kLatin1 ? Character{.code = byte_at(bytes, at)}
                                                       : utf16_at(bytes, at, charset);
    if (next.broken) {
      out += kReplacement;
    } else {
      append_utf8(out, next.code);
    }
    at += next.size;
  }
  return out;
}

bool decodes_exactly(std::string_view bytes, Charset charset) {
  if (charset == Charset::kLatin1) return true;
  if (!is_utf16(charset)) return text::is_utf8(bytes);
  for (std::size_t at = 0; at < bytes.size();) {
    const Character next = utf16_at(bytes, at, charset);
    if (next.broken) return false;
    at += next.size;
  }
  return true;
}

std::size_t bytes_of(std::string_view bytes, Charset charset, std::uint64_t characters) {
  std::size_t at = 0;
  for (; at < bytes.size() && characters > 0; --characters) {
    if (is_utf16(charset)) {
      at += utf16_at(bytes, at, charset).size;
    } else if (charset == Charset::kLatin1) {
      at += 1;
    } else {
      at += std::max<std::size_t>(text::sequence_length(bytes, at), 1);
    }
  }
  return at;
}

std::uint64_t count_characters(std::string_view utf8) {
  const auto starts = [](char c) { return (static_cast<unsigned char>(c) & 0xC0) != 0x80; };
  return static_cast<std::uint64_t>(std::count_if(utf8.begin(), utf8.end(), starts));
}

Result<std::string> encode(std::string_view utf8, Charset charset) {
  if (charset == Charset::kBinary) return std::string(utf8);
  if (charset == Charset::kUnknown8) {
    return fail(input_error(ErrorCode::kInvalidArgument, "", "",
                            "the file is neither UTF-8 nor UTF-16, and its encoding is not known",
                            "name the encoding if it is latin-1, or change it with run_command"));
  }
  std::string out(mark_of(charset));
  out.reserve(out.size() + utf8.size());
  std::uint64_t line = 1;
  for (std::size_t at = 0; at < utf8.size();) {
    const std::size_t length = text::sequence_length(utf8, at);
    if (length == 0) {
      return fail(input_error(ErrorCode::kInvalidArgument, "", "",
                              "the text is not valid UTF-8 in line " + std::to_string(line),
                              "send bytes as base64"));
    }
    const std::string_view sequence = utf8.substr(at, length);
    const std::uint32_t code = utf8_code(sequence);
    if (code == '\n') ++line;
    if (charset == Charset::kLatin1 && code > 0xFF) {
      return fail(input_error(
          ErrorCode::kInvalidArgument, "", "",
          "latin-1 has no \"" + std::string(sequence) + "\" (line " + std::to_string(line) + ")",
          "leave it out, or write the file as utf-8"));
    }
    const auto put_unit = [&](std::uint32_t unit) {
      const char low = static_cast<char>(unit & 0xFF);
      const char high = static_cast<char>(unit >> 8);
      out += charset == Charset::kUtf16Le ? low : high;
      out += charset == Charset::kUtf16Le ? high : low;
    };
    if (charset == Charset::kLatin1) {
      out += static_cast<char>(code);
    } else if (!is_utf16(charset)) {
      out += sequence;
    } else if (code < 0x10000) {
      put_unit(code);
    } else {
      put_unit(0xD800 + ((code - 0x10000) >> 10));
      put_unit(0xDC00 + ((code - 0x10000) & 0x3FF));
    }
    at += length;
  }
  return out;
}

}  // namespace mayfly::files
