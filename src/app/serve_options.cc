#include "app/serve_options.h"

#include <charconv>
#include <filesystem>
#include <memory>
#include <utility>

namespace mayfly::app {
namespace {

using settings::Located;

template <typename T>
Located<T> said(const char* option, T value) {
  return {std::move(value), {std::make_shared<settings::Source>(settings::Source{option}), 0, 0}};
}

Words words(const char* option, std::vector<std::string> values) {
  Words out;
  for (std::string& value : values) out.push_back(said(option, std::move(value)));
  return out;
}

Error bad_choice(const char* option, const std::string& value, const char* choices) {
  return input_error(ErrorCode::kInvalidConfiguration, option, value, "is not known",
                     std::string("choose ") + choices);
}

Result<mcp::EraOption> parse_era(const std::string& text) {
  if (text == "auto") return mcp::EraOption::kAuto;
  if (text == "legacy") return mcp::EraOption::kLegacy;
  if (text == "modern") return mcp::EraOption::kModern;
  return fail(bad_choice("--era", text, "auto, legacy or modern"));
}

Result<tools::ReceiptForm> parse_receipt(const std::string& text) {
  if (text == "lean") return tools::ReceiptForm::kLean;
  if (text == "full") return tools::ReceiptForm::kFull;
  return fail(bad_choice("--receipt", text, "lean or full"));
}

// Places for calls: a small number, given in digits.
Result<std::uint64_t> parse_places(const char* option, const std::string& value, int low) {
  constexpr int kMost = 4096;
  int number = 0;
  const char* end = value.data() + value.size();
  const auto parsed = std::from_chars(value.data(), end, number);
  if (parsed.ec != std::errc() || parsed.ptr != end || number < low || number > kMost) {
    return fail(
        input_error(ErrorCode::kInvalidConfiguration, option, value,
                    "is not a number from " + std::to_string(low) + " to " + std::to_string(kMost),
                    "give digits only"));
  }
  return static_cast<std::uint64_t>(number);
}

Result<milliseconds> parse_wait(const std::string& value) {
  long wait = 0;
  const char* end = value.data() + value.size();
  const auto parsed = std::from_chars(value.data(), end, wait);
  if (parsed.ec != std::errc() || parsed.ptr != end || wait < 1 || wait > 24 * 3'600'000) {
    return fail(input_error(ErrorCode::kInvalidConfiguration, "--wait-ms", value,
                            "is not a number of milliseconds up to a day", "give digits only"));
  }
  return milliseconds{wait};
}

}  // namespace

void add_serve_options(CLI::App& command, ServeOptions& options) {
  add_policy_options(command, options.policy);
  command
      .add_option("--config", options.config,
                  "configuration file, instead of /etc/mayfly/mayfly.toml and "
                  "~/.config/mayfly/mayfly.toml; options come before what files say")
      ->option_text("FILE");
  command.add_option("--era", options.era, "MCP revisions to speak (default auto: all)")
      ->option_text("auto|legacy|modern");
  command.add_option("--receipt", options.receipt, "how much each answer says (default lean)")
      ->option_text("lean|full");
  command
      .add_option("--wait-ms", options.wait_ms,
                  "how long a request waits before its command becomes a job (default 45000: "
                  "most clients give up after 60 s)")
      ->option_text("N");
  command.add_option("--max-calls", options.max_calls, "calls that run at once (default 64)")
      ->option_text("N");
  command
      .add_option("--max-queued", options.max_queued,
                  "calls that wait for a place, all clients together (default 64)")
      ->option_text("N");
  command.add_option("--audit", options.audit, "audit log of all calls (default: none)")
      ->option_text("FILE");
  refuse_empty_values(command);
}

Result<ServerConfig> options_config(const ServeOptions& options) {
  ServerConfig config;
  if (!options.policy.workspaces.empty()) {
    config.workspaces = said("--workspace", words("--workspace", options.policy.workspaces));
  }
  if (!options.policy.profiles.empty()) {
    config.profiles = said("--profile", words("--profile", profile_names(options.policy)));
  }
  if (!options.era.empty()) config.era = said("--era", TRY(parse_era(options.era)));
  if (!options.receipt.empty()) {
    config.receipt = said("--receipt", TRY(parse_receipt(options.receipt)));
  }
  if (!options.wait_ms.empty()) config.wait = said("--wait-ms", TRY(parse_wait(options.wait_ms)));
  if (!options.max_calls.empty()) {
    config.calls.most = said("--max-calls", TRY(parse_places("--max-calls", options.max_calls, 1)));
  }
  if (!options.max_queued.empty()) {
    config.calls.queued =
        said("--max-queued", TRY(parse_places("--max-queued", options.max_queued, 0)));
  }
  if (!options.audit.empty()) {
    std::error_code ignored;
    config.audit.file = said("--audit", std::filesystem::absolute(options.audit, ignored).string());
  }
  return config;
}

}  // namespace mayfly::app
