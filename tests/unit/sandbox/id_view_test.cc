#include "sandbox/linux/id_view.h"

#include "catch_shim.h"

using namespace mayfly::sandbox;

namespace {

constexpr const char* kStatus =
    "Name:\tx\nUid:\t1000\t1001\t1002\t1000\nGid:\t7\t8\t9\t7\nGroups:\t8 20 30 \n";

}  // namespace

TEST_CASE("the ids that a user namespace maps are told from those it does not") {
  const IdView view =
      IdView::parse("      1000       1000          1\n", kStatus, IdView::Of::kUser);
  REQUIRE(view.readable());
  CHECK(view.maps(1000));
  CHECK_FALSE(view.maps(999));
  CHECK_FALSE(view.maps(1001));
  CHECK_FALSE(view.maps(4294967295));
  CHECK(view.is_real(1000));
  CHECK(view.is_effective(1001));
  CHECK(view.is_saved(1002));
  CHECK_FALSE(view.is_real(1001));
}

TEST_CASE("the initial namespace maps every id but the last") {
  const IdView view = IdView::parse("0 0 4294967295\n", kStatus, IdView::Of::kGroup);
  CHECK(view.maps(0));
  CHECK(view.maps(4294967294));
  CHECK_FALSE(view.maps(4294967295));
  CHECK(view.is_group(8));
  CHECK(view.is_group(30));
  CHECK_FALSE(view.is_group(7));
}

TEST_CASE("ids that cannot be read are not readable, rather than anybody's") {
  CHECK_FALSE(IdView::parse("", kStatus, IdView::Of::kUser).readable());
  CHECK_FALSE(IdView::parse("0 0 1\n", "", IdView::Of::kUser).readable());
}
