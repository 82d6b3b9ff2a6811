#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

// What the kernel says about control groups in text, as pure functions (cgroups(7), cgroup-v2.rst).
namespace mayfly::sandbox {

// A line of /proc/PID/cgroup. v2 has no controllers.
struct Membership {
  std::vector<std::string> controllers;
  std::string path;

  bool operator==(const Membership&) const = default;
};
std::vector<Membership> parse_memberships(std::string_view text);

// A line of /proc/PID/mountinfo that mounts control groups.
struct CgroupMount {
  bool v2 = false;
  std::string root;  // the group that is seen at `point`
  std::string point;
  std::vector<std::string> options;  // of the file system: the controllers, on v1

  bool operator==(const CgroupMount&) const = default;
};
std::vector<CgroupMount> parse_cgroup_mounts(std::string_view mountinfo);

// Where the v2 group of `memberships` is found in the file system, and that of one v1 controller.
// Empty if it is not mounted, or lies outside of what is.
std::string v2_directory(const std::vector<Membership>& memberships,
                         const std::vector<CgroupMount>& mounts);
std::string v1_directory(const std::string& controller, const std::vector<Membership>& memberships,
                         const std::vector<CgroupMount>& mounts);

std::vector<std::string> parse_words(std::string_view text);
std::vector<pid_t> parse_pids(std::string_view text);
// A number; "max" is none.
std::optional<std::uint64_t> parse_number(std::string_view text);
// The value of `key` in lines of "key value": cpu.stat, memory.events, pids.events.
std::optional<std::uint64_t> parse_keyed(std::string_view text, std::string_view key);
// The sum of "key=value" over all lines: io.stat.
std::optional<std::uint64_t> parse_nested(std::string_view text, std::string_view key);
// Microseconds that something waited: "some … total=N".
std::optional<std::uint64_t> parse_pressure(std::string_view text);
// The sum over all devices in lines of "8:0 Read 4096": blkio.throttle.io_service_bytes.
std::uint64_t parse_device_sum(std::string_view text, std::string_view operation);

}  // namespace mayfly::sandbox
