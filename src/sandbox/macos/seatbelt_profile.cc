#include "sandbox/macos/seatbelt_profile.h"

#include <cctype>
#include <cstdio>
#include <set>
#include <string_view>
#include <vector>

#include "base/text.h"
#include "sandbox/protected_paths.h"

namespace mayfly::sandbox {
namespace {

// What every program of macOS reads to start at all. /private/var/db/dyld and /System/Volumes hold
// the shared libraries' cache, /private/etc the names of users and hosts.
constexpr const char* kSystem[] = {
    "/usr/lib",
    "/usr/bin",
    "/usr/sbin",
    "/usr/libexec",
    "/usr/share",
    "/bin",
    "/sbin",
    "/System/Library",
    "/Library/Apple",
    "/Library/Developer/CommandLineTools",
    "/System/Volumes/Preboot/Cryptexes",
    "/System/Cryptexes",
    "/private/var/db/dyld",
    "/private/var/db/timezone",
};
constexpr const char* kSystemFiles[] = {
    "/",
    "/etc",
    "/private/etc/hosts",
    "/private/etc/localtime",
    "/private/etc/passwd",
    "/private/etc/group",
    "/private/etc/services",
    "/private/etc/protocols",
    "/private/etc/shells",
    "/private/var/select/sh",
    "/tmp",
    "/var",
};
// What the C library and the runtimes of languages ask at start.
constexpr const char* kSysctls[] = {
    "hw.activecpu",
    "hw.byteorder",
    "hw.cacheconfig",
    "hw.cachelinesize",
    "hw.cachesize",
    "hw.cpufamily",
    "hw.cputype",
    "hw.l1dcachesize",
    "hw.l1icachesize",
    "hw.l2cachesize",
    "hw.l3cachesize",
    "hw.logicalcpu",
    "hw.logicalcpu_max",
    "hw.machine",
    "hw.memsize",
    "hw.model",
    "hw.ncpu",
    "hw.nperflevels",
    "hw.pagesize",
    "hw.pagesize_compat",
    "hw.physicalcpu",
    "hw.physicalcpu_max",
    "hw.tbfrequency",
    "kern.argmax",
    "kern.hostname",
    "kern.iossupportversion",
    "kern.maxfilesperproc",
    "kern.maxproc",
    "kern.ngroups",
    "kern.osproductversion",
    "kern.osrelease",
    "kern.ostype",
    "kern.osvariant_status",
    "kern.osversion",
    "kern.secure_kernel",
    "kern.usrstack64",
    "kern.version",
    "sysctl.proc_cputype",
    "vm.loadavg",
};

// A string of the language. Control characters could end a comment or hide a rule from a reader.
std::string quoted(std::string_view bytes) {
  std::string out = "\"";
  for (const char byte : bytes) {
    const auto value = static_cast<unsigned char>(byte);
    if (byte == '"' || byte == '\\') out += '\\';
    if (value >= 0x20 && value != 0x7f) {
      out += byte;
      continue;
    }
    char escaped[8];
    std::snprintf(escaped, sizeof escaped, "\\x%02x", value);
    out += escaped;
  }
  return out + "\"";
}

std::string regex_literal(std::string_view bytes) {
  std::string out;
  for (const char byte : bytes) {
    if (std::string_view("\\^$.|?*+()[]{}").find(byte) != std::string_view::npos) out += '\\';
    out += byte;
  }
  return out;
}

// Volumes of macOS usually take .Git for .git.
std::string any_case(std::string_view bytes) {
  std::string out;
  for (const char byte : bytes) {
    const auto value = static_cast<unsigned char>(byte);
    if (std::isalpha(value) == 0) {
      out += regex_literal(std::string_view(&byte, 1));
      continue;
    }
    out += '[';
    out += static_cast<char>(std::tolower(value));
    out += static_cast<char>(std::toupper(value));
    out += ']';
  }
  return out;
}

class Text {
 public:
  void comment(const std::string& line) { out_ += "\n; " + text::one_line(line) + "\n"; }
  void rule(const std::string& line) { out_ += "(" + line + ")\n"; }
  void paths(const char* verb, const char* filter, const std::vector<std::string>& paths) {
    if (paths.empty()) return;
    out_ += std::string("(") + verb;
    for (const std::string& path : paths) {
      out_ += std::string("\n  (") + filter + " " + quoted(path) + ")";
    }
    out_ += ")\n";
  }
  std::string take() { return std::move(out_); }

 private:
  std::string out_ = "(version 1)\n(deny default)\n";
};

constexpr const char* kRead = "allow file-read* file-map-executable process-exec";

void processes(Text& out) {
  out.comment("Processes: its own");
  out.rule("allow process-fork");
  out.rule("allow signal (target same-sandbox)");
  out.rule("allow process-info* (target same-sandbox)");
  out.comment("The kernel and the directory of users, as far as every program asks them");
  out.paths("allow sysctl-read", "sysctl-name", {std::begin(kSysctls), std::end(kSysctls)});
  out.rule("allow sysctl-read (sysctl-name-prefix \"hw.optional.\")");
  out.rule("allow sysctl-read (sysctl-name-prefix \"hw.perflevel\")");
  out.rule("allow mach-lookup (global-name \"com.apple.system.opendirectoryd.libinfo\")");
}

// Looking a path up needs to see each directory above it.
std::vector<std::string> parents(const std::vector<std::string>& paths) {
  std::set<std::string> out;
  for (const std::string& path : paths) {
    for (std::size_t slash = path.find('/', 1); slash != std::string::npos;
         slash = path.find('/', slash + 1)) {
      out.insert(path.substr(0, slash));
    }
  }
  return {out.begin(), out.end()};
}

void files(Text& out, const Policy& policy) {
  std::vector<std::string> readable;
  std::vector<std::string> writable;
  for (const MountRule& mount : policy.mounts) {
    (mount.access == Access::kWrite ? writable : readable).push_back(mount.source);
  }
  for (const Workspace& workspace : policy.workspaces) {
    const bool write = policy.workspace_access == WorkspaceAccess::kReadWrite;
    (write ? writable : readable).push_back(workspace.path);
  }
  std::vector<std::string> all = readable;
  all.insert(all.end(), writable.begin(), writable.end());
  out.comment("The system");
  out.paths(kRead, "subpath", {std::begin(kSystem), std::end(kSystem)});
  out.paths("allow file-read*", "literal", {std::begin(kSystemFiles), std::end(kSystemFiles)});
  out.paths("allow file-read* file-write-data file-ioctl", "literal", {"/dev/null", "/dev/zero"});
  out.paths("allow file-read*", "literal", {"/dev/random", "/dev/urandom", "/dev/autofs_nowait"});
  out.rule("allow file-read* file-write-data (subpath \"/dev/fd\")");
  out.comment("What the policy shows");
  out.paths("allow file-read-metadata", "literal", parents(all));
  out.paths(kRead, "subpath", readable);
  out.paths("allow file-read* file-write* file-map-executable process-exec", "subpath", writable);
  out.comment("The call's own");
  out.rule(std::string("allow file-read* file-write* file-map-executable process-exec (subpath "
                       "(param \"") +
           kSeatbeltPrivate + "\"))");
  std::vector<std::string> covered;
  for (const CoverRule& cover : policy.covers) covered.push_back(cover.path);
  if (!covered.empty()) out.comment("Hidden");
  out.paths("deny file-read* file-write* file-map-executable process-exec", "subpath", covered);
}

// Itself and what lies below it. No dot in any pattern: whether it means a line feed is not said.
constexpr const char* kBelow = "($|/)";

// Code that programs of the host would run. Nothing looks at the outcome on this platform, so that
// all of a repository's configuration is refused, in repositories at any depth. Taking away a
// directory above would carry the protected one along, under another name.
void protections(Text& out, const Policy& policy) {
  for (const Workspace& workspace : policy.workspaces) {
    out.comment("Protected in " + workspace.path);
    const std::string top = "^" + regex_literal(workspace.path) + "/";
    std::vector<std::string> patterns;
    std::set<std::string> above;
    const auto add = [&](const std::string& path) {
      patterns.push_back(top + any_case(path) + kBelow);
      for (std::size_t slash = path.find('/'); slash != std::string::npos;
           slash = path.find('/', slash + 1)) {
        above.insert(top + any_case(path.substr(0, slash)) + "$");
      }
    };
    for (const std::string& path : policy.protected_directories) add(path);
    for (const std::string& path : protected_files()) add(path);
    const std::string git = std::string("([^/]*/)*") + any_case(".git");
    for (const char* name : {"hooks", "config", "config.worktree"}) {
      patterns.push_back(top + git + "/([^/]*/)*" + any_case(name) + kBelow);
    }
    above.insert(top + git + "$");
    out.paths("deny file-write*", "regex", patterns);
    out.paths("deny file-write-unlink", "regex", {above.begin(), above.end()});
  }
}

}  // namespace

std::string seatbelt_profile(const Policy& policy) {
  Text out;
  out.comment("Profile " + policy.profile + ", policy " + digest(policy));
  processes(out);
  files(out, policy);
  protections(out, policy);
  out.comment("Network and set-id files: none, whatever is allowed above");
  out.rule("deny network*");
  out.rule("deny file-write-setugid");
  return out.take();
}

}  // namespace mayfly::sandbox
