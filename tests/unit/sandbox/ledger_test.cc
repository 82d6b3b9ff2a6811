#include "sandbox/linux/ledger.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <random>
#include <string>

#include "catch_shim.h"

namespace mayfly::sandbox {
namespace {

Finding finding(const std::string& target) {
  Finding one;
  one.operation = "mount";
  one.target = target;
  one.error = EPERM;
  return one;
}

}  // namespace

TEST_CASE("what init writes, the server reads while the call runs") {
  const OwnedFd file = make_ledger().value();
  LedgerWriter writer = LedgerWriter::map(file).value();
  const LedgerReader reader = LedgerReader::map(file).value();
  CHECK(reader.read().findings.empty());
  writer.record(finding("a"));
  writer.record(finding("b"));
  writer.record(finding("a"));
  writer.raise({.peak_memory_bytes = 7, .disk_bytes = 9});
  writer.raise({.peak_memory_bytes = 5, .disk_bytes = 11});
  const LedgerContent content = reader.read();
  REQUIRE(content.findings.size() == 2);
  CHECK(content.findings[0].target == "a");
  CHECK(content.findings[0].count == 2);
  CHECK(content.findings[0].error == EPERM);
  CHECK(content.total == 3);
  CHECK(content.usage.peak_memory_bytes == 7);
  CHECK(content.usage.disk_bytes == 11);
}

TEST_CASE("a million violations of many kinds take no more room, and the total is exact") {
  const OwnedFd file = make_ledger().value();
  LedgerWriter writer = LedgerWriter::map(file).value();
  for (int i = 0; i < 1'000'000; ++i) writer.record(finding(std::to_string(i % 1000)));
  const LedgerContent content = LedgerReader::map(file).value().read();
  CHECK(content.total == 1'000'000);
  CHECK(content.findings.size() == kMaxFindings);
  CHECK(content.findings.back().count == 1000);
}

TEST_CASE("texts that are too long are cut") {
  const OwnedFd file = make_ledger().value();
  LedgerWriter writer = LedgerWriter::map(file).value();
  writer.record(finding(std::string(5000, 'x')));
  CHECK(LedgerReader::map(file).value().read().findings.at(0).target.size() == kMaxTarget - 1);
}

TEST_CASE("nobody can change the size of a ledger, so that reading it never faults") {
  const OwnedFd file = make_ledger().value();
  CHECK(::ftruncate(file.get(), 0) < 0);
  CHECK(::ftruncate(file.get(), 1 << 20) < 0);
}

TEST_CASE("whatever bytes are in a ledger, it can be read") {
  std::mt19937 random(7);
  const OwnedFd file = make_ledger().value();
  const auto size = static_cast<std::size_t>(::lseek(file.get(), 0, SEEK_END));
  const LedgerReader reader = LedgerReader::map(file).value();
  for (int round = 0; round < 50; ++round) {
    std::string noise(size, '\0');
    for (char& byte : noise) byte = static_cast<char>(random());
    REQUIRE(::pwrite(file.get(), noise.data(), size, 0) == static_cast<ssize_t>(size));
    const LedgerContent content = reader.read();
    CHECK(content.findings.size() <= kMaxFindings);
    for (const Finding& one : content.findings) {
      CHECK(to_string(one.kind) != nullptr);
      CHECK(one.target.size() <= kMaxTarget);
    }
  }
}

}  // namespace mayfly::sandbox
