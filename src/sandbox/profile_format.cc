#include "sandbox/profile_format.h"

#include <algorithm>
#include <limits>
#include <map>
#include <set>
#include <utility>

#include "base/text.h"
#include "sandbox/path_rules.h"
#include "sandbox/profile_codecs.h"
#include "sandbox/workspace.h"

namespace mayfly::sandbox {
namespace {

using settings::additions;
using settings::Codec;
using settings::Diagnostics;
using settings::Field;
using settings::Format;
using settings::Located;
using settings::Node;
using settings::or_word;
using settings::Reading;
using settings::setting;

constexpr std::uint64_t kMostCount = 1U << 30;
constexpr std::size_t kMostVariableBytes = 256;
constexpr std::size_t kMostValueBytes = 64 * 1024;  // of a variable; the kernel takes twice that

template <typename T>
using SettingOf = std::function<std::optional<Located<T>>&(Profile&)>;

// The commonest kinds of fields, for a member of Profile or of its limits.
template <typename T>
Field<Profile> one(const char* table, const char* key, Codec<T> codec, const char* help,
                   Setting<T> Profile::*member) {
  return setting<Profile, T>(table, key, std::move(codec), help,
                             [member](Profile& p) -> Setting<T>& { return p.*member; });
}

template <typename T>
Field<Profile> limit(const char* key, Codec<T> codec, const char* help,
                     Setting<T> LimitSettings::*member) {
  return setting<Profile, T>("limits", key, std::move(codec), help,
                             [member](Profile& p) -> Setting<T>& { return p.limits.*member; });
}

template <typename T>
Field<Profile> many(const char* table, const char* key, Codec<T> codec, const char* help,
                    List<T> Profile::*member) {
  return additions<Profile, T>(table, key, std::move(codec), help,
                               [member](Profile& p) -> List<T>& { return p.*member; });
}

Field<Profile> paths(PathAccess access, const char* help) {
  return additions<Profile, PathRule>(
      "filesystem", to_string(access), path_rule_codec(access), help,
      [](Profile& p) -> List<PathRule>& { return p.paths; },
      [access](const PathRule& rule) { return rule.access == access; });
}

// One name, or a list of them.
Codec<std::vector<std::string>> names_codec() {
  const Codec<std::string> name = profile_name_codec();
  const Codec<std::vector<std::string>> list = settings::list_codec(name);
  Codec<std::vector<std::string>> out;
  out.type = "profile or list of profiles";
  out.schema = R"({"anyOf":[)" + name.schema + "," + list.schema + "]}";
  out.read = [name, list](const Node& node) -> Reading<std::vector<std::string>> {
    if (node.as<settings::Array>() != nullptr) return list.read(node);
    auto single = name.read(node);
    if (!single) return tl::unexpected<settings::Complaint>(single.error());
    return std::vector<std::string>{*std::move(single)};
  };
  out.write = [name, list](const std::vector<std::string>& names) {
    return names.size() == 1 ? name.write(names.front()) : list.write(names);
  };
  return out;
}

// What a file extends belongs to that file alone.
Field<Profile> extends_field() {
  const Codec<std::vector<std::string>> codec = names_codec();
  Field<Profile> out;
  out.info = {
      "",
      "extends",
      codec.type,
      codec.schema,
      "the profiles that this one starts from, the first one first; without it, from nothing",
      "is its own"};
  out.read = [codec](const Node& node, const settings::KeyInfo& info, Diagnostics& diagnostics,
                     Profile& profile) {
    auto names = codec.read(node);
    if (!names) return report(names.error(), info, node, diagnostics);
    const auto* items = node.as<settings::Array>();
    for (std::size_t i = 0; i < names->size(); ++i) {
      profile.extends.push_back({(*names)[i], items != nullptr ? (*items)[i].at : node.at});
    }
  };
  out.write = [codec](const Profile& profile) {
    std::vector<std::string> names;
    for (const auto& each : profile.extends) names.push_back(each.value);
    return names.empty() ? std::string() : codec.write(names);
  };
  out.merge = [](Profile&, const Profile&) {};
  out.parts = [write = out.write](const Profile& profile) {
    std::vector<Located<std::string>> parts;
    if (!profile.extends.empty()) parts.push_back({write(profile), profile.extends.front().at});
    return parts;
  };
  return out;
}

Field<Profile> tmpfs_field() {
  const Codec<std::uint64_t> size = settings::size_codec();
  return settings::entries<Profile, PrivateDirectory>(
      "filesystem", "tmpfs", "{ \"path\" = size }",
      R"({"type":"object","additionalProperties":)" + size.schema + "}",
      "empty directories in memory, private to each call",
      [](Profile& p) -> List<PrivateDirectory>& { return p.tmpfs; },
      [size](const std::string& key, const Node& node) -> Reading<PrivateDirectory> {
        auto path = read_path(PathUse::kTmpfs, key);
        if (!path) return tl::unexpected<settings::Complaint>(path.error());
        const auto bytes = size.read(node);
        if (!bytes) return settings::complain(node, bytes.error().message, bytes.error().remedy);
        return PrivateDirectory{*std::move(path), *bytes};
      },
      [size](const PrivateDirectory& each) {
        return settings::quoted_key(each.path) + " = " + size.write(each.bytes);
      },
      [](const PrivateDirectory& each) { return each.path; });
}

Field<Profile> hosts_field() {
  return settings::entries<Profile, HostAddress>(
      "network", "hosts", "{ \"name\" = \"address\" }",
      R"({"type":"object","additionalProperties":{"type":"string"}})",
      "names of your own and their addresses, which alone may be private ones",
      [](Profile& p) -> List<HostAddress>& { return p.network_hosts; },
      [](const std::string& key, const Node& node) -> Reading<HostAddress> {
        const auto name = parse_destination(key);
        if (!name || name->name.empty() || name->port != 0) {
          return settings::complain("is no host name", "write it like db.example.org");
        }
        const auto* text = node.as<std::string>();
        const auto address = parse_destination(text != nullptr ? *text : "");
        if (!address || !address->range || address->port != 0) {
          return settings::complain(node, "is no address", "write it like 10.0.0.7");
        }
        return HostAddress{name->name, *text, {}};
      },
      [](const HostAddress& each) {
        return settings::quoted_key(each.name) + " = " + settings::quoted(each.address);
      },
      [](const HostAddress& each) { return each.name; });
}

Field<Profile> environment_field() {
  using Pair = std::pair<std::string, std::string>;
  return settings::entries<Profile, Pair>(
      "environment", "set", "{ NAME = \"value\" }",
      R"({"type":"object","additionalProperties":{"type":"string"}})",
      "variables with fixed values; ${workspace}, ${home} and ${tmp} are replaced",
      [](Profile& p) -> List<Pair>& { return p.environment_set; },
      [](const std::string& key, const Node& node) -> Reading<Pair> {
        if (!text::is_variable_name(key) || key.size() > kMostVariableBytes) {
          return settings::complain("is no name of a variable", "use letters, digits and _");
        }
        const auto* value = node.as<std::string>();
        if (value == nullptr) return settings::complain(node, "is no text", "write it in quotes");
        if (value->find('\0') != std::string::npos) {
          return settings::complain(node, "has a NUL byte", "leave it out");
        }
        if (value->size() > kMostValueBytes) {
          return settings::complain(node, "is longer than 64 KiB", "put it in a file");
        }
        return Pair{key, *value};
      },
      [](const Pair& each) { return each.first + " = " + settings::quoted(each.second); },
      [](const Pair& each) { return each.first; });
}

// danger_host = true stands beside mode: nobody writes the host's network by mistake.
Field<Profile> danger_host_field() {
  Field<Profile> out;
  const Codec<bool> codec = settings::bool_codec();
  out.info = {"network",
              "danger_host",
              codec.type,
              codec.schema,
              "the host's own network instead of one of the call's; nothing keeps it from services "
              "of this machine",
              "replaces"};
  out.read = [codec](const Node& node, const settings::KeyInfo& info, Diagnostics& diagnostics,
                     Profile& profile) {
    const auto value = codec.read(node);
    if (!value) return report(value.error(), info, node, diagnostics);
    if (!*value) {
      // It would read as if it took back what an earlier file gives.
      return report({"says nothing", "leave it out, or write mode = \"none\"", {}, {}, {}}, info,
                    node, diagnostics);
    }
    if (profile.network) {
      return report({"is given together with network.mode", "choose one of them", {}, {}, {}}, info,
                    node, diagnostics);
    }
    profile.network = Located<NetworkMode>{NetworkMode::kHost, node.at};
  };
  out.write = [](const Profile& profile) {
    const bool host = profile.network && profile.network->value == NetworkMode::kHost;
    return host ? std::string("true") : std::string();
  };
  out.merge = [](Profile&, const Profile&) {};  // with network.mode
  out.parts = [write = out.write](const Profile& profile) {
    std::vector<Located<std::string>> parts;
    const std::string text = write(profile);
    if (!text.empty()) parts.push_back({text, profile.network->at});
    return parts;
  };
  return out;
}

Field<Profile> network_mode_field() {
  auto field =
      one("network", "mode",
          settings::word_codec<NetworkMode>(
              {{"none", NetworkMode::kNone}, {"proxy", NetworkMode::kProxy}}),
          "none: only loopback inside; proxy: the hosts that the rules name", &Profile::network);
  const auto write = field.write;
  field.write = [write](const Profile& profile) {
    const bool host = profile.network && profile.network->value == NetworkMode::kHost;
    return host ? std::string() : write(profile);
  };
  field.parts = [parts = field.parts](const Profile& profile) {
    const bool host = profile.network && profile.network->value == NetworkMode::kHost;
    return host ? std::vector<Located<std::string>>() : parts(profile);
  };
  return field;
}

std::vector<Field<Profile>> fields() {
  using settings::count_codec;
  using settings::duration_codec;
  using settings::size_codec;
  const auto no_size = or_word<std::uint64_t>(size_codec(), "none", 0);
  return {
      one("", "description", settings::any_text_codec(500), "who it is for and what it stops",
          &Profile::description),
      extends_field(),
      one("filesystem", "workspace",
          settings::word_codec<WorkspaceAccess>({{"read-write", WorkspaceAccess::kReadWrite},
                                                 {"read-only", WorkspaceAccess::kReadOnly}}),
          "how the workspace is seen; read-only if nothing is said", &Profile::workspace),
      paths(PathAccess::kRead, "host paths that are visible, read-only; absent ones are left out"),
      paths(PathAccess::kWrite, "host paths that are visible and writable"),
      paths(PathAccess::kHide, "paths that look empty; a more specific read or write shows again"),
      paths(PathAccess::kDeny, "paths that nobody inside can open, whatever else is said"),
      tmpfs_field(),
      many("filesystem", "bind", bind_codec(), "host paths that are seen at another place",
           &Profile::binds),
      one("filesystem", "toolchains", toolchains_codec(),
          "the operator's own toolchains (nvm, pyenv, rustup, go, ...), read-only",
          &Profile::toolchains),
      one("filesystem", "cache",
          settings::word_codec<CacheMode>(
              {{"workspace", CacheMode::kWorkspace}, {"off", CacheMode::kOff}}),
          "build caches (~/.cache, ~/.npm, ...) that are kept for each workspace and profile",
          &Profile::cache),
      many("filesystem", "protect", workspace_path_codec(),
           "more paths of the workspace that programs of the host run or read commands from",
           &Profile::protect),
      many("filesystem", "danger_unprotect", workspace_path_codec(),
           "of the paths that are protected by themselves, those that are not",
           &Profile::danger_unprotect),
      network_mode_field(),
      danger_host_field(),
      many("network", "allow", host_rule_codec(), "hosts that may be reached",
           &Profile::network_allow),
      many("network", "deny", host_rule_codec(), "hosts that may not, whatever is allowed",
           &Profile::network_deny),
      hosts_field(),
      many("network", "publish", port_codec(),
           "ports of a job that later calls of the same caller reach on their own loopback",
           &Profile::network_publish),
      many("syscalls", "allow", syscall_rule_codec(SyscallList::kAllow),
           "groups (@files) and calls that programs may make, within the built-in tables",
           &Profile::syscalls_allow),
      many("syscalls", "deny", syscall_rule_codec(SyscallList::kDeny),
           "groups and calls that they may not make", &Profile::syscalls_deny),
      many("syscalls", "danger_allow", syscall_rule_codec(SyscallList::kDangerAllow),
           "calls that the built-in tables refuse", &Profile::syscalls_danger_allow),
      many("capabilities", "danger_keep", capability_codec(),
           "capabilities that programs keep in their own user namespace",
           &Profile::capabilities_danger_keep),
      limit("wall", duration_codec(), "time from start to end of a call", &LimitSettings::wall),
      limit("job_wall", duration_codec(), "the same for a call that became a job",
            &LimitSettings::job_wall),
      limit("cpu", or_word<milliseconds>(duration_codec(), "none", milliseconds{0}),
            "CPU time of all processes together", &LimitSettings::cpu),
      limit("cpu_share", or_word<std::uint64_t>(settings::percent_codec(), "none", 0),
            "share of CPU, 100% is one core; needs control groups", &LimitSettings::cpu_percent),
      limit("memory", memory_codec(),
            "memory of all processes together, or a share of the machine's, then at least 2G; auto "
            "is "
            "50%",
            &LimitSettings::memory),
      limit("processes", count_codec(1, kMostCount), "processes and threads together",
            &LimitSettings::processes),
      limit("open_files", count_codec(kLeastOpenFiles, kMostCount), "open files of one process",
            &LimitSettings::open_files),
      limit("file", size_codec(), "size of one file", &LimitSettings::file_bytes),
      limit("disk", size_codec(), "written to disk and temporary files, in all",
            &LimitSettings::disk_bytes),
      limit("io", no_size, "disk bandwidth each way, a second; needs control groups",
            &LimitSettings::io_bytes_per_second),
      limit("tmp", size_codec(), "/tmp, and the same again for the private home",
            &LimitSettings::tmp_bytes),
      limit("shm", size_codec(), "/dev/shm", &LimitSettings::shm_bytes),
      limit("output", size_codec(), "stdout and stderr together", &LimitSettings::output_bytes),
      one("limits", "watched", watched_codec(),
          "limits that may be watched ten times a second where no control group enforces them",
          &Profile::watched),
      many("environment", "pass", variable_pattern_codec(),
           "variables of Mayfly's own environment that come in", &Profile::environment_pass),
      environment_field(),
      one("environment", "settable",
          settings::list_codec(settings::text_codec(
              "variable or \"*\"",
              [any = variable_pattern_codec()](const std::string& text) -> Reading<std::string> {
                if (text == "*") return text;
                return any.read(Node{{}, text});
              })),
          "variables that a call may set itself; all if nothing is said",
          &Profile::environment_settable),
      one("identity", "user", user_name_codec(), "name of the user inside", &Profile::user),
      one("identity", "hostname", host_name_codec(), "name of the host inside", &Profile::hostname),
      one("host", "tier",
          settings::word_codec<Tier>({{"full", Tier::kFull}, {"landlock", Tier::kLandlock}}),
          "the weakest sandbox that is accepted where the host can make no other", &Profile::tier),
      many("host", "requires", requirement_codec(), "what must be in force, or calls are refused",
           &Profile::requires_),
      one("observe", "level",
          settings::word_codec<ObserveLevel>({{"off", ObserveLevel::kOff},
                                              {"writes", ObserveLevel::kWrites},
                                              {"all", ObserveLevel::kAll}}),
          "which refusals a receipt tells", &Profile::observe),
      many("observe", "ignore", ignore_pattern_codec(), "refusals that it leaves out",
           &Profile::observe_ignore),
  };
}

std::vector<settings::TableInfo> tables() {
  return {{"filesystem", "What of the host is seen, and how."},
          {"network", "Which hosts can be reached."},
          {"syscalls", "What may be asked of the kernel."},
          {"capabilities", "Capabilities inside."},
          {"limits", "What may be used. Calls can lower each."},
          {"environment", "Environment variables."},
          {"identity", "Who the sandbox is."},
          {"host", "What is wanted of the host."},
          {"observe", "What receipts tell about refusals."}};
}

using Places = std::map<std::string, settings::Location>;

// Two rules of one file about one thing: which of them was meant?
template <typename T, typename KeyOf>
void refuse_twice(const List<T>& list, KeyOf key_of, const char* message, Places& seen,
                  Diagnostics& diagnostics) {
  for (const Located<T>& each : list) {
    const auto [first, fresh] = seen.emplace(key_of(each.value), each.at);
    if (fresh) continue;
    diagnostics.error(each.at, key_of(each.value), message,
                      "the other is at " + to_string(first->second));
  }
}

template <typename T, typename KeyOf>
Places places_of(const List<T>& list, KeyOf key_of) {
  Places out;
  for (const Located<T>& each : list) out.emplace(key_of(each.value), each.at);
  return out;
}

template <typename T, typename KeyOf>
void refuse_those_in(const Places& places, const List<T>& list, KeyOf key_of, const char* message,
                     Diagnostics& diagnostics) {
  for (const Located<T>& each : list) {
    const auto other = places.find(key_of(each.value));
    if (other == places.end()) continue;
    diagnostics.error(each.at, key_of(each.value), message,
                      "the other is at " + to_string(other->second));
  }
}

std::string directory_of(const PrivateDirectory& each) { return each.path; }
std::string destination_of(const Bind& bind) { return bind.destination; }
std::string text_of(const SyscallRule& rule) { return rule.text; }
std::string host_of(const HostRule& rule) { return rule.text; }
std::string variable_of(const std::pair<std::string, std::string>& set) { return set.first; }
std::string itself(const std::string& text) { return text; }
std::string port_text(std::uint16_t port) { return std::to_string(port); }

// Those hosts of which nothing at all may be asked.
Places denied_hosts(const List<HostRule>& list) {
  Places out;
  for (const auto& rule : list) {
    const bool whole = rule.value.methods.empty() && rule.value.path_prefix.empty();
    if (whole) out.emplace(rule.value.text, rule.at);
  }
  return out;
}

// Denied paths. What a pattern may mean is not known yet.
Places denied_paths(const List<PathRule>& list) {
  Places out;
  for (const auto& rule : list) {
    const bool plain = rule.value.access == PathAccess::kDeny && !is_pattern(rule.value.path);
    if (plain) out.emplace(rule.value.path, rule.at);
  }
  return out;
}

// The denial that takes away what `rule` gives: at the same path or above it.
const settings::Location* denial_of(const Places& denied, const PathRule& rule) {
  if (rule.access != PathAccess::kRead && rule.access != PathAccess::kWrite) return nullptr;
  std::string path = rule.path;
  while (true) {
    const auto found = denied.find(path);
    if (found != denied.end()) return &found->second;
    const std::size_t slash = path.rfind('/');
    if (slash == std::string::npos) return nullptr;
    path.resize(slash);
  }
}

void refuse_denied(const Places& denied, const List<PathRule>& later, Diagnostics& diagnostics) {
  for (const auto& rule : later) {
    const settings::Location* denial = denial_of(denied, rule.value);
    if (denial == nullptr) continue;
    diagnostics.error(rule.at, rule.value.path, "is denied, and that wins",
                      "the other rule is at " + to_string(*denial));
  }
}

// Init listens on each of them for every call.
void refuse_too_many_ports(const List<std::uint16_t>& ports, Diagnostics& diagnostics) {
  if (ports.size() <= kMostPublished) return;
  diagnostics.error(ports.back().at, port_text(ports.back().value),
                    "is more than " + std::to_string(kMostPublished) + " ports",
                    "publish only those that a job serves on");
}

// A path that is in two lists: only one of them can be meant.
void refuse_two_accesses(const List<PathRule>& paths, Diagnostics& diagnostics) {
  std::map<std::string, const Located<PathRule>*> seen;
  for (const Located<PathRule>& each : paths) {
    const auto [first, fresh] = seen.emplace(each.value.path, &each);
    if (fresh) continue;
    const Located<PathRule>& other = *first->second;
    std::string remedy = "the other is at " + to_string(other.at);
    if (other.value.access != each.value.access) {
      remedy += std::string(": take it out of filesystem.") + to_string(other.value.access) +
                " first" +
                (other.at.line > 0 ? " (line " + std::to_string(other.at.line) + ")" : "");
    }
    diagnostics.error(each.at, each.value.path, "is in two rules of this file", remedy);
  }
}

void check_file(const Profile& profile, Diagnostics& diagnostics) {
  refuse_two_accesses(profile.paths, diagnostics);
  refuse_denied(denied_paths(profile.paths), profile.paths, diagnostics);
  Places destinations;
  refuse_twice(profile.tmpfs, directory_of, "is in two rules of this file", destinations,
               diagnostics);
  refuse_twice(profile.binds, destination_of, "is in two rules of this file", destinations,
               diagnostics);
  Places names;
  refuse_twice(
      profile.network_hosts, [](const HostAddress& each) { return each.name; },
      "has two addresses in this file", names, diagnostics);
  Places ports;
  refuse_twice(profile.network_publish, port_text, "is published twice in this file", ports,
               diagnostics);
  refuse_too_many_ports(profile.network_publish, diagnostics);
  const char* both = "is allowed and denied in this file";
  const Places denied_calls = places_of(profile.syscalls_deny, text_of);
  refuse_those_in(denied_calls, profile.syscalls_allow, text_of, both, diagnostics);
  refuse_those_in(denied_calls, profile.syscalls_danger_allow, text_of, both, diagnostics);
  refuse_those_in(denied_hosts(profile.network_deny), profile.network_allow, host_of, both,
                  diagnostics);
  refuse_those_in(places_of(profile.protect, itself), profile.danger_unprotect, itself,
                  "is protected in this file, too", diagnostics);
  // What is set wins over what a prefix would pass; one name alone is meant one way.
  refuse_those_in(places_of(profile.environment_set, variable_of), profile.environment_pass, itself,
                  "would pass a variable that environment.set has", diagnostics);
}

// Takes out of `list` what `later` says otherwise.
template <typename T, typename KeyOf>
void drop_those_in(const Places& later, List<T>& list, KeyOf key_of) {
  std::erase_if(list, [&](const auto& each) { return later.contains(key_of(each.value)); });
}

}  // namespace

const Format<Profile>& profile_format() {
  static const Format<Profile> format("Mayfly profile", tables(), fields());
  return format;
}

std::optional<Profile> parse_profile(std::string_view text, const std::string& name,
                                     std::shared_ptr<const settings::Source> source,
                                     Diagnostics& diagnostics) {
  const std::size_t before = diagnostics.errors();
  const auto document = settings::parse_document(text, source, diagnostics);
  if (document == nullptr) return std::nullopt;
  Profile profile = profile_format().read(*document, diagnostics);
  profile.name = name;
  profile.at = {source, 0, 0};
  profile.layers.push_back({name, profile.at});
  check_file(profile, diagnostics);
  if (diagnostics.errors() != before) return std::nullopt;
  return profile;
}

std::string print_profile(const Profile& profile) { return profile_format().write(profile); }

void merge_profile(Profile& base, const Profile& later, Diagnostics& diagnostics) {
  // A later file cannot give back what an earlier one denies: it would read as if it did.
  refuse_denied(denied_paths(base.paths), later.paths, diagnostics);
  const char* denied = "is denied, and that wins";
  const Places denied_calls = places_of(base.syscalls_deny, text_of);
  refuse_those_in(denied_calls, later.syscalls_allow, text_of, denied, diagnostics);
  refuse_those_in(denied_calls, later.syscalls_danger_allow, text_of, denied, diagnostics);
  refuse_those_in(denied_hosts(base.network_deny), later.network_allow, host_of, denied,
                  diagnostics);
  // Of two about one path the later one holds; a denied one stays.
  std::set<std::string> said;
  for (const auto& rule : later.paths) said.insert(rule.value.path);
  Profile narrowed = later;
  std::set<std::string> stay;
  for (const auto& rule : base.paths) {
    if (rule.value.access == PathAccess::kDeny) stay.insert(rule.value.path);
  }
  std::erase_if(narrowed.paths, [&](const auto& rule) { return stay.contains(rule.value.path); });
  const Places denied_now = denied_paths(later.paths);
  std::erase_if(base.paths, [&](const auto& rule) {
    if (denial_of(denied_now, rule.value) != nullptr) return true;
    return said.contains(rule.value.path) && !stay.contains(rule.value.path);
  });
  // The same for all else that is said two ways.
  Places places = places_of(later.tmpfs, directory_of);
  places.merge(places_of(later.binds, destination_of));
  drop_those_in(places, base.tmpfs, directory_of);
  drop_those_in(places, base.binds, destination_of);
  const Places calls = places_of(later.syscalls_deny, text_of);
  drop_those_in(calls, base.syscalls_allow, text_of);
  drop_those_in(calls, base.syscalls_danger_allow, text_of);
  drop_those_in(denied_hosts(later.network_deny), base.network_allow, host_of);
  drop_those_in(places_of(later.danger_unprotect, itself), base.protect, itself);
  drop_those_in(places_of(later.protect, itself), base.danger_unprotect, itself);
  // Said twice is said once.
  drop_those_in(places_of(later.protect, itself), base.protect, itself);
  drop_those_in(places_of(later.danger_unprotect, itself), base.danger_unprotect, itself);
  drop_those_in(places_of(later.network_publish, port_text), base.network_publish, port_text);
  drop_those_in(places_of(later.environment_pass, itself), base.environment_pass, itself);
  drop_those_in(places_of(later.environment_set, variable_of), base.environment_pass, itself);
  drop_those_in(places_of(later.environment_pass, itself), base.environment_set, variable_of);
  profile_format().merge(base, narrowed);
  refuse_too_many_ports(base.network_publish, diagnostics);
  base.layers.insert(base.layers.end(), later.layers.begin(), later.layers.end());
}

bool is_profile_name(std::string_view name) {
  if (name.empty() || name.size() > 64 || name.front() == '.' || name.front() == '-') return false;
  if (name.ends_with(".toml")) return false;  // a file
  return std::all_of(name.begin(), name.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '_' || c == '.';
  });
}

}  // namespace mayfly::sandbox
