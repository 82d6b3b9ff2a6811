#include "sandbox/engine.h"

// A platform without a sandbox runs nothing: there is no way around this engine to a bare program.
namespace mayfly::sandbox {
namespace {

Error unsupported(const Command& command) {
  Error error;
  error.code = ErrorCode::kHostCannotEnforce;
  error.message = std::string("this platform has no sandbox that Mayfly can use") +
                  (command.task.empty() ? "" : ", for tasks neither");
  error.remedy = "Run Mayfly on Linux: in WSL 2 on Windows, over ssh from macOS";
  return error;
}

class StubEngine final : public Engine {
 public:
  Result<std::shared_ptr<Call>> start(std::shared_ptr<const Policy>, Command command,
                                      CallObserver) override {
    return fail(unsupported(command));
  }
};

}  // namespace

Result<std::unique_ptr<Prestart>> prestart() { return std::make_unique<Prestart>(); }

std::optional<int> helper_main(int, char**, TaskTable) { return std::nullopt; }

std::unique_ptr<Engine> make_engine(EngineOptions, std::unique_ptr<Prestart>) {
  return std::make_unique<StubEngine>();
}

}  // namespace mayfly::sandbox
