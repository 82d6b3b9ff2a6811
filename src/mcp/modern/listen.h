#pragma once

#include <cstddef>

#include "mcp/exchange.h"

namespace mayfly::mcp::modern {

// The most that go on at the same time on one connection, and what each may name.
inline constexpr std::size_t kMostListens = 16;
inline constexpr std::size_t kMostUris = 64;

// subscriptions/listen: a request that stays open. First it is acknowledged with what will be told
// of what was asked for, which is updates of resources that there are; then each update is a
// notification with the id of the request. It ends when the client withdraws it or goes away,
// and with a result when the server ends, or at once if there is nothing to tell.
Outcome listen(Exchange& exchange);

}  // namespace mayfly::mcp::modern
