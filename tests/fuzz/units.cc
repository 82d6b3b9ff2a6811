// Sizes, times, shares and counts.

#include "settings/units.h"
#include "target.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace mayfly::settings;
  using mayfly::fuzz::require;
  const std::string_view text = mayfly::fuzz::text_of(data, size);
  if (const auto bytes = parse_size(text)) {
    require(*bytes > 0 && parse_size(size_text(*bytes)) == *bytes, "a size prints to itself", text);
  }
  if (const auto time = parse_duration(text)) {
    require(time->count() > 0 && parse_duration(duration_text(*time)) == *time,
            "a time prints to itself", text);
  }
  if (const auto share = parse_percent(text)) {
    require(*share > 0 && parse_percent(percent_text(*share)) == *share, "a share prints to itself",
            text);
  }
  if (const auto count = parse_count(text)) require(*count > 0, "a count is not nothing", text);
  return 0;
}
