#pragma once

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <string>

#include "base/fd.h"
#include "catch_shim.h"

namespace mayfly::test {

// A fresh directory that goes with its content.
class Tree {
 public:
  Tree() {
    std::string name = (std::filesystem::temp_directory_path() / "mayfly-tree-XXXXXX").string();
    REQUIRE(::mkdtemp(name.data()) != nullptr);
    path = std::filesystem::canonical(name);
  }
  Tree(const Tree&) = delete;
  Tree& operator=(const Tree&) = delete;
  ~Tree() { std::filesystem::remove_all(path); }

  // A file with its directories; for a name that ends in '/', a directory.
  void add(const std::string& name, const std::string& content = "") const {
    const std::filesystem::path at = path / name;
    std::filesystem::create_directories(at.parent_path());
    if (name.back() == '/') return;
    std::ofstream(at, std::ios::binary) << content;
  }
  OwnedFd open(const std::string& name = "") const {
    return OwnedFd(::open((path / name).c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  }

  std::filesystem::path path;
};

}  // namespace mayfly::test
