#include <algorithm>
#include <cctype>
#include <iterator>
#include <vector>

#include "base/text.h"
#include "sandbox/git_config.h"

// Which of git's configuration keys cannot make it run, load or write anything. Taken key by key
// from git-config(1) of git 2.47; a key that is not here counts as dangerous, so a newer git can
// only make this list too short.
namespace mayfly::sandbox {
namespace {

// Without a subsection.
constexpr std::string_view kPlainKeys[] = {
    "core.repositoryformatversion",
    "core.filemode",
    "core.bare",
    "core.logallrefupdates",
    "core.ignorecase",
    "core.precomposeunicode",
    "core.symlinks",
    "core.autocrlf",
    "core.eol",
    "core.safecrlf",
    "core.abbrev",
    "core.quotepath",
    "core.compression",
    "core.loosecompression",
    "core.untrackedcache",
    "core.sparsecheckout",
    "core.sparsecheckoutcone",
    "core.splitindex",
    "core.preloadindex",
    "core.longpaths",
    "core.trustctime",
    "core.checkstat",
    "core.whitespace",
    "core.bigfilethreshold",
    "core.commitgraph",
    "core.multipackindex",
    "core.createobject",
    "core.hidedotfiles",
    "core.warnambiguousrefs",
    "extensions.objectformat",
    "extensions.worktreeconfig",
    "extensions.partialclone",
    "extensions.noop",
    "extensions.preciousobjects",
    "extensions.refstorage",
    "extensions.compatobjectformat",
    "extensions.relativeworktrees",
    "extensions.submodulepathconfig",
    "user.name",
    "user.email",
    "user.useconfigonly",
    "author.name",
    "author.email",
    "committer.name",
    "committer.email",
    "init.defaultbranch",
    "init.defaultobjectformat",
    "pull.rebase",
    "pull.ff",
    "pull.octopus",
    "push.default",
    "push.autosetupremote",
    "push.followtags",
    "push.recursesubmodules",
    "fetch.prune",
    "fetch.prunetags",
    "fetch.parallel",
    "fetch.recursesubmodules",
    "fetch.writecommitgraph",
    "merge.ff",
    "merge.conflictstyle",
    "merge.renames",
    "merge.renamelimit",
    "merge.log",
    "merge.stat",
    "merge.autostash",
    "rebase.autostash",
    "rebase.autosquash",
    "rebase.stat",
    "rebase.updaterefs",
    "rebase.abbreviatecommands",
    "rerere.enabled",
    "rerere.autoupdate",
    "commit.gpgsign",
    "commit.verbose",
    "commit.cleanup",
    "commit.status",
    "tag.gpgsign",
    "tag.sort",
    "status.short",
    "status.branch",
    "status.showuntrackedfiles",
    "status.submodulesummary",
    "branch.autosetupmerge",
    "branch.autosetuprebase",
    "branch.sort",
    "checkout.defaultremote",
    "checkout.workers",
    "clone.defaultremotename",
    "diff.renames",
    "diff.renamelimit",
    "diff.algorithm",
    "diff.colormoved",
    "diff.mnemonicprefix",
    "diff.noprefix",
    "diff.submodule",
    "diff.ignoresubmodules",
    "log.date",
    "log.decorate",
    "log.follow",
    "gc.auto",
    "gc.autopacklimit",
    "gc.autodetach",
    "gc.pruneexpire",
    "gc.reflogexpire",
    "gc.reflogexpireunreachable",
    "gc.worktreepruneexpire",
    "gc.writecommitgraph",
    "maintenance.auto",
    "maintenance.strategy",
    "pack.threads",
    "pack.windowmemory",
    "pack.packsizelimit",
    "pack.deltacachesize",
    "index.version",
    "index.threads",
    "index.sparse",
    "feature.manyfiles",
    "advice.detachedhead",
    "advice.skippedcherrypicks",
    "advice.addembeddedrepo",
    "color.ui",
    "column.ui",
    "submodule.active",
    "submodule.recurse",
    "submodule.fetchjobs",
    "submodule.alternatelocation",
    "submodule.alternateerrorstrategy",
    "transfer.fsckobjects",
    "fetch.fsckobjects",
    "worktree.guessremote",
    "worktree.userelativepaths",
    "lfs.repositoryformatversion",
    "blame.ignorerevsfile",
};

// "section.name" of keys with a subsection in between, whatever that is.
constexpr std::string_view kSubsectionKeys[] = {
    "remote.fetch",
    "remote.push",
    "remote.tagopt",
    "remote.mirror",
    "remote.prune",
    "remote.prunetags",
    "remote.skipdefaultupdate",
    "remote.skipfetchall",
    "remote.promisor",
    "remote.partialclonefilter",
    "remote.gh-resolved",
    "remote.followremotehead",
    "branch.merge",
    "branch.rebase",
    "branch.description",
    "branch.vscode-merge-base",
    "branch.gh-merge-base",
    "branch.github-pr-owner-number",
    "branch.base",
    "submodule.active",
    "submodule.branch",
    "submodule.ignore",
    "submodule.shallow",
    "submodule.fetchrecursesubmodules",
    "lfs.access",
    "lfs.locksverify",
    "advice.graftfiledeprecated",
};

// Values of these are where git fetches from and pushes to; a name that is not a remote's is a URL.
constexpr std::string_view kUrlKeys[] = {"remote.url",        "remote.pushurl",
                                         "submodule.url",     "branch.remote",
                                         "branch.pushremote", "remote.pushdefault"};

constexpr std::string_view kSubmoduleUpdates[] = {"checkout", "rebase", "merge", "none"};

template <std::size_t N>
bool contains(const std::string_view (&list)[N], std::string_view word) {
  return std::find(std::begin(list), std::end(list), word) != std::end(list);
}

bool has_parent_component(std::string_view path) {
  for (const std::string& part : text::split(path, '/')) {
    if (part == "..") return true;
  }
  return false;
}

// Where `path` leads from the directory `from`, by text; empty if it climbs above the root. That a
// link could bend a ".." after a name takes nothing away: a path without ".." can name that link.
std::string resolved(const std::string& from, const std::string& path) {
  std::vector<std::string> parts;
  const std::string whole = path.starts_with('/') ? path : from + "/" + path;
  for (const std::string& part : text::split(whole, '/')) {
    if (part.empty() || part == ".") continue;
    if (part != "..") {
      parts.push_back(part);
    } else if (parts.empty()) {
      return "";
    } else {
      parts.pop_back();
    }
  }
  return "/" + text::join(parts, "/");
}

// A transport that git itself speaks, or a path that stays in the workspace.
bool is_harmless_url(const std::string& url, const std::string& workspace,
                     const std::string& work_tree) {
  if (url.empty() || url.front() == '-') return false;
  if (std::any_of(url.begin(), url.end(), [](unsigned char c) { return c < 0x20; })) return false;
  // "helper::address" runs git-remote-helper.
  std::size_t scheme = 0;
  while (scheme < url.size() && (std::isalnum(static_cast<unsigned char>(url[scheme])) ||
                                 url[scheme] == '+' || url[scheme] == '-' || url[scheme] == '.')) {
    ++scheme;
  }
  if (url.compare(scheme, 2, "::") == 0) return false;

  std::string path = url;
  if (url.compare(scheme, 3, "://") == 0) {
    const std::string name = url.substr(0, scheme);
    if (name == "https" || name == "http" || name == "git") return true;
    // A host that begins with "-" would be an option of ssh (CVE-2017-1000117).
    if (name == "ssh" || name == "git+ssh" || name == "ssh+git") {
      return url.compare(scheme, 4, "://-") != 0 && url.find("@-") == std::string::npos;
    }
    if (name != "file") return false;
    path = url.substr(scheme + 3);
  } else {
    const std::size_t colon = url.find(':');
    if (colon != std::string::npos && url.find('/') > colon) {  // host:path, by ssh
      return url.find("@-") == std::string::npos;
    }
  }
  if (has_parent_component(path)) {
    // A relative one is taken from the work tree, but behind file:// there is none.
    const bool relative = path.front() != '/';
    if (workspace.empty() || (relative && (work_tree.empty() || path != url))) return false;
    path = resolved(work_tree, path);
    if (path.empty()) return false;
  }
  if (workspace.empty()) return true;
  if (path.front() != '/') return true;
  return path == workspace || path.compare(0, workspace.size() + 1, workspace + "/") == 0;
}

}  // namespace

GitKeyEffect classify(const GitConfigEntry& entry, const std::string& workspace,
                      const std::string& work_tree) {
  const std::size_t first = entry.key.find('.');
  const std::size_t last = entry.key.rfind('.');
  if (first == std::string::npos) return GitKeyEffect::kRunsOrLoads;
  if (first == last) {
    if (contains(kUrlKeys, entry.key)) {
      return is_harmless_url(entry.value, workspace, work_tree) ? GitKeyEffect::kHarmless
                                                                : GitKeyEffect::kRunsOrLoads;
    }
    return contains(kPlainKeys, entry.key) ? GitKeyEffect::kHarmless : GitKeyEffect::kRunsOrLoads;
  }
  const std::string kind = entry.key.substr(0, first) + entry.key.substr(last);
  bool harmless = contains(kSubsectionKeys, kind);
  if (contains(kUrlKeys, kind)) harmless = is_harmless_url(entry.value, workspace, work_tree);
  // A subsection called "-x" could reach a command line as an option.
  if (entry.key[first + 1] == '-') harmless = false;
  if (kind == "submodule.update") harmless = contains(kSubmoduleUpdates, entry.value);
  return harmless ? GitKeyEffect::kHarmless : GitKeyEffect::kRunsOrLoads;
}

}  // namespace mayfly::sandbox
