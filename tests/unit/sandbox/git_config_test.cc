#include "sandbox/git_config.h"

#include <stdlib.h>
#include <unistd.h>

#include <cstdio>
#include <fstream>

#include "catch_shim.h"

using namespace mayfly;
using namespace mayfly::sandbox;

namespace {

std::vector<GitConfigEntry> parsed(const std::string& text) {
  const auto entries = parse_git_config(text);
  INFO(text);
  REQUIRE(entries);
  return *entries;
}

// What git itself makes of the text: "key\nvalue\0…".
std::vector<GitConfigEntry> as_git_reads(const std::string& text) {
  std::string name = "/tmp/mayfly-gitconfig-XXXXXX";
  const int fd = mkstemp(name.data());
  REQUIRE(fd >= 0);
  std::ofstream(name) << text;
  std::string out;
  FILE* pipe = popen(("git config -z --no-includes -l -f " + name).c_str(), "r");
  REQUIRE(pipe != nullptr);
  for (int c = fgetc(pipe); c != EOF; c = fgetc(pipe)) out += static_cast<char>(c);
  REQUIRE(pclose(pipe) == 0);
  unlink(name.c_str());
  close(fd);
  std::vector<GitConfigEntry> entries;
  for (std::size_t at = 0; at < out.size();) {
    const std::size_t end = out.find('\0', at);
    const std::string item = out.substr(at, end - at);
    const std::size_t line = item.find('\n');
    entries.push_back(
        {item.substr(0, line), line == std::string::npos ? "true" : item.substr(line + 1)});
    at = end + 1;
  }
  return entries;
}

}  // namespace

TEST_CASE("git's configuration syntax is read as git reads it") {
  const std::string text = GENERATE(
      "[core]\n\tbare = false\n", "[CORE]BARE=false", "[core] bare\n",
      "[remote \"Origin.x\"]\n url = https://e.org/a#b\n", "[a \"q\\\"u\\\\o\"]\nb = 1 ; c\n",
      "[a.Sub]\nkey = x\n", "[a]\nk = \"  spaced  \" \n", "[a]\nk = one \\\n  two\n",
      "[a]\nk = a\\tb\\nc\\\"d\\\\e\n", "# c\n; d\n[a]\nk = v # comment\n", "[a]\r\nk = v\r\n",
      "[a]\nk =\n", "[a]\nk = \"x;y\"z\n", "[a]\n k = v\n[b]\n[a] l = w\n", "[a]k=\"a\\\nb\"\n",
      "[a]\nk = x # \\\n[b]\nl = 1\n",
      "[include]\npath = ../x\n[includeIf \"gitdir:/\"]\npath=y\n");
  INFO(text);
  CHECK(parsed(text) == as_git_reads(text));
}

TEST_CASE("what git might read in another way is an error") {
  const std::string text =
      GENERATE(std::string("[core\nx = 1"), std::string("x = 1"), std::string("[a]\nk = \"x\n"),
               std::string("[a]\nk = \\q\n"), std::string("[a]\n1k = v\n"),
               std::string("[a]\nk v\n"), std::string("[]\nk=v"), std::string("[a \"b\nc\"]\nk=v"),
               std::string("[a]\nk = \0x", 10), std::string("\xef\xbb\xbf[a]\nk=v"),
               std::string("[a \"b\" c]\nk=v"), std::string("[a]\nk=\\"));
  INFO(text);
  CHECK_FALSE(parse_git_config(text));
}

TEST_CASE("keys that only describe are harmless, all others are not") {
  for (const GitConfigEntry& entry :
       std::vector<GitConfigEntry>{{"core.repositoryformatversion", "0"},
                                   {"core.bare", "false"},
                                   {"user.name", "x"},
                                   {"remote.origin.url", "https://github.com/a/b.git"},
                                   {"remote.o.url", "git@h:a/b.git"},
                                   {"remote.o.url", "ssh://git@h:22/a"},
                                   {"remote.o.url", "/ws/a.git"},
                                   {"remote.o.url", "file:///ws/a.git"},
                                   {"remote.o.fetch", "+refs/heads/*:refs/x/*"},
                                   {"branch.main.remote", "origin"},
                                   {"branch.main.remote", "."},
                                   {"branch.a.b.merge", "refs/heads/a.b"},
                                   {"submodule.x.update", "rebase"},
                                   {"submodule.x.active", "true"},
                                   {"extensions.worktreeconfig", "true"},
                                   {"lfs.https://e.org/info/lfs.access", "basic"}}) {
    INFO(entry.key << " = " << entry.value);
    CHECK(classify(entry, "/ws") == GitKeyEffect::kHarmless);
  }
  for (const GitConfigEntry& entry :
       std::vector<GitConfigEntry>{{"core.hookspath", "x"},
                                   {"core.fsmonitor", "x"},
                                   {"core.sshcommand", "x"},
                                   {"core.editor", "x"},
                                   {"core.pager", "x"},
                                   {"core.gitproxy", "x"},
                                   {"core.worktree", "/"},
                                   {"core.askpass", "x"},
                                   {"core.attributesfile", "x"},
                                   {"filter.x.clean", "x"},
                                   {"diff.external", "x"},
                                   {"diff.x.command", "x"},
                                   {"merge.x.driver", "x"},
                                   {"alias.x", "!x"},
                                   {"include.path", "x"},
                                   {"includeif.gitdir:/.path", "x"},
                                   {"credential.helper", "x"},
                                   {"gpg.program", "x"},
                                   {"url.a.insteadof", "b"},
                                   {"http.proxy", "x"},
                                   {"remote.o.uploadpack", "x"},
                                   {"remote.o.receivepack", "x"},
                                   {"remote.o.vcs", "x"},
                                   {"remote.o.proxy", "x"},
                                   {"uploadpack.packobjectshook", "x"},
                                   {"protocol.ext.allow", "always"},
                                   {"sequence.editor", "x"},
                                   {"pager.log", "x"},
                                   {"interactive.difffilter", "x"},
                                   {"remote.o.url", "ext::sh -c x"},
                                   {"remote.o.url", "-x"},
                                   {"remote.o.url", "fd::3"},
                                   {"remote.o.url", "ssh://-oProxyCommand=x/y"},
                                   {"remote.o.url", "/elsewhere/x.git"},
                                   {"remote.o.url", "../x"},
                                   {"remote.o.pushurl", "file:///tmp/x"},
                                   {"branch.m.remote", "/tmp/x"},
                                   {"submodule.x.update", "!x"},
                                   {"submodule.-x.active", "true"},
                                   {"branch.m.mergeoptions", "-s x"},
                                   {"never.heard.of", "1"},
                                   {"core", "x"}}) {
    INFO(entry.key << " = " << entry.value);
    CHECK(classify(entry, "/ws") == GitKeyEffect::kRunsOrLoads);
  }
}

TEST_CASE("a relative URL is taken from the work tree, and harmless inside the workspace") {
  const auto effect = [](const std::string& url, const std::string& work_tree) {
    return classify({"remote.o.url", url}, "/ws", work_tree);
  };
  CHECK(effect("../made", "/ws/cloned") == GitKeyEffect::kHarmless);
  CHECK(effect("./../made", "/ws/cloned") == GitKeyEffect::kHarmless);
  CHECK(effect("../../made", "/ws/a/b") == GitKeyEffect::kHarmless);
  CHECK(effect("../../made", "/ws/cloned") == GitKeyEffect::kRunsOrLoads);
  CHECK(effect("../wsx", "/ws") == GitKeyEffect::kRunsOrLoads);
  CHECK(effect("../../../../x", "/ws/cloned") == GitKeyEffect::kRunsOrLoads);
  CHECK(effect("x/../made", "/ws/cloned") == GitKeyEffect::kHarmless);
  CHECK(effect("x/../../../made", "/ws/cloned") == GitKeyEffect::kRunsOrLoads);
  CHECK(effect("file://../made", "/ws/cloned") == GitKeyEffect::kRunsOrLoads);
  CHECK(effect("/ws/../made", "/ws/cloned") == GitKeyEffect::kRunsOrLoads);
  CHECK(effect("/ws/x/../made", "/ws/cloned") ==
        GitKeyEffect::kHarmless);  // as git clone ../made has it
  CHECK(effect("/ws/x/../../made", "/ws/cloned") == GitKeyEffect::kRunsOrLoads);
  CHECK(effect("/../made", "/ws/cloned") == GitKeyEffect::kRunsOrLoads);
  CHECK(effect("../made", "") == GitKeyEffect::kRunsOrLoads);
}

TEST_CASE("only dangerous keys that are new or changed are reported") {
  const std::string before = "[core]\n\tpager = less\n\tfsmonitor = a\n";
  CHECK(dangerous_changes(before, before).value().empty());
  CHECK(dangerous_changes(before, "[core]\npager = less\n").value().empty());
  CHECK(dangerous_changes(before, before + "[user]\nname = x\n").value().empty());
  CHECK(dangerous_changes(before, "[core]\npager = less\nfsmonitor = b\n[alias]\nx = !y").value() ==
        std::vector<std::string>{"core.fsmonitor", "alias.x"});
  CHECK_FALSE(dangerous_changes(before, "[core"));
  CHECK(dangerous_changes("[core", "[core]\npager = x").value().size() == 1);
}
