#include "sandbox/linux/cgroup.h"

#include <sys/sysmacros.h>
#include <unistd.h>

#include <algorithm>

#include "base/text.h"
#include "sandbox/linux/cgroup_backends.h"
#include "sandbox/linux/cgroup_files.h"
#include "sandbox/linux/cgroup_scope.h"

namespace mayfly::sandbox {
namespace {

class NoCgroups final : public Cgroups {
 public:
  explicit NoCgroups(const Error& error) {
    abilities_.why_not = error.message;
    abilities_.remedy = error.remedy;
  }
  const CgroupAbilities& abilities() const override { return abilities_; }
  Result<std::unique_ptr<CallCgroup>> make(uid_t, gid_t) override {
    Error error;
    error.code = ErrorCode::kHostCannotEnforce;
    error.message = abilities_.why_not;
    error.remedy = abilities_.remedy;
    return fail(std::move(error));
  }
  Status adopt_zygote(pid_t, uid_t, gid_t) override { return {}; }

 private:
  CgroupAbilities abilities_;
};

void add_descendants(pid_t pid, std::vector<pid_t>& family) {
  family.push_back(pid);
  const std::string tasks = "/proc/" + std::to_string(pid) + "/task";
  for (const std::string& task : groups_below(tasks)) {
    const auto children = read_group_file(tasks + "/" + task, "children");
    for (const pid_t child : parse_pids(children.value_or(""))) add_descendants(child, family);
  }
}

// On hybrid hosts v2 is mounted, but its controllers belong to v1.
bool has_controllers(const CgroupView& view) {
  for (const CgroupMount& mount : view.mounts) {
    if (!mount.v2) continue;
    for (const std::string& controller :
         parse_words(read_group_file(mount.point, "cgroup.controllers").value_or(""))) {
      if (controller == "memory" || controller == "pids") return true;
    }
  }
  return false;
}

bool systemd_runs() { return ::access("/run/systemd/system", F_OK) == 0; }

std::string own_v2_group() {
  const CgroupView view = view_cgroups();
  return v2_directory(view.memberships, view.mounts);
}

Result<std::unique_ptr<Cgroups>> open_where_we_are() {
  const std::string group = own_v2_group();
  if (!group.empty()) return open_v2(group);
  Error error;
  error.message = "the cgroup of this process is not below any mounted cgroup file system";
  error.remedy = "Give the container a cgroup file system of its own, writable";
  return fail(std::move(error));
}

Result<std::unique_ptr<Cgroups>> open_v2_or_scope() {
  auto opened = open_where_we_are();
  if (opened || !systemd_runs()) return opened;
  const std::string busctl = find_busctl();
  if (busctl.empty()) return opened;
  if (auto entered = enter_scope(busctl, own_family(own_v2_group())); !entered) {
    Error error = std::move(opened).error();
    error.message += "; " + entered.error().message;
    return fail(std::move(error));
  }
  return open_where_we_are();
}

}  // namespace

const char* to_string(CgroupVersion version) {
  switch (version) {
    case CgroupVersion::kV1:
      return "cgroup v1";
    case CgroupVersion::kV2:
      return "cgroup v2";
    case CgroupVersion::kNone:
      break;
  }
  return "none";
}

CgroupView view_cgroups() {
  return {parse_memberships(read_group_file("/proc/self", "cgroup").value_or("")),
          parse_cgroup_mounts(read_group_file("/proc/self", "mountinfo").value_or(""))};
}

std::vector<pid_t> own_family(const std::string& group) {
  std::vector<pid_t> family;
  add_descendants(::getpid(), family);
  const std::vector<pid_t> present = processes_in(group);
  std::erase_if(family, [&](pid_t pid) {
    return std::find(present.begin(), present.end(), pid) == present.end();
  });
  return family;
}

bool holds(const std::string& group, const std::string& file, const std::string& value,
           const std::string& read_back) {
  if (!write_group_file(group, file, value)) return false;
  return read_group_file(group, file).value_or("") == read_back + "\n";
}

std::unique_ptr<Cgroups> open_cgroups() {
  const CgroupView view = view_cgroups();
  auto opened = has_controllers(view) ? open_v2_or_scope() : open_v1(view);
  if (opened) return std::move(*opened);
  return std::make_unique<NoCgroups>(opened.error());
}

std::optional<dev_t> disk_of(dev_t device) {
  const std::string entry =
      "/sys/dev/block/" + std::to_string(major(device)) + ":" + std::to_string(minor(device));
  if (::access(entry.c_str(), F_OK) != 0) return std::nullopt;
  if (!has_group_file(entry, "partition")) return device;
  const auto parts = text::split(read_group_file(entry, "../dev").value_or(""), ':');
  if (parts.size() != 2) return std::nullopt;
  const auto number = parse_number(parts[0]);
  const auto part = parse_number(parts[1]);
  if (!number || !part) return std::nullopt;
  return makedev(static_cast<unsigned>(*number), static_cast<unsigned>(*part));
}

}  // namespace mayfly::sandbox
