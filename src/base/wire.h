#pragma once

#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "base/error.h"

namespace mayfly::wire {

// How the processes of this server write to each other: the same binary at both ends, so values go
// in host order without tags. Strings and vectors carry their length in front.
class Writer {
 public:
  template <typename T>
  Writer& put(const T& value) {
    static_assert(std::is_trivially_copyable_v<T>);
    bytes_.append(reinterpret_cast<const char*>(&value), sizeof value);
    return *this;
  }
  Writer& put(const std::string& text) {
    put(std::uint32_t(text.size()));
    bytes_ += text;
    return *this;
  }
  template <typename T>
  Writer& put(const std::vector<T>& values) {
    put(std::uint32_t(values.size()));
    for (const T& value : values) put(value);
    return *this;
  }
  Writer& put(const Error& error) {
    put(error.code).put(error.message).put(error.field).put(error.value).put(error.remedy);
    return put(error.details).put(error.os_errno);
  }
  std::string take() { return std::move(bytes_); }

 private:
  std::string bytes_;
};

// Reads what a Writer wrote. Past the end, or at a length that cannot be, everything is zero and
// ok() is false from then on.
class Reader {
 public:
  explicit Reader(std::string_view bytes) : rest_(bytes) {}

  template <typename T>
  T get() {
    if constexpr (std::is_same_v<T, std::string>) {
      const auto size = get<std::uint32_t>();
      return std::string(take(size));
    } else if constexpr (std::is_same_v<T, Error>) {
      Error error;
      error.code = get<ErrorCode>();
      error.message = get<std::string>();
      error.field = get<std::string>();
      error.value = get<std::string>();
      error.remedy = get<std::string>();
      error.details = get<std::string>();
      error.os_errno = get<int>();
      return error;
    } else {
      static_assert(std::is_trivially_copyable_v<T>);
      T value{};
      const std::string_view bytes = take(sizeof value);
      if (ok_) std::memcpy(&value, bytes.data(), sizeof value);
      return value;
    }
  }
  template <typename T>
  std::vector<T> get_all() {
    std::vector<T> values;
    const auto count = get<std::uint32_t>();
    for (std::uint32_t i = 0; ok_ && i < count; ++i) values.push_back(get<T>());
    return values;
  }
  bool ok() const { return ok_; }
  // True once everything was read, and no more than there was.
  bool finished() const { return ok_ && rest_.empty(); }

 private:
  std::string_view take(std::size_t size) {
    if (!ok_ || size > rest_.size()) {
      ok_ = false;
      return {};
    }
    const std::string_view bytes = rest_.substr(0, size);
    rest_.remove_prefix(size);
    return bytes;
  }

  std::string_view rest_;
  bool ok_ = true;
};

}  // namespace mayfly::wire
