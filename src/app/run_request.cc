#include "app/run_request.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <memory>

#include "app/run_request_schema.h"
#include "base/sys.h"
#include "base/text.h"
#include "mcp/arguments.h"
#include "mcp/schema.h"
#include "sandbox/path_rules.h"
#include "sandbox/profile_codecs.h"
#include "sandbox/profile_format.h"

namespace mayfly::app {
namespace {

using mcp::Json;
using mcp::member;
using sandbox::PathAccess;
using sandbox::PathUse;

Error bad(std::string_view field, std::string_view value, std::string_view message,
          std::string_view remedy) {
  return input_error(ErrorCode::kInvalidArgument, field, value, message, remedy);
}

// One error for all: a line each, if there are several.
Error together(const std::vector<Error>& faults) {
  if (faults.size() == 1) return faults.front();
  Error out = bad("", "", "", "mayfly run --request-schema prints what a request can say");
  for (const Error& fault : faults) {
    out.message += (out.message.empty() ? "" : "\n") + fault.field + ": " + fault.message +
                   (fault.remedy.empty() ? "" : "; " + fault.remedy);
  }
  return out;
}

Status check_form(const Json& request) {
  const Json schema = run_request_schema();
  std::vector<Error> faults = mcp::explain_faults(request, schema);
  if (faults.empty()) faults = TRY(mcp::Schema::compile(schema)).faults(request);
  for (Error& fault : faults) {
    if (fault.field == "arguments") fault.field = "request";
    if (fault.message == "unknown argument") fault.message = "is no member of a request";
  }
  if (!faults.empty()) return fail(together(faults));
  return {};
}

// What a kernel would silently cut.
Status check_no_nul(std::string_view field, const std::string& value) {
  if (value.find('\0') == std::string::npos) return {};
  return fail(bad(field, value, "contains a NUL byte", "leave it out"));
}

Result<std::vector<std::string>> parse_argv(const Json& command) {
  std::vector<std::string> argv;
  if (command.is_string()) {
    argv = {"/bin/bash", "-c", command.get<std::string>()};
  } else {
    argv = command.get<std::vector<std::string>>();
  }
  if (argv.front().empty()) {
    return fail(bad("command", "", "names no program", "put the program first"));
  }
  for (const std::string& word : argv) TRY(check_no_nul("command", word));
  return argv;
}

Status parse_environment(const Json& environment, RunRequest& request) {
  for (const auto& [name, value] : environment.items()) {
    if (!text::is_variable_name(name)) {
      return fail(bad("environment", name, "is no name for a variable",
                      "use letters, digits and _, no digit first"));
    }
    request.environment.emplace_back(name, value.get<std::string>());
    TRY(check_no_nul("environment." + name, request.environment.back().second));
  }
  return {};
}

// Where a value stands, for whoever reads that it would widen something.
settings::Location place(const std::string& field) {
  return {std::make_shared<settings::Source>(settings::Source{field, settings::Trust::kProject}), 0,
          0};
}

Status add_paths(const Json& filesystem, const char* name, PathAccess access,
                 sandbox::Profile& profile) {
  const Json* paths = member(filesystem, name);
  for (std::size_t i = 0; paths != nullptr && i < paths->size(); ++i) {
    const std::string field = std::string("filesystem.") + name + "[" + std::to_string(i) + "]";
    const auto& text = (*paths)[i].get_ref<const std::string&>();
    const bool shows = access == PathAccess::kRead;
    auto path = sandbox::read_path(shows ? PathUse::kRead : PathUse::kCover, text);
    if (!path) return fail(bad(field, text, path.error().message, path.error().remedy));
    if (shows && (sandbox::is_pattern(*path) || path->starts_with("${home}"))) {
      return fail(bad(field, text, "is not one path of the workspace or the host",
                      "name it from / or ${workspace} on, without a pattern"));
    }
    profile.paths.push_back({{access, *std::move(path)}, place(field)});
  }
  return {};
}

Status parse_filesystem(const Json& filesystem, sandbox::Profile& profile) {
  if (member(filesystem, "workspace") != nullptr) {
    profile.workspace = {sandbox::WorkspaceAccess::kReadOnly, place("filesystem.workspace")};
  }
  TRY(add_paths(filesystem, "read_only", PathAccess::kRead, profile));
  TRY(add_paths(filesystem, "hide", PathAccess::kHide, profile));
  return add_paths(filesystem, "deny", PathAccess::kDeny, profile);
}

// A profile's file by its path would be the caller's own.
Result<std::string> parse_profile_name(const std::string& name) {
  if (sandbox::is_profile_name(name) && !name.ends_with(".toml")) return name;
  return fail(bad("profile", name, "is no name of a profile",
                  "name one that the operator has; a file cannot be given here"));
}

}  // namespace

Result<RunRequest> parse_run_request(std::string_view text) {
  if (text.size() > kMostRequestBytes) {
    return fail(bad("request", "", "is larger than 4 MiB", "put what is large into a file"));
  }
  auto parsed = mcp::parse_json(text);
  if (!parsed) {
    return fail(bad("request", "", parsed.error().message, "send one JSON object, in UTF-8"));
  }
  const Json& json = *parsed;
  TRY(check_form(json));

  RunRequest request;
  request.filesystem.name = "request";
  request.argv = TRY(parse_argv(json["command"]));
  if (const Json* environment = member(json, "environment")) {
    TRY(parse_environment(*environment, request));
  }
  if (const Json* bytes = member(json, "stdin")) request.stdin_bytes = bytes->get<std::string>();
  if (const Json* where = member(json, "working_directory")) {
    request.working_directory = where->get<std::string>();
    TRY(check_no_nul("working_directory", request.working_directory));
  }
  if (const Json* profile = member(json, "profile")) {
    request.profile = TRY(parse_profile_name(profile->get<std::string>()));
  }
  if (const Json* timeout = member(json, "timeout_ms")) {
    request.timeout = milliseconds{timeout->get<std::int64_t>()};
  }
  if (const Json* limits = member(json, "limits")) request.limits = *limits;
  if (const Json* files = member(json, "filesystem")) {
    TRY(parse_filesystem(*files, request.filesystem));
  }
  return request;
}

Result<std::string> read_run_request(const std::string& file) {
  const auto cannot = [&file](int number) {
    return input_error(ErrorCode::kInvalidConfiguration, "--request", file,
                       "cannot be read: " + std::string(strerrordesc_np(number)),
                       "name a file with a JSON object, or - for stdin");
  };
  OwnedFd opened;
  if (file != "-") {
    auto fd = sys::open(file, O_RDONLY);
    if (!fd) return fail(cannot(fd.error().os_errno));
    opened = *std::move(fd);
  }
  const int fd = file == "-" ? STDIN_FILENO : opened.get();
  std::string text;
  std::string chunk(64U << 10, '\0');
  // One byte more is enough to see that it is too much.
  while (text.size() <= kMostRequestBytes) {
    const ssize_t got = ::read(fd, chunk.data(), chunk.size());
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return fail(cannot(errno));
    if (got == 0) break;
    text.append(chunk, 0, static_cast<std::size_t>(got));
  }
  return text;
}

}  // namespace mayfly::app
