#include "mcp/transport/line_splitter.h"

namespace mayfly::mcp {
namespace {

std::string_view trimmed(std::string_view line) {
  constexpr std::string_view kBlank = " \t\r";
  const auto first = line.find_first_not_of(kBlank);
  if (first == std::string_view::npos) return {};
  return line.substr(first, line.find_last_not_of(kBlank) - first + 1);
}

}  // namespace

void LineSplitter::feed(std::string_view bytes) {
  constexpr std::size_t kKeptCapacity = std::size_t{1} << 20;
  buffer_.erase(0, start_);
  scanned_ -= start_;
  start_ = 0;
  // One large message must not cost its size for ever.
  if (buffer_.empty() && buffer_.capacity() > kKeptCapacity) std::string().swap(buffer_);
  buffer_.append(bytes);
}

std::optional<LineSplitter::Line> LineSplitter::next() {
  while (true) {
    const std::size_t end = buffer_.find('\n', scanned_);
    if (end == std::string::npos) break;
    const std::string_view line = std::string_view(buffer_).substr(start_, end - start_);
    start_ = scanned_ = end + 1;
    if (discarding_) {
      discarding_ = false;
      continue;
    }
    if (line.size() > limit_) return Line{{}, true};
    if (const auto text = trimmed(line); !text.empty()) return Line{text, false};
  }
  scanned_ = buffer_.size();
  if (discarding_ || pending().size() > limit_) {
    start_ = buffer_.size();
    if (!discarding_) {
      discarding_ = true;
      return Line{{}, true};
    }
  }
  return std::nullopt;
}

std::optional<LineSplitter::Line> LineSplitter::rest() {
  const auto text = discarding_ ? std::string_view() : trimmed(pending());
  start_ = scanned_ = buffer_.size();
  if (text.empty()) return std::nullopt;
  return Line{text, false};
}

}  // namespace mayfly::mcp
