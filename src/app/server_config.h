#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "mcp/era.h"
#include "sandbox/host_user.h"
#include "settings/diagnostics.h"
#include "settings/format.h"
#include "settings/location.h"
#include "settings/trusted_file.h"
#include "tools/audit_trail.h"
#include "tools/receipt.h"

namespace mayfly::app {

template <typename T>
using Said = std::optional<settings::Located<T>>;
// Each with its own place.
using Words = std::vector<settings::Located<std::string>>;

// How `mayfly serve` serves, as one layer says it: what is built in, /etc/mayfly/mayfly.toml, then
// ~/.config/mayfly/mayfly.toml (or only the file of --config), then the command line. Of a key,
// lists too, the later layer's value holds. What sandboxes may do is the profiles' to say.
struct ServerConfig {
  Said<Words> workspaces;  // as written
  Said<Words> profiles;    // names or paths; the first is the default
  Said<mcp::EraOption> era;
  Said<tools::ReceiptForm> receipt;
  Said<milliseconds> wait;
  struct {
    Said<std::uint64_t> most, queued;
  } calls;
  struct {
    Said<std::uint64_t> running, finished, output_bytes;
    Said<milliseconds> keep;
  } jobs;
  struct {
    Said<bool> enabled;
    Said<std::string> file, key_file;
    Said<audit::Flush> flush;
    Said<tools::OnFull> on_full;
    Said<std::uint64_t> rotate_bytes, keep;
  } audit;
};

const settings::Format<ServerConfig>& server_config_format();

// Every value but `workspaces`.
ServerConfig built_in_config();

// One file's text. What is wrong goes to `diagnostics`.
ServerConfig parse_server_config(std::string_view text,
                                 std::shared_ptr<const settings::Source> source,
                                 settings::Diagnostics& diagnostics);

// The files that may speak, the weakest first.
struct ConfigFiles {
  std::vector<std::string> paths;
  bool required = false;  // named by the operator: they have to be there
};
// `given`: the file of --config, empty for the usual places.
ConfigFiles config_files(const std::string& given, const sandbox::HostUser& user);

struct LoadedServerConfig {
  ServerConfig config;                    // what is built in, and the files on top
  std::vector<std::string> real_paths;    // of the files that there are
  std::vector<settings::FileMark> marks;  // of all files looked at
};
// Reads all of them, whatever is wrong with one.
LoadedServerConfig load_server_config(const ConfigFiles& files, settings::Diagnostics& diagnostics);

// `text` with ${home} at its start replaced.
std::string with_home(const std::string& text, const sandbox::HostUser& user);
// What a server with this configuration writes where; nothing if it writes no audit log.
std::optional<tools::AuditOptions> audit_options(const ServerConfig& config,
                                                 const sandbox::HostUser& user);
// Where the key is if nobody says: in `audit` of state_root(), as root in /var/lib/mayfly/audit.
std::string usual_audit_key(const sandbox::HostUser& user);
std::vector<std::string> values_of(const Said<Words>& words, const sandbox::HostUser& user);

}  // namespace mayfly::app
