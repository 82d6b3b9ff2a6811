#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/result.h"
#include "mcp/json.h"

namespace mayfly::mcp {

struct ToolResult;

// A tools/call as it arrived.
struct ArrivedCall {
  const std::string& tool;
  const Json& arguments;
  const std::string& principal;
  const Json& client;      // {"name", "version"} as the client says, or null
  bool read_only = false;  // as the tool declares
};

// What a witness keeps of one call that it has let pass.
class WitnessedCall {
 public:
  virtual ~WitnessedCall() = default;
  // The answer as it is about to leave, or would leave if the client still wanted it. May change
  // it. Once, through Witness::post.
  virtual void answering(ToolResult& result) = 0;
  // There is no answer. Instead of `answering`.
  virtual void dropped(const std::string& why) = 0;
};

// Sees every tools/call of a server, in both eras, before anything is done for it and before its
// answer leaves. Thread-safe; outlives the server and its calls.
class Witness {
 public:
  virtual ~Witness() = default;
  // Its arguments fit. An error refuses it.
  virtual Result<std::shared_ptr<WitnessedCall>> arrived(const ArrivedCall& call) = 0;
  // It was refused, or withdrawn before it ran. At least one error.
  virtual void refused(const ArrivedCall& call, const std::vector<Error>& errors) = 0;
  // Does `work`, in the order of these calls, in a thread that may wait for a disk.
  virtual void post(std::function<void()> work) = 0;
};

}  // namespace mayfly::mcp
