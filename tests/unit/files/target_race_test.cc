#include <sys/syscall.h>

#include <atomic>
#include <thread>

#include "fixture.h"

namespace mayfly::files {
namespace {

using test::Playground;

// Does `step` again and again beside the test.
class Adversary {
 public:
  explicit Adversary(std::function<void()> step)
      : thread_([this, step = std::move(step)] {
          while (!stop_) step();
        }) {}
  ~Adversary() {
    stop_ = true;
    thread_.join();
  }

 private:
  std::atomic<bool> stop_ = false;
  std::thread thread_;
};

void exchange(const std::string& a, const std::string& b) {
  ::renameat2(AT_FDCWD, a.c_str(), AT_FDCWD, b.c_str(), RENAME_EXCHANGE);
}

// Until both outcomes were seen, and at least so many times.
template <typename Attempt>
void try_often(Attempt attempt, int least = 5'000) {
  constexpr int kMost = 300'000;
  int hits = 0;
  int tries = 0;
  while (tries < least || ((hits == 0 || hits == tries) && tries < kMost)) {
    ++tries;
    if (attempt()) ++hits;
  }
  CHECK(hits > 0);
  CHECK(hits < tries);
}

TEST_CASE("a directory that is swapped with a link out of the area never leads out") {
  const Playground in;
  in.put("dir/file", "inside");
  std::ofstream(in.outside() + "/file") << "outside";
  std::filesystem::create_directory_symlink("../outside", in.at("link"));
  const Adversary adversary([&] { exchange(in.at("dir"), in.at("link")); });
  bool escaped = false;
  try_often([&] {
    const auto file = open_target(in.target("dir/file"));
    if (file) escaped = escaped || *sys::read_file(file->get(), 100) != "inside";
    return file.has_value();
  });
  CHECK(!escaped);
  try_often([&] {
    const auto spot = find_spot(in.target("dir/file"), Parents::kMustExist);
    if (!spot) return false;
    const auto file = sys::openat(spot->directory.get(), spot->name, O_RDONLY);
    escaped = escaped || !file || *sys::read_file(file->get(), 100) != "inside";
    return true;
  });
  CHECK(!escaped);
}

TEST_CASE("a file that is swapped with a link out of the area never leads out") {
  const Playground in;
  in.put("file", "inside");
  std::ofstream(in.outside() + "/file") << "outside";
  std::filesystem::create_symlink("../outside/file", in.at("link"));
  const Adversary adversary([&] { exchange(in.at("file"), in.at("link")); });
  bool escaped = false;
  try_often([&] {
    const auto file = open_target(in.target("file"));
    if (file) escaped = escaped || *sys::read_file(file->get(), 100) != "inside";
    return file.has_value();
  });
  CHECK(!escaped);
}

TEST_CASE("a directory that is moved out while its parent is looked up never leads out") {
  const Playground in;
  std::filesystem::create_directories(in.at("top/deep/er"));
  std::ofstream(in.at("top/secret")) << "inside";
  std::filesystem::create_directories(in.outside() + "/top");
  std::ofstream(in.outside() + "/top/secret") << "outside";
  const std::string here = in.at("top/deep");
  const std::string there = in.outside() + "/top/deep";
  const Adversary adversary([&] {
    ::rename(here.c_str(), there.c_str());
    ::rename(there.c_str(), here.c_str());
  });
  // The way goes down and up again many times, so that the directory is often moved meanwhile.
  std::string path = "top/deep/";
  for (int i = 0; i < 300; ++i) path += "er/../";
  path += "../secret";
  bool escaped = false;
  try_often(
      [&] {
        const auto spot = find_spot(in.target(path), Parents::kMustExist);
        if (!spot) return false;
        const auto file = sys::openat(spot->directory.get(), spot->name, O_RDONLY);
        escaped = escaped || !file || *sys::read_file(file->get(), 100) != "inside";
        return true;
      },
      2'000);
  CHECK(!escaped);
}

TEST_CASE("a link that is swapped between inside and outside, by absolute paths, never leads out") {
  const Playground in;
  in.put("dir/file", "inside");
  std::ofstream(in.outside() + "/file") << "outside";
  std::filesystem::create_directory_symlink(in.at("dir"), in.at("link"));
  std::filesystem::create_directory_symlink(in.outside(), in.at("evil"));
  const Adversary adversary([&] { exchange(in.at("link"), in.at("evil")); });
  bool escaped = false;
  try_often([&] {
    const auto file = open_target(in.target("link/file"));
    if (file) escaped = escaped || *sys::read_file(file->get(), 100) != "inside";
    return file.has_value();
  });
  CHECK(!escaped);
}

TEST_CASE("a file that is swapped with a FIFO never makes a reader wait") {
  const Playground in;
  in.put("file", "inside");
  REQUIRE(::mkfifo(in.at("fifo").c_str(), 0600) == 0);
  const Adversary adversary([&] { exchange(in.at("file"), in.at("fifo")); });
  bool wrong = false;
  try_often([&] {
    const auto file = open_target(in.target("file"));
    if (file) wrong = wrong || *sys::read_file(file->get(), 100) != "inside";
    return file.has_value();
  });
  CHECK(!wrong);
}

}  // namespace
}  // namespace mayfly::files
