#include "sandbox/explain.h"

#include <algorithm>
#include <map>

#include "base/text.h"
#include "sandbox/explain_prose.h"
#include "sandbox/profile_defaults.h"
#include "sandbox/profile_format.h"

namespace mayfly::sandbox {
namespace {

using settings::Located;
using settings::Location;
using settings::Shape;

constexpr std::size_t kColumns = 100;
constexpr std::size_t kValueColumns = 56;

// Keys whose value people know under another name than the file's.
const std::map<std::string, std::string>& topics() {
  static const std::map<std::string, std::string> names = {
      {"filesystem.workspace", "workspace"},
      {"filesystem.read", "read"},
      {"filesystem.write", "write"},
      {"filesystem.hide", "hidden"},
      {"filesystem.deny", "denied"},
      {"filesystem.tmpfs", "in memory"},
      {"filesystem.bind", "elsewhere"},
      {"filesystem.toolchains", "toolchains"},
      {"filesystem.cache", "caches"},
      {"filesystem.protect", "protected"},
      {"filesystem.danger_unprotect", "NOT protected"},
      {"network.mode", "network"},
      {"network.danger_host", "NETWORK"},
      {"network.allow", "reach"},
      {"network.deny", "reach not"},
      {"network.hosts", "own names"},
      {"syscalls.allow", "system calls"},
      {"syscalls.deny", "but not"},
      {"syscalls.danger_allow", "DANGEROUS ones"},
      {"capabilities.danger_keep", "CAPABILITIES"},
      {"environment.pass", "passed"},
      {"environment.set", "set"},
      {"environment.settable", "calls may set"},
      {"identity.user", "user"},
      {"identity.hostname", "host name"},
      {"host.tier", "weakest tier"},
      {"host.requires", "requires"},
      {"observe.level", "reported"},
      {"observe.ignore", "not reported"},
  };
  return names;
}

std::string topic_of(const settings::KeyInfo& key) {
  const auto found = topics().find(key.full());
  if (found != topics().end()) return found->second;
  std::string name = key.key;  // of limits
  std::replace(name.begin(), name.end(), '_', ' ');
  return name;
}

// Without the quotes of a file, where nothing in it needs them.
std::string plain(const std::string& toml) {
  const bool quotes = toml.size() >= 2 && toml.front() == '"' && toml.back() == '"' &&
                      toml.find_first_of("\"\\", 1) == toml.size() - 1;
  std::string out = quotes ? toml.substr(1, toml.size() - 2) : toml;
  std::replace(out.begin(), out.end(), '\n', ' ');  // of a long list
  return text::one_line(out);
}

// "file:14-24" for what stands between two lines of one file.
std::string span(const Location& first, const Location& last) {
  if (first.source == nullptr) return to_string(first);
  const int low = std::min(first.line, last.line);
  const int high = std::max(first.line, last.line);
  std::string out = first.source->name;
  if (low > 0) out += ":" + std::to_string(low);
  if (high > low) out += "-" + std::to_string(high);
  return text::one_line(out);
}

class Explainer {
 public:
  Explainer(const Profile& profile, const Policy* policy)
      : profile_(profile), policy_(policy), full_(with_defaults(profile)) {}

  Explanation explain() {
    out_.profile = profile_.name;
    if (const auto* own = own_description(profile_)) out_.description = *own;
    for (const auto& layer : profile_.layers) out_.files.push_back(to_string(layer.at));
    out_.prose = prose_of(profile_, policy_);
    for (const auto& field : profile_format().fields()) {
      const std::string key = field.info.full();
      if (key == "description" || key == "extends") continue;
      add(field);
      if (key == "filesystem.workspace") add_protected();
      if (key == "filesystem.toolchains") add_toolchains();
    }
    return std::move(out_);
  }

 private:
  // Elements of one list that stand in one file share a row.
  void add(const settings::Field<Profile>& field) {
    const auto parts = field.parts(full_);
    std::size_t begin = 0;
    while (begin < parts.size()) {
      std::size_t end = begin + 1;
      while (end < parts.size() && parts[end].at.source == parts[begin].at.source) ++end;
      ExplainedRule rule{topic_of(field.info), {}, span(parts[begin].at, parts[end - 1].at)};
      for (std::size_t i = begin; i < end; ++i) rule.values.push_back(plain(parts[i].value));
      if (field.info.full() == "limits.memory") {
        rule.values.push_back("(" + text::human_bytes(limits_of(profile_).memory_bytes) + ")");
      }
      if (field.info.full() == "filesystem.workspace" && policy_ != nullptr) {
        for (const Workspace& each : policy_->workspaces) {
          rule.values.push_back(text::one_line(each.path));
        }
      }
      out_.rules.push_back(std::move(rule));
      begin = end;
    }
  }

  void add_protected() {
    if (policy_ == nullptr || policy_->protected_directories.empty()) return;
    out_.rules.push_back({"read-only in it", {}, "built in"});
    for (const std::string& path : policy_->protected_directories) {
      out_.rules.back().values.push_back(text::one_line(path));
    }
  }

  void add_toolchains() {
    if (policy_ == nullptr || !profile_.toolchains) return;
    const std::string mark = ": toolchains (";
    for (const MountRule& mount : policy_->mounts) {
      const std::size_t at = mount.rule.find(mark);
      if (at == std::string::npos) continue;
      const std::string name = mount.rule.substr(at + mark.size());
      const std::string value =
          name.substr(0, name.size() - 1) + " " + text::one_line(mount.destination);
      ExplainedRule& last = out_.rules.back();
      if (last.topic == "found") {
        last.values.push_back(value);
      } else {
        out_.rules.push_back({"found", {value}, span(mount.at, mount.at)});
      }
    }
  }

  const Profile& profile_;
  const Policy* policy_;
  const Profile full_;
  Explanation out_;
};

// `words` in lines of at most `columns` characters (bytes: paths are ASCII but for few).
std::vector<std::string> wrapped(const std::vector<std::string>& words, std::size_t columns) {
  std::vector<std::string> lines;
  for (const std::string& word : words) {
    if (lines.empty() || lines.back().size() + 1 + word.size() > columns) {
      lines.push_back(word);
    } else {
      lines.back() += " " + word;
    }
  }
  return lines;
}

std::string paragraph(const std::string& text) {
  return text::join(wrapped(text::split(text, ' '), kColumns), "\n") + "\n";
}

}  // namespace

Explanation explain(const Profile& profile, const Policy* policy) {
  return Explainer(profile, policy).explain();
}

std::string to_text(const Explanation& explanation) {
  std::string out = explanation.profile + ": " + text::join(explanation.files, ", then ") + "\n";
  if (!explanation.description.empty()) {
    out += paragraph(text::one_line(explanation.description));
  }
  out += "\n" + paragraph(text::join(explanation.prose, " ")) + "\n";
  std::size_t topic_width = 0;
  for (const ExplainedRule& rule : explanation.rules) {
    topic_width = std::max(topic_width, rule.topic.size() + 2);
  }
  const auto pad = [](std::string text, std::size_t width) {
    if (text.size() < width) text.append(width - text.size(), ' ');
    return text;
  };
  std::string before;
  for (const ExplainedRule& rule : explanation.rules) {
    auto lines = wrapped(rule.values, kValueColumns);
    if (lines.empty()) lines.emplace_back("nothing");
    for (std::size_t i = 0; i < lines.size(); ++i) {
      const std::string topic = i == 0 && rule.topic != before ? rule.topic : "";
      out += pad(topic, topic_width) +
             (i == 0 ? pad(lines[i], kValueColumns) + "  " + rule.place : lines[i]) + "\n";
    }
    before = rule.topic;
  }
  return out;
}

}  // namespace mayfly::sandbox
