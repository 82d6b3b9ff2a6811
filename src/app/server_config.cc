#include "app/server_config.h"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <memory>
#include <utility>

#include "sandbox/path_help.h"
#include "sandbox/profile_format.h"
#include "sandbox/profile_store.h"
#include "sandbox/shipped_profiles.h"
#include "tools/workbench.h"

namespace mayfly::app {
namespace {

using settings::Codec;
using settings::Complaint;
using settings::Diagnostics;
using settings::Located;
using settings::Reading;

constexpr std::uint64_t kMostCalls = 4096;
constexpr std::uint64_t kMostParts = 10'000;
constexpr milliseconds kLongestWait{24 * 3'600'000};
constexpr std::string_view kHome = "${home}";

Codec<Located<std::string>> placed(Codec<std::string> codec) {
  Codec<Located<std::string>> out;
  out.type = codec.type;
  out.schema = codec.schema;
  out.read = [codec](const settings::Node& node) -> Reading<Located<std::string>> {
    auto value = codec.read(node);
    if (!value) return tl::unexpected<Complaint>(std::move(value).error());
    return Located<std::string>{*std::move(value), node.at};
  };
  out.write = [codec](const Located<std::string>& value) { return codec.write(value.value); };
  return out;
}

template <typename T>
Codec<T> not_empty(Codec<T> list) {
  list.schema.insert(list.schema.size() - 1, R"(,"minItems":1)");
  list.read = [read = list.read](const settings::Node& node) -> Reading<T> {
    auto value = read(node);
    if (value && value->empty()) return settings::complain("is empty", "name one, or leave it out");
    return value;
  };
  return list;
}

bool is_from_the_top(const std::string& path) {
  return path.starts_with('/') || path == kHome || path.starts_with(std::string(kHome) + "/");
}

Codec<Words> paths() {
  const auto check = [](const std::string& path) -> Reading<std::string> {
    if (is_from_the_top(path)) return path;
    return settings::complain("is no absolute path", "start it with / or ${home}/");
  };
  return not_empty(settings::list_codec(placed(settings::text_codec("path", check))));
}

Codec<std::string> path_codec() {
  return settings::text_codec("path", [](const std::string& path) -> Reading<std::string> {
    if (is_from_the_top(path) && !path.ends_with("/")) return path;
    return settings::complain("is no absolute path of a file", "start it with / or ${home}/");
  });
}

Codec<Words> profile_names() {
  const auto check = [](const std::string& name) -> Reading<std::string> {
    if (sandbox::is_profile_name(name) || is_from_the_top(name)) return name;
    return settings::complain("is no name of a profile",
                              "give a name, as `mayfly profile list` shows them, or an absolute "
                              "path");
  };
  return not_empty(settings::list_codec(placed(settings::text_codec("profile", check))));
}

Codec<milliseconds> wait_codec() {
  Codec<milliseconds> codec = settings::duration_codec();
  codec.read = [read = codec.read](const settings::Node& node) -> Reading<milliseconds> {
    auto value = read(node);
    if (value && *value > kLongestWait) {
      return settings::complain("is longer than a day", "most clients give up after 60 s");
    }
    return value;
  };
  return codec;
}

template <typename T>
Located<T> built_in(T value) {
  return {std::move(value), {}};
}

// What this version has not, so that nobody believes it to be on.
bool is_of_a_later_version(const std::string& name) {
  static constexpr std::string_view kLater[] = {"http", "listeners", "tokens"};
  return std::find(std::begin(kLater), std::end(kLater), name) != std::end(kLater);
}

bool is_of_profiles(const std::string& name) {
  const auto& keys = sandbox::profile_format().keys();
  return std::any_of(keys.begin(), keys.end(), [&](const settings::KeyInfo& key) {
    return (key.table.empty() ? key.key : key.table) == name;
  });
}

// Names at the top that deserve more than "is no key". They are taken out of the document.
void refuse_what_is_elsewhere(settings::Table& document, Diagnostics& diagnostics) {
  std::erase_if(document, [&](const settings::Entry& entry) {
    const std::string& name = entry.key.value;
    if (is_of_a_later_version(name)) {
      diagnostics.error(entry.key.at, name, "is nothing that this version has",
                        "take it out: it would not be in force");
    } else if (is_of_profiles(name)) {
      diagnostics.error(entry.key.at, name, "belongs into a profile",
                        "write it in a file of ~/.config/mayfly/profiles");
    } else {
      return false;
    }
    return true;
  });
}

void read_file(const std::string& path, bool required, LoadedServerConfig& out,
               Diagnostics& diagnostics) {
  // The mark before the text: a change in between is seen by whoever compares marks.
  out.marks.push_back(settings::mark_of(path));
  const auto source = std::make_shared<settings::Source>(settings::Source{path});
  const auto file = settings::read_trusted(path);
  if (!file) {
    if ((file.error().os_errno == ENOENT || file.error().os_errno == ENOTDIR) && !required) return;
    return diagnostics.error({source, 0, 0}, "", file.error().message, file.error().remedy);
  }
  out.real_paths.push_back(file->real_path);
  server_config_format().merge(out.config, parse_server_config(file->text, source, diagnostics));
}

}  // namespace

const settings::Format<ServerConfig>& server_config_format() {
  using C = ServerConfig;
  using settings::count_codec;
  using settings::setting;
  static const settings::Format<ServerConfig> format(
      "Configuration of a Mayfly server",
      {{"calls", "Calls that are worked on."},
       {"jobs", "Commands that outlive their request, and output that is kept."},
       {"audit", "A log of all calls and decisions."}},
      {
          setting<C, Words>(
              "", "workspaces", paths(),
              "Directories that calls work in, each at the same path inside. Without "
              "them: $CLAUDE_PROJECT_DIR, else the directory of the start.",
              [](C & c) -> auto& { return c.workspaces; }),
          setting<C, Words>(
              "", "profiles", profile_names(),
              "Profiles on offer, by name or path. The first is the default.",
              [](C & c) -> auto& { return c.profiles; }),
          setting<C, mcp::EraOption>(
              "", "era",
              settings::word_codec<mcp::EraOption>({{"auto", mcp::EraOption::kAuto},
                                                    {"legacy", mcp::EraOption::kLegacy},
                                                    {"modern", mcp::EraOption::kModern}}),
              "MCP revisions to speak.", [](C & c) -> auto& { return c.era; }),
          setting<C, tools::ReceiptForm>(
              "", "receipt",
              settings::word_codec<tools::ReceiptForm>(
                  {{"lean", tools::ReceiptForm::kLean}, {"full", tools::ReceiptForm::kFull}}),
              "How much each answer says.", [](C & c) -> auto& { return c.receipt; }),
          setting<C, milliseconds>(
              "", "wait", wait_codec(),
              "How long a request waits before its command becomes a job.",
              [](C & c) -> auto& { return c.wait; }),
          setting<C, std::uint64_t>(
              "calls", "most", count_codec(1, kMostCalls), "Calls that run at once.",
              [](C & c) -> auto& { return c.calls.most; }),
          setting<C, std::uint64_t>(
              "calls", "queued", count_codec(0, kMostCalls),
              "Calls that wait for a place, all clients together.",
              [](C & c) -> auto& { return c.calls.queued; }),
          setting<C, std::uint64_t>(
              "jobs", "running", count_codec(1, kMostCalls), "Jobs that run at once.",
              [](C & c) -> auto& { return c.jobs.running; }),
          setting<C, std::uint64_t>(
              "jobs", "finished", count_codec(0, kMostCalls),
              "Finished jobs that are kept, the latest.",
              [](C & c) -> auto& { return c.jobs.finished; }),
          setting<C, milliseconds>(
              "jobs", "keep", settings::duration_codec(), "How long a finished job is kept.",
              [](C & c) -> auto& { return c.jobs.keep; }),
          setting<C, std::uint64_t>(
              "jobs", "output", settings::size_codec(),
              "Output of finished jobs that is kept, all together.",
              [](C & c) -> auto& { return c.jobs.output_bytes; }),
          setting<C, bool>(
              "audit", "enabled", settings::bool_codec(),
              "Whether the log is written, if `file` names one.",
              [](C & c) -> auto& { return c.audit.enabled; }),
          setting<C, std::string>(
              "audit", "file", path_codec(), "The log. Without it there is none.",
              [](C & c) -> auto& { return c.audit.file; }),
          setting<C, std::string>(
              "audit", "key_file", path_codec(),
              "The key that confirms records, made at first use. Without it: audit.key in "
              "~/.local/state/mayfly/audit, as root in /var/lib/mayfly/audit.",
              [](C & c) -> auto& { return c.audit.key_file; }),
          setting<C, audit::Flush>(
              "audit", "flush",
              settings::word_codec<audit::Flush>(
                  {{"none", audit::Flush::kNone}, {"answer", audit::Flush::kAnswer}}),
              "Whether a record is on the disk before its answer leaves.",
              [](C & c) -> auto& { return c.audit.flush; }),
          setting<C, tools::OnFull>(
              "audit", "on_full",
              settings::word_codec<tools::OnFull>(
                  {{"refuse", tools::OnFull::kRefuse}, {"continue", tools::OnFull::kContinue}}),
              "When a record cannot be written: refuse calls, or continue and say so in each "
              "answer.",
              [](C & c) -> auto& { return c.audit.on_full; }),
          setting<C, std::uint64_t>(
              "audit", "rotate_bytes", settings::size_codec(),
              "When the log has this size it becomes FILE.1.",
              [](C & c) -> auto& { return c.audit.rotate_bytes; }),
          setting<C, std::uint64_t>(
              "audit", "keep", count_codec(1, kMostParts), "How many such parts are kept.",
              [](C & c) -> auto& { return c.audit.keep; }),
      });
  return format;
}

ServerConfig built_in_config() {
  const tools::WorkbenchOptions bench;
  const sandbox::EngineOptions engine;
  const tools::AuditOptions trail;
  ServerConfig config;
  config.profiles = built_in(Words{built_in(sandbox::shipped_profiles().front())});
  config.era = built_in(mcp::EraOption::kAuto);
  config.receipt = built_in(bench.receipt);
  config.wait = built_in(bench.max_wait);
  config.calls.most = built_in<std::uint64_t>(static_cast<unsigned>(engine.max_calls));
  config.calls.queued = built_in<std::uint64_t>(static_cast<unsigned>(engine.max_queued));
  config.jobs.running = built_in<std::uint64_t>(bench.jobs.running);
  config.jobs.finished = built_in<std::uint64_t>(bench.jobs.finished);
  config.jobs.keep = built_in(bench.jobs.keep);
  config.jobs.output_bytes = built_in(bench.jobs.finished_output_bytes);
  config.audit.enabled = built_in(true);
  config.audit.flush = built_in(trail.log.flush);
  config.audit.on_full = built_in(trail.on_full);
  config.audit.rotate_bytes = built_in(trail.log.rotate_bytes);
  config.audit.keep = built_in<std::uint64_t>(trail.log.keep);
  return config;
}

ServerConfig parse_server_config(std::string_view text,
                                 std::shared_ptr<const settings::Source> source,
                                 Diagnostics& diagnostics) {
  const auto document = settings::parse_document(text, std::move(source), diagnostics);
  if (document == nullptr) return {};
  refuse_what_is_elsewhere(*document, diagnostics);
  return server_config_format().read(*document, diagnostics);
}

ConfigFiles config_files(const std::string& given, const sandbox::HostUser& user) {
  if (!given.empty()) return {{given}, true};
  ConfigFiles files{{"/etc/mayfly/mayfly.toml"}, false};
  const std::string own = sandbox::config_directory(user);
  if (!own.empty()) files.paths.push_back(own + "/mayfly.toml");
  return files;
}

LoadedServerConfig load_server_config(const ConfigFiles& files, Diagnostics& diagnostics) {
  LoadedServerConfig out;
  out.config = built_in_config();
  for (const std::string& path : files.paths) read_file(path, files.required, out, diagnostics);
  return out;
}

std::string with_home(const std::string& text, const sandbox::HostUser& user) {
  return text.starts_with(kHome) ? user.home + text.substr(kHome.size()) : text;
}

// As private directories have it (sandbox/linux/private_directory.cc).
constexpr const char* kRootsState = "/var/lib/mayfly";

std::string usual_audit_key(const sandbox::HostUser& user) {
  // In a directory of its own: sandboxes' users have to pass the one above it.
  return (::getuid() == 0 ? kRootsState : sandbox::state_root(user)) + "/audit/audit.key";
}

std::optional<tools::AuditOptions> audit_options(const ServerConfig& config,
                                                 const sandbox::HostUser& user) {
  const auto& said = config.audit;
  if (!said.file || !said.enabled->value) return std::nullopt;
  tools::AuditOptions out;
  out.log.file = with_home(said.file->value, user);
  out.log.key_file = said.key_file ? with_home(said.key_file->value, user) : usual_audit_key(user);
  if (!user.home.empty()) out.log.own_places.push_back(user.home);
  if (!said.key_file) out.log.own_places.push_back(sandbox::directory_of(out.log.key_file));
  out.log.flush = said.flush->value;
  out.log.rotate_bytes = said.rotate_bytes->value;
  out.log.keep = static_cast<unsigned>(said.keep->value);
  out.on_full = said.on_full->value;
  return out;
}

std::vector<std::string> values_of(const Said<Words>& words, const sandbox::HostUser& user) {
  std::vector<std::string> out;
  if (!words) return out;
  for (const auto& word : words->value) out.push_back(with_home(word.value, user));
  return out;
}

}  // namespace mayfly::app
