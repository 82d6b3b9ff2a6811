#include "sandbox/linux/program_path.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <string>

#include "catch_shim.h"
#include "sandbox/linux/asking_thread.h"
#include "sandbox/linux/path_call.h"
#include "sandbox/linux/program_memory.h"

using namespace mayfly;
using namespace mayfly::sandbox;

namespace {

namespace fs = std::filesystem;

// A directory to look around in, which this process works in; it stands for the program.
class Ground {
 public:
  Ground() : before_(fs::current_path()) {
    std::string name = (fs::temp_directory_path() / "paths-XXXXXX").string();
    REQUIRE(::mkdtemp(name.data()) != nullptr);
    top_ = fs::canonical(name);
    fs::create_directories(top_ / "a" / "b");
    std::ofstream(top_ / "a" / "file") << "x";
    fs::create_symlink("a/file", top_ / "to_file");
    fs::create_symlink("a/missing", top_ / "to_missing");
    fs::create_symlink("loop", top_ / "loop");
    fs::create_symlink("/proc/self", top_ / "to_self");
    fs::current_path(top_);
  }
  ~Ground() {
    fs::current_path(before_);
    fs::remove_all(top_);
  }
  std::string path(const std::string& name) const { return (top_ / name).string(); }

 private:
  fs::path before_;
  fs::path top_;
};

ProgramPath mine() { return ProgramPath(::gettid()); }
GivenPath given(const char* text, int directory = AT_FDCWD) { return {directory, text}; }

}  // namespace

TEST_CASE("a path is made absolute as the program meant it, and its own links stay") {
  const Ground ground;
  CHECK(mine().absolute(given("to_file")) == ground.path("to_file"));
  CHECK(mine().absolute(given("./a//b/./x/")) == ground.path("a/b/x"));
  CHECK(mine().absolute(given("/usr/../x//")) == "/usr/../x");
  CHECK(mine().absolute(given("/")) == "/");
  CHECK(mine().absolute(given("/..")) == "/");
  CHECK(mine().absolute(given("to_file/../x")) == ground.path("to_file/../x"));
  const OwnedFd directory(::open("a", O_PATH));
  CHECK(mine().absolute(given("../x", directory.get())) == ground.path("x"));
  CHECK(mine().absolute(given("", directory.get())) == ground.path("a"));
  CHECK(mine().absolute(given("x", 999)).empty());
  fs::current_path("a/b");
  fs::remove("../b");
  CHECK(mine().absolute(given("x")).empty());
}

TEST_CASE("a glance is of what a descriptor leads to now, and of the thread that has it") {
  const Ground ground;
  HeldThread held;
  struct statx info {};
  const OwnedFd directory(::open("a", O_RDONLY | O_DIRECTORY));
  const int number = directory.get();
  const auto sees = [&](pid_t thread, const char* name) {
    return ProgramPath(thread).glance(given(name, number), LastLink::kKeep, held, info);
  };
  const auto inode_of = [](const char* path) {
    struct stat file {};
    REQUIRE(::lstat(path, &file) == 0);
    return file.st_ino;
  };
  CHECK(sees(::gettid(), "file"));
  CHECK(info.stx_ino == inode_of("a/file"));
  CHECK_FALSE(sees(::gettid(), "missing"));

  const OwnedFd top(::open(".", O_RDONLY | O_DIRECTORY));
  REQUIRE(::dup2(top.get(), number) == number);
  CHECK_FALSE(sees(::gettid(), "file"));
  CHECK(sees(::gettid(), "to_file"));
  CHECK(info.stx_ino == inode_of("to_file"));

  int pipe_ends[2];
  REQUIRE(::pipe(pipe_ends) == 0);
  const pid_t child = ::fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    const bool moved = ::dup2(::open("a", O_RDONLY | O_DIRECTORY), number) == number;
    (void)!::write(pipe_ends[1], &moved, sizeof moved);
    while (true) ::pause();
  }
  bool moved = false;
  REQUIRE(::read(pipe_ends[0], &moved, sizeof moved) == sizeof moved);
  REQUIRE(moved);
  CHECK(sees(child, "file"));
  CHECK_FALSE(sees(::gettid(), "file"));
  CHECK(sees(child, "file"));
  ::kill(child, SIGKILL);
  REQUIRE(::waitpid(child, nullptr, 0) == child);
  CHECK_FALSE(sees(child, "file"));
  CHECK_FALSE(held.duplicate(child, number).valid());
  for (const int end : pipe_ends) ::close(end);
}

TEST_CASE("a walk says where a path ended") {
  const Ground ground;
  const Place there = mine().walk(given("to_file"), LastLink::kFollow);
  REQUIRE(there.file.valid());
  CHECK(path_of(there.file) == ground.path("a/file"));
  const Place kept = mine().walk(given("to_file"), LastLink::kKeep);
  CHECK(path_of(kept.file) == ground.path("to_file"));
  const Place missing = mine().walk(given("to_missing"), LastLink::kFollow);
  CHECK(missing.error == ENOENT);
  CHECK(missing.at_end);
  CHECK(missing.name == "missing");
  CHECK(path_of(missing.directory) == ground.path("a"));
  const Place early = mine().walk(given("a/none/x"), LastLink::kFollow);
  CHECK(early.error == ENOENT);
  CHECK_FALSE(early.at_end);
  CHECK(early.name == "none");
  CHECK(mine().walk(given("a/file/x"), LastLink::kFollow).error == ENOTDIR);
  CHECK(mine().walk(given("a/file/"), LastLink::kFollow).error == ENOTDIR);
  CHECK(mine().walk(given("loop"), LastLink::kFollow).error == ELOOP);
  CHECK(path_of(mine().walk(given("/../.."), LastLink::kFollow).file) == "/");
}

TEST_CASE("a walk gives up a path that links make longer than it is worth") {
  const Ground ground;
  std::string dots;
  while (dots.size() < PATH_MAX - 16) dots += "./";
  // One such path is walked, and so is a chain of short ones.
  CHECK(path_of(mine().walk(given((dots + "a/b").c_str()), LastLink::kFollow).file) ==
        ground.path("a/b"));
  const auto chain = [](char name, const std::string& before, const std::string& after) {
    std::string target = "a/b";
    for (int i = 0; i < 39; ++i) {
      const std::string link = name + std::to_string(i);
      fs::create_symlink(before + target + after, link);
      target = link;
    }
    return target;
  };
  const std::string easy = chain('e', "./", "");
  CHECK(path_of(mine().walk(given(easy.c_str()), LastLink::kFollow).file) == ground.path("a/b"));
  const std::string slashes(dots.size(), '/');
  for (const std::string& hard :
       {chain('d', dots, ""), chain('a', "", "/" + dots), chain('s', "", slashes)}) {
    INFO(hard);
    const Place place = mine().walk(given(hard.c_str()), LastLink::kFollow);
    CHECK(place.error == EOPNOTSUPP);
    CHECK_FALSE(place.file.valid());
  }
}

TEST_CASE("/proc/self is the program's, and magic links of others are not followed") {
  const Ground ground;
  const OwnedFd directory(::open("a", O_RDONLY));
  const std::string number = std::to_string(directory.get());
  const std::string behind = "/proc/self/fd/" + number + "/file";
  CHECK(path_of(mine().find(given(behind.c_str()), LastLink::kFollow).file) ==
        ground.path("a/file"));
  const std::string by_link = "to_self/fd/" + number + "/file";
  CHECK(path_of(mine().find(given(by_link.c_str()), LastLink::kFollow).file) ==
        ground.path("a/file"));
  const std::string own = "/proc/" + std::to_string(::gettid()) + "/comm";
  CHECK(path_of(mine().find(given("/proc/self/comm"), LastLink::kFollow).file) == own);
  CHECK(path_of(mine().walk(given("to_self/comm"), LastLink::kFollow).file) == own);
  const Place others = mine().find(given("/proc/1/root/etc"), LastLink::kFollow);
  CHECK_FALSE(others.file.valid());
}

TEST_CASE("a string of the program ends before a page that is not there, and not after it") {
  const auto page = static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
  auto* memory = static_cast<char*>(
      ::mmap(nullptr, 2 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
  REQUIRE(memory != MAP_FAILED);
  ::munmap(memory + page, page);
  const ProgramMemory program(::getpid());
  const auto address = [memory, page](std::size_t before_end) {
    return reinterpret_cast<std::uint64_t>(memory + page - before_end);
  };
  PathBuffer buffer;
  std::memcpy(memory + page - 5, "/usr", 5);
  CHECK(program.string(address(5), buffer) == std::string_view("/usr"));
  std::memcpy(memory + page - 4, "/usr", 4);
  CHECK_FALSE(program.string(address(4), buffer).has_value());
  CHECK_FALSE(program.string(8, buffer).has_value());
  const std::string longest(PATH_MAX - 1, 'x');
  const std::string too_long(PATH_MAX, 'x');
  CHECK(program.string(reinterpret_cast<std::uint64_t>(longest.c_str()), buffer) == longest);
  CHECK_FALSE(
      program.string(reinterpret_cast<std::uint64_t>(too_long.c_str()), buffer).has_value());
  ::munmap(memory, page);
}

TEST_CASE("calls that the kernel refuses whatever the path leads to are not understood") {
  const ProgramMemory program(::getpid());
  PathBuffers buffers;
  const auto call = [&](int number, std::uint64_t a = 0, std::uint64_t b = 0, std::uint64_t c = 0,
                        std::uint64_t d = 0, std::uint64_t e = 0) {
    seccomp_data data{};
    data.nr = number;
    const std::uint64_t arguments[] = {a, b, c, d, e};
    std::copy(std::begin(arguments), std::end(arguments), data.args);
    return understand(data, program, buffers);
  };
  const auto address = [](const char* text) { return reinterpret_cast<std::uint64_t>(text); };
  const std::uint64_t here = static_cast<std::uint32_t>(AT_FDCWD);
  CHECK(call(SYS_openat, here, address("x"), O_CREAT | O_EXCL)->last == LastLink::kKeep);
  CHECK(call(SYS_openat, here, address("x"), O_CREAT)->last == LastLink::kFollow);
  CHECK_FALSE(call(SYS_openat, here, address(""), O_CREAT).has_value());
  CHECK_FALSE(call(SYS_openat, here, 8, O_CREAT).has_value());
  CHECK(call(SYS_unlinkat, here, address("x"), AT_REMOVEDIR)->flags == AT_REMOVEDIR);
  CHECK_FALSE(call(SYS_unlinkat, here, address("x"), 1).has_value());
  CHECK_FALSE(call(SYS_renameat2, here, address("x"), here, address("y"), 3).has_value());
  CHECK_FALSE(call(SYS_truncate, address("x"), ~std::uint64_t{0}).has_value());
  CHECK_FALSE(call(SYS_setxattr, address("x"), address(""), 0, 0, 0).has_value());
  CHECK_FALSE(call(SYS_setxattr, address("x"), address("user.a"), 0, 1U << 20, 0).has_value());
  const struct timespec omitted[2] = {{0, UTIME_OMIT}, {0, UTIME_OMIT}};
  const auto times = reinterpret_cast<std::uint64_t>(omitted);
  CHECK_FALSE(call(SYS_utimensat, here, address("x"), times, 0).has_value());
  CHECK(call(SYS_utimensat, 5, 0, 0, 0)->descriptor);
  CHECK_FALSE(call(SYS_utimensat, here, 0, 0, 0).has_value());
  CHECK(call(SYS_execveat, 5, address(""), 0, 0, AT_EMPTY_PATH)->descriptor);
  CHECK_FALSE(call(SYS_execveat, 5, address(""), 0, 0, 0).has_value());
}
