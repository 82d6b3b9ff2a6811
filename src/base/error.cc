#include "base/error.h"

#include <cstring>

#include "base/text.h"

namespace mayfly {

std::string to_string(ErrorCode code) { return "E" + std::to_string(static_cast<unsigned>(code)); }

Error Error::within(std::string_view attempt) && {
  message = std::string(attempt) + ": " + message;
  return std::move(*this);
}

Error Error::with_remedy(std::string text) && {
  remedy = std::move(text);
  return std::move(*this);
}

Error system_error(std::string_view what, int number) {
  Error error;
  error.code = ErrorCode::kSystemCall;
  error.message = std::string(what) + ": " + strerrordesc_np(number);
  error.os_errno = number;
  return error;
}

Error input_error(ErrorCode code, std::string_view field, std::string_view value,
                  std::string_view message, std::string_view remedy) {
  constexpr std::size_t kShownValue = 200;
  Error error;
  error.code = code;
  error.message = std::string(message);
  error.field = std::string(field);
  error.value = text::shorten(text::one_line(value), kShownValue);
  error.remedy = std::string(remedy);
  return error;
}

std::string describe(const Error& error) {
  std::string line = to_string(error.code);
  if (!error.field.empty()) line += " " + error.field;
  if (!error.field.empty() && !error.value.empty()) line += " \"" + error.value + "\"";
  line += (error.field.empty() ? " " : ": ") + error.message;
  if (!error.remedy.empty()) line += ". Remedy: " + error.remedy;
  return text::one_line(line);
}

}  // namespace mayfly
