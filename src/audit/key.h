#pragma once

#include <string>
#include <string_view>

#include "audit/own_file.h"
#include "base/result.h"

namespace mayfly::audit {

// The operator's key: 32 random bytes in a file that only the operator can read. Whoever has it can
// forge records; nobody else can. Immutable.
class Key {
 public:
  static constexpr std::size_t kBytes = 32;

  // Makes the file if it is not there; of servers that do so at once all get the same key. E1001 if
  // it is not safe (open_own) or has another size.
  static Result<Key> make_or_read(const std::string& path, Missing missing);
  // `os_errno` ENOENT if there is none.
  static Result<Key> read(const std::string& path);
  explicit Key(std::string bytes) : bytes_(std::move(bytes)) {}

  // What a record or a head with this text is confirmed with. `use` keeps them apart.
  std::string confirm(std::string_view use, std::string_view text) const;

 private:
  std::string bytes_;
};

}  // namespace mayfly::audit
