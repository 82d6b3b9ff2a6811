#pragma once

#include <random>
#include <set>
#include <string>

#include "sandbox/profile.h"
#include "sandbox/toolchains.h"

namespace mayfly::sandbox {

// Profiles of every kind that a file could have said, from a seed. Nothing contradicts itself.
class RandomProfiles {
 public:
  explicit RandomProfiles(unsigned seed) : random_(seed) {}

  Profile next() {
    Profile out;
    said_.clear();
    if (often()) put(out.description, text(40));
    for (int i = some(3); i > 0; --i) out.extends.push_back({name(), {}});
    if (often())
      put(out.workspace, pick({WorkspaceAccess::kReadOnly, WorkspaceAccess::kReadWrite}));
    // In the order in which a file is read. What is denied is nowhere near what is given.
    for (const PathAccess access :
         {PathAccess::kRead, PathAccess::kWrite, PathAccess::kHide, PathAccess::kDeny}) {
      for (int i = some(6); i > 0; --i) {
        const std::string path = fresh(access == PathAccess::kDeny ? "/denied/" : top());
        if (!path.empty()) out.paths.push_back({{access, path}, {}});
      }
    }
    for (int i = some(4); i > 0; --i) {
      const std::string path = fresh("/inside/");
      if (!path.empty()) out.tmpfs.push_back({{path, size()}, {}});
    }
    for (int i = some(4); i > 0; --i) {
      const std::string path = fresh("/inside/");
      if (!path.empty()) out.binds.push_back({{"/data/" + word(), path, often()}, {}});
    }
    if (often()) put(out.toolchains, toolchains());
    if (often()) put(out.cache, pick({CacheMode::kOff, CacheMode::kWorkspace}));
    for (int i = some(3); i > 0; --i) out.protect.push_back({"p" + word() + "/" + word(), {}});
    for (int i = some(3); i > 0; --i) out.danger_unprotect.push_back({"u" + word(), {}});
    if (often()) {
      put(out.network, pick({NetworkMode::kNone, NetworkMode::kProxy, NetworkMode::kHost}));
    }
    for (int i = some(4); i > 0; --i) out.network_allow.push_back({host("yes"), {}});
    for (int i = some(4); i > 0; --i) out.network_deny.push_back({host("no"), {}});
    for (int i = some(4), port = 1 + some(3000); i > 0; --i) {
      out.network_publish.push_back({static_cast<std::uint16_t>(port), {}});
      port += 1 + some(3000);
    }
    if (often()) out.syscalls_allow.push_back({parse_syscall_rule("@files").value(), {}});
    if (often()) out.syscalls_allow.push_back({parse_syscall_rule("getpid").value(), {}});
    if (often()) out.syscalls_deny.push_back({parse_syscall_rule("ptrace").value(), {}});
    if (often()) out.syscalls_danger_allow.push_back({parse_syscall_rule("mount").value(), {}});
    if (often()) out.capabilities_danger_keep.push_back({"CAP_KILL", {}});
    limits(out.limits);
    if (often()) put(out.watched, Watched{often(), often()});
    for (int i = some(3); i > 0; --i) {
      out.environment_pass.push_back({variable() + (often() ? "*" : ""), {}});
    }
    std::set<std::string> names;
    for (const auto& pass : out.environment_pass) names.insert(pass.value);
    for (int i = some(4); i > 0; --i) {
      const std::string name = variable();
      if (names.insert(name).second) out.environment_set.push_back({{name, text(60)}, {}});
    }
    if (often()) {
      put(out.environment_settable,
          often() ? std::vector<std::string>{"*"} : std::vector<std::string>{variable(), "X_*"});
    }
    if (often()) put(out.user, "u" + word());
    if (often()) put(out.hostname, "h" + word());
    if (often()) put(out.tier, pick({Tier::kFull, Tier::kLandlock}));
    for (int i = some(3); i > 0; --i) {
      out.requires_.push_back({pick({Requirement::kCgroup, Requirement::kCgroupV2,
                                     Requirement::kLandlock, Requirement::kSupervisor}),
                               {}});
    }
    if (often()) {
      put(out.observe, pick({ObserveLevel::kOff, ObserveLevel::kWrites, ObserveLevel::kAll}));
    }
    if (often()) out.observe_ignore.push_back({parse_ignore_pattern("syscall mount").value(), {}});
    return out;
  }

 private:
  bool often() { return random_() % 2 == 0; }
  int some(unsigned most) { return often() ? 0 : static_cast<int>(random_() % (most + 1)); }
  template <typename T>
  T pick(std::initializer_list<T> from) {
    return *(from.begin() + static_cast<std::ptrdiff_t>(random_() % from.size()));
  }
  template <typename T>
  static void put(Setting<T>& to, T value) {
    to = settings::Located<T>{std::move(value), {}};
  }
  // All magnitudes alike.
  std::uint64_t size() { return 1 + (random_() >> (1 + random_() % 62)); }
  milliseconds time() { return milliseconds(1 + size() % (300ULL * 86'400'000)); }

  std::string word() {
    std::string out;
    for (auto i = 1 + random_() % 4; i > 0; --i) out += static_cast<char>('a' + random_() % 26);
    return out;
  }
  std::string name() { return pick({"default", "strict", "mine", "a.b-c_d"}); }
  std::string variable() {
    std::string out = "_";
    for (auto i = random_() % 3; i > 0; --i) out += static_cast<char>('A' + random_() % 26);
    return out;
  }
  // Whatever can be in quotes.
  std::string text(unsigned most) {
    std::string out;
    for (auto i = random_() % (random_() % 20 == 0 ? 50 * most : most); i > 0; --i) {
      out += pick({"a", " ", ".", "\"", "\\", "\n", "\t", "\x01", "é", "#", "'", "${home}", "="});
    }
    return out.size() > 500 && most == 40 ? "" : out;
  }
  const char* top() { return pick({"/opt/", "/srv/", "${home}/", "${workspace}/"}); }
  // Each once in a profile.
  std::string fresh(const std::string& above) {
    std::string path = above + word();
    if (often()) path += "/" + word();
    if (often()) path += pick({"/*.c", "/**/x", "/[a-z]?", "/.dot", "/a b", "/\"q\"", "/ü"});
    const bool inside = above == "/inside/";
    if (inside && path.find_first_of("*?[\\") != std::string::npos) return "";
    return said_.insert(path).second ? path : "";
  }
  ToolchainChoice toolchains() {
    using Search = ToolchainChoice::Search;
    if (often()) return {pick({Search::kOff, Search::kAuto}), {}};
    return {Search::kOnly, often() ? std::vector<std::string>{} : toolchain_names()};
  }
  HostRule host(const std::string& kind) {
    const bool plain = often();
    HostRule rule =
        parse_host_rule((plain ? "http://" : "") + word() + "." + kind + ".org:8080").value();
    if (plain && rule.scheme == "http" && often()) rule.methods = {"GET", "HEAD"};
    if (plain && rule.scheme == "http" && often()) rule.path_prefix = "/" + word();
    if (often()) rule.reason = word() + " \"it\"";
    return rule;
  }
  void limits(LimitSettings& out) {
    for (auto* each : {&out.wall, &out.job_wall, &out.cpu}) {
      if (often()) put(*each, time());
    }
    if (often()) put(out.cpu, milliseconds(0));
    if (often()) put(out.cpu_percent, random_() % 100'001);
    if (often()) {
      put(out.memory, often() ? MemoryLimit{0, 1 + random_() % 100}
                              : MemoryLimit{kLeastMemoryBytes + size(), 50});
    }
    if (often()) put(out.processes, 1 + random_() % 5000);
    if (often()) put(out.open_files, kLeastOpenFiles + random_() % 5000);
    for (auto* each : {&out.file_bytes, &out.disk_bytes, &out.io_bytes_per_second, &out.tmp_bytes,
                       &out.shm_bytes, &out.output_bytes}) {
      if (often()) put(*each, size());
    }
    if (often()) put<std::uint64_t>(out.io_bytes_per_second, 0);
  }

  std::mt19937_64 random_;
  std::set<std::string> said_;
};

}  // namespace mayfly::sandbox
