#include "sandbox/linux/root_builder.h"

#include <fcntl.h>
#include <sys/mount.h>

#include <algorithm>
#include <cerrno>

#include "base/sys.h"
#include "sandbox/linux/covers.h"
#include "sandbox/linux/tree_paths.h"

namespace mayfly::sandbox {
namespace {

// Where the new root is assembled before the pivot: any directory that every host has. What is
// below it is out of reach meanwhile, so sources are opened first.
constexpr const char* kAssembly = "/usr";
constexpr std::size_t kMaxCopiedFile = 4U << 20;

std::string inside(const std::string& target) { return std::string(kTree) + target; }

Status write_file(const std::string& path, std::string_view content, mode_t mode) {
  const OwnedFd file = TRY(sys::open(path, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW, mode));
  return sys::write_all(file.get(), content);
}

// Of what is parked.
Status parking_place(const std::string& path, bool directory) {
  if (directory) return sys::mkdir_parents(path, 0755);
  TRY(sys::mkdir_parents(path.substr(0, path.rfind('/')), 0755));
  return write_file(path, "", 0644);
}

Status attach_tmpfs(const std::string& path, std::uint64_t bytes, mode_t mode) {
  const OwnedFd mount = TRY(
      sys::new_mount("tmpfs", tmpfs_options(bytes, mode), MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV));
  return sys::move_mount(mount.get(), path);
}

// The contents of the host files that are copied, read while the host is still in view. A file that
// cannot be read is left out, as an absent one is.
std::vector<std::string> read_copies(const RootPlan& plan) {
  std::vector<std::string> contents;
  for (const RootOp& op : plan.root_ops) {
    if (op.kind != RootOpKind::kCopy) continue;
    const auto file = sys::open(op.text, O_RDONLY | O_NONBLOCK);
    auto content = file ? sys::read_file(file->get(), kMaxCopiedFile) : Result<std::string>("");
    contents.push_back(content ? std::move(*content) : "");
  }
  return contents;
}

// Swaps the host's tree for an empty tmpfs with the host's procfs at /proc.
Status enter_small_root() {
  const OwnedFd proc = TRY(sys::open_tree(AT_FDCWD, "/proc", OPEN_TREE_CLONE | AT_RECURSIVE));
  const OwnedFd root =
      TRY(sys::new_mount("tmpfs", {"mode=755"}, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV));
  TRY(sys::move_mount(root.get(), kAssembly));
  TRY(sys::fchdir(root.get()));
  // With both arguments the same directory the old root ends up on top of the new one, from where
  // it is detached: no directory for it is needed (pivot_root(2), NOTES).
  TRY(sys::pivot_root(".", "."));
  TRY(sys::umount2(".", MNT_DETACH));
  TRY(sys::chdir("/"));
  TRY(sys::mkdir("/proc", 0755));
  TRY(sys::move_mount(proc.get(), "/proc"));
  TRY(sys::mkdir(kTree, 0755));
  TRY(sys::mkdir(kSources, 0755));
  return make_blanks();
}

Status do_root_op(const RootOp& op, const std::vector<OwnedFd>& mounts, const RootPlan& plan,
                  std::vector<std::string>& copies) {
  const std::string path = inside(op.target);
  switch (op.kind) {
    case RootOpKind::kDirectory:
      return sys::mkdir_parents(path, op.mode);
    case RootOpKind::kSymlink:
      TRY(sys::mkdir_parents(path.substr(0, path.rfind('/')), 0755));
      return sys::symlink(op.text, path);
    case RootOpKind::kFile:
      TRY(sys::mkdir_parents(path.substr(0, path.rfind('/')), 0755));
      return write_file(path, op.text, op.mode);
    case RootOpKind::kCopy: {
      TRY(sys::mkdir_parents(path.substr(0, path.rfind('/')), 0755));
      const std::string content = std::move(copies.front());
      copies.erase(copies.begin());
      return write_file(path, content, op.mode);
    }
    case RootOpKind::kMount: {
      const OwnedFd point =
          TRY(mount_point(op.target, plan.sources[op.source].directory, op.mode != 0));
      return sys::move_mount_onto(mounts[op.source].get(), point.get());
    }
    case RootOpKind::kTmpfs:
      TRY(sys::mkdir_parents(path, 0755));
      return attach_tmpfs(path, op.bytes, op.mode);
  }
  return {};
}

// Sources that no root op mounts wait below /src for init.
Status park_sources(const RootPlan& plan, const std::vector<OwnedFd>& mounts) {
  for (const CallOp& op : plan.call_ops) {
    if (op.kind != CallOpKind::kMount) continue;
    const std::string path = std::string(kSources) + "/" + std::to_string(op.source);
    TRY(parking_place(path, plan.sources[op.source].directory));
    TRY(sys::move_mount(mounts[op.source].get(), path));
  }
  return {};
}

}  // namespace

Result<OwnedFd> detach(const Source& source, int mapping) {
  const OwnedFd path = TRY(sys::openat2(AT_FDCWD, source.path, O_PATH, RESOLVE_NO_SYMLINKS));
  const struct stat info = TRY(sys::fstat(path.get()));
  if (info.st_dev != source.device || info.st_ino != source.inode) {
    Error error =
        system_error(source.path + " is not what it was when the policy was made", ESTALE);
    error.remedy = "Try again: the path was replaced meanwhile";
    return fail(std::move(error));
  }
  // Recursive: a tree copied from a more privileged mount namespace has locked mounts in it, which
  // may not be left behind (has_locked_children in fs/namespace.c). An idmapped one is made by root
  // in the host's namespace, and what is mounted below it may not be mappable.
  const unsigned recursive = source.mapped || !source.directory ? 0U : unsigned(AT_RECURSIVE);
  OwnedFd tree =
      TRY_TO("mount " + source.path,
             sys::open_tree(path.get(), "", OPEN_TREE_CLONE | AT_EMPTY_PATH | recursive));
  mount_attr attributes{};
  attributes.attr_set = MOUNT_ATTR_NOSUID;
  if (!source.device_node) attributes.attr_set |= MOUNT_ATTR_NODEV;
  if (source.read_only) attributes.attr_set |= MOUNT_ATTR_RDONLY;
  attributes.propagation = MS_PRIVATE;
  if (source.mapped) {
    attributes.attr_set |= MOUNT_ATTR_IDMAP;
    attributes.userns_fd = static_cast<std::uint64_t>(mapping);
  }
  const auto depth = recursive != 0 ? sys::Depth::kRecursive : sys::Depth::kThisMount;
  TRY_TO("mount " + source.path, sys::mount_setattr(tree.get(), "", depth, attributes));
  return tree;
}

std::vector<std::string> tmpfs_options(std::uint64_t bytes, std::uint32_t mode) {
  constexpr std::uint64_t kBytesPerInode = 4096;
  char octal[16];
  std::snprintf(octal, sizeof octal, "mode=%o", mode);
  return {octal, "size=" + std::to_string(bytes),
          "nr_inodes=" + std::to_string(std::max<std::uint64_t>(1024, bytes / kBytesPerInode))};
}

Status build_root(const RootPlan& plan, std::vector<OwnedFd> mounts) {
  std::vector<std::string> copies = read_copies(plan);
  TRY_TO("enter a small root", enter_small_root());
  TRY_TO("mount the tree", attach_tmpfs(kTree, 64ULL << 20, 0755));
  for (const RootOp& op : plan.root_ops) TRY(do_root_op(op, mounts, plan, copies));
  TRY_TO("park sources", park_sources(plan, mounts));
  mount_attr read_only{};
  read_only.attr_set = MOUNT_ATTR_RDONLY;
  return sys::mount_setattr(AT_FDCWD, kTree, sys::Depth::kThisMount, read_only);
}

}  // namespace mayfly::sandbox
