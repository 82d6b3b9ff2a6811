#include "sandbox/linux/terminal.h"

#include <fcntl.h>
#include <sys/ioctl.h>
#include <termios.h>

#include <cerrno>

#include "base/sys.h"

namespace mayfly::sandbox {

Result<OpenTerminal> open_terminal(const std::string& multiplexer, const Terminal& size) {
  OpenTerminal opened;
  opened.master = TRY(sys::open(multiplexer, O_RDWR | O_NOCTTY));
  const int master = opened.master.get();
  int locked = 0;
  if (::ioctl(master, TIOCSPTLCK, &locked) < 0) return fail(system_error("TIOCSPTLCK", errno));
  struct winsize window {};
  window.ws_col = size.columns;
  window.ws_row = size.rows;
  if (::ioctl(master, TIOCSWINSZ, &window) < 0) return fail(system_error("TIOCSWINSZ", errno));
  opened.slave.reset(::ioctl(master, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC));
  if (!opened.slave.valid()) return fail(system_error("TIOCGPTPEER", errno));
  // So that erasing takes back whole letters.
  struct termios modes {};
  if (::tcgetattr(opened.slave.get(), &modes) < 0) return fail(system_error("tcgetattr", errno));
  modes.c_iflag |= IUTF8;
  if (::tcsetattr(opened.slave.get(), TCSANOW, &modes) < 0) {
    return fail(system_error("tcsetattr", errno));
  }
  return opened;
}

Status use_as_streams(const OpenTerminal& terminal, OwnedFd (&streams)[3]) {
  for (OwnedFd& stream : streams) {
    stream.reset(::fcntl(terminal.slave.get(), F_DUPFD_CLOEXEC, 3));
    if (!stream.valid()) return fail(system_error("duplicate the terminal", errno));
  }
  return {};
}

}  // namespace mayfly::sandbox
