#pragma once

#include <sys/stat.h>

#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "files/target.h"

namespace mayfly::files {

// A new file that is to take the place of what is at a spot, or to be there first. It lies beside
// it under a name that nobody guesses, takes all that is written, and is put in place by one
// rename. If it never is, it is removed again. Borrows the spot.
//
// Kept are mode (without set-id bits), owner and group. Not kept are access control lists, extended
// attributes (security labels, capabilities), file flags and the time of birth: the system calls
// for them are not there in a sandbox of file tools. A file with more than one name is replaced
// under this name only.
class Replacement {
 public:
  // What is at `spot` now, which has to be a regular file that may be written; nothing: a new file.
  static Result<Replacement> begin(const Spot& spot);
  Replacement(Replacement&& other) noexcept;
  Replacement& operator=(Replacement&&) = delete;
  ~Replacement();

  // What is replaced; nothing for a new file.
  const std::optional<struct stat>& old() const { return old_; }
  // What is replaced, open for reading; invalid for a new file or one that may not be read.
  int old_file() const { return old_file_.get(); }

  Status add(std::string_view bytes);
  // Flushes and renames, if what is at the spot is still what it was at the beginning: else E5001.
  // Between that look and the rename is a moment in which somebody else's change can be lost; no
  // system call does both. A new file never takes the place of another.
  Status put_in_place();

 private:
  explicit Replacement(const Spot& spot) : spot_(&spot) {}
  Status look_at_old();
  Status make_new();
  Status keep_owner_and_mode();
  Error refused(std::string_view call, int number) const;

  const Spot* spot_;
  std::optional<struct stat> old_;
  OwnedFd old_file_;
  std::string name_;  // of the new file; empty when it is gone or in place
  OwnedFd file_;
};

}  // namespace mayfly::files
