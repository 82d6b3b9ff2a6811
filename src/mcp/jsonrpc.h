#pragma once

#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "mcp/json.h"

// JSON-RPC 2.0 as MCP uses it: ids are strings or integers, params are objects.
namespace mayfly::mcp {

class RequestId {
 public:
  // Refused: null, booleans, anything with a fraction or an exponent, containers; strings over 1
  // KiB, since every answer would repeat them.
  static std::optional<RequestId> from_json(const Json& value);
  Json to_json() const;
  auto operator<=>(const RequestId&) const = default;

 private:
  using Value = std::variant<std::int64_t, std::uint64_t, std::string>;
  explicit RequestId(Value value) : value_(std::move(value)) {}
  Value value_;
};

namespace rpc {
inline constexpr int kParseError = -32700;
inline constexpr int kInvalidRequest = -32600;
inline constexpr int kMethodNotFound = -32601;
inline constexpr int kInvalidParams = -32602;
inline constexpr int kInternalError = -32603;
inline constexpr int kUnsupportedProtocolVersion = -32022;
}  // namespace rpc

struct RpcError {
  int code = rpc::kInternalError;
  std::string message;
  Json data;  // null: absent
};

// `data` carries code, field, value and remedy of `error`.
RpcError rpc_error(int code, const Error& error);

struct Request {
  RequestId id;
  std::string method;
  Json params = Json::object();  // always an object; its `_meta` is an object or absent
};
struct Notification {
  std::string method;
  Json params = Json::object();
};
// The answer to a request of ours. We send none so far.
struct Response {};
struct Invalid {
  std::optional<RequestId> id;  // empty: it could not be read
  RpcError error;
};
using Message = std::variant<Request, Notification, Response, Invalid>;

// One message that is not an array.
Message read_message(Json value);

// A message on its way out, as one line without its end.
struct Outgoing {
  enum class Kind {
    kResult,
    kError,    // a handler's error
    kRefusal,  // an error that no handler saw: a transport may map it to a status of its own
    kNotification,
  };
  Kind kind = Kind::kResult;
  std::string text;
  std::optional<RequestId> id;
  int error_code = 0;
  // Of a notification, if not empty: while one with the same text here waits to be read, another is
  // not needed, and is dropped; the first never is.
  std::string once = {};
};

// The largest message that clients take: some drop a longer line without a word.
inline constexpr std::size_t kMaxMessageBytes = std::size_t{8} << 20;

// A result that is too large becomes an error.
Outgoing result_message(const RequestId& id, const Json& result);
Outgoing error_message(const std::optional<RequestId>& id, const RpcError& error,
                       Outgoing::Kind kind = Outgoing::Kind::kError);
Outgoing notification_message(const std::string& method, const Json& params);

}  // namespace mayfly::mcp
