#pragma once

#include <memory>
#include <vector>

#include "base/result.h"
#include "mcp/json.h"

namespace mayfly::mcp {

// A JSON Schema ready to judge values, by valijson (draft 7; of 2020-12 what both mean the same).
// Immutable after compilation and so usable from several threads.
class Schema {
 public:
  // Fails on what valijson cannot read, and on a `pattern` whose string has no `maxLength` of at
  // most 4096 beside it: std::regex recurses once a character, and a long string would end the
  // process.
  static Result<Schema> compile(const Json& schema);

  // Empty: `value` conforms. The texts are valijson's own; explain_faults has better ones for what
  // it knows, and must have found nothing before this is asked (it checks `maxLength`).
  std::vector<Error> faults(const Json& value) const;

  Schema(Schema&&) noexcept;
  Schema& operator=(Schema&&) noexcept;
  ~Schema();

 private:
  struct Compiled;
  explicit Schema(std::unique_ptr<Compiled> compiled);
  std::unique_ptr<Compiled> compiled_;
};

}  // namespace mayfly::mcp
