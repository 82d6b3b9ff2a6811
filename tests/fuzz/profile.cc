// A profile's text. Two of them, with a line "----" between, are merged.

#include <algorithm>

#include "sandbox/profile_format.h"
#include "target.h"

namespace {

using mayfly::fuzz::require;
using mayfly::sandbox::merge_profile;
using mayfly::sandbox::parse_profile;
using mayfly::sandbox::print_profile;
using mayfly::sandbox::Profile;
using mayfly::settings::Diagnostics;

// Every error has a place and says what to do, on one line.
void check(const Diagnostics& diagnostics) {
  for (const auto& each : diagnostics.all()) {
    const std::string text = to_string(each);
    require(text.find('\n') == std::string::npos, "an error is one line", text);
    require(!each.message.empty() && !each.remedy.empty(), "an error says what to do", text);
  }
}

std::optional<Profile> parse(std::string_view text) {
  static const auto source = std::make_shared<mayfly::settings::Source>();
  Diagnostics diagnostics;
  auto profile = parse_profile(text, "fuzzed", source, diagnostics);
  require(profile.has_value() != diagnostics.failed(), "a profile, or what is wrong with it", text);
  check(diagnostics);
  return profile;
}

Profile printable(Profile profile) {
  profile.layers.clear();
  std::stable_sort(profile.paths.begin(), profile.paths.end(),
                   [](const auto& a, const auto& b) { return a.value.access < b.value.access; });
  return profile;
}

void check_printing(const Profile& profile) {
  const std::string text = print_profile(profile);
  const auto again = parse(text);
  require(again.has_value(), "what is printed can be read", text);
  require(printable(*again) == printable(profile), "and is the same", text);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text = mayfly::fuzz::text_of(data, size);
  constexpr std::string_view kBetween = "\n----\n";
  const std::size_t cut = std::min(text.find(kBetween), text.size());
  auto base = parse(text.substr(0, cut));
  const auto later =
      parse(cut < text.size() ? text.substr(cut + kBetween.size()) : std::string_view());
  if (base) check_printing(*base);
  if (later) check_printing(*later);
  if (!base || !later) return 0;
  Diagnostics diagnostics;
  Profile same = *base;
  merge_profile(same, Profile{}, diagnostics);
  require(same == *base && !diagnostics.failed(), "nothing changes nothing", text);
  merge_profile(*base, *later, diagnostics);
  check(diagnostics);
  if (!diagnostics.failed()) check_printing(*base);
  return 0;
}
