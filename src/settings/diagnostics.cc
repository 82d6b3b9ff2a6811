#include "settings/diagnostics.h"

#include <algorithm>
#include <utility>

#include "base/text.h"

namespace mayfly::settings {
namespace {

constexpr std::size_t kMostKept = 100;
constexpr std::size_t kMostInAnError = 10;
constexpr std::size_t kMostShown = 80;
constexpr std::size_t kMostSaid = 1000;

}  // namespace

bool Diagnostics::full() const { return all_.size() == kMostKept; }

std::string to_string(const Diagnostic& diagnostic) {
  std::string out = to_string(diagnostic.at);
  out += diagnostic.severity == Diagnostic::Severity::kError ? ": error: " : ": warning: ";
  if (!diagnostic.value.empty()) out += "\"" + diagnostic.value + "\" ";
  out += diagnostic.message;
  if (!diagnostic.remedy.empty()) out += "; " + diagnostic.remedy;
  return out;
}

void Diagnostics::add(Diagnostic diagnostic) {
  if (diagnostic.severity == Diagnostic::Severity::kError) ++errors_;
  if (all_.size() == kMostKept) {
    ++left_out_;
    return;
  }
  // A file may be hostile: what is quoted of it stays one short line, however long it was.
  const auto shown = [](const std::string& from, std::size_t most) {
    return text::shorten(text::one_line(from.substr(0, 2 * most)), most);
  };
  diagnostic.value = shown(diagnostic.value, kMostShown);
  diagnostic.message = shown(diagnostic.message, kMostSaid);
  diagnostic.remedy = shown(diagnostic.remedy, kMostSaid);
  const auto before = [](const Diagnostic& a, const Diagnostic& b) {
    return a.at.source == b.at.source &&
           std::pair(a.at.line, a.at.column) < std::pair(b.at.line, b.at.column);
  };
  all_.insert(std::upper_bound(all_.begin(), all_.end(), diagnostic, before), diagnostic);
}

void Diagnostics::error(const Location& at, std::string value, std::string message,
                        std::string remedy) {
  add({Diagnostic::Severity::kError, at, std::move(value), std::move(message), std::move(remedy)});
}

void Diagnostics::warn(const Location& at, std::string value, std::string message,
                       std::string remedy) {
  add({Diagnostic::Severity::kWarning, at, std::move(value), std::move(message),
       std::move(remedy)});
}

Error Diagnostics::to_error() const {
  Error error;
  error.code = ErrorCode::kInvalidConfiguration;
  std::size_t said = 0;
  for (const Diagnostic& each : all_) {
    if (each.severity != Diagnostic::Severity::kError || said == kMostInAnError) continue;
    error.message += (said++ > 0 ? "\n" : "") + to_string(each);
  }
  if (errors_ > said) error.message += "\nand " + std::to_string(errors_ - said) + " more";
  return error;
}

}  // namespace mayfly::settings
