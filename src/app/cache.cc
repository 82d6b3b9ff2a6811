#include "app/cache.h"

#include <unistd.h>

#include <cstdio>

#include "app/command_line.h"
#include "base/text.h"
#include "sandbox/cache.h"

namespace mayfly::app {
namespace {

int clear() {
  const std::string root = sandbox::cache_root(sandbox::host_user(::getuid()));
  const auto report = sandbox::clear_cache(root);
  if (!report) {
    std::fprintf(stderr, "mayfly: %s\n", describe(report.error()).c_str());
    return 1;
  }
  std::printf("%s: removed %zu, %s\n", root.c_str(), report->removed.size(),
              text::human_bytes(report->bytes_before - report->bytes_after).c_str());
  for (const std::string& name : report->in_use) std::printf("in use, kept: %s\n", name.c_str());
  for (const std::string& line : report->failed) {
    std::fprintf(stderr, "mayfly: not removed: %s\n", text::one_line(line).c_str());
  }
  return report->failed.empty() ? 0 : 1;
}

}  // namespace

void add_cache_commands(CLI::App& command) {
  command.require_subcommand(1);
  command.add_subcommand("clear", "Remove the build caches of all workspaces not in use.");
}

int cache(int argc, char** argv) {
  CLI::App app("Build caches of sandboxes", "mayfly cache");
  add_cache_commands(app);
  if (const auto code = parse_or_explain(app, argc, argv)) return *code;
  return clear();
}

}  // namespace mayfly::app
