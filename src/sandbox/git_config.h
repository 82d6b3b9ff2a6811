#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace mayfly::sandbox {

// One line of a git configuration file. `key` is "section.name" or "section.subsection.name", the
// section and the name in lower case, the subsection as written. A name without "=" means "true".
struct GitConfigEntry {
  std::string key;
  std::string value;

  bool operator==(const GitConfigEntry&) const = default;
};

// Reads git's configuration syntax more strictly than git does: what git might read in another way
// (a NUL, a byte order mark, an unknown escape, an unfinished quote) is an error. Includes are not
// followed; they come back as entries.
Result<std::vector<GitConfigEntry>> parse_git_config(std::string_view text);

enum class GitKeyEffect {
  kHarmless,
  kRunsOrLoads,  // makes git run a program, load other configuration or write somewhere else
};

// By a list of what is known to be harmless; everything else runs or loads something. Also looks at
// the value: a URL of a helper ("ext::sh -c …") or one that begins with "-" is not harmless.
// `workspace` bounds URLs that are paths, since a push runs the hooks of the repository it goes to;
// "../other" is taken from `work_tree`, where git starts from (both absolute), and is not harmless
// without it.
GitKeyEffect classify(const GitConfigEntry& entry, const std::string& workspace = "",
                      const std::string& work_tree = "");

// The keys that run or load something and that `after` has with a value that `before` has not.
// An error if `after` does not parse; a `before` that does not parse counts as empty.
Result<std::vector<std::string>> dangerous_changes(std::string_view before, std::string_view after,
                                                   const std::string& workspace = "");

}  // namespace mayfly::sandbox
