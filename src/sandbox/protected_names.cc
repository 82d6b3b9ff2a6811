#include "sandbox/protected_paths.h"

namespace mayfly::sandbox {

const std::vector<std::string>& protected_directories() {
  static const std::vector<std::string> directories = {
      ".git/hooks",
      // Hook directories that a user's global core.hooksPath may name.
      ".husky",
      ".githooks",
      // Editors: tasks, launch configurations, run on opening.
      ".vscode",
      ".idea",
      ".zed",
      ".fleet",
      ".nova",
      ".devcontainer",
      // Agents: hooks, MCP servers, permissions.
      ".claude",
      ".cursor",
      ".windsurf",
      ".codex",
      ".gemini",
      ".continue",
      ".roo",
      ".kilocode",
      ".kiro",
      ".trae",
      ".amazonq",
      ".opencode",
      ".junie",
      ".github/agents",
      ".mayfly",
      // Run by a shell's prompt for directories that were trusted once.
      ".mise",
      ".config/mise",
  };
  return directories;
}

const std::vector<std::string>& protected_files() {
  static const std::vector<std::string> files = {
      ".mcp.json", "opencode.json", "opencode.jsonc", ".aider.conf.yml", ".devcontainer.json",
      ".envrc",    "mise.toml",     ".mise.toml",     "mise.local.toml", ".mise.local.toml",
      ".bashrc",   ".bash_profile", ".bash_login",    ".bash_logout",    ".bash_aliases",
      ".profile",  ".zshrc",        ".zshenv",        ".zprofile",       ".zlogin",
      ".zlogout",  ".gitconfig",    ".gdbinit",       ".lldbinit",       ".exrc",
      ".vimrc",    ".nvimrc",       ".nvim.lua",
  };
  return files;
}

}  // namespace mayfly::sandbox
