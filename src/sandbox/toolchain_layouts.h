#pragma once

#include <string_view>
#include <vector>

namespace mayfly::sandbox {

// How one version manager or toolchain lays out its files below a home directory.
struct ToolchainLayout {
  std::string_view name;
  std::string_view root;                // relative to the home directory
  std::vector<std::string_view> signs;  // one of these is in the root, or it is something else
  std::vector<std::string_view> parts;  // what is to be seen, relative to the root; "" is all
  std::vector<std::string_view> credentials;  // relative to the root; "*" stands for one component
  std::vector<std::string_view> beside = {};  // needed too, relative to the home directory
};

const std::vector<ToolchainLayout>& toolchain_layouts();

// Names of files that hold secrets by custom: "credentials.toml", "id_ed25519", "server.pem".
bool is_credential_name(std::string_view name);

// Directories of a home that no entry of PATH makes visible.
bool is_private_home_directory(std::string_view first_component);

}  // namespace mayfly::sandbox
