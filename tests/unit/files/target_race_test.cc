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

// Until both outcomes were seen, and at least ten thousand times.
template <typename Attempt>
void try_often(Attempt attempt) {
  constexpr int kLeast = 10'000;
  constexpr int kMost = 300'000;
  int hits = 0;
  int tries = 0;
  while (tries < kLeast || ((hits == 0 || hits == tries) && tries < kMost)) {
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
  in.put("secret", "inside");
  std::filesystem::create_directories(in.at("deep/er"));
  std::ofstream(in.outside() + "/secret") << "outside";
  const Adversary adversary([&] {
    ::rename(in.at("deep").c_str(), (in.outside() + "/deep").c_str());
    ::rename((in.outside() + "/deep").c_str(), in.at("deep").c_str());
  });
  bool escaped = false;
  try_often([&] {
    const auto file = open_target(in.target("deep/er/../../secret"));
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
