#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "sandbox/profile.h"
#include "settings/format.h"

namespace mayfly::sandbox {

// All keys of a profile, in the order in which they are printed.
const settings::Format<Profile>& profile_format();

// One file, without what it extends. What is wrong goes to `diagnostics`, and then there is no
// profile.
std::optional<Profile> parse_profile(std::string_view text, const std::string& name,
                                     std::shared_ptr<const settings::Source> source,
                                     settings::Diagnostics& diagnostics);

// A file that parses to an equal profile (name, layers and places apart).
std::string print_profile(const Profile& profile);

// Puts what `later` says on top of `base`, which keeps its name. Rules of the two that contradict
// each other in a way that no order resolves are errors.
void merge_profile(Profile& base, const Profile& later, settings::Diagnostics& diagnostics);

// Letters, digits, '-', '_', '.', not starting with '.' or '-', not ending with ".toml", at most 64
// bytes.
bool is_profile_name(std::string_view name);

}  // namespace mayfly::sandbox
