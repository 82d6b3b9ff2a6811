#pragma once

// Catch2 3 (Debian 13) or 2 (Debian 12). Tests include this and nothing else of Catch2.
#if __has_include(<catch2/catch_all.hpp>)
#include <catch2/catch_all.hpp>
#else
#include <catch2/catch.hpp>
#endif

#include <string>

namespace mayfly::test {

// CHECK_THAT(text, contains("part")): the matcher was renamed between the two.
inline auto contains(const std::string& part) {
#if __has_include(<catch2/catch_all.hpp>)
  return Catch::Matchers::ContainsSubstring(part);
#else
  return Catch::Matchers::Contains(part);
#endif
}

}  // namespace mayfly::test
