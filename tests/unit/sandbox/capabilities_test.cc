#include "sandbox/capabilities.h"

#include <linux/capability.h>

#include "catch_shim.h"

namespace mayfly::sandbox {

TEST_CASE("three capabilities can be kept, each by the kernel's number") {
  CHECK(capability_bits({"CAP_KILL"}).value() == 1ULL << CAP_KILL);
  CHECK(capability_bits({"CAP_SYS_CHROOT", "CAP_SYS_PTRACE"}).value() ==
        (1ULL << CAP_SYS_CHROOT | 1ULL << CAP_SYS_PTRACE));
  CHECK(capability_bits({}).value() == 0);
  CHECK(capability_names(1ULL << CAP_CHECKPOINT_RESTORE) ==
        std::vector<std::string>{"CAP_CHECKPOINT_RESTORE"});
  std::size_t kept = 0;
  for (const std::string& name : capability_names(~0ULL)) kept += check_capability(name) ? 1 : 0;
  CHECK(kept == 3);
}

TEST_CASE("a capability that is none is refused with the nearest") {
  const auto refused = check_capability("CAP_SYS_PTRACES");
  REQUIRE_FALSE(refused.has_value());
  CHECK(refused.error().code == ErrorCode::kInvalidConfiguration);
  CHECK_THAT(refused.error().remedy, test::contains("CAP_SYS_PTRACE\""));
  CHECK_FALSE(check_capability("").has_value());
  CHECK_FALSE(check_capability("cap_kill").has_value());
}

TEST_CASE("a capability that rules nothing, or too much, is refused with the reason") {
  const auto message = [](const char* name) {
    const auto refused = check_capability(name);
    REQUIRE_FALSE(refused.has_value());
    CHECK_FALSE(capability_bits({"CAP_KILL", name}).has_value());
    return refused.error().message;
  };
  for (const char* name : {"CAP_NET_ADMIN", "CAP_NET_RAW", "CAP_SYS_MODULE", "CAP_MKNOD"}) {
    CHECK_THAT(message(name), test::contains("rules nothing"));
  }
  CHECK_THAT(message("CAP_SYS_ADMIN"), test::contains("mount"));
  CHECK_THAT(message("CAP_SETFCAP"), test::contains("files that the host sees"));
  CHECK_THAT(message("CAP_FSETID"), test::contains("set-id"));
  CHECK_THAT(message("CAP_DAC_OVERRIDE"), test::contains("denied"));
}

}  // namespace mayfly::sandbox
