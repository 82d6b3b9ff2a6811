#include "base/fd.h"

#include <fcntl.h>
#include <unistd.h>

#include <utility>

#include "catch_shim.h"

namespace mayfly {
namespace {

int open_null() { return ::open("/dev/null", O_RDONLY | O_CLOEXEC); }
bool is_open(int fd) { return ::fcntl(fd, F_GETFD) >= 0; }

TEST_CASE("a descriptor closes with its owner") {
  int fd = -1;
  {
    const OwnedFd owner(open_null());
    fd = owner.get();
    CHECK(owner.valid());
    CHECK(is_open(fd));
  }
  CHECK_FALSE(is_open(fd));
}

TEST_CASE("moving hands the descriptor over and leaves nothing behind") {
  OwnedFd first(open_null());
  const int fd = first.get();
  OwnedFd second(std::move(first));
  CHECK_FALSE(first.valid());  // NOLINT(bugprone-use-after-move): that is the contract
  CHECK(second.get() == fd);

  OwnedFd third(open_null());
  const int replaced = third.get();
  third = std::move(second);
  CHECK(third.get() == fd);
  CHECK_FALSE(is_open(replaced));
  CHECK(is_open(fd));
}

TEST_CASE("release gives the descriptor away, reset closes it") {
  OwnedFd owner(open_null());
  const int fd = owner.release();
  CHECK_FALSE(owner.valid());
  CHECK(is_open(fd));
  owner.reset(fd);
  owner.reset();
  CHECK_FALSE(is_open(fd));
  CHECK_FALSE(owner.valid());
}

}  // namespace
}  // namespace mayfly
