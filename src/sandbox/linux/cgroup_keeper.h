#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/fd.h"
#include "base/result.h"
#include "sandbox/linux/cgroup_subtree.h"
#include "sandbox/linux/helper_process.h"

// The keeper: a process that outlives the server by as much as it takes to remove its groups.
//
// The server starts it before it makes anything, and tells it where; then, once it has a subtree,
// gives it the paths, the locks and a pidfd of itself; and from then on only tells it of groups
// that could not be removed. On end of file (the server has closed its end or is dead, however it
// died) the keeper kills every call, removes the whole subtree, or what there is of it that nobody
// has locked, and exits. A process that does not die keeps the keeper, and nothing else, waiting.
// It reads nothing but the server's words, and holds the locks, so that no sweep comes in between.
namespace mayfly::sandbox {

// Serves `control`. Returns the process's exit code.
int keeper_main(OwnedFd control);

// The server's side. Thread-safe.
class Keeper {
 public:
  // `parents`: the directories in which groups are about to be made.
  static Result<std::unique_ptr<Keeper>> start(const std::vector<std::string>& parents);
  // Returns when the keeper answers for `subtree`.
  Status take_over(const Subtree& subtree);
  ~Keeper();
  Keeper(const Keeper&) = delete;
  Keeper& operator=(const Keeper&) = delete;

  // Has `group` removed as soon as what is in it is gone.
  void remove_later(const std::string& group);
  pid_t pid() const { return process_.pid; }

 private:
  explicit Keeper(HelperProcess process) : process_(std::move(process)) {}
  HelperProcess process_;
};

}  // namespace mayfly::sandbox
