#include "audit/hash.h"

#include "catch_shim.h"

using namespace mayfly::audit;

TEST_CASE("a hash is SHA-256") {
  CHECK(sha256("abc") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

TEST_CASE("confirmations are HMAC-SHA-256 as RFC 4231 has it") {
  CHECK(hmac_sha256(std::string(20, '\x0b'), "Hi There") ==
        "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7");
  CHECK(hmac_sha256("Jefe", "what do ya want for nothing?") ==
        "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
  CHECK(hmac_sha256(std::string(131, '\xaa'),
                    "Test Using Larger Than Block-Size Key - Hash Key First") ==
        "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54");
}

TEST_CASE("texts are the same only if all of them is") {
  CHECK(same_text("abc", "abc"));
  CHECK_FALSE(same_text("abc", "abd"));
  CHECK_FALSE(same_text("abc", "ab"));
}
