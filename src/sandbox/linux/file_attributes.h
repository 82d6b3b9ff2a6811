#pragma once

#include <linux/seccomp.h>

#include <cstdint>
#include <string>
#include <vector>

namespace mayfly::sandbox {

// Landlock says nothing about chmod(2) and utime(2): without a mount namespace a program could make
// every file of its user readable for all, or unreadable. So the filter hands these calls to init,
// which does them for the program where it may write, and nowhere else.
//
// What a pointer points to is copied once and never looked at again, and the path is resolved to a
// descriptor before it is judged: changing either meanwhile changes nothing.
class FileAttributes {
 public:
  // `roots` are host paths without links: where modes and times may be changed.
  explicit FileAttributes(std::vector<std::string> roots) : roots_(std::move(roots)) {}

  // Whether `number` is one of the calls that this does.
  static bool handles(int number);
  // The answer to what nobody does here, owners and extended attributes; 0 for all other calls.
  // Programs that copy files meet both on file systems, and go on.
  static int refusal(int number);
  // Does the call for the thread that asked, as if it had. Returns 0 or an errno.
  int perform(int listener, const seccomp_notif& request) const;

 private:
  bool allows(int file) const;

  std::vector<std::string> roots_;
};

}  // namespace mayfly::sandbox
