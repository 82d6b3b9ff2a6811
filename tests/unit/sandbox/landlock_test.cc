#include "sandbox/linux/landlock.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <functional>
#include <string>

#include "catch_shim.h"

namespace mayfly::sandbox {
namespace {

constexpr std::uint64_t kRefer = 1 << 13;
constexpr std::uint64_t kTruncate = 1 << 14;
constexpr std::uint64_t kIoctlDev = 1 << 15;
constexpr std::uint64_t kResolveUnix = 1 << 16;
constexpr std::uint64_t kMakeNodes = (1 << 6) | (1 << 11);  // char, block

// What `act` returns in a child that lives under `rules`: an exit code.
int under(const std::vector<LandlockRule>& rules, const std::function<int()>& act) {
  const Ruleset ruleset = make_ruleset(rules, Tier::kFull).value();
  const pid_t child = ::fork();
  if (child == 0) {
    ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    if (::syscall(SYS_landlock_restrict_self, ruleset.fd.get(), ruleset.flags) < 0) ::_exit(99);
    ::_exit(act());
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

int errno_of(long result) { return result < 0 ? errno : 0; }

// Two directories side by side, with a file in the first.
struct Pair {
  Pair() {
    char name[] = "/tmp/landlock-XXXXXX";
    top = ::mkdtemp(name);
    in = top + "/in";
    out = top + "/out";
    for (const std::string& path : {in, in + "/deep", out}) ::mkdir(path.c_str(), 0755);
    for (const std::string& path : {in + "/file", out + "/file"}) {
      ::close(::open(path.c_str(), O_CREAT | O_WRONLY | O_CLOEXEC, 0644));
    }
  }
  ~Pair() { std::filesystem::remove_all(top); }
  std::string top, in, out;
};

}  // namespace

TEST_CASE("each ABI is asked for exactly what it knows") {
  const struct {
    int abi;
    LandlockAttr full;
    std::uint64_t net_alone;
  } table[] = {
      {0, {}, 0},
      {1, {}, 0},
      {2, {0x3fff, 0, 0}, 0},
      {3, {0x7fff, 0, 0}, 0},
      {4, {0x7fff, 0, 0}, 3},
      {5, {0xffff, 0, 0}, 3},
      {6, {0xffff, 0, 3}, 3},
      {7, {0xffff, 0, 3}, 3},
      {8, {0xffff, 0, 3}, 3},
      {9, {0x1ffff, 0, 3}, 3},
      {10, {0x1ffff, 0, 3}, 15},
      {11, {0x1ffff, 0, 3}, 15},
      {12, {0x1ffff, 0, 3}, 15},  // a younger kernel than we know: what ABI 11 has
  };
  for (const auto& row : table) {
    CAPTURE(row.abi);
    CHECK(landlock_attr(row.abi, Tier::kFull) == row.full);
    LandlockAttr alone = row.full;
    alone.net = row.net_alone;
    CHECK(landlock_attr(row.abi, Tier::kLandlock) == alone);
  }
}

TEST_CASE("no rule allows device nodes, nor sockets of others, nor what the ABI does not know") {
  for (int abi = kLeastLandlockAbi; abi <= 12; ++abi) {
    CAPTURE(abi);
    for (const Reach reach : {Reach::kRead, Reach::kWrite, Reach::kDevice}) {
      for (const bool directory : {true, false}) {
        const std::uint64_t access = landlock_access(reach, directory, abi);
        CHECK((access & ~landlock_attr(abi, Tier::kFull).fs) == 0);
        CHECK((access & (kMakeNodes | kResolveUnix)) == 0);
        CHECK(((access & kIoctlDev) != 0) == (reach == Reach::kDevice && abi >= 5));
        CHECK(((access & kTruncate) != 0) == (reach != Reach::kRead && abi >= 3));
        CHECK(((access & kRefer) != 0) == (reach == Reach::kWrite && directory));
      }
    }
  }
  CHECK(landlock_access(Reach::kRead, true, 7) == 0xd);
}

TEST_CASE("denials are not logged from the ABI on that can say so") {
  CHECK(landlock_restrict_flags(6) == 0);
  CHECK(landlock_restrict_flags(7) == 5);
  CHECK(landlock_restrict_flags(11) == 5);
}

TEST_CASE("a rule for a path that is a link, or is not there, is refused") {
  if (probe_landlock() < kLeastLandlockAbi) {
    WARN("SKIP: Landlock ABI 2 (Linux 5.19)");
    return;
  }
  const Pair pair;
  REQUIRE(::symlink("out", (pair.top + "/link").c_str()) == 0);
  CHECK_FALSE(make_ruleset({{pair.top + "/link", Reach::kWrite}}, Tier::kFull).has_value());
  CHECK_FALSE(make_ruleset({{pair.top + "/none", Reach::kWrite}}, Tier::kFull).has_value());
  CHECK(make_ruleset({{pair.in + "/file", Reach::kWrite}}, Tier::kFull).has_value());
}

TEST_CASE("the kernel holds to the rules") {
  const int abi = probe_landlock();
  if (abi < kLeastLandlockAbi) {
    WARN("SKIP: Landlock ABI 2 (Linux 5.19)");
    return;
  }
  const Pair pair;
  const std::vector<LandlockRule> rules = {{"/", Reach::kRead}, {pair.in, Reach::kWrite}};
  const auto open_to_write = [](const std::string& path) {
    return errno_of(::open(path.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0644));
  };
  CHECK(under(rules, [&] { return open_to_write(pair.in + "/new"); }) == 0);
  CHECK(under(rules, [&] { return open_to_write(pair.out + "/file"); }) == EACCES);
  CHECK(under(rules, [&] { return open_to_write(pair.out + "/new"); }) == EACCES);
  CHECK(under(rules, [&] { return errno_of(::unlink((pair.out + "/file").c_str())); }) == EACCES);
  CHECK(under(rules, [&] {
          return errno_of(::rename((pair.in + "/file").c_str(), (pair.in + "/deep/file").c_str()));
        }) == 0);
  CHECK(under(rules, [&] {
          return errno_of(::link((pair.out + "/file").c_str(), (pair.in + "/linked").c_str()));
        }) == EXDEV);
  if (abi >= 3) {
    CHECK(under(rules, [&] { return errno_of(::truncate((pair.out + "/file").c_str(), 0)); }) ==
          EACCES);
  }
  if (abi >= 6) {
    CHECK(under(rules, [] { return errno_of(::kill(::getppid(), 0)); }) == EPERM);
    CHECK(under(rules, [] { return errno_of(::kill(::getpid(), 0)); }) == 0);
  }
}

}  // namespace mayfly::sandbox
