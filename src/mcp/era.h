#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "mcp/jsonrpc.h"

// Which era a message belongs to, decided for each message from the message itself. Modern requests
// claim their revision in `params._meta`; everything else is legacy, which `initialize` opens.
namespace mayfly::mcp {

enum class Era { kModern, kLegacy };

// `--era`: kLegacy serves as a server from before 2026 would, to which a claim means nothing;
// kModern knows no handshake.
enum class EraOption { kAuto, kLegacy, kModern };

namespace meta_key {
inline constexpr std::string_view kProtocolVersion = "io.modelcontextprotocol/protocolVersion";
inline constexpr std::string_view kClientCapabilities =
    "io.modelcontextprotocol/clientCapabilities";
inline constexpr std::string_view kServerInfo = "io.modelcontextprotocol/serverInfo";
inline constexpr std::string_view kSubscriptionId = "io.modelcontextprotocol/subscriptionId";
inline constexpr std::string_view kClientInfo = "io.modelcontextprotocol/clientInfo";
inline constexpr std::string_view kProgressToken = "progressToken";
}  // namespace meta_key

inline constexpr std::string_view kModernRevision = "2026-07-28";

// Whether `message` (a request or notification as parsed) claims a modern revision.
bool has_claim(const Json& message);

// The era that serves `request`, or why none does. `initialized`: a legacy handshake was made here.
tl::expected<Era, RpcError> era_of(const Request& request, EraOption option, bool initialized);

// The answer to a revision that this server does not speak in this way.
RpcError unsupported_version(const std::string& requested);

}  // namespace mayfly::mcp
