#include "sandbox/linux/syscall_text.h"

#include <linux/sched.h>
#include <seccomp.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <iterator>
#include <utility>

namespace mayfly::sandbox {
namespace {

struct Named {
  std::uint64_t value;
  const char* name;
};

constexpr Named kNamespaceFlags[] = {
    {CLONE_NEWUSER, "CLONE_NEWUSER"},     {CLONE_NEWNS, "CLONE_NEWNS"},
    {CLONE_NEWPID, "CLONE_NEWPID"},       {CLONE_NEWNET, "CLONE_NEWNET"},
    {CLONE_NEWIPC, "CLONE_NEWIPC"},       {CLONE_NEWUTS, "CLONE_NEWUTS"},
    {CLONE_NEWCGROUP, "CLONE_NEWCGROUP"}, {CLONE_NEWTIME, "CLONE_NEWTIME"}};

constexpr Named kFamilies[] = {
    {AF_UNIX, "AF_UNIX"},       {AF_INET, "AF_INET"},     {AF_INET6, "AF_INET6"},
    {AF_NETLINK, "AF_NETLINK"}, {AF_PACKET, "AF_PACKET"}, {AF_KEY, "AF_KEY"},
    {AF_VSOCK, "AF_VSOCK"},     {AF_ALG, "AF_ALG"},       {AF_BLUETOOTH, "AF_BLUETOOTH"},
    {AF_CAN, "AF_CAN"},         {AF_TIPC, "AF_TIPC"},     {AF_XDP, "AF_XDP"},
    {AF_RDS, "AF_RDS"},         {AF_KCM, "AF_KCM"},       {AF_QIPCRTR, "AF_QIPCRTR"},
    {AF_NFC, "AF_NFC"},         {AF_PPPOX, "AF_PPPOX"},   {AF_LLC, "AF_LLC"},
    {AF_SMC, "AF_SMC"},         {AF_IB, "AF_IB"}};

constexpr Named kSocketTypes[] = {{SOCK_STREAM, "SOCK_STREAM"},
                                  {SOCK_DGRAM, "SOCK_DGRAM"},
                                  {SOCK_RAW, "SOCK_RAW"},
                                  {SOCK_SEQPACKET, "SOCK_SEQPACKET"},
                                  {SOCK_PACKET, "SOCK_PACKET"}};

std::string number(const char* format, unsigned long long value) {
  char text[32];
  std::snprintf(text, sizeof text, format, value);
  return text;
}

template <std::size_t N>
std::string one_of(const Named (&names)[N], std::uint64_t value) {
  for (const Named& named : names) {
    if (named.value == value) return named.name;
  }
  return number("%llu", value);
}

std::string namespaces(std::uint64_t flags) {
  std::string text;
  for (const Named& named : kNamespaceFlags) {
    if ((flags & named.value) != named.value) continue;
    if (!text.empty()) text += "|";
    text += named.name;
  }
  return text.empty() ? number("%#llx", flags) : text;
}

std::string mode(std::uint64_t bits) { return number("0%llo", bits & 0xffff); }

std::string socket_text(const seccomp_data& data) {
  constexpr std::uint64_t kTypeBits = 0xf;
  return one_of(kFamilies, data.args[0] & 0xffffffff) + ", " +
         one_of(kSocketTypes, data.args[1] & kTypeBits);
}

std::string arguments(const seccomp_data& data) {
  switch (data.nr) {
    case SYS_unshare:
    case SYS_clone:
      return namespaces(data.args[0]);
    case SYS_setns:
      return data.args[1] == 0 ? "" : namespaces(data.args[1]);
    case SYS_socket:
    case SYS_socketpair:
      return socket_text(data);
#ifdef SYS_chmod
    case SYS_chmod:
    case SYS_creat:
    case SYS_mknod:
#endif
    case SYS_fchmod:
      return "mode " + mode(data.args[1]);
#ifdef SYS_open
    case SYS_open:
#endif
    case SYS_fchmodat:
    case SYS_mknodat:
      return "mode " + mode(data.args[2]);
    case SYS_openat:
      return "mode " + mode(data.args[3]);
    case SYS_personality:
      return number("%#llx", data.args[0] & 0xffffffff);
    case SYS_bpf:
      return "command " + number("%llu", data.args[0] & 0xffffffff);
    default:
      return "";
  }
}

}  // namespace

CallText describe_call(const seccomp_data& data) {
  char* name = seccomp_syscall_resolve_num_arch(data.arch, data.nr);
  CallText text{name != nullptr ? name : "system call " + std::to_string(data.nr), arguments(data)};
  std::free(name);
  return text;
}

Finding denied_call(const seccomp_data& data, std::optional<std::uint16_t> rule) {
  CallText text = describe_call(data);
  Finding finding;
  finding.rule = rule.has_value() ? BrokenRule::kProfileCalls : BrokenRule::kSystemCalls;
  finding.number = rule.value_or(0);
  finding.operation = std::move(text.operation);
  finding.target = std::move(text.target);
  finding.error = EPERM;
  return finding;
}

}  // namespace mayfly::sandbox
