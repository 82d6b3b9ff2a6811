#pragma once

#include <string_view>

#include "mcp/exchange.h"

namespace mayfly::mcp::legacy {

// Null: no legacy revision has such a method here. Other than `initialize` and `ping`, a method
// needs a session that was initialized.
Method find_method(std::string_view name);

}  // namespace mayfly::mcp::legacy
