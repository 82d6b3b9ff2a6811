#include "sandbox/linux/call_mounts.h"

#include <fcntl.h>
#include <sys/mount.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>

#include "base/sys.h"
#include "sandbox/linux/covers.h"
#include "sandbox/linux/root_builder.h"
#include "sandbox/linux/tree_paths.h"

namespace mayfly::sandbox {
namespace {

constexpr unsigned kQuiet = MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV;

std::string inside(const std::string& target) { return std::string(kTree) + target; }

// A rule's own size holds as it is; the call's limit is for what every sandbox has.
Status mount_tmpfs(const CallOp& op, const Limits& limits) {
  const std::uint64_t most = op.target == kSharedMemory ? limits.shm_bytes : limits.tmp_bytes;
  const std::uint64_t bytes = op.text.empty() ? std::min(op.bytes, most) : op.bytes;
  const OwnedFd point = TRY(mount_point(op.target, true, op.source != 0));
  const OwnedFd mount = TRY(sys::new_mount("tmpfs", tmpfs_options(bytes, op.mode), kQuiet));
  return sys::move_mount_onto(mount.get(), point.get());
}

Status mount_source(const CallOp& op, const std::vector<Source>& sources) {
  const OwnedFd point = TRY(mount_point(op.target, sources[op.source].directory, op.mode != 0));
  const OwnedFd source =
      TRY(sys::open(std::string(kSources) + "/" + std::to_string(op.source), O_PATH | O_NOFOLLOW));
  return sys::move_mount_onto(source.get(), point.get());
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

// Makes one path of a writable directory read-only. A link anywhere on the way means that it is not
// there.
Status protect(const CallOp& op) {
  const std::string path = op.target == "/" ? "/" + op.text : op.target + "/" + op.text;
  const auto opened = open_pinned(path, Pin::kParents, op.target);
  if (!opened) {
    const int number = opened.error().os_errno;
    const bool absent = number == ENOENT || number == ENOTDIR || number == ELOOP;
    return absent || number == EACCES ? Status() : fail(opened.error());
  }
  return mount_onto_itself(opened->get(), Change::kReadOnly);
}

Status do_call_op(const CallOp& op, const std::vector<Source>& sources, const Limits& limits) {
  switch (op.kind) {
    case CallOpKind::kTmpfs:
      return mount_tmpfs(op, limits);
    case CallOpKind::kMount:
      return mount_source(op, sources);
    case CallOpKind::kHide:
      if (op.bytes != 0) return cover_with_room(op.target, op.bytes, op.source != 0);
      return cover(op.target, CoverKind::kHide);
    case CallOpKind::kSeal:
      return seal(op.target);
    case CallOpKind::kDeny:
      return cover(op.target, CoverKind::kDeny);
    case CallOpKind::kMatches:
      return cover_matches(op);
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
