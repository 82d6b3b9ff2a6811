#include "sandbox/profile_codecs.h"

#include <algorithm>

#include "base/text.h"
#include "sandbox/capabilities.h"
#include "sandbox/path_rules.h"
#include "sandbox/profile_format.h"
#include "sandbox/toolchains.h"
#include "sandbox/workspace.h"

namespace mayfly::sandbox {
namespace {

using settings::Array;
using settings::Codec;
using settings::complain;
using settings::Complaint;
using settings::Entry;
using settings::Node;
using settings::quoted;
using settings::Reading;
using settings::Table;

// Half of what the kernel takes: a line of a file has room for one, however it is escaped.
constexpr std::size_t kMostPathBytes = 2048;
constexpr std::size_t kMostVariableBytes = 256;
constexpr const char* kVariables[] = {"${workspace}", "${home}", "${tmp}"};
constexpr const char* kTextSchema = R"({"type":"string"})";

// "${home}" of "${home}/x"; empty without one.
std::string variable_of(const std::string& text) {
  for (const char* variable : kVariables) {
    const std::size_t size = std::string_view(variable).size();
    if (text.starts_with(variable) && (text.size() == size || text[size] == '/')) return variable;
  }
  return "";
}

Reading<std::string> normal_path(const std::string& text) {
  if (text.empty()) return complain("is empty", "name a path");
  if (text.size() > kMostPathBytes) return complain("is longer than a path can be", "shorten it");
  const bool controls = std::any_of(text.begin(), text.end(), [](char c) {
    return static_cast<unsigned char>(c) < 0x20 || c == 0x7f;
  });
  if (controls) return complain("has a control character", "leave it out");
  if (text.starts_with('~')) return complain("is not expanded", "write ${home} instead of ~");
  const std::string variable = variable_of(text);
  if (text.find("${", variable.size()) != std::string::npos) {
    const std::string given = text.substr(0, text.find_first_of("/}", 2) + 1);
    const std::string near = text::nearest(given, {std::begin(kVariables), std::end(kVariables)});
    return complain("has a variable that does not exist, or not in front",
                    near.empty() || near == variable ? "start with ${workspace}, ${home} or ${tmp}"
                                                     : "did you mean " + near + "?");
  }
  if (variable.empty() && text.front() != '/') {
    return complain("is not absolute", "start with /, ${workspace}, ${home} or ${tmp}");
  }
  std::string out = variable;
  for (const std::string& part : text::split(text.substr(variable.size()), '/')) {
    if (part.empty() || part == ".") continue;
    if (part == "..") return complain("has \"..\" in it", "write the path that is meant");
    out += "/" + part;
  }
  return out.empty() ? "/" : out;
}

bool is_one_of_or_below(const std::string& path, std::initializer_list<const char*> tops) {
  return std::any_of(tops.begin(), tops.end(),
                     [&](const char* top) { return is_within(path, top); });
}

Codec<std::string> checked_text(std::string type, settings::TextCheck check) {
  return settings::text_codec(std::move(type), std::move(check));
}

bool only_has(const std::string& text, std::string_view extra) {
  return std::all_of(text.begin(), text.end(), [&](char c) {
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
    return plain || extra.find(c) != std::string_view::npos;
  });
}

// The members of a table with these keys and no others.
Reading<std::vector<const Node*>> members(const Node& node, const std::vector<std::string>& keys) {
  const auto* table = node.as<Table>();
  if (table == nullptr) {
    return complain(std::string("is ") + kind_of(node),
                    "write a table { " + text::join(keys, ", ") + " }");
  }
  std::vector<const Node*> found(keys.size(), nullptr);
  for (const Entry& entry : *table) {
    const auto key = std::find(keys.begin(), keys.end(), entry.key.value);
    if (key == keys.end()) {
      Complaint complaint = settings::no_such_word(entry.key.value, keys);
      complaint.at = entry.key.at;
      complaint.value = entry.key.value;
      return tl::unexpected<Complaint>(std::move(complaint));
    }
    found[static_cast<std::size_t>(key - keys.begin())] = entry.value.get();
  }
  return found;
}

Reading<std::string> text_of(const Node& node) {
  if (const auto* text = node.as<std::string>()) return *text;
  return complain(node, std::string("is ") + kind_of(node), "write it in quotes");
}

}  // namespace

Reading<std::string> read_path(PathUse use, const std::string& text) {
  auto normal = normal_path(text);
  if (!normal) return normal;
  const std::string& path = *normal;
  if (path == "/") return complain("is everything", "name the directories that are meant");
  const bool cover = use == PathUse::kCover;
  if (is_one_of_or_below(path, {"/proc", "/sys", "/dev", "/scratch"})) {
    return complain("is the sandbox's own", "no rule can be about it");
  }
  const bool inside_only = use == PathUse::kTmpfs || use == PathUse::kBindDestination;
  if (inside_only && is_pattern(path)) return complain("is a pattern", "name one place");
  if (path == "${workspace}" && !cover) {
    return complain("is the workspace", "filesystem.workspace says how that is seen");
  }
  if (inside_only) {
    if (is_one_of_or_below(path, {"/usr", "/bin", "/sbin", "/lib", "/lib64", "/etc"})) {
      return complain("belongs to the system", "choose a place outside of it");
    }
    if (path == "${home}" || path == "${tmp}" || path == "/tmp") {
      return complain("is private to each call already", "name a directory below it");
    }
    return path;
  }
  if (!cover && (path == "/tmp" || path.starts_with("${tmp}"))) {
    return complain("is private to each call", "copy what is needed into the workspace");
  }
  if (!cover && (path == "${home}" || path == "/home" || path == "/root")) {
    return complain("holds keys, histories and settings", "name what is needed below it");
  }
  if (use == PathUse::kWrite &&
      is_one_of_or_below(
          path, {"/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32", "/etc", "/boot",
                 "/nix", "/run", "/var/run", "/var/lib", "/var/log"})) {
    return complain("belongs to the system, which no sandbox may write",
                    "use the workspace, or bind a directory of your own");
  }
  return path;
}

Codec<PathRule> path_rule_codec(PathAccess access) {
  const PathUse use = access == PathAccess::kRead    ? PathUse::kRead
                      : access == PathAccess::kWrite ? PathUse::kWrite
                                                     : PathUse::kCover;
  Codec<PathRule> out;
  out.type = "path or pattern";
  out.schema = kTextSchema;
  out.read = [access, use](const Node& node) -> Reading<PathRule> {
    auto text = text_of(node);
    if (!text) return tl::unexpected<Complaint>(text.error());
    auto path = read_path(use, *text);
    if (!path) return tl::unexpected<Complaint>(path.error());
    return PathRule{access, *std::move(path)};
  };
  out.write = [](const PathRule& rule) { return quoted(rule.path); };
  return out;
}

Codec<std::string> workspace_path_codec() {
  return checked_text("path in the workspace", [](const std::string& text) -> Reading<std::string> {
    if (text.starts_with('/') || text.starts_with('~') || text.find("${") != std::string::npos) {
      return complain("is not relative to the workspace", "leave out what is in front");
    }
    auto normal = normal_path("/" + text);
    if (!normal) return normal;
    if (*normal == "/") return complain("is the whole workspace", "name what is below it");
    return normal->substr(1);
  });
}

Codec<Bind> bind_codec() {
  Codec<Bind> out;
  out.type = "{ source, destination, write }";
  out.schema =
      R"({"type":"object","additionalProperties":false,"required":["source","destination"],)"
      R"("properties":{"source":{"type":"string"},"destination":{"type":"string"},)"
      R"("write":{"type":"boolean"}}})";
  out.read = [](const Node& node) -> Reading<Bind> {
    const auto found = members(node, {"source", "destination", "write"});
    if (!found) return tl::unexpected<Complaint>(found.error());
    const Node* source = (*found)[0];
    const Node* destination = (*found)[1];
    const Node* write = (*found)[2];
    if (source == nullptr || destination == nullptr) {
      return complain("has no source or no destination",
                      "write { source = \"/a\", destination = \"/b\" }");
    }
    Bind bind;
    if (write != nullptr) {
      if (write->as<bool>() == nullptr)
        return complain(*write, "is not true or false", "leave out the quotes");
      bind.writable = *write->as<bool>();
    }
    const auto one = [](const Node& from, PathUse use) -> Reading<std::string> {
      auto text = text_of(from);
      if (!text) return text;
      auto path = read_path(use, *text);
      if (!path) return complain(from, path.error().message, path.error().remedy);
      if (is_pattern(*path)) return complain(from, "is a pattern", "name one path");
      return path;
    };
    auto from = one(*source, bind.writable ? PathUse::kWrite : PathUse::kBindSource);
    if (!from) return tl::unexpected<Complaint>(from.error());
    auto to = one(*destination, PathUse::kBindDestination);
    if (!to) return tl::unexpected<Complaint>(to.error());
    bind.source = *std::move(from);
    bind.destination = *std::move(to);
    return bind;
  };
  out.write = [](const Bind& bind) {
    return "{ source = " + quoted(bind.source) + ", destination = " + quoted(bind.destination) +
           (bind.writable ? ", write = true" : "") + " }";
  };
  return out;
}

Codec<ToolchainChoice> toolchains_codec() {
  using Search = ToolchainChoice::Search;
  Codec<ToolchainChoice> out;
  out.type = "\"auto\", \"off\" or list of names";
  out.schema = R"({"anyOf":[{"enum":["auto","off"]},{"type":"array","items":{"type":"string"}}]})";
  out.read = [](const Node& node) -> Reading<ToolchainChoice> {
    if (const auto* word = node.as<std::string>()) {
      if (*word == "auto") return ToolchainChoice{Search::kAuto, {}};
      if (*word == "off") return ToolchainChoice{Search::kOff, {}};
    }
    const auto* array = node.as<Array>();
    if (array == nullptr) {
      return complain("is not known", "write \"auto\", \"off\" or a list of names");
    }
    ToolchainChoice choice{Search::kOnly, {}};
    const std::vector<std::string> known = toolchain_names();
    for (const Node& each : *array) {
      auto name = text_of(each);
      if (!name) return tl::unexpected<Complaint>(name.error());
      if (std::find(known.begin(), known.end(), *name) == known.end()) {
        const Complaint complaint = settings::no_such_word(*name, known);
        return complain(each, complaint.message, complaint.remedy);
      }
      choice.only.push_back(*std::move(name));
    }
    return choice;
  };
  out.write = [](const ToolchainChoice& choice) {
    if (choice.search == Search::kAuto) return quoted("auto");
    if (choice.search == Search::kOff) return quoted("off");
    std::string text;
    for (const std::string& name : choice.only) text += (text.empty() ? "" : ", ") + quoted(name);
    return "[" + text + "]";
  };
  return out;
}

Codec<MemoryLimit> memory_codec() {
  const Codec<std::uint64_t> size = settings::size_codec();
  const Codec<std::uint64_t> share = settings::percent_codec();
  Codec<MemoryLimit> out;
  out.type = "size, share or \"auto\"";
  out.schema = R"({"anyOf":[{"const":"auto"},)" + share.schema + "," + size.schema + "]}";
  out.read = [size, share](const Node& node) -> Reading<MemoryLimit> {
    const auto* text = node.as<std::string>();
    if (text != nullptr && *text == "auto") return MemoryLimit{};
    if (text != nullptr && text->ends_with('%')) {
      const auto percent = share.read(node);
      if (!percent) return tl::unexpected<Complaint>(percent.error());
      if (*percent > 100) return complain("is more than the machine has", "give up to 100%");
      return MemoryLimit{0, *percent};
    }
    const auto bytes = size.read(node);
    if (!bytes) return tl::unexpected<Complaint>(bytes.error());
    if (*bytes < kLeastMemoryBytes) {
      return complain("is less than a sandbox itself needs", "give at least 4M");
    }
    return MemoryLimit{*bytes, MemoryLimit{}.machine_percent};
  };
  out.write = [size, share](const MemoryLimit& limit) {
    if (limit == MemoryLimit{}) return quoted("auto");
    return limit.bytes != 0 ? size.write(limit.bytes) : share.write(limit.machine_percent);
  };
  return out;
}

Codec<Watched> watched_codec() {
  const auto words =
      settings::list_codec(settings::word_codec<bool>({{"memory", false}, {"cpu", true}}));
  Codec<Watched> out;
  out.type = "list of \"memory\", \"cpu\"";
  out.schema = words.schema;
  out.read = [words](const Node& node) -> Reading<Watched> {
    const auto list = words.read(node);
    if (!list) return tl::unexpected<Complaint>(list.error());
    Watched watched;
    for (const bool cpu : *list) (cpu ? watched.cpu_time : watched.memory) = true;
    return watched;
  };
  out.write = [words](const Watched& watched) {
    std::vector<bool> list;
    if (watched.memory) list.push_back(false);
    if (watched.cpu_time) list.push_back(true);
    return words.write(list);
  };
  return out;
}

Codec<std::uint16_t> port_codec() {
  const Codec<std::uint64_t> number = settings::count_codec(1, 65535);
  Codec<std::uint16_t> out;
  out.type = "port";
  out.schema = number.schema;
  out.read = [number](const Node& node) -> Reading<std::uint16_t> {
    auto port = number.read(node);
    if (!port) return tl::unexpected<Complaint>(port.error());
    return static_cast<std::uint16_t>(*port);
  };
  out.write = [](const std::uint16_t& port) { return std::to_string(port); };
  return out;
}

Codec<HostRule> host_rule_codec() {
  static constexpr std::size_t kMostReason = 200;
  Codec<HostRule> out;
  out.type = "host rule";
  out.schema = R"({"anyOf":[{"type":"string"},{"type":"object","additionalProperties":false,)"
               R"("required":["host"],"properties":{"host":{"type":"string"},)"
               R"("methods":{"type":"array","items":{"type":"string"}},)"
               R"("path":{"type":"string"},"reason":{"type":"string"}}}]})";
  out.read = [](const Node& node) -> Reading<HostRule> {
    if (const auto* text = node.as<std::string>()) {
      auto rule = parse_host_rule(*text);
      if (!rule) return complain(rule.error());
      return *std::move(rule);
    }
    const auto found = members(node, {"host", "methods", "path", "reason"});
    if (!found) return tl::unexpected<Complaint>(found.error());
    const Node* host = (*found)[0];
    if (host == nullptr) return complain("has no host", "write { host = \"example.org\" }");
    auto text = text_of(*host);
    if (!text) return tl::unexpected<Complaint>(text.error());
    auto rule = parse_host_rule(*text);
    if (!rule) return complain(*host, rule.error().message, rule.error().remedy);
    if (const Node* methods = (*found)[1]) {
      static const auto kMethods = settings::list_codec(
          checked_text("method", [](const std::string& name) -> Reading<std::string> {
            const bool upper =
                std::all_of(name.begin(), name.end(), [](char c) { return c >= 'A' && c <= 'Z'; });
            if (upper && !name.empty() && name.size() <= 20) return name;
            return complain("is no HTTP method", "write it like GET");
          }));
      auto list = kMethods.read(*methods);
      if (!list) return tl::unexpected<Complaint>(list.error());
      rule->methods = *std::move(list);
    }
    if (const Node* path = (*found)[2]) {
      auto prefix = text_of(*path);
      if (!prefix) return tl::unexpected<Complaint>(prefix.error());
      if (!prefix->starts_with('/')) {
        return complain(*path, "is no path of a request", "start with /");
      }
      rule->path_prefix = *std::move(prefix);
    }
    if (const Node* reason = (*found)[3]) {
      auto why = text_of(*reason);
      if (!why) return tl::unexpected<Complaint>(why.error());
      if (why->size() > kMostReason)
        return complain(*reason, "is longer than 200 bytes", "shorten it");
      rule->reason = *std::move(why);
    }
    const bool about_requests = !rule->methods.empty() || !rule->path_prefix.empty();
    if (about_requests && rule->scheme != "http") {
      return complain(*host, "is not plain HTTP, whose requests alone can be looked at",
                      "write http:// in front, or leave out methods and path");
    }
    return *std::move(rule);
  };
  out.write = [](const HostRule& rule) {
    if (rule.methods.empty() && rule.path_prefix.empty() && rule.reason.empty()) {
      return quoted(rule.text);
    }
    std::string text = "{ host = " + quoted(rule.text);
    for (std::size_t i = 0; i < rule.methods.size(); ++i) {
      text += (i == 0 ? ", methods = [" : ", ") + quoted(rule.methods[i]);
    }
    if (!rule.methods.empty()) text += "]";
    if (!rule.path_prefix.empty()) text += ", path = " + quoted(rule.path_prefix);
    if (!rule.reason.empty()) text += ", reason = " + quoted(rule.reason);
    return text + " }";
  };
  return out;
}

Codec<SyscallRule> syscall_rule_codec(SyscallList list) {
  Codec<SyscallRule> out;
  out.type = "system call rule";
  out.schema = kTextSchema;
  out.read = [list](const Node& node) -> Reading<SyscallRule> {
    auto text = text_of(node);
    if (!text) return tl::unexpected<Complaint>(text.error());
    auto rule = parse_syscall_rule(*text);
    if (!rule) return complain(rule.error());
    const Status fine = check_syscall_rule(list, *rule);
    if (!fine) return complain(fine.error());
    return *std::move(rule);
  };
  out.write = [](const SyscallRule& rule) { return quoted(rule.text); };
  return out;
}

Codec<std::string> capability_codec() {
  return checked_text("capability", [](const std::string& text) -> Reading<std::string> {
    const Status fine = check_capability(text);
    if (!fine) return complain(fine.error());
    return text;
  });
}

Codec<Requirement> requirement_codec() {
  std::vector<std::pair<std::string, Requirement>> words;
  for (const Requirement each : {Requirement::kCgroup, Requirement::kCgroupV2,
                                 Requirement::kLandlock, Requirement::kSupervisor}) {
    words.emplace_back(to_string(each), each);
  }
  return settings::word_codec(std::move(words));
}

Codec<IgnorePattern> ignore_pattern_codec() {
  Codec<IgnorePattern> out;
  out.type = "\"KIND OPERATION TARGET\"";
  out.schema = kTextSchema;
  out.read = [](const Node& node) -> Reading<IgnorePattern> {
    auto text = text_of(node);
    if (!text) return tl::unexpected<Complaint>(text.error());
    auto pattern = parse_ignore_pattern(*text);
    if (!pattern) return complain(pattern.error());
    return *std::move(pattern);
  };
  out.write = [](const IgnorePattern& pattern) {
    std::string text = pattern.kind;
    if (!pattern.operation.empty()) text += " " + pattern.operation;
    if (!pattern.target.empty()) text += " " + pattern.target;
    return quoted(text);
  };
  return out;
}

Codec<std::string> variable_pattern_codec() {
  return checked_text("variable", [](const std::string& text) -> Reading<std::string> {
    const bool prefix = text.ends_with('*');
    const std::string name = text.substr(0, text.size() - (prefix ? 1 : 0));
    if (text::is_variable_name(name) && name.size() <= kMostVariableBytes) return text;
    return complain("is no name of a variable", "write NAME or PREFIX_*");
  });
}

Codec<std::string> host_name_codec() {
  return checked_text("host name", [](const std::string& text) -> Reading<std::string> {
    const bool fits = !text.empty() && text.size() <= 63 && only_has(text, "-") &&
                      text.front() != '-' && text.back() != '-';
    if (fits) return text;
    return complain("is no host name", "use letters, digits and -, at most 63");
  });
}

Codec<std::string> user_name_codec() {
  return checked_text("user name", [](const std::string& text) -> Reading<std::string> {
    const bool fits = !text.empty() && text.size() <= 32 && only_has(text, "-_") &&
                      !(text.front() >= '0' && text.front() <= '9') && text.front() != '-';
    if (!fits) return complain("is no user name", "use letters, digits, - and _, at most 32");
    if (text == "root" || text == "nobody") {
      return complain("is the name of another user inside", "choose another");
    }
    return text;
  });
}

Codec<std::string> profile_name_codec() {
  return checked_text("profile", [](const std::string& text) -> Reading<std::string> {
    if (is_profile_name(text)) return text;
    return complain("is no name of a profile", "use letters, digits, -, _ and .");
  });
}

}  // namespace mayfly::sandbox
