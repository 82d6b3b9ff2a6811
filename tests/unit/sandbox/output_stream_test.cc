#include "catch_shim.h"
#include "sandbox/report.h"

namespace mayfly::sandbox {

TEST_CASE("an output stream gives back what was appended, at any offset") {
  OutputStream stream;
  std::string whole;
  // Past the part that is kept in memory, in pieces that straddle its end.
  for (int i = 0; i < 3000; ++i) {
    const std::string piece = "line " + std::to_string(i) + " of a long build log\n";
    stream.append(piece.data(), piece.size());
    whole += piece;
  }
  REQUIRE(stream.size() == whole.size());
  CHECK(stream.read(0, whole.size()) == whole);
  for (const std::size_t offset : {0UL, 1UL, 65535UL, 65536UL, 65537UL, whole.size() - 1}) {
    INFO(offset);
    CHECK(stream.read(offset, 100) == whole.substr(offset, 100));
  }
}

TEST_CASE("reading past the end of an output stream gives nothing") {
  OutputStream stream;
  stream.append("abc", 3);
  CHECK(stream.read(3, 10).empty());
  CHECK(stream.read(1000, 10).empty());
  CHECK(stream.read(1, 10) == "bc");
}

}  // namespace mayfly::sandbox
