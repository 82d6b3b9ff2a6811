#pragma once

#include <optional>
#include <string>
#include <vector>

namespace mayfly::sandbox {

// One toolchain of the operator's that sandboxes may read and run.
struct Toolchain {
  std::string name;                          // "nvm", "cargo"; "opt", "nix"; "path" for the rest
  std::vector<std::string> read_only_paths;  // sorted; none inside another of any toolchain
  std::vector<std::string> hidden_paths;     // existing files inside those that hold credentials
  std::vector<std::string> path_entries;     // those of PATH that it stands for

  bool operator==(const Toolchain&) const = default;
};

struct ToolchainSet {
  std::vector<Toolchain> toolchains;  // by name
  // What is left of PATH in the operator's order: entries that are visible anyhow, and those of the
  // toolchains. The caller adds the system's own directories where they are missing.
  std::vector<std::string> path;
};

struct ToolchainQuery {
  std::string path_variable;            // the operator's PATH
  std::string home;                     // empty: none
  std::vector<std::string> workspaces;  // absolute and canonical
  std::vector<std::string> visible = {"/usr", "/bin", "/sbin", "/lib", "/lib64"};
  // Only these names; absent means all that are found.
  std::optional<std::vector<std::string>> only;
};

// Finds the toolchains on PATH and behind the workspaces' own links (.venv/bin/python and such).
//
// PATH is the operator's and trusted, the workspaces are hostile: a link in one can only select a
// known layout below the home directory or a prefix in /opt or /nix, never name a directory.
// Dropped from PATH: empty and relative entries; entries in a workspace, through which a sandbox
// could put a program in front of the system's for every later command; the home directory and what
// is above it; private directories (~/.ssh, ~/.config); /tmp, /run, /mnt, /proc and the like.
// The same files give the same answer. Reads directories; opens no file.
ToolchainSet find_toolchains(const ToolchainQuery& query);

// All names that a toolchain can have, sorted.
std::vector<std::string> toolchain_names();

}  // namespace mayfly::sandbox
