#include "app/command_line.h"

namespace mayfly::app {

std::optional<int> parse_or_explain(CLI::App& command, int argc, char** argv) {
  try {
    command.parse(argc - 1, argv + 1);
  } catch (const CLI::ParseError& error) {
    return command.exit(error) == 0 ? 0 : 2;
  }
  return std::nullopt;
}

}  // namespace mayfly::app
