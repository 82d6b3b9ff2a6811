#include "sandbox/profile_codecs.h"

#include "catch_shim.h"

namespace mayfly::sandbox {
namespace {

constexpr PathUse kAll[] = {PathUse::kRead,  PathUse::kWrite,      PathUse::kCover,
                            PathUse::kTmpfs, PathUse::kBindSource, PathUse::kBindDestination};

}  // namespace

TEST_CASE("paths come back in normal form") {
  struct Row {
    const char* text;
    const char* path;
  };
  for (const Row& row :
       {Row{"/srv/x", "/srv/x"}, Row{"//srv///x//", "/srv/x"}, Row{"/srv/./x/.", "/srv/x"},
        Row{"${home}/a/", "${home}/a"}, Row{"${workspace}//a", "${workspace}/a"},
        Row{"/srv/..x/x..", "/srv/..x/x.."}, Row{"/srv/$x", "/srv/$x"}, Row{"/srv/é", "/srv/é"}}) {
    INFO(row.text);
    CHECK(read_path(PathUse::kRead, row.text).value() == row.path);
  }
}

TEST_CASE("a path that cannot mean one thing is refused whatever it is for") {
  const std::vector<std::string> paths = {
      "",
      "x",
      "./x",
      "../x",
      "~",
      "~/x",
      "~bob/x",
      "$HOME/x",
      "%h/x",
      "/..",
      "/a/../b",
      "${workspace}/../x",
      "${home}x",
      "${}",
      "${unknown}/x",
      "/a/${home}",
      "${home}/${tmp}",
      "${workspace}${home}",
      std::string("/a\0b", 4),
      "/a\nb",
      "/a\x1b[2J",
      "/" + std::string(2048, 'a'),
      "/",
      "//",
      "/.",
      "/proc",
      "/proc/self",
      "/sys/fs/cgroup",
      "/dev",
      "/dev/sda",
      "/scratch/x",
  };
  for (const PathUse use : kAll) {
    for (const std::string& path : paths) {
      INFO(path << " for " << static_cast<int>(use));
      const auto read = read_path(use, path);
      REQUIRE_FALSE(read.has_value());
      CHECK_FALSE(read.error().message.empty());
      CHECK_FALSE(read.error().remedy.empty());
    }
  }
}

TEST_CASE("each use of a path refuses what makes no sense for it") {
  using enum PathUse;
  struct Row {
    const char* path;
    std::vector<PathUse> fine;
  };
  for (const Row& row : std::vector<Row>{
           {"${workspace}", {kCover}},
           {"${workspace}/x", {kRead, kWrite, kCover, kTmpfs, kBindSource, kBindDestination}},
           {"${home}", {kCover}},
           {"/home", {kCover, kTmpfs, kBindDestination}},
           {"/root", {kCover, kTmpfs, kBindDestination}},
           {"${home}/x", {kRead, kWrite, kCover, kTmpfs, kBindSource, kBindDestination}},
           {"/tmp", {kCover}},
           {"${tmp}", {kCover}},
           {"${tmp}/x", {kCover, kTmpfs, kBindDestination}},
           {"/usr", {kRead, kCover, kBindSource}},
           {"/usr/local/x", {kRead, kCover, kBindSource}},
           {"/etc/x", {kRead, kCover, kBindSource}},
           {"/bin", {kRead, kCover, kBindSource}},
           {"/boot/x", {kRead, kCover, kTmpfs, kBindSource, kBindDestination}},
           {"/var/lib/x", {kRead, kCover, kTmpfs, kBindSource, kBindDestination}},
           {"/run/x", {kRead, kCover, kTmpfs, kBindSource, kBindDestination}},
           {"/usrx", {kRead, kWrite, kCover, kTmpfs, kBindSource, kBindDestination}},
           {"/srv/**/x", {kRead, kWrite, kCover, kBindSource}},
       }) {
    for (const PathUse use : kAll) {
      INFO(row.path << " for " << static_cast<int>(use));
      const bool fine = std::find(row.fine.begin(), row.fine.end(), use) != row.fine.end();
      CHECK(read_path(use, row.path).has_value() == fine);
    }
  }
}

TEST_CASE("protected paths are those of a workspace") {
  const auto codec = workspace_path_codec();
  const auto read = [&](const std::string& text) { return codec.read(settings::Node{{}, text}); };
  CHECK(read("./a//b/").value() == "a/b");
  for (const char* text : {"", ".", "/", "/a", "~/a", "${workspace}/a", "../a", "a/../b", "a\nb"}) {
    INFO(text);
    CHECK_FALSE(read(text).has_value());
  }
}

}  // namespace mayfly::sandbox
