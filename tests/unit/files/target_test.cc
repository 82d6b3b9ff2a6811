#include "files/target.h"

#include <sys/socket.h>
#include <sys/un.h>

#include "fixture.h"

namespace mayfly::files {
namespace {

using mayfly::test::contains;
using test::as_ordinary_user;
using test::error_of;
using test::Playground;

std::string opened(const Target& target) { return error_of(open_target(target)); }

TEST_CASE("a target is a file or a directory below its area, links followed") {
  const Playground in;
  in.put("src/main.c", "int main;");
  std::filesystem::create_symlink("../src/main.c", in.at("src/again.c"));
  std::filesystem::create_directory_symlink("src", in.at("code"));
  for (const char* path : {"src/main.c", "src/../src/./main.c", "src/again.c", "code/again.c"}) {
    const auto file = open_target(in.target(path));
    REQUIRE(error_of(file) == "no error");
    CHECK(*sys::read_file(file->get(), 100) == "int main;");
    CHECK(path_of(file->get()) == in.at("src/main.c"));
  }
  const auto directory = open_target(in.target("code/"));
  REQUIRE(directory.has_value());
  CHECK(path_of(directory->get()) == in.at("src"));
  CHECK(path_of(open_target(in.target(""))->get()) == in.area());
}

TEST_CASE("a target where nothing is is E5002 with the nearest name") {
  const Playground in;
  in.put("src/main.c", "");
  CHECK_THAT(opened(in.target("src/mian.c")), contains("E5002 path \"src/mian.c\""));
  CHECK_THAT(opened(in.target("src/mian.c")), contains("did you mean \"src/main.c\"?"));
  CHECK_THAT(opened(in.target("scr/main.c")), contains("there is no \"scr\""));
  CHECK_THAT(opened(in.target("scr/main.c")), contains("did you mean \"src\"?"));
  CHECK_THAT(opened({in.area(), "src/mian.c", "/workspace/src/mian.c"}),
             contains("did you mean \"/workspace/src/main.c\"?"));
  CHECK_THAT(opened(in.target("quite another")), contains("list_directory"));
  CHECK_THAT(opened(in.target("src/main.c/x")), contains("\"src/main.c\" is a file"));
  CHECK_THAT(opened(in.target("src/main.c/")), contains("E5002"));
}

TEST_CASE("the nearest name is looked for among a bounded number") {
  const Playground in;
  for (int i = 0; i < 1500; ++i) in.put("many/file" + std::to_string(10000 + i), "");
  CHECK_THAT(opened(in.target("many/no such thing")), contains("E5002"));
}

TEST_CASE("what leads out of the area is E2001 and says where to") {
  const Playground in;
  std::ofstream(in.outside() + "/secret") << "secret";
  std::filesystem::create_symlink("../outside/secret", in.at("relative"));
  std::filesystem::create_symlink(in.outside() + "/secret", in.at("absolute"));
  std::filesystem::create_directory_symlink(in.outside(), in.at("directory"));
  for (const char* path : {"relative", "absolute", "directory/secret", "../outside/secret",
                           "/etc/passwd", "..", "x/../../outside/secret"}) {
    CAPTURE(path);
    std::filesystem::create_directories(in.at("x"));
    CHECK_THAT(opened(in.target(path)), contains("E2001"));
    CHECK(!find_spot(in.target(path), Parents::kCreate).has_value());
  }
  CHECK_THAT(opened(in.target("relative")),
             contains("link \"relative\" leads to \"" + in.outside() + "/secret\", outside of"));
  CHECK_THAT(opened(in.target("relative")),
             contains("name \"" + in.outside() + "/secret\" itself"));
  CHECK_THAT(opened(in.target("directory/secret")), contains("link \"directory\" leads to"));
}

TEST_CASE("an absolute link that says a place below the area is followed there") {
  const Playground in;
  in.put("real/file", "inside");
  std::filesystem::create_directory_symlink(in.at("real"), in.at("way"));
  std::filesystem::create_symlink(in.at("way/file"), in.at("real/again"));
  std::filesystem::create_directory_symlink(in.area(), in.at("top"));
  for (const char* path :
       {"way/file", "way/again", "top/way/again", "real/again", "way/../way/file"}) {
    CAPTURE(path);
    const auto file = open_target(in.target(path));
    REQUIRE(error_of(file) == "no error");
    CHECK(path_of(file->get()) == in.at("real/file"));
    const auto spot = find_spot(in.target(path), Parents::kMustExist);
    REQUIRE(error_of(spot) == "no error");
    CHECK(path_of(spot->directory.get()) == in.at("real"));
    CHECK(spot->name == "file");
  }
  CHECK(path_of(open_target(in.target("top"))->get()) == in.area());
  const auto made = find_spot(in.target("way/x/y/z"), Parents::kCreate);
  REQUIRE(error_of(made) == "no error");
  CHECK(path_of(made->directory.get()) == in.at("real/x/y"));
  CHECK_THAT(opened(in.target("way/fiel")), contains("E5002"));
}

TEST_CASE("an absolute link that only begins like the area, or leaves it again, is E2001") {
  const Playground in;
  std::ofstream(in.outside() + "/secret") << "outside";
  std::filesystem::create_symlink(in.area() + "/../outside/secret", in.at("dots"));
  std::filesystem::create_directory(in.area() + "2");
  std::ofstream(in.area() + "2/secret") << "outside";
  std::filesystem::create_symlink(in.area() + "2/secret", in.at("beside"));
  std::filesystem::create_directory_symlink(in.outside(), in.at("out"));
  std::filesystem::create_symlink(in.at("out/secret"), in.at("two"));
  for (const char* path : {"dots", "beside", "two"}) {
    CAPTURE(path);
    CHECK_THAT(opened(in.target(path)), contains("E2001"));
    CHECK_THAT(error_of(find_spot(in.target(path), Parents::kCreate)), contains("E2001"));
  }
}

TEST_CASE("absolute links in a circle and long chains of them come to an end") {
  const Playground in;
  std::filesystem::create_symlink(in.at("two"), in.at("one"));
  std::filesystem::create_symlink(in.at("one"), in.at("two"));
  in.put("0", "x");
  for (int i = 1; i <= 60; ++i) {
    std::filesystem::create_symlink(in.at(std::to_string(i - 1)), in.at(std::to_string(i)));
  }
  for (const char* path : {"one", "60"}) {
    CHECK(!open_target(in.target(path)).has_value());
    CHECK(!find_spot(in.target(path), Parents::kCreate).has_value());
  }
  CHECK(opened(in.target("8")) == "no error");
}

TEST_CASE("in the area \"/\" absolute links and \"..\" are what they are for everybody") {
  const Playground in;
  in.put("file", "x");
  std::filesystem::create_symlink(in.at("file"), in.at("absolute"));
  std::filesystem::create_symlink("../../../../../../../../../" + in.at("file"), in.at("dots"));
  std::filesystem::create_symlink("/proc/self/cwd", in.at("magic"));
  for (const char* name : {"file", "absolute", "dots"}) {
    const Target target{"/", in.at(name).substr(1), in.at(name)};
    const auto file = open_target(target);
    REQUIRE(error_of(file) == "no error");
    CHECK(path_of(file->get()) == in.at("file"));
    const auto spot = find_spot(target, Parents::kMustExist);
    REQUIRE(error_of(spot) == "no error");
    CHECK(path_of(spot->directory.get()) == in.area());
  }
  CHECK_FALSE(open_target({"/", in.at("magic").substr(1), "x"}).has_value());
  CHECK_THAT(opened({"/", "../proc/self/root/etc", "x"}), contains("not followed"));
}

TEST_CASE("a link of procfs is not followed") {
  const Target magic{"/proc/self", "fd/0", "/proc/self/fd/0"};
  CHECK_THAT(opened(magic), contains("E2001"));
  CHECK_THAT(opened({"/proc/self", "root/etc/passwd", "x"}), contains("of procfs"));
  CHECK_THAT(opened({"/proc/self", "cwd", "x"}), contains("not followed"));
}

TEST_CASE("links that lead nowhere or in a circle are told apart") {
  const Playground in;
  std::filesystem::create_symlink("nothing", in.at("dangling"));
  std::filesystem::create_symlink("two", in.at("one"));
  std::filesystem::create_symlink("one", in.at("two"));
  CHECK_THAT(opened(in.target("dangling")), contains("E5002"));
  CHECK_THAT(opened(in.target("dangling")),
             contains("leads to \"" + in.at("nothing") + "\", where nothing is"));
  CHECK_THAT(opened(in.target("one")), contains("round in a circle"));
  CHECK_THAT(error_of(find_spot(in.target("one"), Parents::kMustExist)),
             contains("round in a circle"));
}

TEST_CASE("FIFOs, sockets and devices are not opened") {
  const Playground in;
  REQUIRE(::mkfifo(in.at("fifo").c_str(), 0600) == 0);
  const OwnedFd socket(::socket(AF_UNIX, SOCK_STREAM, 0));
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  in.at("socket").copy(address.sun_path, sizeof address.sun_path - 1);
  REQUIRE(::bind(socket.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) == 0);
  CHECK_THAT(opened(in.target("fifo")), contains("E5001 path \"fifo\": is a FIFO"));
  CHECK_THAT(opened(in.target("fifo")), contains("run_command"));
  CHECK_THAT(opened(in.target("socket")), contains("is a socket"));
  CHECK_THAT(opened({"/dev", "null", "/dev/null"}), contains("is a character device"));
}

TEST_CASE("paths that no file can have are refused in words") {
  const Playground in;
  CHECK_THAT(opened(in.target(std::string("a\0b", 3))), contains("E5001"));
  CHECK_THAT(opened(in.target(std::string("a\0b", 3))), contains("NUL"));
  CHECK_THAT(error_of(find_spot(in.target(std::string("a\0b", 3)), Parents::kCreate)),
             contains("NUL"));
  CHECK_THAT(opened(in.target(std::string(300, 'n'))), contains("too long"));
  std::string deep;
  for (int i = 0; i < 3000; ++i) deep += "d/";
  CHECK_THAT(opened(in.target(deep)), contains("E500"));
}

TEST_CASE("a name that is not UTF-8 works, and is shown repaired") {
  const Playground in;
  in.put("gr\xFC\xDF", "x");
  CHECK(opened(in.target("gr\xFC\xDF")) == "no error");
  CHECK_THAT(opened(in.target("gr\xFC\xDFx")), contains("gr\xEF\xBF\xBD\xEF\xBF\xBDx"));
}

TEST_CASE("what modes forbid is E2001 with the way to find out why") {
  const Playground in;
  in.put("private/file", "x");
  in.put("unreadable", "x");
  REQUIRE(::chmod(in.at("private").c_str(), 0) == 0);
  REQUIRE(::chmod(in.at("unreadable").c_str(), 0) == 0);
  const std::string directory = as_ordinary_user([&] { return opened(in.target("private/file")); });
  const std::string file = as_ordinary_user([&] { return opened(in.target("unreadable")); });
  REQUIRE(::chmod(in.at("private").c_str(), 0700) == 0);
  CHECK_THAT(directory, contains("E2001 path \"private/file\""));
  CHECK_THAT(directory, contains("permission denied"));
  CHECK_THAT(file, contains("E2001 path \"unreadable\""));
  CHECK_THAT(file, contains("ls -ld"));
}

TEST_CASE("a spot is the directory and the name, of what a link leads to") {
  const Playground in;
  in.put("a/file", "x");
  std::filesystem::create_directory(in.at("b"));
  std::filesystem::create_symlink("../a/file", in.at("b/link"));
  std::filesystem::create_symlink("../a/new", in.at("b/dangling"));
  const auto spot = find_spot(in.target("b/link"), Parents::kMustExist);
  REQUIRE(error_of(spot) == "no error");
  CHECK(spot->name == "file");
  CHECK(spot->exists);
  CHECK(path_of(spot->directory.get()) == in.at("a"));
  CHECK(spot->shown == "b/link");
  const auto dangling = find_spot(in.target("b/dangling"), Parents::kMustExist);
  REQUIRE(error_of(dangling) == "no error");
  CHECK(dangling->name == "new");
  CHECK(!dangling->exists);
  for (const char* path : {"", ".", "a/", "a/..", "a/."}) {
    CAPTURE(path);
    CHECK_THAT(error_of(find_spot(in.target(path), Parents::kCreate)), contains("is a directory"));
  }
}

TEST_CASE("missing directories are made on request only, and below the area only") {
  const Playground in;
  CHECK_THAT(error_of(find_spot(in.target("x/y/z"), Parents::kMustExist)), contains("create_parents"));
  CHECK(in.names().empty());
  const auto spot = find_spot(in.target("x/y/z"), Parents::kCreate);
  REQUIRE(error_of(spot) == "no error");
  CHECK(path_of(spot->directory.get()) == in.at("x/y"));
  CHECK((test::stat_of(in.at("x/y")).st_mode & 07777) == 0755);
  std::filesystem::create_directory_symlink("../outside", in.at("out"));
  CHECK_THAT(error_of(find_spot(in.target("out/made/f"), Parents::kCreate)), contains("E2001"));
  CHECK_THAT(error_of(find_spot(in.target("../made/f"), Parents::kCreate)), contains("E2001"));
  CHECK(std::filesystem::is_empty(in.outside()));
}

}  // namespace
}  // namespace mayfly::files
