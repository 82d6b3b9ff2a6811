#include "settings/trusted_file.h"

#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "catch_shim.h"
#include "settings/document.h"

namespace mayfly::settings {
namespace {

namespace fs = std::filesystem;

struct Directory {
  Directory() {
    std::string name = "/tmp/mayfly-trusted-XXXXXX";
    path = ::mkdtemp(name.data());
  }
  ~Directory() { fs::remove_all(path); }
  std::string write(const std::string& name, const std::string& text = "a = 1\n",
                    mode_t mode = 0644) const {
    const std::string file = path + "/" + name;
    fs::create_directories(fs::path(file).parent_path());
    std::ofstream(file) << text;
    ::chmod(file.c_str(), mode);
    return file;
  }
  std::string path;
};

void check_refused(const std::string& path, const std::string& why) {
  INFO(path);
  const auto text = read_trusted(path);
  REQUIRE_FALSE(text.has_value());
  CHECK(text.error().code == ErrorCode::kInvalidConfiguration);
  CHECK_THAT(text.error().message, test::contains(why));
  CHECK_FALSE(text.error().value.empty());
  CHECK_FALSE(text.error().remedy.empty());
}

bool is_root() { return ::geteuid() == 0; }

}  // namespace

TEST_CASE("a file of one's own that nobody else can write is read, and marked") {
  const Directory directory;
  const std::string path = directory.write("a.toml");
  const auto file = read_trusted(path);
  REQUIRE(file.has_value());
  CHECK(file->text == "a = 1\n");
  CHECK(file->real_path == path);
  CHECK(file->mark == mark_of(path));
  CHECK(file->mark.there);
  directory.write("a.toml", "a = 22\n");
  CHECK_FALSE(file->mark == mark_of(path));
  CHECK_FALSE(mark_of(directory.path + "/absent").there);
}

TEST_CASE("an absent file has its errno, for those who can do without it") {
  const Directory directory;
  const auto missing = read_trusted(directory.path + "/absent.toml");
  REQUIRE_FALSE(missing.has_value());
  CHECK(missing.error().os_errno == ENOENT);
  check_refused(directory.path + "/absent.toml", "No such file");
}

TEST_CASE("a file that others could write decides nothing") {
  const Directory directory;
  check_refused(directory.write("others.toml", "", 0646), "written by other users");
  const std::string group = directory.write("group.toml", "", 0664);
  if (is_root()) {
    REQUIRE(::chown(group.c_str(), 0, 12345) == 0);
    check_refused(group, "written by other users");
    REQUIRE(::chown(group.c_str(), 12345, 12345) == 0);
    check_refused(group, "belongs to user 12345");
  }
}

TEST_CASE("nor does one below a directory that others could write") {
  const Directory directory;
  const std::string path = directory.write("one/two/a.toml");
  REQUIRE(read_trusted(path).has_value());
  for (const char* above : {"/one/two", "/one"}) {
    REQUIRE(::chmod((directory.path + above).c_str(), 0777) == 0);
    check_refused(path, "written by other users");
    // In a sticky one nobody replaces what is another's.
    REQUIRE(::chmod((directory.path + above).c_str(), 01777) == 0);
    CHECK(read_trusted(path).has_value());
    REQUIRE(::chmod((directory.path + above).c_str(), 0755) == 0);
  }
  if (is_root()) {
    REQUIRE(::chown((directory.path + "/one").c_str(), 12345, 12345) == 0);
    check_refused(path, "belongs to user 12345");
  }
}

TEST_CASE("a link is as good as what it leads to and where it stands") {
  const Directory directory;
  const std::string target = directory.write("real/a.toml");
  const std::string link = directory.path + "/links/b.toml";
  fs::create_directory(directory.path + "/links");
  fs::create_symlink("../real/a.toml", link);
  REQUIRE(read_trusted(link).has_value());
  CHECK(read_trusted(link)->real_path == target);

  REQUIRE(::chmod(target.c_str(), 0666) == 0);
  check_refused(link, "written by other users");
  REQUIRE(::chmod(target.c_str(), 0644) == 0);
  // Whoever can write its directory can make it lead to another file of the operator's.
  REQUIRE(::chmod((directory.path + "/links").c_str(), 0777) == 0);
  check_refused(link, "written by other users");
  REQUIRE(::chmod((directory.path + "/links").c_str(), 0755) == 0);
  if (is_root()) {
    REQUIRE(::lchown(link.c_str(), 12345, 12345) == 0);
    check_refused(link, "is a link of user 12345");
    REQUIRE(::lchown(link.c_str(), 0, 0) == 0);
    REQUIRE(::chown(target.c_str(), 12345, 12345) == 0);
    check_refused(link, "belongs to user 12345");
  }
  fs::create_symlink("loop", directory.path + "/loop");
  check_refused(directory.path + "/loop", "Too many levels");
}

TEST_CASE("what is no plain file is refused and never waited for") {
  const Directory directory;
  const std::string fifo = directory.path + "/fifo.toml";
  REQUIRE(::mkfifo(fifo.c_str(), 0600) == 0);
  check_refused(fifo, "is no regular file");
  check_refused("/dev/null", "is no regular file");
  check_refused(directory.path, "is no regular file");
  if (!is_root()) check_refused(directory.write("secret.toml", "", 0000), "Permission denied");
}

TEST_CASE("a file larger than any configuration is refused, and the largest is read") {
  const Directory directory;
  check_refused(directory.write("a.toml", std::string(2 << 20, '#')), "is larger than 1 MiB");
  CHECK(read_trusted(directory.write("b.toml", std::string(kMostDocumentBytes, '\n'))).has_value());
}

}  // namespace mayfly::settings
