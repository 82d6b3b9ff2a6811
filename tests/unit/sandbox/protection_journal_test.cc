#include "sandbox/protection_journal.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>

#include "catch_shim.h"
#include "sandbox/protected_paths.h"

using namespace mayfly;
using namespace mayfly::sandbox;
namespace fs = std::filesystem;
using Outcome = HostCodeFinding::Outcome;

namespace {

std::string content(const fs::path& path) {
  std::ifstream in(path);
  return {std::istreambuf_iterator<char>(in), {}};
}

std::string all(const std::vector<HostCodeFinding>& findings) {
  std::string text;
  for (const auto& finding : findings) text += describe(finding) + "\n";
  return text;
}

// A workspace with a good .mcp.json, and the state directory that its servers share.
class Scene {
 public:
  Scene() {
    std::string name = (fs::temp_directory_path() / "mayfly-servers-XXXXXX").string();
    REQUIRE(mkdtemp(name.data()) != nullptr);
    base_ = fs::canonical(name);
    fs::create_directories(ws());
    write(".mcp.json", "good");
  }
  ~Scene() {
    std::error_code ignored;
    fs::remove_all(base_, ignored);
  }
  Scene(const Scene&) = delete;
  Scene& operator=(const Scene&) = delete;

  fs::path ws(const std::string& below = "") const { return base_ / "ws" / below; }
  std::string state() const { return (base_ / "state").string(); }
  void write(const std::string& path, const std::string& text) const {
    fs::create_directories(ws(path).parent_path());
    std::ofstream(ws(path)) << text;
  }
  std::string mcp() const { return content(ws(".mcp.json")); }

  // Each has its own open files, as one in another process has.
  std::unique_ptr<ProtectedPaths> server(ProtectedPaths::Options options = {}) const {
    auto opened = open(std::move(options));
    if (!opened) INFO(describe(opened.error()));
    REQUIRE(opened);
    return *std::move(opened);
  }
  Result<std::unique_ptr<ProtectedPaths>> open(ProtectedPaths::Options options = {}) const {
    if (options.state_root.empty()) options.state_root = state();
    struct stat info {};
    REQUIRE(stat(ws().c_str(), &info) == 0);
    return ProtectedPaths::open(
        Workspace{(base_ / "ws").string(), info.st_dev, info.st_ino, info.st_uid, info.st_gid},
        std::move(options));
  }
  // A server that dies while a call is running in which `act` happens.
  template <typename Act>
  void crash(Act act) const {
    const pid_t child = fork();
    if (child == 0) {
      auto paths = open();
      if (!paths || !(*paths)->call_started()) _exit(1);
      act();
      (void)raise(SIGKILL);
    }
    int status = 0;
    REQUIRE(waitpid(child, &status, 0) == child);
    REQUIRE(WIFSIGNALED(status));
  }
  fs::path record() const {
    struct stat info {};
    REQUIRE(stat(ws().c_str(), &info) == 0);
    return fs::path(state()) / "workspaces" /
           (std::to_string(info.st_dev) + "-" + std::to_string(info.st_ino));
  }

 private:
  fs::path base_;
};

}  // namespace

TEST_CASE("two servers do not put back what one of their sandboxes planted") {
  const Scene scene;
  const auto first = scene.server();
  const auto second = scene.server();
  REQUIRE(first->call_started());
  scene.write(".mcp.json", "evil");
  scene.write(".vscode/tasks.json", "evil");
  REQUIRE(second->call_started());
  SECTION("the first ends first") {
    CHECK(first->call_ended().size() == 2);
    CHECK(scene.mcp() == "good");
    CHECK(second->call_ended().empty());
  }
  SECTION("the second ends first") {
    CHECK(second->call_ended().size() == 2);
    CHECK(scene.mcp() == "good");
    CHECK(first->call_ended().empty());
  }
  SECTION("a third comes when the first has gone, and evil is back") {
    CHECK(first->call_ended().size() == 2);
    scene.write(".mcp.json", "evil again");
    REQUIRE(first->call_started());
    CHECK(second->call_ended().size() == 1);
    CHECK(first->call_ended().empty());
  }
  CHECK(scene.mcp() == "good");
  CHECK_FALSE(fs::exists(scene.ws(".vscode")));
}

TEST_CASE("what one server accepts from plain git is what another puts back") {
  const Scene scene;
  scene.write(".git/config", "[core]\nbare = false\n");
  const auto first = scene.server();
  const auto second = scene.server();
  REQUIRE(first->call_started());
  REQUIRE(second->call_started());
  scene.write(".git/config", "[core]\nbare = false\n[user]\nname = x\n");
  CHECK(first->call_ended().empty());
  scene.write(".git/config", "[core]\nfsmonitor = evil\n");
  CHECK(second->call_ended().size() == 1);
  CHECK(content(scene.ws(".git/config")) == "[core]\nbare = false\n[user]\nname = x\n");
}

TEST_CASE("what a killed server's sandbox left is undone when the next call starts") {
  const Scene scene;
  scene.crash([&] {
    scene.write(".mcp.json", "evil");
    scene.write("sub/.git/hooks/post-checkout", "evil");
    scene.write("sub/.git/hooks/pre-push.sample", "harmless");
  });
  CHECK(scene.mcp() == "evil");
  const auto next = scene.server();
  REQUIRE(next->call_started());
  CHECK(scene.mcp() == "good");
  CHECK_FALSE(fs::exists(scene.ws("sub/.git/hooks/post-checkout")));
  // The dead server's sandbox may be a little slower in dying.
  scene.write(".mcp.json", "late evil");
  const auto findings = next->call_ended();
  INFO(all(findings));
  CHECK(findings.size() == 3);
  CHECK(scene.mcp() == "good");
  REQUIRE(next->call_started());
  CHECK(next->call_ended().empty());
}

TEST_CASE("a server that is abandoned in a call counts as dead") {
  const Scene scene;
  auto first = scene.server();
  REQUIRE(first->call_started());
  first.reset();
  scene.write(".envrc", "evil");
  const auto next = scene.server();
  REQUIRE(next->call_started());
  CHECK_FALSE(fs::exists(scene.ws(".envrc")));
  CHECK(next->call_ended().size() == 1);
}

TEST_CASE("what the user changes between calls stays, also when the idle server was killed") {
  const Scene scene;
  const pid_t child = fork();
  if (child == 0) {
    auto paths = scene.open();
    const bool called = paths && (*paths)->call_started() && (*paths)->call_ended().empty();
    if (called) (void)raise(SIGKILL);
    _exit(1);
  }
  int status = 0;
  REQUIRE(waitpid(child, &status, 0) == child);
  REQUIRE(WIFSIGNALED(status));
  REQUIRE(fs::exists(scene.record()));

  scene.write(".mcp.json", "the user's new one");
  scene.write(".envrc", "the user's");
  const auto next = scene.server();
  const auto other = scene.server();
  for (const auto* paths : {&next, &other, &next}) {
    REQUIRE((*paths)->call_started());
    CHECK((*paths)->call_ended().empty());
    scene.write(".envrc", content(scene.ws(".envrc")) + "+");
  }
  CHECK(scene.mcp() == "the user's new one");
  CHECK(content(scene.ws(".envrc")) == "the user's+++");
}

TEST_CASE("a workspace that took a dead one's inode is not measured by its record") {
  const Scene scene;
  scene.crash([] {});
  // The moment of birth in the header; a new directory cannot be made to get the same inode.
  const int fd = open(scene.record().c_str(), O_WRONLY | O_CLOEXEC);
  const long long other = 1;
  REQUIRE(pwrite(fd, &other, sizeof other, 16) == sizeof other);
  close(fd);
  scene.write(".envrc", "the user's");
  const auto next = scene.server();
  REQUIRE(next->call_started());
  CHECK(next->call_ended().empty());
  CHECK(fs::exists(scene.ws(".envrc")));
}

TEST_CASE("a record that cannot be read stops calls until somebody deletes it") {
  const Scene scene;
  scene.crash([&] { scene.write(".mcp.json", "evil"); });
  const std::string before = content(scene.record());
  std::string bytes = before;
  SECTION("empty") { bytes.clear(); }
  SECTION("no record") { bytes = "something else that is longer than a header of ours is"; }
  SECTION("of another format") { bytes[9] = 77; }
  SECTION("shorter") { bytes.resize(bytes.size() - 1); }
  SECTION("longer") { bytes += "x"; }
  SECTION("altered") { bytes[bytes.size() / 2] ^= 1; }
  std::ofstream(scene.record()) << bytes;

  const auto next = scene.server();
  const auto started = next->call_started();
  REQUIRE_FALSE(started);
  CHECK(started.error().code == ErrorCode::kPathRefused);
  CHECK(describe(started.error()).find(scene.record().string()) != std::string::npos);
  CHECK(scene.mcp() == "evil");
  fs::remove(scene.record());
  REQUIRE(next->call_started());
  CHECK(next->call_ended().empty());
}

TEST_CASE("an idle record of another format is replaced") {
  const Scene scene;
  const auto first = scene.server();
  REQUIRE(first->call_started());
  CHECK(first->call_ended().empty());
  std::string bytes = content(scene.record());
  bytes[9] = 77;
  bytes.resize(40);
  std::ofstream(scene.record()) << bytes;
  const auto next = scene.server();
  REQUIRE(next->call_started());
  CHECK(next->call_ended().empty());
}

TEST_CASE("decoding survives every cut and every altered byte") {
  ProtectionSnapshot snapshot;
  GuardedPath& file = snapshot.common[".mcp.json"];
  file.entry.kind = beneath::Entry::Kind::kFile;
  file.entry.content = "text";
  file.entry.content_known = true;
  file.tree.entries["a/b"] = file.entry;
  snapshot.named["x"].entry.kind = beneath::Entry::Kind::kDirectory;
  snapshot.repositories["sub/.git"].config = file.entry;
  const std::string bytes = encode(DirectoryBind::kNone, snapshot);
  const auto whole = decode_protection_record(bytes);
  REQUIRE(whole);
  CHECK(same(whole->snapshot, snapshot));
  CHECK(whole->bind == DirectoryBind::kNone);
  CHECK(encode(whole->bind, whole->snapshot) == bytes);
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    CHECK_FALSE(decode_protection_record(std::string_view(bytes).substr(0, size)));
    std::string altered = bytes;
    altered[size] = static_cast<char>(altered[size] ^ 0x55);
    if (const auto read = decode_protection_record(altered)) {
      CHECK(encode(read->bind, read->snapshot).size() <= altered.size());
    }
  }
  snapshot.common["../outside"] = file;
  CHECK_FALSE(decode_protection_record(encode(DirectoryBind::kNone, snapshot)));
}

TEST_CASE("the state directory is this user's own and outside of the workspace") {
  const Scene scene;
  ProtectedPaths::Options options;
  const auto refused = [&] {
    const auto opened = scene.open(options);
    return !opened && opened.error().code == ErrorCode::kPathRefused;
  };
  options.state_root = scene.ws("state").string();
  CHECK(refused());
  options.state_root = "state";
  CHECK(refused());
  fs::create_directory_symlink(scene.ws(), scene.state());
  options.state_root = scene.state();
  CHECK(refused());
  fs::remove(scene.state());
  {
    const auto paths = scene.server();
    REQUIRE(paths->call_started());
    struct stat info {};
    REQUIRE(stat(scene.state().c_str(), &info) == 0);
    CHECK((info.st_mode & 0777U) == 0700U);
    REQUIRE(stat(scene.record().c_str(), &info) == 0);
    CHECK((info.st_mode & 0777U) == 0600U);
    CHECK(paths->call_ended().empty());
  }
  CHECK_FALSE(fs::exists(scene.record()));
}

TEST_CASE("a server that keeps the turn does not hold up another for long") {
  const Scene scene;
  struct stat info {};
  REQUIRE(stat(scene.ws().c_str(), &info) == 0);
  const OwnedFd directory(open(scene.ws().c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  const auto stopped = ProtectionJournal::open(
      scene.state(), Workspace{scene.ws().string(), info.st_dev, info.st_ino, 0, 0},
      directory.get());
  REQUIRE(stopped);
  ProtectedPaths::Options options;
  options.patience = std::chrono::milliseconds(1);
  const auto paths = scene.server(options);
  REQUIRE(paths->call_started());
  {
    const auto turn = stopped->take_turn(std::chrono::milliseconds(0));
    REQUIRE(turn);
    const auto other = scene.server(options)->call_started();
    REQUIRE_FALSE(other);
    CHECK(other.error().code == ErrorCode::kBusy);
    scene.write(".mcp.json", "evil");
    CHECK(paths->call_ended().size() == 1);
  }
  CHECK(scene.mcp() == "good");
  REQUIRE(paths->call_started());
  CHECK(paths->call_ended().empty());
}

TEST_CASE("a record that was deleted while its server is at work lets no other server in") {
  const Scene scene;
  const auto first = scene.server();
  const auto second = scene.server();
  REQUIRE(first->call_started());
  fs::remove(scene.record());
  const auto started = second->call_started();
  REQUIRE_FALSE(started);
  CHECK(started.error().code == ErrorCode::kBusy);
  CHECK(first->call_ended().empty());
  REQUIRE(second->call_started());
  CHECK(second->call_ended().empty());
}
