#include "sandbox/macos/seatbelt_profile.h"

#include <cstdlib>
#include <fstream>
#include <sstream>

#include "catch_shim.h"

namespace mayfly::sandbox {
namespace {

constexpr const char* kGolden = MAYFLY_TEST_DATA "/seatbelt_golden.sb";

Policy example() {
  Policy policy;
  policy.profile = "default";
  policy.workspaces = {{"/Users/ann/work (new)", 1, 2, 501, 20}};
  policy.mounts = {
      {"/opt/tool\"box", "/opt/tool\"box", Access::kRead, Ownership::kAsOnHost, "r"},
      {"/Users/ann/back\\slash\n(allow default)", "/x", Access::kWrite, Ownership::kAsOnHost, "w"}};
  policy.covers = {{"/opt/tool\"box/credentials", CoverKind::kHide, ""}};
  policy.protected_directories = {".git/hooks", ".vscode", ".config/mise"};
  return policy;
}

std::string read(const char* path) {
  std::ostringstream out;
  out << std::ifstream(path).rdbuf();
  return out.str();
}

// Whether every parenthesis outside of strings and comments has its other one.
bool balanced(const std::string& text) {
  int depth = 0;
  bool quoted = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (quoted) {
      if (text[i] == '\\') ++i;
      if (text[i] == '"') quoted = false;
    } else if (text[i] == '"') {
      quoted = true;
    } else if (text[i] == ';') {
      i = text.find('\n', i);
    } else if (text[i] == '(') {
      ++depth;
    } else if (text[i] == ')' && --depth < 0) {
      return false;
    }
  }
  return depth == 0 && !quoted;
}

}  // namespace

// MAYFLY_UPDATE_GOLDEN=1 writes it anew. The digest is of all that a policy has, also of what is
// nothing to Seatbelt.
TEST_CASE("the Seatbelt profile of a policy is the one in the file") {
  std::string text = seatbelt_profile(example());
  const std::string number = digest(example());
  const std::size_t at = text.find(number);
  REQUIRE(at != std::string::npos);
  text.replace(at, number.size(), "(its digest)");
  if (std::getenv("MAYFLY_UPDATE_GOLDEN") != nullptr) std::ofstream(kGolden) << text;
  CHECK(text == read(kGolden));
}

TEST_CASE("no path can end its string or add a rule to the Seatbelt profile") {
  const std::string text = seatbelt_profile(example());
  CHECK(balanced(text));
  CHECK_THAT(text, test::contains(R"~((subpath "/opt/tool\"box"))~"));
  CHECK_THAT(text, test::contains(R"~((subpath "/Users/ann/back\\slash\x0a(allow default)"))~"));
  CHECK_THAT(text, !test::contains("\n(allow default)"));
}

TEST_CASE("a read-only workspace is not written to under Seatbelt") {
  Policy policy = example();
  policy.mounts.clear();
  policy.workspace_access = WorkspaceAccess::kReadOnly;
  const std::string text = seatbelt_profile(policy);
  const std::size_t path = text.find("(subpath \"/Users/ann/work (new)\")");
  REQUIRE(path != std::string::npos);
  CHECK_THAT(text.substr(text.rfind("\n(", path), path - text.rfind("\n(", path)),
             !test::contains("file-write"));
}

TEST_CASE("what protects comes after what allows, since the later rule counts") {
  const std::string text = seatbelt_profile(example());
  CHECK(text.find("(deny file-write*") > text.rfind("(allow"));
  CHECK(text.find("(deny network*)") > text.rfind("(allow"));
}

}  // namespace mayfly::sandbox
