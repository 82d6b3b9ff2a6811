#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "mcp/json.h"

// What is taken out of what the audit log keeps. Secrets are known by their shape: one that looks
// like a word is not recognized, and then is in the log, which is for its owner only. Time and
// memory are linear in the size of the text, whatever it is.
namespace mayfly::tools {

inline constexpr std::string_view kRedacted = "[redacted]";

// A command line or any other text, with every secret of a known shape replaced.
std::string redacted(std::string_view text);

// The same for a program and its arguments, where an option and its value may be two.
std::vector<std::string> redacted_words(const std::vector<std::string>& words);

// The arguments of a tool's call. Names of environment variables stay, their values do not; of what
// is written or fed to a program, and of everything that is not known to be harmless, size and
// digest stay.
mcp::Json redacted_arguments(const mcp::Json& arguments);

}  // namespace mayfly::tools
