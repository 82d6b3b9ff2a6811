#include "sandbox/linux/path_surroundings.h"

#include <linux/capability.h>
#include <sys/stat.h>

#include <algorithm>
#include <utility>

#include "sandbox/linux/plan.h"
#include "sandbox/workspace.h"

namespace mayfly::sandbox {
namespace {

void add_device(std::vector<std::uint64_t>& devices, const std::string& path) {
  struct stat info {};
  // Its mount point was looked up by init itself a moment ago, and nothing else runs yet.
  if (::lstat(path.c_str(), &info) < 0 || !S_ISDIR(info.st_mode)) return;
  if (std::find(devices.begin(), devices.end(), info.st_dev) != devices.end()) return;
  devices.push_back(info.st_dev);
}

// The innermost thing that is mounted around `path`.
std::string mount_around(const RootPlan& root, const std::string& path) {
  std::string innermost = "/";
  const auto consider = [&](const std::string& target) {
    if (path != target && is_within(path, target) && target.size() > innermost.size()) {
      innermost = target;
    }
  };
  for (const RootOp& op : root.root_ops) {
    if (op.kind == RootOpKind::kMount || op.kind == RootOpKind::kTmpfs) consider(op.target);
  }
  for (const CallOp& op : root.call_ops) {
    if (op.kind == CallOpKind::kMount || op.kind == CallOpKind::kTmpfs) consider(op.target);
  }
  return innermost;
}

}  // namespace

PathSurroundings surroundings_in_tree(const RootPlan& root, std::vector<std::uint64_t> devices,
                                      const Blanks& blanks) {
  PathSurroundings around;
  around.tier = root.tier;
  around.level = root.observe;
  around.own_devices = std::move(devices);
  around.blanks = blanks;
  around.may_change_root = (root.capabilities & (std::uint64_t{1} << CAP_SYS_CHROOT)) != 0;
  add_device(around.own_devices, "/");
  for (const CallOp& op : root.call_ops) {
    if (op.kind == CallOpKind::kSeal) add_device(around.hiding_devices, op.target);
    if (op.kind == CallOpKind::kDeny) {
      around.kept.push_back({mount_around(root, op.target), op.target, BrokenRule::kDenied});
    } else if (op.kind == CallOpKind::kHide) {
      around.kept.push_back({mount_around(root, op.target), op.target, BrokenRule::kHidden});
    } else if (op.kind == CallOpKind::kProtect) {
      const bool by_rule = op.mode == kProtectedByRule;
      around.kept.push_back({op.target, (op.target == "/" ? "" : op.target) + "/" + op.text,
                             by_rule ? BrokenRule::kReadOnly : BrokenRule::kProtected});
    }
  }
  for (const std::uint64_t device : around.hiding_devices) around.own_devices.push_back(device);
  if (blanks.device != 0) around.own_devices.push_back(blanks.device);
  return around;
}

}  // namespace mayfly::sandbox
