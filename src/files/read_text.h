#pragma once

#include "files/read.h"
#include "files/source.h"

namespace mayfly::files {

// A page of lines, into `answer`: content, its lines, where to go on, total_lines and digest.
// `charset` is the file's; `sample` is how it begins.
Status read_text(Source& source, const ReadRequest& request, Charset charset,
                 const std::string& sample, ReadAnswer& answer);

}  // namespace mayfly::files
