#include "sandbox/linux/call_mounts.h"

#include <fcntl.h>
#include <sys/mount.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>

#include "base/sys.h"
#include "base/text.h"
#include "sandbox/linux/root_builder.h"

namespace mayfly::sandbox {
namespace {

constexpr unsigned kQuiet = MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV;

std::string inside(const std::string& target) { return std::string(kTree) + target; }

Status mount_tmpfs(const CallOp& op, const Limits& limits) {
  const std::uint64_t most = op.target == kSharedMemory ? limits.shm_bytes : limits.tmp_bytes;
  const OwnedFd mount =
      TRY(sys::new_mount("tmpfs", tmpfs_options(std::min(op.bytes, most), op.mode), kQuiet));
  return sys::move_mount(mount.get(), inside(op.target));
}

Status mount_source(const CallOp& op, const std::vector<Source>& sources) {
  const std::string target = inside(op.target);
  if (op.mode != 0 && sources[op.source].directory) TRY(sys::mkdir_parents(target, 0755));
  if (op.mode != 0 && !sources[op.source].directory) {
    TRY(sys::mkdir_parents(target.substr(0, target.rfind('/')), 0755));
    TRY(sys::open(target, O_WRONLY | O_CREAT | O_NOFOLLOW, 0644));
  }
  return sys::move_mount_path(std::string(kSources) + "/" + std::to_string(op.source), target);
}

// A procfs of this pid namespace, read-only. The kernel allows it because the host's is still in
// view at that moment; then the host's goes.
Status mount_proc(const CallOp& op) {
  const OwnedFd proc =
      TRY(sys::new_mount("proc", {}, kQuiet | MOUNT_ATTR_NOEXEC | MOUNT_ATTR_RDONLY));
  TRY(sys::umount2("/proc", MNT_DETACH));
  return sys::move_mount(proc.get(), inside(op.target));
}

// All instances together have kernel.pty.max terminals: one call may not take them all.
Status mount_devpts(const CallOp& op) {
  const OwnedFd pts =
      TRY(sys::new_mount("devpts", {"newinstance", "ptmxmode=0666", "mode=620", "max=256"},
                         MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC));
  return sys::move_mount(pts.get(), inside(op.target));
}

// Hides a path behind an empty file or an empty directory. A link is followed inside the tree.
Status cover(const CallOp& op) {
  const OwnedFd tree = TRY(sys::open(kTree, O_PATH | O_DIRECTORY));
  const auto found = sys::openat2(tree.get(), op.target, O_PATH, RESOLVE_IN_ROOT);
  if (!found) return {};
  const struct stat info = TRY(sys::fstat(found->get()));
  OwnedFd blank;
  if (S_ISDIR(info.st_mode)) {
    blank = TRY(sys::new_mount("tmpfs", {"mode=555", "size=4096"}, kQuiet | MOUNT_ATTR_RDONLY));
  } else {
    blank = TRY(sys::open_tree(AT_FDCWD, inside("/dev/null"), OPEN_TREE_CLONE));
    mount_attr attributes{};
    attributes.attr_set = MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC;
    TRY(sys::mount_setattr(blank.get(), "", sys::Depth::kThisMount, attributes));
  }
  return sys::move_mount_onto(blank.get(), found->get());
}

Status mount_onto_itself(int dir, std::uint64_t attributes_set) {
  const OwnedFd copy = TRY(sys::open_tree(dir, "", OPEN_TREE_CLONE | AT_EMPTY_PATH | AT_RECURSIVE));
  mount_attr attributes{};
  attributes.attr_set = attributes_set;
  if (attributes_set != 0) {
    TRY(sys::mount_setattr(copy.get(), "", sys::Depth::kRecursive, attributes));
  }
  return sys::move_mount_onto(copy.get(), dir);
}

// Makes one path of the workspace read-only, and every directory between it and the workspace
// a mount point, since a mount point cannot be renamed away from below its name. The workspace is
// hostile: a link anywhere on the way means that the directory is not there.
Status protect(const CallOp& op) {
  constexpr std::uint64_t kBeneath = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS;
  OwnedFd at = TRY(sys::open(inside(op.target), O_PATH | O_DIRECTORY));
  const std::vector<std::string> names = text::split(op.text, '/');
  for (std::size_t i = 0; i < names.size(); ++i) {
    const bool last = i + 1 == names.size();
    auto next = sys::openat2(at.get(), names[i], O_PATH, kBeneath);
    if (!next) return {};
    if (last) return mount_onto_itself(next->get(), MOUNT_ATTR_RDONLY);
    // Two protected directories share their parents: those are mount points already.
    if (!TRY(sys::is_mount_root(next->get()))) {
      TRY(mount_onto_itself(next->get(), 0));
      next = sys::openat2(at.get(), names[i], O_PATH, kBeneath);
      if (!next) return {};
    }
    at = std::move(*next);
  }
  return {};
}

Status do_call_op(const CallOp& op, const std::vector<Source>& sources, const Limits& limits) {
  switch (op.kind) {
    case CallOpKind::kTmpfs:
      return mount_tmpfs(op, limits);
    case CallOpKind::kDirectory:
      return sys::mkdir_parents(inside(op.target), op.mode);
    case CallOpKind::kMount:
      return mount_source(op, sources);
    case CallOpKind::kCover:
      return cover(op);
    case CallOpKind::kProtect:
      return protect(op);
    case CallOpKind::kDevpts:
      return mount_devpts(op);
    case CallOpKind::kProc:
      return mount_proc(op);
  }
  return {};
}

}  // namespace

Status mount_call(const RootPlan& root, const Limits& limits) {
  for (const CallOp& op : root.call_ops) TRY_TO(op.target, do_call_op(op, root.sources, limits));
  return {};
}

Status enter_tree() {
  TRY(sys::chdir(kTree));
  TRY(sys::pivot_root(".", "."));
  TRY(sys::umount2(".", MNT_DETACH));
  return sys::chdir("/");
}

}  // namespace mayfly::sandbox
