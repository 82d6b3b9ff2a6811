#include "settings/file_watch.h"

#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <condition_variable>
#include <filesystem>
#include <fstream>
#include <mutex>

#include "settings/trusted_file.h"
#include "settings/watched_names.h"
#include "unit/catch_shim.h"

namespace mayfly::settings {
namespace {

namespace fs = std::filesystem;

class Ground {
 public:
  Ground() {
    char name[] = "/tmp/file-watch-XXXXXX";
    top_ = fs::canonical(::mkdtemp(name));
  }
  ~Ground() { fs::remove_all(top_); }
  std::string path(const std::string& name) const { return (top_ / name).string(); }
  void write(const std::string& name) const { std::ofstream(path(name)) << name << ++count_; }

 private:
  fs::path top_;
  mutable int count_ = 0;
};

// Watches one file, and remembers how it was at the latest look.
class Watcher {
 public:
  explicit Watcher(std::string file) : ask_(::eventfd(0, EFD_CLOEXEC)) {
    auto started = FileWatch::start(
        ask_.get(),
        [this, file](FileWatch::Why why) {
          const std::lock_guard lock(mutex_);
          seen_ = mark_of(file);
          ++looks_;
          asked_ += why == FileWatch::Why::kAsked ? 1 : 0;
          changed_.notify_all();
          return std::vector<std::string>{file};
        },
        [](const Error&) {});
    REQUIRE(started);
    watch_ = *std::move(started);
  }
  // Returns when a look has seen the file as it is now; the test's time limit is the failure.
  void wait_for_current(const std::string& file) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return seen_ == mark_of(file); });
  }
  void ask() const {
    const std::uint64_t one = 1;
    CHECK(::write(ask_.get(), &one, sizeof one) == sizeof one);
  }
  void wait_for_asked(int count) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return asked_ == count; });
  }

 private:
  OwnedFd ask_;
  std::mutex mutex_;
  std::condition_variable changed_;
  FileMark seen_;
  int looks_ = 0;
  int asked_ = 0;
  std::unique_ptr<FileWatch> watch_;
};

TEST_CASE("a change, a deletion and a new file are seen") {
  const Ground ground;
  const std::string file = ground.path("profile");
  ground.write("profile");
  Watcher watcher(file);
  watcher.wait_for_current(file);
  ground.write("profile");
  watcher.wait_for_current(file);
  fs::remove(file);
  watcher.wait_for_current(file);
  ground.write("profile");
  watcher.wait_for_current(file);
  ground.write("other");
  fs::rename(ground.path("other"), file);
  watcher.wait_for_current(file);
}

TEST_CASE("a file is seen that appears in a directory that was not there") {
  const Ground ground;
  const std::string file = ground.path("config/mayfly/profiles/build.toml");
  Watcher watcher(file);
  watcher.wait_for_current(file);
  fs::create_directories(ground.path("config/mayfly/profiles"));
  ground.write("config/mayfly/profiles/build.toml");
  watcher.wait_for_current(file);
  fs::remove_all(ground.path("config"));
  watcher.wait_for_current(file);
  fs::create_directories(ground.path("config/mayfly/profiles"));
  ground.write("config/mayfly/profiles/build.toml");
  watcher.wait_for_current(file);
}

TEST_CASE("a change is seen of the link, of a directory's link, and of what they point to") {
  const Ground ground;
  fs::create_directories(ground.path("one"));
  fs::create_directories(ground.path("two"));
  ground.write("one/real");
  ground.write("two/real");
  fs::create_directory_symlink("one", ground.path("current"));
  fs::create_symlink("current/real", ground.path("profile"));
  const std::string file = ground.path("profile");
  Watcher watcher(file);
  watcher.wait_for_current(file);
  ground.write("one/real");
  watcher.wait_for_current(file);
  fs::create_directory_symlink("two", ground.path("next"));
  fs::rename(ground.path("next"), ground.path("current"));
  watcher.wait_for_current(file);
  ground.write("two/real");
  watcher.wait_for_current(file);
}

TEST_CASE("who asks is looked for, without any change") {
  const Ground ground;
  Watcher watcher(ground.path("profile"));
  for (int count = 1; count <= 3; ++count) {
    watcher.ask();
    watcher.wait_for_asked(count);
  }
}

TEST_CASE("what is watched: the file's directory, the nearest there is, and each link's") {
  const Ground ground;
  const std::string top = fs::path(ground.path("x")).parent_path().string();
  CHECK(watched_names({ground.path("a/b/c")}) == WatchedNames{{top, {"a"}}});
  fs::create_directories(ground.path("a/b"));
  CHECK(watched_names({ground.path("a/b/c"), ground.path("d")}) ==
        WatchedNames{{ground.path("a/b"), {"c"}}, {top, {"d"}}});
  fs::create_directory_symlink("../a/b", ground.path("a/link"));
  CHECK(watched_names({ground.path("a/link/c")}) ==
        WatchedNames{{ground.path("a"), {"link"}}, {ground.path("a/b"), {"c"}}});
  fs::create_symlink("loop", ground.path("loop"));
  CHECK(watched_names({ground.path("loop")}) == WatchedNames{{top, {"loop"}}});
}

}  // namespace
}  // namespace mayfly::settings
