#include "sandbox/profile_files.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>

#include "base/sys.h"
#include "sandbox/profile_format.h"
#include "settings/trusted_file.h"

namespace mayfly::sandbox {
namespace {

constexpr mode_t kPrivateDirectory = 0700;
constexpr mode_t kPublicDirectory = 0755;

std::string directory_of(const std::string& path) { return path.substr(0, path.rfind('/')); }

bool is_systems(const std::string& path) { return path.starts_with("/etc/"); }

Status make_directory(const std::string& directory) {
  return sys::mkdir_parents(directory,
                            is_systems(directory) ? kPublicDirectory : kPrivateDirectory);
}

// A file that disappears unless it gets its name.
class Draft {
 public:
  static Result<Draft> write(const std::string& directory, const std::string& text, mode_t mode) {
    std::string path = directory + "/.draft-XXXXXX";
    Draft draft;
    draft.file_.reset(::mkostemp(path.data(), O_CLOEXEC));
    if (!draft.file_.valid()) return fail(system_error("create a file in " + directory, errno));
    draft.path_ = path;
    TRY(sys::write_all(draft.file_.get(), text));
    if (::fchmod(draft.file_.get(), mode) < 0) return fail(system_error("fchmod " + path, errno));
    if (::fsync(draft.file_.get()) < 0) return fail(system_error("fsync " + path, errno));
    return draft;
  }
  Draft(Draft&& other) noexcept
      : file_(std::move(other.file_)), path_(std::exchange(other.path_, "")) {}
  ~Draft() {
    if (!path_.empty()) ::unlink(path_.c_str());
  }
  Draft& operator=(Draft&&) = delete;

  Status replace(const std::string& path) {
    if (::rename(path_.c_str(), path.c_str()) < 0)
      return fail(system_error("rename " + path, errno));
    path_.clear();
    return {};
  }

  // link(2) does what rename(2) does not: it fails if the name is taken.
  Status take_free_name(const std::string& path) {
    if (::link(path_.c_str(), path.c_str()) == 0) return {};
    const int number = errno;
    if (number != EEXIST) return fail(system_error("link " + path, number));
    return fail(input_error(ErrorCode::kInvalidConfiguration, "file", path, "is there already",
                            "change it with an editor or `mayfly profile allow`, or choose "
                            "another name"));
  }

 private:
  Draft() = default;
  OwnedFd file_;
  std::string path_;
};

void sync_directory(const std::string& directory) {
  const OwnedFd fd(::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (fd.valid()) ::fsync(fd.get());
}

}  // namespace

Status write_profile_file(const std::string& path, const std::string& text, FileFate fate) {
  mode_t mode = is_systems(path) ? 0644 : 0600;
  std::string target = path;
  if (fate == FileFate::kReplace) {
    target = TRY(sys::realpath(path));
    mode = TRY(sys::stat(target)).st_mode & 07777;
  } else {
    TRY(make_directory(directory_of(path)));
  }
  Draft draft = TRY(Draft::write(directory_of(target), text, mode));
  TRY(fate == FileFate::kReplace ? draft.replace(target) : draft.take_free_name(target));
  sync_directory(directory_of(target));
  return {};
}

Status delete_profile_file(const std::string& path) {
  if (::unlink(path.c_str()) < 0) return fail(system_error("unlink " + path, errno));
  sync_directory(directory_of(path));
  return {};
}

Result<OwnedFd> lock_profiles(const std::string& directory) {
  TRY(make_directory(directory));
  OwnedFd fd = TRY(sys::open(directory, O_RDONLY | O_DIRECTORY));
  while (::flock(fd.get(), LOCK_EX) < 0) {
    if (errno != EINTR) return fail(system_error("flock " + directory, errno));
  }
  return fd;
}

std::vector<ProfileStore::Place> dependents_of(const ProfileStore& store, const std::string& name) {
  std::vector<ProfileStore::Place> out;
  for (const ProfileStore::Place& listed : store.list()) {
    if (listed.name == name) continue;
    for (const ProfileStore::Place& place : store.find(listed.name)) {
      if (place.path.empty()) continue;
      const auto file = settings::read_trusted(place.path);
      if (!file) continue;
      settings::Diagnostics ignored;
      const auto source = std::make_shared<settings::Source>(settings::Source{place.path});
      const auto profile = parse_profile(file->text, place.name, source, ignored);
      const bool extends =
          profile && std::any_of(profile->extends.begin(), profile->extends.end(),
                                 [&](const auto& each) { return each.value == name; });
      if (extends) out.push_back(place);
    }
  }
  return out;
}

}  // namespace mayfly::sandbox
