#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>
#include <cstdint>

#include "base/sys.h"
#include "sandbox/linux/probes/attempt.h"

#ifndef SYS_landlock_create_ruleset
#define SYS_landlock_create_ruleset 444
#define SYS_landlock_restrict_self 446
#endif

namespace mayfly::sandbox::probes {
namespace {

// As linux/landlock.h has it since ABI 6; the headers of Debian 12 end with ABI 3. A kernel of an
// older ABI takes the longer structure as long as the rest is zero.
struct RulesetAttributes {
  std::uint64_t handled_access_fs;
  std::uint64_t handled_access_net;
  std::uint64_t scoped;
};
constexpr std::uint64_t kReadDirectory = 1U << 3;
constexpr std::uint64_t kScopeAbstractSockets = 1U << 0;
constexpr std::uint64_t kScopeSignals = 1U << 1;
constexpr unsigned kVersion = 1U << 0;

Result<std::string> abi() {
  const long version = ::syscall(SYS_landlock_create_ruleset, nullptr, 0, kVersion);
  if (version < 0) return fail(system_error("landlock_create_ruleset", errno));
  return "ABI " + std::to_string(version);
}

Status restrict_self(const RulesetAttributes& attributes) {
  const OwnedFd ruleset(
      static_cast<int>(::syscall(SYS_landlock_create_ruleset, &attributes, sizeof attributes, 0)));
  if (!ruleset.valid()) return fail(system_error("landlock_create_ruleset", errno));
  TRY(sys::prctl(PR_SET_NO_NEW_PRIVS, 1, "PR_SET_NO_NEW_PRIVS"));
  if (::syscall(SYS_landlock_restrict_self, ruleset.get(), 0) < 0) {
    return fail(system_error("landlock_restrict_self", errno));
  }
  return {};
}

Result<std::string> denies_a_directory() {
  const std::string version = TRY(abi());
  RulesetAttributes attributes{};
  attributes.handled_access_fs = kReadDirectory;
  TRY(restrict_self(attributes));
  const auto root = sys::open("/", O_RDONLY | O_DIRECTORY);
  if (root) return fail(system_error("a restricted process read a directory", EXDEV));
  if (root.error().os_errno != EACCES) return fail(root.error());
  return version + "; a restricted process was denied a directory (EACCES)";
}

// A signal and an abstract socket that lie outside of the domain.
Result<std::string> scopes() {
  const Helper outside([] { return ::pause(); });
  const OwnedFd server(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (!server.valid()) return fail(system_error("socket AF_UNIX", errno));
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  auto* const generic = reinterpret_cast<sockaddr*>(&address);
  // Without a name the kernel picks an abstract one (unix(7), autobind).
  socklen_t size = sizeof address;
  if (::bind(server.get(), generic, sizeof(sa_family_t)) < 0 || ::listen(server.get(), 1) < 0 ||
      ::getsockname(server.get(), generic, &size) < 0) {
    return fail(system_error("bind an abstract socket", errno));
  }
  // In a process of its own: a restricted one could not end its helpers either.
  return attempt_within("", [&]() -> Result<std::string> {
    RulesetAttributes attributes{};
    attributes.scoped = kScopeAbstractSockets | kScopeSignals;
    TRY(restrict_self(attributes));
    if (::kill(outside.pid(), SIGCONT) == 0 || errno != EPERM) {
      return fail(system_error("a signal left the domain", EXDEV));
    }
    const OwnedFd client(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    if (::connect(client.get(), generic, size) == 0 || errno != EPERM) {
      return fail(system_error("an abstract socket outside of the domain was reached", EXDEV));
    }
    return "a restricted process could neither signal nor connect to another (EPERM)";
  });
}

}  // namespace

std::vector<Row> landlock_rows() {
  return {
      {"landlock",
       "Landlock",
       "tier landlock, a second layer in tier full",
       {Tier::kLandlock},
       "",
       denies_a_directory,
       landlock_remedy},
      {"landlock_scopes",
       "Landlock scopes",
       "tier landlock",
       {Tier::kLandlock},
       "landlock",
       scopes,
       needs_linux("6.12", "Landlock ABI 6")},
  };
}

}  // namespace mayfly::sandbox::probes
