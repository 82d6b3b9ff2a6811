#pragma once

#include <string_view>

#include "mcp/exchange.h"

namespace mayfly::mcp::modern {

// Null: this revision has no such method. What is not in the table does not exist in this era.
Method find_method(std::string_view name);

}  // namespace mayfly::mcp::modern
