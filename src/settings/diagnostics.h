#pragma once

#include <string>
#include <vector>

#include "base/error.h"
#include "settings/location.h"

namespace mayfly::settings {

// One thing that is wrong with a text, for the person who wrote it.
struct Diagnostic {
  enum class Severity { kError, kWarning };
  Severity severity = Severity::kError;
  Location at;
  std::string value;    // the offending text, shortened; may be empty
  std::string message;  // "is not a size"
  std::string remedy;   // "write it like 512M or 4GiB"
};

// "build.toml:3:10: error: limits.memory "512X" is not a size; write it like 512M or 4GiB".
std::string to_string(const Diagnostic& diagnostic);

// All that is wrong with a text, in the order of the text. Bounded: after a hundred, only counted.
class Diagnostics {
 public:
  void error(const Location& at, std::string value, std::string message, std::string remedy);
  void warn(const Location& at, std::string value, std::string message, std::string remedy);

  bool failed() const { return errors_ > 0; }
  std::size_t errors() const { return errors_; }
  const std::vector<Diagnostic>& all() const { return all_; }
  // Whether further ones are only counted, so that they need no text.
  bool full() const;
  // How many more there are than all() holds.
  std::size_t left_out() const { return left_out_; }

  // All errors as one E1001, a line each; only if failed().
  Error to_error() const;

 private:
  void add(Diagnostic diagnostic);
  std::vector<Diagnostic> all_;
  std::size_t errors_ = 0;
  std::size_t left_out_ = 0;
};

}  // namespace mayfly::settings
