#pragma once

#include <tl/expected.hpp>
#include <type_traits>
#include <utility>

#include "base/error.h"

namespace mayfly {

// What every fallible function returns. Exceptions stay at the edge of the libraries that throw.
template <typename T>
using Result = tl::expected<T, Error>;
using Status = Result<void>;

inline tl::unexpected<Error> fail(Error error) { return tl::unexpected<Error>(std::move(error)); }

// The value of a result that is known to have one; Result<void> has no operator* in every version
// of the library.
template <typename T>
T take(Result<T>&& result) {
  if constexpr (!std::is_void_v<T>) return *std::move(result);
}

}  // namespace mayfly

// The value of `expression`, or an early return of its error.
//   auto fd = TRY(sys::open("/usr", O_PATH));
#define TRY(expression)                                                      \
  __extension__({                                                            \
    auto try_result_ = (expression);                                         \
    if (!try_result_) return ::mayfly::fail(std::move(try_result_).error()); \
    ::mayfly::take(std::move(try_result_));                                  \
  })

// The same, with the attempt named in front of the error's message.
#define TRY_TO(attempt, expression)                                                          \
  __extension__({                                                                            \
    auto try_result_ = (expression);                                                         \
    if (!try_result_) return ::mayfly::fail(std::move(try_result_).error().within(attempt)); \
    ::mayfly::take(std::move(try_result_));                                                  \
  })
