#include "mcp/era.h"

#include "base/text.h"

namespace mayfly::mcp {
namespace {

const Json* claimed_version(const Json& params) {
  const Json* meta = member(params, "_meta");
  if (meta == nullptr) return nullptr;
  const auto claim = meta->find(meta_key::kProtocolVersion);
  return claim == meta->end() ? nullptr : &*claim;
}

RpcError incomplete_envelope(const Json& params, const std::string& hint) {
  const Json* meta = member(params, "_meta");
  static const Json kNone = Json::object();
  const Json& given = meta != nullptr ? *meta : kNone;
  Json missing = Json::array();
  const Json* version = member(given, meta_key::kProtocolVersion);
  if (version == nullptr || !version->is_string()) missing.push_back(meta_key::kProtocolVersion);
  const Json* capabilities = member(given, meta_key::kClientCapabilities);
  if (capabilities == nullptr || !capabilities->is_object()) {
    missing.push_back(meta_key::kClientCapabilities);
  }
  if (missing.empty()) return {0, "", {}};
  std::string names;
  for (const Json& name : missing) names += (names.empty() ? "" : ", ") + name.get<std::string>();
  return {rpc::kInvalidParams,
          "params._meta lacks or mistypes: " + names + hint,
          {{"missing", std::move(missing)}}};
}

}  // namespace

bool has_claim(const Json& message) {
  const Json* params = member(message, "params");
  return params != nullptr && claimed_version(*params) != nullptr;
}

RpcError unsupported_version(const std::string& requested) {
  const std::string shown = text::shorten(requested, 64);
  return {rpc::kUnsupportedProtocolVersion,
          "unsupported protocol version \"" + shown + "\"",
          {{"supported", Json::array({kModernRevision})}, {"requested", shown}}};
}

tl::expected<Era, RpcError> era_of(const Request& request, EraOption option, bool initialized) {
  if (option == EraOption::kLegacy) return Era::kLegacy;
  if (const Json* claim = claimed_version(request.params)) {
    RpcError incomplete = incomplete_envelope(request.params, "");
    if (incomplete.code != 0) return tl::unexpected(std::move(incomplete));
    if (*claim != kModernRevision) {
      return tl::unexpected(unsupported_version(claim->get<std::string>()));
    }
    return Era::kModern;
  }
  const bool opens_legacy = request.method == "initialize";
  if (option == EraOption::kAuto && (initialized || opens_legacy || request.method == "ping")) {
    return Era::kLegacy;
  }
  if (opens_legacy) {
    const Json* version = member(request.params, "protocolVersion");
    return tl::unexpected(unsupported_version(
        version != nullptr && version->is_string() ? version->get<std::string>() : ""));
  }
  return tl::unexpected(incomplete_envelope(
      request.params, option == EraOption::kAuto
                          ? " (or send initialize first, for a revision before 2026-07-28)"
                          : ""));
}

}  // namespace mayfly::mcp
