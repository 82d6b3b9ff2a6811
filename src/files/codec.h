#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "base/wire.h"
#include "files/target.h"

// What the codecs of all requests and answers share. A request comes from the server; an answer
// comes out of a sandbox, and whoever broke into that wrote it.
namespace mayfly::files::codec {

void put(wire::Writer& writer, const Target& target);
Target get_target(wire::Reader& reader);

// A bool has two values; any other byte is a broken message, not undefined behaviour.
inline void put_flag(wire::Writer& writer, bool flag) { writer.put(std::uint8_t{flag}); }
inline bool get_flag(wire::Reader& reader, bool& sound) {
  const auto byte = reader.get<std::uint8_t>();
  sound = sound && byte <= 1;
  return byte == 1;
}

// One of an enumeration's values up to `last`; `sound` becomes false for any other.
template <typename Enum>
Enum get_enum(wire::Reader& reader, Enum last, bool& sound) {
  const auto value = reader.get<std::underlying_type_t<Enum>>();
  sound = sound && value <= static_cast<std::underlying_type_t<Enum>>(last);
  return static_cast<Enum>(sound ? value : 0);
}

template <typename T>
void put_optional(wire::Writer& writer, const std::optional<T>& value) {
  put_flag(writer, value.has_value());
  writer.put(value.value_or(T{}));
}
template <typename T>
std::optional<T> get_optional(wire::Reader& reader, bool& sound) {
  const bool has = get_flag(reader, sound);
  const T value = reader.get<T>();
  return has ? std::optional<T>(value) : std::nullopt;
}

// E6002: what came is not what an encoder writes.
Error broken(std::string_view what);

// An answer is a flag and then the error, or what `put_value(writer, value)` writes.
template <typename T, typename Put>
std::string encode_result(const Result<T>& result, Put put_value) {
  wire::Writer writer;
  put_flag(writer, result.has_value());
  if (result) {
    put_value(writer, *result);
  } else {
    writer.put(result.error());
  }
  return writer.take();
}

// The error of an answer, with its texts as valid UTF-8 of a bounded length.
Error get_error(wire::Reader& reader, bool& sound);

// `get_value(reader, sound)` reads the value and says what is not sound about it.
template <typename T, typename Get>
Result<T> decode_result(std::string_view bytes, std::string_view what, Get get_value) {
  wire::Reader reader(bytes);
  bool sound = true;
  if (get_flag(reader, sound)) {
    T value = get_value(reader, sound);
    if (!reader.finished() || !sound) return fail(broken(what));
    return value;
  }
  Error error = get_error(reader, sound);
  if (!reader.finished() || !sound) return fail(broken(what));
  return fail(std::move(error));
}

}  // namespace mayfly::files::codec
