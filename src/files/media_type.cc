#include "files/media_type.h"

#include <cstdint>

namespace mayfly::files {
namespace {

using namespace std::string_view_literals;

bool has_at(std::string_view bytes, std::size_t at, std::string_view part) {
  return bytes.size() >= at && bytes.substr(at).starts_with(part);
}

unsigned byte_at(std::string_view bytes, std::size_t at) {
  return at < bytes.size() ? static_cast<unsigned char>(bytes[at]) : 0U;
}

// Four bytes, the most significant first, that are neither 0 nor past what the format allows.
bool is_png_extent(std::string_view bytes, std::size_t at) {
  const std::uint32_t value = byte_at(bytes, at) << 24 | byte_at(bytes, at + 1) << 16 |
                              byte_at(bytes, at + 2) << 8 | byte_at(bytes, at + 3);
  return value > 0 && value <= 0x7FFFFFFF;
}

bool is_png(std::string_view bytes) {
  return bytes.starts_with("\x89PNG\r\n\x1A\n\0\0\0\x0DIHDR"sv) && is_png_extent(bytes, 16) &&
         is_png_extent(bytes, 20);
}

// After the start of image comes a segment: an application's, a comment, tables, or the frame.
bool is_jpeg(std::string_view bytes) {
  if (!bytes.starts_with("\xFF\xD8\xFF"sv)) return false;
  const unsigned marker = byte_at(bytes, 3);
  const unsigned length = byte_at(bytes, 4) << 8 | byte_at(bytes, 5);
  return length >= 2 && ((marker >= 0xC0 && marker <= 0xCF) || marker == 0xDB || marker == 0xDD ||
                         (marker >= 0xE0 && marker <= 0xEF) || marker == 0xFE);
}

bool is_gif(std::string_view bytes) {
  if (!bytes.starts_with("GIF87a") && !bytes.starts_with("GIF89a")) return false;
  const unsigned width = byte_at(bytes, 6) | byte_at(bytes, 7) << 8;
  const unsigned height = byte_at(bytes, 8) | byte_at(bytes, 9) << 8;
  return bytes.size() >= 13 && width > 0 && height > 0;
}

bool is_webp(std::string_view bytes) {
  return bytes.size() >= 20 && bytes.starts_with("RIFF") && has_at(bytes, 8, "WEBP") &&
         (has_at(bytes, 12, "VP8 ") || has_at(bytes, 12, "VP8L") || has_at(bytes, 12, "VP8X"));
}

struct Magic {
  std::size_t at;
  std::string_view bytes;
  const char* type;
};

constexpr Magic kMagics[] = {
    {0, "%PDF-"sv, "application/pdf"},
    {0, "PK\x03\x04"sv, "application/zip"},
    {0, "PK\x05\x06"sv, "application/zip"},
    {0, "\x1F\x8B\x08"sv, "application/gzip"},
    {0,
     "\xFD"
     "7zXZ\0"sv,
     "application/x-xz"},
    {0, "BZh"sv, "application/x-bzip2"},
    {0, "\x28\xB5\x2F\xFD"sv, "application/zstd"},
    {257, "ustar"sv, "application/x-tar"},
    {0,
     "\x7F"
     "ELF"sv,
     "application/x-executable"},
    {0, "\0asm"sv, "application/wasm"},
    {0, "SQLite format 3\0"sv, "application/vnd.sqlite3"},
    {0, "OggS"sv, "audio/ogg"},
    {0, "ID3"sv, "audio/mpeg"},
    {4, "ftyp"sv, "video/mp4"},
    {0, "wOF2"sv, "font/woff2"},
    {0, "BM"sv, "image/bmp"},
    {0, "II*\0"sv, "image/tiff"},
    {0, "MM\0*"sv, "image/tiff"},
};

}  // namespace

std::string image_type(std::string_view bytes) {
  if (is_png(bytes)) return "image/png";
  if (is_jpeg(bytes)) return "image/jpeg";
  if (is_gif(bytes)) return "image/gif";
  if (is_webp(bytes)) return "image/webp";
  return {};
}

std::string media_type(std::string_view bytes) {
  if (std::string image = image_type(bytes); !image.empty()) return image;
  for (const Magic& magic : kMagics) {
    if (has_at(bytes, magic.at, magic.bytes)) return magic.type;
  }
  return {};
}

}  // namespace mayfly::files
