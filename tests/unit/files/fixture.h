#pragma once

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <iterator>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/sys.h"
#include "catch_shim.h"
#include "files/target.h"

namespace mayfly::files::test {

// A directory of a test's own, with an area in it and a place outside of that.
class Playground {
 public:
  Playground() {
    const char* parent = std::getenv("TMPDIR");
    std::string name = std::string(parent != nullptr ? parent : "/tmp") + "/mayfly-files-XXXXXX";
    REQUIRE(::mkdtemp(name.data()) != nullptr);
    top_ = std::filesystem::canonical(name).string();
    std::filesystem::permissions(top_, std::filesystem::perms(0755));
    std::filesystem::create_directory(area());
    std::filesystem::create_directory(outside());
  }
  Playground(const Playground&) = delete;
  Playground& operator=(const Playground&) = delete;
  ~Playground() {
    std::error_code ignored;
    std::filesystem::remove_all(top_, ignored);
  }

  std::string area() const { return top_ + "/area"; }
  std::string outside() const { return top_ + "/outside"; }
  std::string at(const std::string& path) const { return area() + "/" + path; }

  void put(const std::string& path, const std::string& content) const {
    std::filesystem::create_directories(std::filesystem::path(at(path)).parent_path());
    std::ofstream(at(path), std::ios::binary) << content;
  }
  std::string get(const std::string& path) const {
    std::ifstream file(at(path), std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
  }
  // All names in a directory of the area, sorted.
  std::vector<std::string> names(const std::string& path = "") const {
    std::vector<std::string> found;
    for (const auto& entry : std::filesystem::directory_iterator(at(path))) {
      found.push_back(entry.path().filename().string());
    }
    std::sort(found.begin(), found.end());
    return found;
  }
  Target target(const std::string& path) const { return {area(), path, path}; }

 private:
  std::string top_;
};

template <typename T>
std::string error_of(const Result<T>& result) {
  return result ? "no error" : describe(result.error());
}

inline struct stat stat_of(const std::string& path) {
  struct stat info {};
  REQUIRE(::lstat(path.c_str(), &info) == 0);
  return info;
}

// What `work` says in a process of its own: one that may change its identity and limits.
inline std::string in_child(const std::function<std::string()>& work) {
  auto pipe = sys::pipe();
  REQUIRE(pipe.has_value());
  const pid_t child = ::fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    const auto written = sys::write_all(pipe->write.get(), work());
    ::_exit(written ? 0 : 1);
  }
  pipe->write.reset();
  const auto said = sys::read_file(pipe->read.get(), 1 << 20);
  int status = 0;
  REQUIRE(::waitpid(child, &status, 0) == child);
  REQUIRE(status == 0);
  REQUIRE(said.has_value());
  return *said;
}

constexpr uid_t kOrdinaryUser = 21000;

// The same as somebody whom modes and owners concern.
inline std::string as_ordinary_user(const std::function<std::string()>& work) {
  return in_child([&]() -> std::string {
    if (::geteuid() == 0 && (::setresgid(kOrdinaryUser, kOrdinaryUser, kOrdinaryUser) < 0 ||
                             ::setresuid(kOrdinaryUser, kOrdinaryUser, kOrdinaryUser) < 0)) {
      return "cannot become another user";
    }
    return work();
  });
}

}  // namespace mayfly::files::test
