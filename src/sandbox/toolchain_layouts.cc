#include "sandbox/toolchain_layouts.h"

#include <algorithm>
#include <iterator>

namespace mayfly::sandbox {

// Each is the smallest set with which the tools start. Left out on purpose: ~/.cargo besides bin
// (credentials.toml), ~/.local/share/uv/credentials, ~/.config/mise (its [env] holds secrets),
// package caches and stores, which Mayfly has its own of.
const std::vector<ToolchainLayout>& toolchain_layouts() {
  static const std::vector<ToolchainLayout> layouts = {
      {"asdf", ".asdf", {"installs", "shims", "bin"}, {""}, {}, {".tool-versions"}},
      {"bun", ".bun", {"bin"}, {"bin", "install/global"}, {}},
      {"cargo", ".cargo", {"bin"}, {"bin", "env"}, {}},
      {"composer", ".config/composer/vendor", {"bin"}, {""}, {}},
      {"composer", ".composer/vendor", {"bin"}, {""}, {}},
      {"conda", "anaconda3", {"conda-meta"}, {""}, {".condarc"}},
      {"conda", "mambaforge", {"conda-meta"}, {""}, {".condarc"}},
      {"conda", "micromamba", {"conda-meta", "envs"}, {""}, {".condarc"}},
      {"conda", "miniconda3", {"conda-meta"}, {""}, {".condarc"}},
      {"conda", "miniforge3", {"conda-meta"}, {""}, {".condarc"}},
      {"deno", ".deno", {"bin"}, {"bin"}, {}},
      {"dotnet", ".dotnet", {"sdk", "shared", "tools"}, {""}, {}},
      {"fnm", ".fnm", {"node-versions"}, {""}, {"node-versions/*/installation/etc/npmrc"}},
      {"fnm",
       ".local/share/fnm",
       {"node-versions"},
       {""},
       {"node-versions/*/installation/etc/npmrc"}},
      {"ghcup", ".ghcup", {"bin"}, {"bin", "ghc", "hls", "env"}, {}},
      {"go", "go", {"bin"}, {"bin"}, {}},
      {"goenv", ".goenv", {"versions", "bin"}, {""}, {}},
      {"jenv", ".jenv", {"versions", "bin"}, {""}, {}},
      {"linuxbrew", ".linuxbrew", {"Cellar"}, {""}, {}},
      {"mise", ".local/share/mise", {"installs", "shims"}, {"installs", "shims", "plugins"}, {}},
      {"nodenv", ".nodenv", {"versions", "bin", "shims"}, {""}, {"versions/*/etc/npmrc"}},
      {"nvm", ".nvm", {"versions", "nvm.sh"}, {""}, {"versions/node/*/etc/npmrc"}},
      {"pip", ".local/lib", {}, {"python*"}, {}},
      {"pipx", ".local/pipx", {"venvs"}, {"venvs", "shared"}, {}},
      {"pipx", ".local/share/pipx", {"venvs"}, {"venvs", "shared"}, {}},
      {"pnpm",
       ".local/share/pnpm",
       {"pnpm", "global", "nodejs", ".tools"},
       {"pnpm", "pnpx", "global", "nodejs", ".tools", "bin"},
       {}},
      {"pyenv", ".pyenv", {"versions", "shims", "bin"}, {""}, {}},
      {"rbenv", ".rbenv", {"versions", "shims", "bin"}, {""}, {}},
      {"rustup", ".rustup", {"toolchains"}, {""}, {}},
      {"sdkman", ".sdkman", {"candidates"}, {"candidates", "bin", "src"}, {}},
      {"swiftly", ".local/share/swiftly", {"toolchains", "bin"}, {""}, {}},
      {"uv", ".local/share/uv", {"python", "tools"}, {"python", "tools"}, {}},
      {"volta", ".volta", {"bin", "tools"}, {""}, {"tools/image/node/*/etc/npmrc"}},
  };
  return layouts;
}

bool is_credential_name(std::string_view name) {
  constexpr std::string_view kExact[] = {".netrc",  "_netrc",           ".npmrc",      ".pypirc",
                                         ".env",    ".git-credentials", ".condarc",    "auth.json",
                                         ".yarnrc", ".yarnrc.yml",      ".dockercfg",  ".pgpass",
                                         ".my.cnf", ".htpasswd",        "secrets.toml"};
  constexpr std::string_view kStarts[] = {"credentials", ".credentials", "id_rsa",
                                          "id_dsa",      "id_ecdsa",     "id_ed25519"};
  constexpr std::string_view kEnds[] = {".pem", ".key", ".p12", ".pfx", ".kdbx", ".keystore"};
  if (std::find(std::begin(kExact), std::end(kExact), name) != std::end(kExact)) return true;
  for (const std::string_view start : kStarts) {
    if (name.substr(0, start.size()) == start) return true;
  }
  return std::any_of(std::begin(kEnds), std::end(kEnds), [&](std::string_view end) {
    return name.size() > end.size() && name.substr(name.size() - end.size()) == end;
  });
}

bool is_private_home_directory(std::string_view first_component) {
  constexpr std::string_view kPrivate[] = {
      ".ssh",    ".gnupg",       ".aws",         ".azure",  ".config",
      ".kube",   ".docker",      ".mozilla",     ".cache",  ".password-store",
      ".pki",    ".gcloud",      ".thunderbird", ".claude", ".codex",
      ".mayfly", ".terraform.d", ".m2",          ".gradle", ".git"};
  return std::find(std::begin(kPrivate), std::end(kPrivate), first_component) != std::end(kPrivate);
}

}  // namespace mayfly::sandbox
