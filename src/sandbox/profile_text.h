#pragma once

#include <string>

#include "sandbox/profile.h"

namespace mayfly::sandbox {

// A merged profile for people: the files in the order in which they were merged, then a file that
// says all that they say, each value with a comment where it was said. What it extends is not in
// it, since it is merged already; the file reads as an equal profile otherwise.
std::string annotated_text(const Profile& profile);

const char* to_string(settings::Trust trust);  // "shipped", "operator", "project"

}  // namespace mayfly::sandbox
