#include "sandbox/toolchains.h"

#include <fnmatch.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <map>
#include <set>

#include "base/sys.h"
#include "base/text.h"
#include "sandbox/toolchain_layouts.h"
#include "sandbox/workspace.h"

namespace mayfly::sandbox {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kMaxLinks = 512;    // of one directory of a workspace
constexpr std::size_t kMaxListed = 4096;  // names of one directory

constexpr const char* kLinuxbrew = "/home/linuxbrew/.linuxbrew";

// Where PATH may point without anything of it becoming visible.
constexpr const char* kNeverMounted[] = {"/tmp", "/run", "/mnt",  "/media", "/proc", "/sys",
                                         "/dev", "/etc", "/boot", "/var",   "/snap"};

std::string canonical(const std::string& path) { return sys::realpath(path).value_or(""); }

bool is_directory(const std::string& path) {
  struct ::stat info {};
  return stat(path.c_str(), &info) == 0 && S_ISDIR(info.st_mode);
}

bool exists(const std::string& path) {
  struct ::stat info {};
  return lstat(path.c_str(), &info) == 0;
}

std::vector<std::string> names_in(const std::string& directory, std::size_t limit) {
  std::vector<std::string> names;
  std::error_code failure;
  for (fs::directory_iterator it(directory, failure), end; !failure && it != end;
       it.increment(failure)) {
    names.push_back(it->path().filename().string());
    if (names.size() >= limit) break;
  }
  std::sort(names.begin(), names.end());
  names.erase(std::unique(names.begin(), names.end()), names.end());
  return names;
}

// `pattern` below `root`, "*" standing for (a part of) one component. Existing paths only.
std::vector<std::string> expand(const std::string& root, std::string_view pattern) {
  std::vector<std::string> paths = {root};
  for (const std::string& part : text::split(pattern, '/')) {
    if (part.empty()) continue;
    std::vector<std::string> next;
    for (const std::string& path : paths) {
      if (part.find('*') == std::string::npos) {
        if (exists(path + "/" + part)) next.push_back(path + "/" + part);
        continue;
      }
      for (const std::string& name : names_in(path, kMaxListed)) {
        if (fnmatch(part.c_str(), name.c_str(), 0) == 0) next.push_back(path + "/" + name);
      }
    }
    paths = std::move(next);
  }
  return paths;
}

std::string first_component(const std::string& path, const std::string& below) {
  if (path == below || !is_within(path, below)) return "";
  const std::size_t start = below.size() + 1;
  return path.substr(start, path.find('/', start) - start);
}

// "/opt/x/bin" has the shape of an installed program.
bool has_bin(const std::string& prefix) { return is_directory(prefix + "/bin"); }

class Finder {
 public:
  explicit Finder(const ToolchainQuery& query)
      : query_(query), home_(query.home), real_home_(canonical(query.home)) {
    while (home_.size() > 1 && home_.back() == '/') home_.pop_back();
    if (home_ == "/" || real_home_.empty() || real_home_ == "/") home_ = real_home_ = "";
  }

  ToolchainSet run() {
    for (const std::string& entry : text::split(query_.path_variable, ':')) add_path_entry(entry);
    for (const std::string& workspace : query_.workspaces) add_workspace(workspace);
    return collect();
  }

 private:
  struct Found {
    std::set<std::string> paths;
    std::set<std::string> hidden;
    std::vector<std::string> entries;
  };

  bool wanted(std::string_view name) const {
    return !query_.only ||
           std::find(query_.only->begin(), query_.only->end(), name) != query_.only->end();
  }

  bool is_visible(const std::string& path) const {
    return std::any_of(query_.visible.begin(), query_.visible.end(),
                       [&](const std::string& prefix) { return is_within(path, prefix); });
  }

  bool in_workspace(const std::string& path) const {
    return std::any_of(query_.workspaces.begin(), query_.workspaces.end(),
                       [&](const std::string& workspace) { return is_within(path, workspace); });
  }

  // The home directory is seen inside under the name that the user has for it.
  std::string as_seen(const std::string& real) const {
    if (!real_home_.empty() && is_within(real, real_home_)) {
      return home_ + real.substr(real_home_.size());
    }
    return real;
  }

  void mount(const std::string& name, const std::string& path) {
    if (!exists(path) || in_workspace(path)) return;
    if (home_.empty() || !is_within(home_, path)) found_[name].paths.insert(path);
  }

  bool lays_out(const ToolchainLayout& layout) const {
    const std::string root = home_ + "/" + std::string(layout.root);
    if (layout.signs.empty()) return is_directory(root);
    return std::any_of(layout.signs.begin(), layout.signs.end(), [&](std::string_view sign) {
      return exists(root + "/" + std::string(sign));
    });
  }

  void select(const ToolchainLayout& layout) {
    const std::string name(layout.name);
    const std::string root = home_ + "/" + std::string(layout.root);
    for (const std::string_view part : layout.parts) {
      for (const std::string& path : expand(root, part)) mount(name, path);
    }
    for (const std::string_view beside : layout.beside) {
      mount(name, home_ + "/" + std::string(beside));
    }
    for (const std::string_view pattern : layout.credentials) {
      for (const std::string& path : expand(root, pattern)) found_[name].hidden.insert(path);
    }
    // The proxies in ~/.cargo/bin are rustup's.
    if (name == "cargo") select_by_name("rustup");
  }

  void select_by_name(std::string_view name) {
    for (const ToolchainLayout& layout : toolchain_layouts()) {
      if (layout.name == name && wanted(name) && lays_out(layout)) select(layout);
    }
  }

  // Makes the known toolchain that `path` belongs to visible. Its name, or empty if there is none.
  std::string select_known(const std::string& path) {
    if (!home_.empty() && is_within(path, home_)) {
      for (const ToolchainLayout& layout : toolchain_layouts()) {
        const std::string root = home_ + "/" + std::string(layout.root);
        if (!is_within(path, root) || !wanted(layout.name) || !lays_out(layout)) continue;
        select(layout);
        return covers(std::string(layout.name), path) ? std::string(layout.name) : "";
      }
      return "";
    }
    if (is_within(path, kLinuxbrew) && wanted("linuxbrew") && has_bin(kLinuxbrew)) {
      mount("linuxbrew", kLinuxbrew);
      return "linuxbrew";
    }
    if (is_within(path, "/nix") && wanted("nix")) {
      mount("nix", "/nix/store");
      mount("nix", "/nix/var/nix/profiles");
      return covers("nix", path) ? "nix" : "";
    }
    const std::string package = first_component(path, "/opt");
    if (!package.empty() && wanted("opt")) {
      // /opt/VENDOR/PRODUCT/bin as well as /opt/PRODUCT/bin.
      std::string prefix = "/opt/" + package;
      const std::string below = first_component(path, prefix);
      if (!has_bin(prefix) && !below.empty()) prefix += "/" + below;
      if (!has_bin(prefix)) return "";
      mount("opt", prefix);
      return "opt";
    }
    return "";
  }

  bool covers(const std::string& name, const std::string& path) const {
    const auto found = found_.find(name);
    return found != found_.end() &&
           std::any_of(found->second.paths.begin(), found->second.paths.end(),
                       [&](const std::string& root) { return is_within(path, root); });
  }

  void add_path_entry(const std::string& given) {
    if (given.empty() || given.front() != '/') return;
    const std::string literal = fs::path(given).lexically_normal().string();
    const std::string entry = literal.size() > 1 && literal.back() == '/'
                                  ? literal.substr(0, literal.size() - 1)
                                  : literal;
    const std::string real = canonical(entry);
    if (real.empty() || !is_directory(real)) return;
    if (in_workspace(entry) || in_workspace(real)) return;
    if (is_visible(entry) && is_visible(real)) {
      keep(entry, "");
      if (entry == "/usr/local/bin") add_links(entry);
      return;
    }
    const std::string seen = as_seen(real);
    // A known layout is visible as a whole; its own links ("current") work under the given name.
    std::string name = select_known(entry);
    if (!name.empty() && select_known(seen) != "") return keep(entry, name);
    name = select_known(seen);
    if (!name.empty()) return keep(seen, name);
    if (is_visible(seen)) return keep(seen, "");
    add_other_directory(seen);
  }

  // A directory that the operator put on PATH and that no layout knows: itself, or, when it is the
  // bin of a self-contained prefix (a JDK, a Go root), that prefix.
  void add_other_directory(const std::string& path) {
    if (!wanted("path")) return;
    const bool in_home = !home_.empty() && is_within(path, home_);
    for (const char* never : kNeverMounted) {
      if (!in_home && is_within(path, never)) return;
    }
    if (in_home && is_private_home_directory(first_component(path, home_))) return;
    // Nobody else's home, and nothing above ours.
    if (!in_home && (is_within(path, "/home") || is_within(path, "/root"))) return;
    if (path == "/" || (!home_.empty() && is_within(home_, path))) return;

    const std::string prefix = fs::path(path).parent_path().string();
    const std::string outer = fs::path(prefix).parent_path().string();
    const bool self_contained = fs::path(path).filename() == "bin" && outer != "/" &&
                                prefix != home_ && prefix != home_ + "/.local" &&
                                (is_directory(prefix + "/lib") || exists(prefix + "/VERSION"));
    mount("path", self_contained ? prefix : path);
    keep(path, "path");
    add_links(path);
    if (path == home_ + "/.local/bin") select_by_name("pip");
  }

  // Programs in `directory` that are links into known toolchains. The operator's own links only.
  void add_links(const std::string& directory) {
    for (const std::string& name : names_in(directory, kMaxListed)) {
      const std::string path = directory + "/" + name;
      if (fs::symlink_status(path).type() != fs::file_type::symlink) continue;
      const std::string real = canonical(path);
      if (!real.empty() && !in_workspace(real)) select_known(as_seen(real));
    }
  }

  // Hostile: links only choose among what select_known() recognises.
  void add_workspace(const std::string& workspace) {
    std::vector<std::string> links;
    for (const char* environment : {".venv", "venv", "env", ".env"}) {
      const std::string bin = workspace + "/" + environment + "/bin";
      for (const char* python : {"python", "python3"}) links.push_back(bin + "/" + python);
    }
    const auto add_all = [&](const std::string& directory, const std::string& below) {
      for (const std::string& name : names_in(workspace + "/" + directory, kMaxLinks)) {
        links.push_back(workspace + "/" + directory + "/" + name + below);
      }
    };
    add_all("node_modules/.bin", "");
    add_all(".tox", "/bin/python");
    add_all(".nox", "/bin/python");
    links.push_back(workspace + "/node_modules");
    for (const std::string& link : links) {
      if (!exists(link)) continue;
      const std::string real = canonical(link);
      if (!real.empty() && !is_within(real, workspace)) select_known(as_seen(real));
    }
  }

  void keep(const std::string& entry, const std::string& name) {
    if (std::find(path_.begin(), path_.end(), entry) != path_.end()) return;
    path_.push_back(entry);
    if (!name.empty()) found_[name].entries.push_back(entry);
  }

  ToolchainSet collect() {
    std::set<std::string> all;
    for (const auto& [name, found] : found_) all.insert(found.paths.begin(), found.paths.end());
    ToolchainSet set;
    set.path = path_;
    std::set<std::string> assigned;
    for (auto& [name, found] : found_) {
      Toolchain toolchain{name, {}, {}, found.entries};
      for (const std::string& path : found.paths) {
        const bool nested = std::any_of(all.begin(), all.end(), [&](const std::string& other) {
          return other != path && is_within(path, other);
        });
        if (nested || is_visible(path) || !assigned.insert(path).second) continue;
        toolchain.read_only_paths.push_back(path);
        if (!is_directory(path)) continue;
        for (const std::string& file : names_in(path, kMaxListed)) {
          if (is_credential_name(file)) found.hidden.insert(path + "/" + file);
        }
      }
      toolchain.hidden_paths.assign(found.hidden.begin(), found.hidden.end());
      if (!toolchain.read_only_paths.empty() || !toolchain.path_entries.empty()) {
        set.toolchains.push_back(std::move(toolchain));
      }
    }
    return set;
  }

  const ToolchainQuery& query_;
  std::string home_;
  std::string real_home_;
  std::map<std::string, Found> found_;
  std::vector<std::string> path_;
};

}  // namespace

ToolchainSet find_toolchains(const ToolchainQuery& query) { return Finder(query).run(); }

std::vector<std::string> toolchain_names() {
  std::vector<std::string> names = {"nix", "opt", "path"};
  for (const ToolchainLayout& layout : toolchain_layouts()) names.emplace_back(layout.name);
  std::sort(names.begin(), names.end());
  return names;
}

}  // namespace mayfly::sandbox
