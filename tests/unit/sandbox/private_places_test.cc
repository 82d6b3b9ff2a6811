#include "sandbox/private_places.h"

#include "catch_shim.h"

namespace mayfly::sandbox {

TEST_CASE("keys and sessions of every home are secret, what programs read by themselves is not") {
  for (const char* path : {"/home/u/.ssh", "/home/other/.aws/credentials", "/root/.gnupg/x",
                           "/elsewhere/me/.ssh/id", "/home/u/.config/gcloud/x", "/etc/shadow"}) {
    INFO(path);
    CHECK(is_secret_place(path, "/elsewhere/me"));
    CHECK(is_private_place(path, "/elsewhere/me"));
  }
  for (const char* path : {"/home/u/.sshx", "/home/u/.config/git/config", "/home/u/.npmrc",
                           "/opt/.ssh", "/home", "/home/u"}) {
    INFO(path);
    CHECK_FALSE(is_secret_place(path, "/elsewhere/me"));
  }
  CHECK(is_private_place("/home/u/.npmrc", ""));
  CHECK(is_private_place("/opt/app/server.key", ""));
  CHECK(is_private_place("/etc/shadow", ""));
  CHECK_FALSE(is_private_place("/opt/sdk/include", ""));
}

TEST_CASE("nobody means all of a directory that is shared") {
  for (const char* path : {"/", "/home", "/home/u", "/root", "/etc", "/var", "/opt", "/w",
                           "/w/homes", "/w/homes/me"}) {
    INFO(path);
    CHECK(is_shared_place(path, "/w/homes/me"));
  }
  for (const char* path : {"/opt/sdk", "/home/u/x", "/w/homes/me/x", "/etc/x"}) {
    INFO(path);
    CHECK_FALSE(is_shared_place(path, "/w/homes/me"));
  }
}

}  // namespace mayfly::sandbox
