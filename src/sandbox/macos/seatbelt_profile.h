#pragma once

#include <string>

#include "sandbox/policy.h"

namespace mayfly::sandbox {

// The profile, in Seatbelt's own language (SBPL), that macOS enforces for `policy`: a pure
// function, so that it is compared with a file on every platform.
//
// Nothing is allowed but what is listed; where two rules match, the later one counts. Seatbelt
// judges paths and does not change what they mean: there is no private view of the file system.
// One directory that is the call's own, for HOME and temporary files, is the parameter PRIVATE.
std::string seatbelt_profile(const Policy& policy);
inline constexpr const char* kSeatbeltPrivate = "PRIVATE";

}  // namespace mayfly::sandbox
