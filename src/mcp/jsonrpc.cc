#include "mcp/jsonrpc.h"

#include <limits>
#include <utility>

#include "base/text.h"

namespace mayfly::mcp {
namespace {

Invalid invalid(std::optional<RequestId> id, int code, std::string message) {
  return {std::move(id), {code, std::move(message), {}}};
}

}  // namespace

std::optional<RequestId> RequestId::from_json(const Json& value) {
  constexpr std::size_t kMaxIdBytes = 1024;
  if (value.is_string()) {
    const auto& id = value.get_ref<const std::string&>();
    if (id.size() > kMaxIdBytes) return std::nullopt;
    return RequestId(id);
  }
  if (value.is_number_unsigned()) {
    const auto number = value.get<std::uint64_t>();
    // One representation a number, so that equal ids compare equal.
    if (number > static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max())) {
      return RequestId(number);
    }
    return RequestId(static_cast<std::int64_t>(number));
  }
  if (value.is_number_integer()) return RequestId(value.get<std::int64_t>());
  return std::nullopt;
}

Json RequestId::to_json() const {
  return std::visit([](const auto& value) { return Json(value); }, value_);
}

RpcError rpc_error(int code, const Error& error) {
  Json data = {{"code", to_string(error.code)}};
  if (!error.field.empty()) {
    data["field"] = error.field;
    data["value"] = error.value;
  }
  if (!error.remedy.empty()) data["remedy"] = error.remedy;
  return {code, error.message, std::move(data)};
}

Message read_message(Json value) {
  if (!value.is_object()) {
    return invalid({}, rpc::kInvalidRequest, "a message must be a JSON object");
  }
  const auto id = value.find("id");
  const bool has_id = id != value.end();
  const auto request_id = has_id ? RequestId::from_json(*id) : std::nullopt;
  const auto version = value.find("jsonrpc");
  if (version == value.end() || *version != "2.0") {
    return invalid(request_id, rpc::kInvalidRequest, "\"jsonrpc\" must be \"2.0\"");
  }
  const auto method = value.find("method");
  if (method == value.end()) {
    if (value.contains("result") || value.contains("error")) return Response{};
    return invalid(request_id, rpc::kInvalidRequest, "\"method\" is missing");
  }
  if (!method->is_string()) {
    return invalid(request_id, rpc::kInvalidRequest, "\"method\" must be a string");
  }
  if (has_id && !request_id) {
    return invalid(
        {}, rpc::kInvalidRequest,
        "\"id\" must be an integer or a string of at most 1 KiB; a notification has none");
  }
  Json params = Json::object();
  if (const auto given = value.find("params"); given != value.end() && !given->is_null()) {
    params = std::move(*given);
  }
  std::string name = method->get<std::string>();
  if (!has_id) {
    if (!params.is_object()) params = Json::object();
    return Notification{std::move(name), std::move(params)};
  }
  if (!params.is_object()) {
    return invalid(request_id, rpc::kInvalidParams, "\"params\" must be an object");
  }
  if (const Json* meta = member(params, "_meta"); meta != nullptr && !meta->is_object()) {
    return invalid(request_id, rpc::kInvalidParams, "\"params._meta\" must be an object");
  }
  return Request{*request_id, std::move(name), std::move(params)};
}

Outgoing result_message(const RequestId& id, const Json& result) {
  Outgoing out;
  out.id = id;
  out.text = R"({"jsonrpc":"2.0","id":)" + dump_json(id.to_json()) + R"(,"result":)" +
             dump_json(result) + "}";
  if (out.text.size() <= kMaxMessageBytes) return out;
  return error_message(
      id, {rpc::kInternalError,
           "the answer has " + text::human_bytes(out.text.size()) + ", more than the " +
               text::human_bytes(kMaxMessageBytes) + " of one message; ask for less at a time",
           {}});
}

Outgoing error_message(const std::optional<RequestId>& id, const RpcError& error,
                       Outgoing::Kind kind) {
  Json body = {{"code", error.code}, {"message", error.message}};
  if (!error.data.is_null()) body["data"] = error.data;
  Json message = {{"jsonrpc", "2.0"}, {"id", nullptr}, {"error", std::move(body)}};
  if (id) message["id"] = id->to_json();
  return {kind, dump_json(message), id, error.code};
}

Outgoing notification_message(const std::string& method, const Json& params) {
  const Json message = {{"jsonrpc", "2.0"}, {"method", method}, {"params", params}};
  return {Outgoing::Kind::kNotification, dump_json(message), {}, 0};
}

}  // namespace mayfly::mcp
