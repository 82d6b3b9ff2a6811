#include "sandbox/linux/private_directory.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <memory>
#include <vector>

#include "base/sys.h"
#include "sandbox/remove_tree.h"

namespace mayfly::sandbox {
namespace {

constexpr const char* kRootsPlace = "/var/lib/mayfly";
constexpr const char* kPrefix = "server-";

// Nobody but us may have a say in what is at this path.
Status check_own(const OwnedFd& directory, const std::string& path) {
  const struct stat info = TRY(sys::fstat(directory.get()));
  if (info.st_uid == ::geteuid() && (info.st_mode & (S_IWGRP | S_IWOTH)) == 0) return {};
  return fail(input_error(ErrorCode::kHostCannotEnforce, "directory", path,
                          "it can be changed by others than this server's user",
                          "Remove it, or chmod go-w and chown it to whoever runs Mayfly"));
}

// Whoever made it, under whatever umask: the sandboxes' users have to get through.
Status let_pass(const std::string& path) {
  const OwnedFd directory = TRY(sys::open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW));
  TRY(check_own(directory, path));
  const struct stat info = TRY(sys::fstat(directory.get()));
  if ((info.st_mode & S_IXOTH) != 0 || ::fchmod(directory.get(), 0755) == 0) return {};
  return fail(system_error("fchmod " + path, errno));
}

void remove_abandoned(int place) {
  const int copy = ::openat(place, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  const std::unique_ptr<DIR, int (*)(DIR*)> list(::fdopendir(copy), ::closedir);
  if (list == nullptr) return;
  std::vector<std::string> names;
  while (const dirent* entry = ::readdir(list.get())) {
    const std::string name = entry->d_name;
    if (name.starts_with(kPrefix)) names.push_back(name);
  }
  for (const std::string& name : names) {
    const auto one = sys::openat(place, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
    if (one && ::flock(one->get(), LOCK_EX | LOCK_NB) == 0) (void)remove_tree(place, name);
  }
}

// Nobody sweeps or removes the place while it is locked; until then it may vanish under us.
Result<OwnedFd> lock_place(const std::string& path) {
  while (true) {
    TRY(sys::mkdir_parents(path, 0755));
    OwnedFd place = TRY(sys::open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW));
    if (::flock(place.get(), LOCK_EX) < 0) return fail(system_error("flock " + path, errno));
    const struct stat opened = TRY(sys::fstat(place.get()));
    const auto now = sys::stat(path);
    if (now && now->st_ino == opened.st_ino && now->st_dev == opened.st_dev) return place;
  }
}

std::string gitconfig(const Policy& policy) {
  for (const GeneratedFile& file : policy.files) {
    if (file.path == "/etc/gitconfig") return file.content;
  }
  return {};
}

}  // namespace

Result<PrivateDirectories> PrivateDirectories::open(const std::string& state_root) {
  const bool root = ::geteuid() == 0;
  PrivateDirectories directories;
  directories.place_ = (root || state_root.empty() ? kRootsPlace : state_root) + "/private";
  // Entered by the sandboxes' users, listed by nobody.
  const mode_t mode = root ? 0711 : 0700;
  directories.parent_ = TRY(lock_place(directories.place_));
  TRY(check_own(directories.parent_, directories.place_));
  if (root) TRY(let_pass(kRootsPlace));
  if (::fchmod(directories.parent_.get(), mode) < 0) {
    return fail(system_error("fchmod " + directories.place_, errno));
  }
  remove_abandoned(directories.parent_.get());
  std::string name = directories.place_ + "/" + kPrefix + "XXXXXX";
  if (::mkdtemp(name.data()) == nullptr) return fail(system_error("mkdtemp " + name, errno));
  directories.name_ = name.substr(directories.place_.size() + 1);
  directories.own_ = TRY(sys::open(name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW));
  if (::flock(directories.own_.get(), LOCK_EX | LOCK_NB) < 0 ||
      ::fchmod(directories.own_.get(), mode) < 0) {
    return fail(system_error("flock " + name, errno));
  }
  (void)::flock(directories.parent_.get(), LOCK_UN);
  return directories;
}

PrivateDirectories::~PrivateDirectories() {
  if (!own_.valid()) return;
  (void)remove_tree(parent_.get(), name_);
  if (::flock(parent_.get(), LOCK_EX | LOCK_NB) < 0) return;
  ::rmdir(place_.c_str());  // if we were the last
  if (::geteuid() == 0) ::rmdir(kRootsPlace);
}

Result<std::string> PrivateDirectories::make(const std::string& id, const Policy& policy) const {
  const std::string path = place_ + "/" + name_ + "/" + id;
  const std::string home = path + "/home";
  for (const std::string& directory : {path, path + "/tmp", home}) {
    TRY(sys::mkdir(directory, 0700));
  }
  const std::string git = gitconfig(policy);
  const std::string git_file = home + "/.gitconfig";
  if (!git.empty()) {
    const OwnedFd file = TRY(sys::open(git_file, O_WRONLY | O_CREAT | O_EXCL, 0644));
    TRY(sys::write_all(file.get(), git));
  }
  if (::geteuid() != 0) return path;
  const Identity& who = policy.identity;
  for (const std::string& owned : {git_file, home, path + "/tmp", path}) {
    if (::lchown(owned.c_str(), who.host_uid, who.host_gid) < 0 && errno != ENOENT) {
      return fail(system_error("chown " + owned, errno));
    }
  }
  return path;
}

void PrivateDirectories::remove(const std::string& id) const { (void)remove_tree(own_.get(), id); }

}  // namespace mayfly::sandbox
