#pragma once

#include <string>
#include <string_view>

namespace mayfly::files {

// The MIME type if `bytes` begin like a PNG, JPEG, GIF or WebP file that has a picture; else empty.
// 32 bytes are enough to tell.
std::string image_type(std::string_view bytes);

// The same for images and for some archives, documents and programs that are met often.
std::string media_type(std::string_view bytes);

}  // namespace mayfly::files
