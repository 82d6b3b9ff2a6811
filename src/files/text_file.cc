#include "files/text_file.h"

namespace mayfly::files {

const char* to_string(Charset charset) {
  switch (charset) {
    case Charset::kUtf8:
      return "utf-8";
    case Charset::kUtf8Bom:
      return "utf-8-bom";
    case Charset::kUtf16Le:
      return "utf-16le";
    case Charset::kUtf16Be:
      return "utf-16be";
    case Charset::kLatin1:
      return "latin-1";
    case Charset::kUnknown8:
      return "unknown-8bit";
    case Charset::kBinary:
      return "binary";
  }
  return "";
}

}  // namespace mayfly::files
