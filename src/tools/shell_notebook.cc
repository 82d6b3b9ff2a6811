#include "tools/shell_notebook.h"

#include <fcntl.h>
#include <limits.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cerrno>
#include <string_view>

#include "sandbox/engine.h"

namespace mayfly::tools {
namespace {

static_assert(sandbox::kNotebookFd == 3, "the wrapper reads descriptor 3");

// On one line, so that the line numbers in messages are those of the caller's command, and without
// a variable or function that was not there before. Descriptor 3 is the caller's to use, so the
// notebook moves out of the way; a group's "250>&-" would hide it from programs too, but is not
// undone before the EXIT trap when a function exits. The trap is silent whatever the command has
// set (-x, -e, traps, closed streams). TERM belongs to the call: only another one is handed on. Of
// what does not fit the beginning may have been written; the END is small and might still fit.
constexpr const char* kWrapper =
    R"(builtin read -r -d "" -u 3; builtin eval "$REPLY" 2>/dev/null; )"
    R"(builtin read -r -d "" -u 3; builtin eval "$REPLY" 2>/dev/null; builtin unset REPLY; )"
    R"(exec 250<&3 3<&-; )"
    R"(builtin trap '{ builtin trap - DEBUG ERR; builtin set +xeu; } >/dev/null 2>&1; )"
    R"({ builtin pwd; builtin printf "\0"; builtin unset PWD SHLVL; )"
    R"([[ $TERM = dumb || $TERM = xterm-256color ]] && builtin unset TERM; )"
    R"({ builtin export -p && builtin export -fp && builtin printf "\0END\0"; } || )"
    R"(builtin printf "\0LARGE\0"; } >&250 2>/dev/null || :' )"
    R"(EXIT; BASH_EXECUTION_STRING=$1; builtin shift; builtin eval -- "$BASH_EXECUTION_STRING")";

constexpr std::string_view kEnd = "END";
// What the wrapper writes instead if saving failed and this still fits.
constexpr std::string_view kLarge{"\0LARGE\0", 7};

std::string exported(const std::vector<std::pair<std::string, std::string>>& variables) {
  std::string out;
  for (const auto& [name, value] : variables) {
    out += "export " + name + "='";
    for (const char c : value) out += c == '\'' ? std::string("'\\''") : std::string(1, c);
    out += "'\n";
  }
  return out;
}

std::string up_to_nul(std::string_view& rest) {
  const std::size_t end = rest.find('\0');
  if (end == std::string_view::npos) return {};
  std::string field(rest.substr(0, end));
  rest.remove_prefix(end + 1);
  return field;
}

}  // namespace

std::vector<std::string> wrapped_shell(const std::string& command) {
  return {"/bin/bash", "-c", kWrapper, "/bin/bash", command};
}

Result<ShellNotebook> ShellNotebook::make(
    const ShellState& state, const std::vector<std::pair<std::string, std::string>>& overrides) {
  std::string start = state.statements;
  start += '\0';
  start += exported(overrides);
  start += '\0';
  OwnedFd memory(::memfd_create("notebook", MFD_CLOEXEC | MFD_ALLOW_SEALING));
  if (!memory.valid()) return fail(system_error("memfd_create the notebook", errno));
  if (::ftruncate(memory.get(), static_cast<off_t>(start.size() + kMostStateBytes)) != 0) {
    return fail(system_error("ftruncate the notebook", errno));
  }
  for (std::size_t at = 0; at < start.size();) {
    const ssize_t put =
        ::pwrite(memory.get(), start.data() + at, start.size() - at, static_cast<off_t>(at));
    if (put < 0) return fail(system_error("pwrite the notebook", errno));
    at += static_cast<std::size_t>(put);
  }
  if (::fcntl(memory.get(), F_ADD_SEALS, F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_SEAL) != 0) {
    return fail(system_error("seal the notebook", errno));
  }
  return ShellNotebook(std::move(memory), start.size());
}

Result<OwnedFd> ShellNotebook::for_program() const {
  OwnedFd copy(::fcntl(memory_.get(), F_DUPFD_CLOEXEC, 0));
  if (!copy.valid()) return fail(system_error("dup the notebook", errno));
  return copy;
}

std::string ShellNotebook::written() const {
  std::string out(kMostStateBytes, '\0');
  std::size_t filled = 0;
  while (filled < out.size()) {
    const ssize_t got = ::pread(memory_.get(), out.data() + filled, out.size() - filled,
                                static_cast<off_t>(start_ + filled));
    if (got <= 0) break;
    filled += static_cast<std::size_t>(got);
  }
  return out;
}

std::optional<ShellState> ShellNotebook::saved() const {
  const std::string bytes = written();
  std::string_view rest = bytes;
  ShellState state;
  state.cwd = up_to_nul(rest);
  state.statements = up_to_nul(rest);
  if (up_to_nul(rest) != kEnd) return std::nullopt;
  if (state.cwd.ends_with('\n')) state.cwd.pop_back();
  const bool usable = state.cwd.starts_with('/') && state.cwd.size() < PATH_MAX;
  return usable ? std::optional(std::move(state)) : std::nullopt;
}

bool ShellNotebook::overflowed() const {
  if (saved()) return false;
  const std::string bytes = written();
  const std::size_t last = bytes.find_last_not_of('\0');
  if (last == std::string::npos) return false;
  // The page that does not fit is not written at all, so up to one stays empty.
  constexpr std::size_t kPage = 4096;
  return last + kPage >= kMostStateBytes ||
         std::string_view(bytes).substr(0, last + 2).ends_with(kLarge);
}

}  // namespace mayfly::tools
