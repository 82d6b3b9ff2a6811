#pragma once

#include <optional>

#include "sandbox/linux/ledger.h"

namespace mayfly::sandbox {

// What becomes of an observed system call.
struct CallVerdict {
  // What the program is answered, an errno: the very one that the kernel would have given, so that
  // the report is true whatever other threads do to the memory that was read. 0: the call goes on,
  // and the kernel decides as if nobody had looked.
  int error = 0;
  // For the ledger. With error 0 only BrokenRule::kHidden makes sense.
  std::optional<Finding> finding;
  // The call was made for the program, with success: it is not to be made again.
  bool done = false;
};

}  // namespace mayfly::sandbox
