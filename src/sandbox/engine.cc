#include "sandbox/engine.h"

namespace mayfly::sandbox {

Error input_not_open() {
  return input_error(ErrorCode::kInvalidArgument, "", "",
                     "the program's standard input is not open",
                     "start it with background: true or pty: true to feed it later");
}

}  // namespace mayfly::sandbox
