#include "app/audit_filter.h"

#include <charconv>
#include <ctime>

#include "base/text.h"

namespace mayfly::app {
namespace {

using audit::ReadJson;

// "2026-11-22T10:03:11.042", of which the start may be given.
constexpr std::string_view kForm = "dddd-dd-ddTdd:dd:dd.ddd";

bool is_time(const std::string& text) {
  constexpr std::size_t kLengths[] = {10, 13, 16, 19, 23};
  bool fits = false;
  for (const std::size_t length : kLengths) fits = fits || text.size() == length;
  for (std::size_t i = 0; fits && i < text.size(); ++i) {
    const bool digit = text[i] >= '0' && text[i] <= '9';
    fits = kForm[i] == 'd' ? digit : text[i] == kForm[i];
  }
  return fits;
}

std::optional<std::string> long_ago(const std::string& text) {
  if (text.size() < 2) return std::nullopt;
  const std::size_t unit = std::string_view("smhd").find(text.back());
  constexpr long kSeconds[] = {1, 60, 3600, 86'400};
  long count = 0;
  const char* end = text.data() + text.size() - 1;
  const auto parsed = std::from_chars(text.data(), end, count);
  if (unit == std::string_view::npos || parsed.ec != std::errc() || parsed.ptr != end ||
      count < 0 || count > 1'000'000) {
    return std::nullopt;
  }
  const std::time_t then = std::time(nullptr) - count * kSeconds[unit];
  std::tm parts{};
  char out[32];
  if (::gmtime_r(&then, &parts) == nullptr) return std::nullopt;
  return std::string(out, std::strftime(out, sizeof out, "%Y-%m-%dT%H:%M:%S", &parts));
}

std::string text_of(const ReadJson& record, const char* name) {
  const auto found = record.find(name);
  return found != record.end() && found->is_string() ? found->get<std::string>() : std::string();
}

bool has_denials(const ReadJson& record) {
  const auto total = record.find("violations_total");
  return text_of(record, "event") == "decision" ||
         (total != record.end() && total->is_number() && *total != 0);
}

}  // namespace

bool AuditFilter::takes(const ReadJson& record) const {
  const std::string time = text_of(record, "time");
  if (!since.empty() && time < since) return false;
  if (!until.empty() && time.substr(0, until.size()) > until) return false;
  if (no_starts && text_of(record, "event") == "call_start") return false;
  const auto is = [&](const char* name, const std::string& wanted) {
    return wanted.empty() || text_of(record, name) == wanted;
  };
  return is("caller", caller) && is("tool", tool) && is("event", event) && is("call_id", call) &&
         is("ended_by", ended_by) && (!denied || has_denials(record));
}

Result<std::string> audit_time(const char* option, const std::string& given) {
  if (given.empty()) return given;
  std::string text = given;
  if (text.back() == 'Z') text.pop_back();
  if (is_time(text)) return text;
  if (auto then = long_ago(given)) return *then;
  return fail(
      input_error(ErrorCode::kInvalidArgument, option, given, "is no time",
                  "give 2026-11-22, 2026-11-22T10:03:11Z, or 30m, 12h, 7d for so long ago"));
}

std::string shown_member(const ReadJson& record, const char* name) {
  const auto found = record.find(name);
  if (found == record.end() || found->is_null()) return "";
  constexpr std::size_t kLongest = 4096;
  std::string text = found->is_string()
                         ? found->get<std::string>()
                         : found->dump(-1, ' ', true, ReadJson::error_handler_t::replace);
  return text::shorten(text::one_line(text), kLongest);
}

}  // namespace mayfly::app
