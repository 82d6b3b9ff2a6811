#include "sandbox/linux/zygote_client.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>

#include "base/sys.h"
#include "sandbox/host_probe.h"
#include "sandbox/linux/helper_process.h"
#include "sandbox/linux/id_mapping.h"
#include "sandbox/linux/messages.h"
#include "sandbox/linux/root_builder.h"

namespace mayfly::sandbox {
namespace {

constexpr std::size_t kMaxProgramBytes = 1U << 30;  // with sanitizers it is large

// This program as a sealed file in memory. What execs in a sandbox can reach its own /proc/self/exe
// before the exec is done, and through it would reach the program's file on the host (CVE-2019-5736
// and its like): this way it is nobody's file. One for each zygote, so that not even its times or
// attributes pass from one policy to another.
Result<OwnedFd> own_program() {
  const OwnedFd file = TRY(sys::open("/proc/self/exe", O_RDONLY));
  const std::string bytes = TRY(sys::read_file(file.get(), kMaxProgramBytes));
  return sys::memfd_program("mayfly", bytes);
}

// What root opens for a zygote that will not be root any more.
Result<std::vector<OwnedFd>> detach_all(const RootPlan& plan) {
  std::vector<OwnedFd> mounts;
  OwnedFd mapping;
  for (const Source& source : plan.sources) {
    if (source.mapped && !mapping.valid()) {
      mapping = TRY(make_id_mapping(plan.identity.host_uid, plan.identity.host_gid));
    }
    auto mount = detach(source, mapping.get());
    if (!mount && source.mapped) {
      return fail(std::move(mount).error().with_remedy(
          "The file system of " + source.path +
          " cannot be idmapped (Linux 5.12, not on overlayfs or NFS): give the directory to an "
          "ordinary user with chown, or run Mayfly as that user"));
    }
    mounts.push_back(TRY(std::move(mount)));
  }
  return mounts;
}

// Root of a container may be root in name alone.
Error explain_root(Error error) {
  if (error.os_errno != EPERM || !error.remedy.empty()) return error;
  return cannot_enforce(
      std::move(error),
      "This root may not mount (a container?): run Mayfly as an ordinary user, give it "
      "CAP_SYS_ADMIN, or accept less isolation: --tier landlock");
}

}  // namespace

Result<std::unique_ptr<ZygoteProcess>> spawn_zygote() {
  const OwnedFd copy = TRY_TO("copy this program into memory", own_program());
  HelperProcess process = TRY(spawn_helper(kZygoteName, copy));
  auto zygote = std::make_unique<ZygoteProcess>();
  zygote->control = std::move(process.control);
  zygote->pidfd = std::move(process.pidfd);
  zygote->pid = process.pid;
  return zygote;
}

Status configure_zygote(const ZygoteProcess& zygote, const RootPlan& plan) {
  const OwnedFd bytes = TRY(sys::memfd("root-plan", encode(plan)));
  std::vector<OwnedFd> mounts;
  if (::geteuid() == 0) {
    auto made = detach_all(plan);
    if (!made) return fail(explain_root(std::move(made).error()));
    mounts = std::move(*made);
  }
  std::vector<int> fds{bytes.get()};
  for (const OwnedFd& mount : mounts) fds.push_back(mount.get());
  if (fds.size() > sys::kMaxMessageFds) {
    return fail(input_error(ErrorCode::kInvalidConfiguration, "filesystem",
                            std::to_string(mounts.size()), "too many paths for one sandbox",
                            "Name fewer paths, or directories that contain them"));
  }
  Note note;
  note.kind = Kind::kConfigure;
  return sys::send_message(zygote.control.get(), encode(note), fds);
}

Status park(const ZygoteProcess& zygote, std::uint64_t helper) {
  Note note;
  note.kind = Kind::kPark;
  note.helper = helper;
  return sys::send_message(zygote.control.get(), encode(note));
}

Status launch(const ZygoteProcess& zygote, std::uint64_t call, const LaunchFds& fds, Birth birth) {
  std::vector<int> numbers = {fds.call_plan.get(),   fds.standard[0].get(), fds.standard[1].get(),
                              fds.standard[2].get(), fds.channel.get(),     fds.ledger.get()};
  Note note;
  note.kind = Kind::kLaunch;
  note.call = call;
  note.helper = birth.helper;
  note.has_notebook = fds.notebook.valid();
  if (note.has_notebook) numbers.push_back(fds.notebook.get());
  note.has_group = birth.cgroup >= 0;
  if (note.has_group) numbers.push_back(birth.cgroup);
  return sys::send_message(zygote.control.get(), encode(note), numbers);
}

void end_zygote(const ZygoteProcess& zygote) {
  // Not closed: other threads may be about to write to it.
  ::shutdown(zygote.control.get(), SHUT_RDWR);
  struct pollfd gone {
    zygote.pidfd.get(), POLLIN, 0
  };
  const TimePoint until = Clock::now() + kEndPatience;
  while (gone.revents == 0) {
    const auto left = std::chrono::ceil<milliseconds>(until - Clock::now()).count();
    if (left <= 0) return;
    (void)::poll(&gone, 1, static_cast<int>(left));
  }
  siginfo_t info{};
  (void)::waitid(P_PIDFD, static_cast<id_t>(zygote.pidfd.get()), &info, WEXITED);
}

Result<std::unique_ptr<Prestart>> prestart() { return TRY(spawn_zygote()); }

}  // namespace mayfly::sandbox
