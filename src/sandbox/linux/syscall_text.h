#pragma once

#include <linux/seccomp.h>

#include <string>

namespace mayfly::sandbox {

// A denied call as a person would write it: operation "unshare", target "CLONE_NEWUSER". Only
// arguments that are values are shown; what a pointer points to is the program's to change.
struct CallText {
  std::string operation;
  std::string target;
};
CallText describe_call(const seccomp_data& data);

}  // namespace mayfly::sandbox
