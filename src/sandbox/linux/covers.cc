#include "sandbox/linux/covers.h"

#include <fcntl.h>
#include <sys/mount.h>

#include <cerrno>

#include "base/sys.h"
#include "base/text.h"
#include "sandbox/linux/pattern_search.h"
#include "sandbox/linux/root_builder.h"
#include "sandbox/linux/tree_paths.h"

namespace mayfly::sandbox {
namespace {

constexpr unsigned kInert =
    MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC;
constexpr int kTries = 16;  // what is found is moved meanwhile

// What the program cannot reach either.
bool is_absent(const Error& error) {
  const int number = error.os_errno;
  return number == ENOENT || number == ENOTDIR || number == ELOOP || number == EACCES;
}

std::string blank(CoverKind kind, bool directory) {
  const std::string name = kind == CoverKind::kDeny ? "/denied-" : "/empty-";
  return kBlanks + name + (directory ? "directory" : "file");
}

Status put_blank(int over, CoverKind kind) {
  const bool directory = S_ISDIR(TRY(sys::fstat(over)).st_mode);
  const OwnedFd copy = TRY(sys::open_tree(AT_FDCWD, blank(kind, directory), OPEN_TREE_CLONE));
  mount_attr attributes{};
  attributes.attr_set = kInert;
  TRY(sys::mount_setattr(copy.get(), "", sys::Depth::kThisMount, attributes));
  return sys::move_mount_onto(copy.get(), over);
}

// As far as the path goes without a link.
Status pin_parents(const std::string& path) {
  auto opened = open_pinned(path, Pin::kParents);
  if (opened || is_absent(opened.error())) return {};
  return fail(std::move(opened).error());
}

// Opens what `path` leads to, pinned where it really is. Nothing if it is not there.
Result<OwnedFd> find_and_pin(const std::string& path) {
  for (int tried = 1;; ++tried) {
    const auto found = open_in_tree(path, Links::kFollow);
    if (!found) {
      if (!is_absent(found.error())) return fail(found.error());
      TRY(pin_parents(path));
      return OwnedFd();
    }
    const std::string real = TRY(path_in_tree(found->get()));
    if (real != path) TRY(pin_parents(path));
    auto opened = open_pinned(real, Pin::kParents);
    if (opened) {
      const struct stat expected = TRY(sys::fstat(found->get()));
      const struct stat is = TRY(sys::fstat(opened->get()));
      if (expected.st_dev == is.st_dev && expected.st_ino == is.st_ino) return opened;
      opened = fail(system_error("find " + path, ESTALE));
    }
    if (tried == kTries) return fail(std::move(opened).error());
  }
}

}  // namespace

Status make_blanks() {
  TRY(sys::mkdir(kBlanks, 0755));
  for (const CoverKind kind : {CoverKind::kHide, CoverKind::kDeny}) {
    const bool denied = kind == CoverKind::kDeny;
    TRY(sys::mkdir(blank(kind, true), denied ? 0 : 0555));
    TRY(sys::open(blank(kind, false), O_WRONLY | O_CREAT | O_EXCL, denied ? 0 : 0444));
  }
  return {};
}

Result<Blanks> find_blanks() {
  Blanks blanks;
  const struct stat hidden = TRY(sys::stat(blank(CoverKind::kHide, true)));
  blanks.device = hidden.st_dev;
  blanks.hidden_directory = hidden.st_ino;
  blanks.hidden_file = TRY(sys::stat(blank(CoverKind::kHide, false))).st_ino;
  blanks.denied_directory = TRY(sys::stat(blank(CoverKind::kDeny, true))).st_ino;
  blanks.denied_file = TRY(sys::stat(blank(CoverKind::kDeny, false))).st_ino;
  return blanks;
}

Status cover(const std::string& path, CoverKind kind) {
  const OwnedFd found = TRY(find_and_pin(path));
  if (!found.valid()) return {};
  // A link to a directory that holds it leads nowhere new, and without the directory there would be
  // nothing left.
  const std::string real = TRY(path_in_tree(found.get()));
  if (real != path && is_within(path, real)) return {};
  return put_blank(found.get(), kind);
}

Status cover_with_room(const std::string& path, std::uint64_t bytes, bool make) {
  if (make) TRY(mount_point(path, true, true));
  OwnedFd found = TRY(find_and_pin(path));
  if (!found.valid()) found = TRY(mount_point(path, true, false));
  const OwnedFd room = TRY(
      sys::new_mount("tmpfs", tmpfs_options(bytes, 0755), kInert & ~unsigned(MOUNT_ATTR_RDONLY)));
  return sys::move_mount_onto(room.get(), found.get());
}

Status seal(const std::string& path) {
  const OwnedFd room = TRY(open_in_tree(path, Links::kFollow));
  mount_attr attributes{};
  attributes.attr_set = MOUNT_ATTR_RDONLY;
  return sys::mount_setattr(room.get(), "", sys::Depth::kThisMount, attributes);
}

Status cover_matches(const CallOp& op) {
  const auto kind = static_cast<CoverKind>(op.mode);
  auto found = find_in_tree(op.text);
  if (!found) {
    Error error = std::move(found).error();
    error.field = std::string("filesystem.") + to_string(kind);
    return fail(std::move(error));
  }
  for (const std::string& match : *found) {
    // A link has no content. What it leads to is judged by its own name; covering that instead, a
    // program could cover /usr for the calls after it.
    const auto entry = open_in_tree(match, Links::kRefuse);
    if (entry) TRY(cover(match, kind));
    if (!entry && !is_absent(entry.error())) return fail(entry.error());
  }
  return {};
}

}  // namespace mayfly::sandbox
