#include <fcntl.h>
#include <sys/mount.h>
#include <unistd.h>

#include <cerrno>

#include "base/sys.h"
#include "sandbox/linux/id_mapping.h"
#include "sandbox/linux/probes/attempt.h"
#include "sandbox/policy.h"

namespace mayfly::sandbox::probes {
namespace {

Result<std::string> mount_api() {
  TRY(enter_user_namespace());
  TRY(enter_mount_namespace());
  const OwnedFd made = TRY(sys::new_mount("tmpfs", {"mode=755"}, MOUNT_ATTR_NOSUID));
  TRY(sys::move_mount(made.get(), kMountPoint));
  const OwnedFd copy = TRY(sys::open_tree(AT_FDCWD, kMountPoint, OPEN_TREE_CLONE));
  mount_attr read_only{};
  read_only.attr_set = MOUNT_ATTR_RDONLY;
  TRY(sys::mount_setattr(copy.get(), "", sys::Depth::kThisMount, read_only));
  TRY(sys::move_mount(copy.get(), kMountPoint));
  const auto written = sys::open(std::string(kMountPoint) + "/file", O_WRONLY | O_CREAT, 0600);
  if (written) return fail(system_error("a read-only mount was written to", EXDEV));
  return "fsopen, fsmount, open_tree, mount_setattr and move_mount: done";
}

Result<std::string> overlay() {
  TRY(enter_user_namespace());
  TRY(enter_mount_namespace());
  const std::string top = kMountPoint;
  TRY(sys::mount("tmpfs", top, "tmpfs", MS_NOSUID | MS_NODEV, nullptr));
  for (const char* name : {"/lower", "/upper", "/work", "/merged"}) {
    TRY(sys::mkdir(top + name, 0755));
  }
  const std::string options =
      "userxattr,lowerdir=" + top + "/lower,upperdir=" + top + "/upper,workdir=" + top + "/work";
  TRY(sys::mount("overlay", top + "/merged", "overlay", 0, options.c_str()));
  TRY(sys::open(top + "/merged/file", O_WRONLY | O_CREAT, 0600));
  TRY(sys::stat(top + "/upper/file"));
  return "mounted one in a user namespace and wrote to it";
}

// Where Mayfly was started: most often that is the workspace.
Result<std::string> idmapped_mount() {
  const OwnedFd mapping = TRY(make_id_mapping(kSpareUid, kSpareUid));
  const OwnedFd tree = TRY(sys::open_tree(AT_FDCWD, ".", OPEN_TREE_CLONE));
  mount_attr attributes{};
  attributes.attr_set = MOUNT_ATTR_IDMAP;
  attributes.userns_fd = static_cast<std::uint64_t>(mapping.get());
  TRY(sys::mount_setattr(tree.get(), "", sys::Depth::kThisMount, attributes));
  struct stat info = TRY(sys::fstat(tree.get()));
  return "showed the current directory as uid " + std::to_string(info.st_uid) + "'s";
}

std::string idmapped_remedy(const Outcome& outcome) {
  if (outcome.os_errno == EPERM) {
    return "This root may not mount (a container?): run Mayfly as an ordinary user, or give it "
           "CAP_SYS_ADMIN";
  }
  return "Give the workspace to an ordinary user (chown -R USER DIR) or run Mayfly as that user; "
         "or keep it on ext4, xfs or btrfs (Linux 5.12; not overlayfs, not NFS)";
}

}  // namespace

std::vector<Row> mount_rows() {
  std::vector<Row> rows = {
      {"mount_api",
       "new mount system calls",
       "tier full",
       {Tier::kFull},
       "mounts_inside",
       mount_api,
       needs_linux("5.12", "fsopen, fsmount, open_tree, mount_setattr, move_mount")},
      {"overlay",
       "overlayfs in a user namespace",
       "nothing yet",
       {},
       "mounts_inside",
       overlay,
       needs_linux("5.11", "CONFIG_OVERLAY_FS")},
  };
  if (::geteuid() == 0) {
    rows.push_back({"idmapped_mount",
                    "idmapped mount here",
                    "root's own workspaces",
                    {},
                    "",
                    idmapped_mount,
                    idmapped_remedy});
  }
  return rows;
}

}  // namespace mayfly::sandbox::probes
