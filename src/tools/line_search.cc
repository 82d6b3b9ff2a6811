#include "tools/line_search.h"

#include <re2/re2.h>

#include <utility>

#include "base/text.h"
#include "tools/plain_text.h"

namespace mayfly::tools {
namespace {

constexpr std::int64_t kMostPatternMemory = 4 << 20;
// Where RE2 has no use for its cache, each byte costs a step for each instruction: a line that is
// as long as may be, half a second. "." has about ten.
constexpr int kMostInstructions = 2'000;
constexpr std::size_t kLongestLine = 64U << 10;
// Tried again whenever it has grown, so that trying all of its beginnings stays cheap.
constexpr std::size_t kLongestPrompt = 4U << 10;
constexpr std::size_t kShownBytes = 400;

}  // namespace

Result<std::shared_ptr<const re2::RE2>> compile_pattern(const std::string& pattern) {
  const auto refuse = [&](const std::string& message) {
    return fail(input_error(ErrorCode::kInvalidArgument, "pattern", text::shorten(pattern, 80),
                            message, "give a regular expression of RE2's syntax"));
  };
  if (pattern.empty()) return refuse("is empty");
  if (pattern.size() > kLongestPattern) {
    return refuse("is longer than " + std::to_string(kLongestPattern) + " bytes");
  }
  re2::RE2::Options options;
  options.set_log_errors(false);
  options.set_max_mem(kMostPatternMemory);
  auto compiled = std::make_shared<const re2::RE2>(pattern, options);
  if (!compiled->ok()) return refuse(text::one_line(compiled->error()));
  if (compiled->ProgramSize() > kMostInstructions) {
    return refuse("takes too long to match: it repeats too much");
  }
  return compiled;
}

void LineSearch::feed(std::string_view piece) {
  while (!match_ && !piece.empty()) {
    const std::size_t room = kLongestLine - rest_.size();
    const std::size_t line_end = piece.substr(0, room).find('\n');
    const bool whole = line_end != std::string_view::npos;
    const std::size_t taken = whole ? line_end + 1 : std::min(room, piece.size());
    const std::string_view line = piece.substr(0, taken);
    piece.remove_prefix(taken);
    if (whole && rest_.empty()) {  // most lines: not copied
      try_line(line.substr(0, line.size() - 1));
      line_start_ += line.size();
      continue;
    }
    rest_.append(line);
    if (!whole && rest_.size() < kLongestLine) return;
    try_line(whole ? std::string_view(rest_).substr(0, rest_.size() - 1) : rest_);
    line_start_ += rest_.size();
    rest_.clear();
  }
}

void LineSearch::pause() {
  if (!match_ && !rest_.empty() && rest_.size() <= kLongestPrompt) try_line(rest_);
}

void LineSearch::end() {
  if (!match_ && !rest_.empty()) try_line(rest_);
}

void LineSearch::try_line(std::string_view line) {
  if (line.ends_with('\r')) line.remove_suffix(1);
  std::string stripped;
  if (line.find('\x1b') != std::string_view::npos) {
    stripped = strip_escapes(line);
    line = stripped;
  }
  if (!re2::RE2::PartialMatch(line, *pattern_)) return;
  match_ = Match{line_start_, text::shorten(text::one_line(line), kShownBytes)};
}

}  // namespace mayfly::tools
