// path_rules CASE: every kind of path rule holds inside, against what a program tries in the same
// call and in the next one.
#include <sys/stat.h>
#include <unistd.h>

#include <cstdio>
#include <cstring>
#include <string>

#include "rules_lab.h"

namespace sandbox = mayfly::sandbox;
using mayfly::rules::expect;
using mayfly::rules::expect_out;
using mayfly::rules::expect_refused;
using mayfly::rules::Lab;
using mayfly::rules::Outcome;
using sandbox::Access;
using sandbox::CoverKind;
using sandbox::Policy;

namespace {

void hide(Policy& policy, const std::string& path) {
  policy.covers.push_back({path, CoverKind::kHide, "test: filesystem.hide"});
}
void deny(Policy& policy, const std::string& path) {
  policy.covers.push_back({path, CoverKind::kDeny, "test: filesystem.deny"});
}
void add_tmpfs(Policy& policy, const std::string& path, std::uint64_t bytes) {
  policy.tmpfs.push_back({path, bytes, "test: filesystem.tmpfs"});
}

// Every way to the content of `path` that a program has. Prints what it got.
std::string every_way(const std::string& path) {
  const std::string quoted = "'" + path + "'";
  return "cat " + quoted + " 2>/dev/null; cat /proc/self/root" + quoted + " 2>/dev/null; (exec 3<" +
         quoted + " && cat /dev/fd/3) 2>/dev/null; ln " + quoted +
         " stolen 2>/dev/null && cat stolen; chmod 777 " + quoted + " 2>/dev/null; cat " + quoted +
         " 2>/dev/null; mv " + quoted + " moved 2>/dev/null && cat moved; umount " + quoted +
         " 2>/dev/null && cat " + quoted + "; rm -rf " + quoted + " 2>/dev/null; cp -r " + quoted +
         " copy 2>/dev/null && cat copy copy/* 2>/dev/null; true";
}

void check_hide() {
  Lab lab;
  lab.file(lab.work("/secret"), "content");
  lab.file(lab.work("/vault/key"), "content");
  lab.use([](Policy&) {});
  expect_out(lab, "cat secret vault/key", "contentcontent");  // needed
  lab.use([&](Policy& p) {
    hide(p, lab.work("/secret"));
    hide(p, lab.work("/vault"));
    hide(p, lab.work("/absent"));
  });
  for (int call = 0; call < 2; ++call) {
    expect_out(lab, every_way(lab.work("/secret")), "");
    expect_out(lab, every_way(lab.work("/vault/key")), "");
    expect_out(lab, every_way(lab.work("/vault")), "");
    expect_out(lab, "ls -A vault; cat secret; test -r secret && echo there", "there\n");
  }
  expect_out(lab, "touch vault/new", "touch: cannot touch 'vault/new': Read-only file system\n");
  expect(lab.read(lab.work("/secret")) == "content", "the hidden file is untouched");
}

void check_deny() {
  Lab lab;
  lab.file(lab.work("/secret"), "content");
  lab.file(lab.work("/vault/key"), "content");
  lab.use([&](Policy& p) {
    deny(p, lab.work("/secret"));
    deny(p, lab.work("/vault"));
  });
  const std::string errors =
      "import errno,os\n"
      "for p in ['secret','vault','vault/key']:\n"
      "  try: os.open(p, os.O_RDONLY); print(p, 'opened')\n"
      "  except OSError as e: print(p, errno.errorcode[e.errno])\n"
      "  try: os.chmod(p, 0o777); print(p, 'changed')\n"
      "  except OSError as e: print(p, errno.errorcode[e.errno])\n";
  const std::string refused =
      "secret EACCES\nsecret EROFS\nvault EACCES\nvault EROFS\nvault/key EACCES\nvault/key "
      "EACCES\n";
  for (int call = 0; call < 2; ++call) {
    expect_out(lab, "/usr/bin/python3 -c \"" + errors + "\"", refused);
    expect_out(lab, every_way(lab.work("/secret")), "");
    expect_out(lab, every_way(lab.work("/vault/key")), "");
    expect_out(lab, every_way(lab.work("/vault")), "");
  }
}

void check_denied_below_mounts() {
  Lab lab;
  lab.file(lab.outside("/deep/inner/file"), "content");
  lab.file(lab.work("/in/file"), "content");
  lab.use([&](Policy& p) {
    lab.mount(p, lab.outside("/deep"), lab.outside("/deep"), Access::kRead);
    lab.mount(p, lab.outside("/deep/inner"), lab.outside("/deep/inner"), Access::kWrite);
    deny(p, lab.outside("/deep"));
    lab.mount(p, lab.work("/in"), lab.work("/in"), Access::kRead);
    deny(p, lab.work("/in/**"));
  });
  expect_out(lab, "cat " + lab.outside("/deep/inner/file") + " in/file 2>&1 | grep -c denied",
             "2\n");
}

void check_hidden_with_mounts() {
  Lab lab;
  lab.file(lab.outside("/all/sdk/tool"), "tool");
  lab.file(lab.outside("/all/secret"), "content");
  lab.file(lab.work("/tree/shown/file"), "shown");
  lab.file(lab.work("/tree/secret"), "content");
  lab.use([&](Policy& p) {
    lab.mount(p, lab.outside("/all"), lab.outside("/all"), Access::kRead);
    lab.mount(p, lab.outside("/all/sdk"), lab.outside("/all/sdk"), Access::kRead);
    hide(p, lab.outside("/all"));
    hide(p, lab.work("/tree"));
    lab.mount(p, lab.work("/tree/shown"), lab.work("/tree/shown"), Access::kWrite);
    add_tmpfs(p, lab.work("/tree/scratch/deep"), 1 << 20);
  });
  for (int call = 0; call < 2; ++call) {
    expect_out(
        lab,
        "cd " + lab.outside("/all") + " && ls -A . sdk && cat sdk/tool; touch new; touch sdk/new",
        ".:\nsdk\n\nsdk:\ntool\ntooltouch: cannot touch 'new': Read-only file system\n"
        "touch: cannot touch 'sdk/new': Read-only file system\n");
    expect_out(lab,
               "ls -A tree; cat tree/shown/file; echo -n x > tree/scratch/deep/f && cat "
               "tree/scratch/deep/f; "
               "touch tree/new",
               "scratch\nshown\nshownxtouch: cannot touch 'tree/new': Read-only file system\n");
  }
  expect_out(lab, "echo -n changed > tree/shown/file", "");
  expect(lab.read(lab.work("/tree/shown/file")) == "changed", "the mount below is the host's");
  struct stat made {};
  expect(::stat(lab.work("/tree/scratch").c_str(), &made) < 0, "nothing is made on the host");
}

void check_read_only_part() {
  Lab lab;
  lab.file(lab.work("/lib/vendor/code"), "good");
  lab.file(lab.work("/lib/vendor/out/file"), "old");
  lab.file(lab.work("/package.json"), "good");
  lab.use([](Policy&) {});
  expect_out(lab, "echo good > lib/vendor/probe && cat lib/vendor/probe && rm lib/vendor/probe",
             "good\n");
  lab.use([&](Policy& p) {
    for (const char* part : {"/lib/vendor", "/package.json", "/later"}) {
      lab.mount(p, lab.work(part), lab.work(part), Access::kRead);
    }
    lab.mount(p, lab.work("/lib/vendor/out"), lab.work("/lib/vendor/out"), Access::kWrite);
  });
  const std::string attack =
      "(echo bad > lib/vendor/code; mv lib other; mv lib/vendor lib/old; rm -r lib; rm "
      "lib/vendor/code; "
      "ln lib/vendor/code link && echo bad > link; mv package.json x; echo bad > package.json; "
      "chmod 777 lib/vendor; echo bad > /proc/self/root$PWD/lib/vendor/code; echo bad > new; "
      "mv new package.json; exec 3<lib/vendor/code; echo bad > /proc/self/fd/3) >/dev/null 2>&1; "
      "true";
  for (int call = 0; call < 3; ++call) expect_out(lab, attack, "");
  expect(lab.read(lab.work("/lib/vendor/code")) == "good", "a read-only directory was changed");
  expect(lab.read(lab.work("/package.json")) == "good", "a read-only file was changed");
  expect_out(lab,
             "cat lib/vendor/code package.json; echo -n new > lib/vendor/out/file && echo ' ok'",
             "goodgood ok\n");
  expect(lab.read(lab.work("/lib/vendor/out/file")) == "new",
         "the writable part of it was not written");
  expect_out(lab, "mkdir later && touch later/mine", "");  // absent: nothing to protect yet
  expect_out(lab, "touch later/more", "touch: cannot touch 'later/more': Read-only file system\n");
}

void check_writable_part() {
  Lab lab;
  lab.file(lab.work("/build/old"), "old");
  lab.file(lab.work("/source"), "good");
  lab.file(lab.work("/notes"), "old");
  lab.use([&](Policy& p) { lab.read_only_workspace(p); });
  expect_out(lab, "touch build/new", "touch: cannot touch 'build/new': Read-only file system\n");
  lab.use([&](Policy& p) {
    lab.read_only_workspace(p);
    lab.mount(p, lab.work("/build"), lab.work("/build"), Access::kWrite);
    lab.mount(p, lab.work("/notes"), lab.work("/notes"), Access::kWrite);
  });
  expect_out(lab,
             "echo -n new > build/new; echo -n more > notes; (echo bad > source; mv build x; "
             "mkdir .vscode; ln -s / build/root) 2>/dev/null; cat build/new",
             "new");
  expect_out(lab, "echo -n new > build/new && cat build/new notes source", "newmoregood");
  expect(lab.read(lab.work("/source")) == "good", "the read-only rest was changed");
  expect(lab.read(lab.work("/build/new")) == "new", "the part was not written");
  // Code for the host is no more welcome in the part than elsewhere.
  const Outcome outcome =
      lab.run("git init -q build/repo && git -C build/repo config core.fsmonitor ./evil");
  expect(outcome.error.empty() && outcome.report.violations_total > 0,
         "a planted repository was not seen");
}

void check_replaced_part() {
  Lab lab;
  lab.host("mkdir -p build");
  lab.use([&](Policy& p) {
    lab.read_only_workspace(p);
    lab.mount(p, lab.work("/build"), lab.work("/build"), Access::kWrite);
  });
  expect_out(lab, "echo -n one > build/file", "");
  lab.host("mv build build.old; mkdir build");
  expect_out(lab, "ls -A build; echo -n two > build/file; cat build/file", "two");
  expect(lab.read(lab.work("/build/file")) == "two", "the new directory was not written");
  expect(lab.read(lab.work("/build.old/file")) == "one", "the old directory was written");
  lab.host("mv build build.new; ln -s '" + lab.outside() + "' build");
  expect_refused(lab, "link");
  lab.host("rm build");
  expect_refused(lab, "build");
  lab.host("mv build.new build");
  expect_out(lab, "cat build/file", "two");
}

void check_covered_parents() {
  Lab lab;
  const auto secrets = [&lab] {
    lab.file(lab.work("/a/b/secret"), "content");
    lab.file(lab.work("/c/d/vault/key"), "content");
    lab.file(lab.work("/p/q/.env"), "content");
  };
  const std::string attack =
      "(mv a x; mv a/b a/x; mv c x; mv c/d c/x; mv c/d/vault c/v; mv p x; mv p/q p/x; mv p/q/.env "
      "p/q/e; "
      "ln a/b/secret l; rm -rf a/b; cp -r a b2; mkdir z; mv a/b z/) >/dev/null 2>&1; true";
  const std::string look = "cat $(find . -type f 2>/dev/null) 2>/dev/null; true";
  secrets();
  lab.use([](Policy&) {});
  expect_out(lab, "mv a x && cat x/b/secret", "content");  // so it is needed
  lab.host("mv x a");
  lab.use([&](Policy& p) {
    hide(p, lab.work("/a/b/secret"));
    deny(p, lab.work("/c/d/vault"));
    hide(p, lab.work("/p/q/*.env"));
    hide(p, lab.work("/p/q/.env"));
  });
  for (int call = 0; call < 3; ++call) {
    expect_out(lab, attack, "");
    expect_out(lab, look, "");
  }
  expect(lab.read(lab.work("/a/b/secret")) == "content", "the hidden file is where it was");
  // With the file gone the directories above still cannot be moved to where it would come back.
  lab.host("rm a/b/secret");
  expect_out(lab, "mv a x 2>/dev/null; mv a/b a/x 2>/dev/null; ls -d a/b", "a/b\n");
}

void check_links() {
  Lab lab;
  lab.file(lab.work("/real/env"), "content");
  lab.file(lab.outside("/host"), "content");
  lab.host("ln -s real/env .env; ln -s '" + lab.outside("/host") + "' out; ln -s loop loop");
  lab.use([&](Policy& p) {
    for (const char* path : {"/.env", "/out", "/loop", "/loop/x"}) hide(p, lab.work(path));
  });
  expect_out(lab, "cat .env real/env; cat out loop 2>/dev/null; true", "");
  // The link is a program's to change, what it led to stays covered.
  expect_out(
      lab, "mv real other 2>/dev/null; rm .env; ln -s /proc/self/root/etc .env; cat real/env", "");
  expect_out(lab, "cat real/env other/env 2>/dev/null; ln -sfn ../../../../../.. .env", "");
  expect_out(lab, "cat real/env; test -x /usr/bin/env && echo usable; rm .env; mkdir .env",
             "usable\n");
  expect_out(lab, "cat real/env; ls -A .env", "");
  // A part that has become a link is nobody's part any more.
  lab.file(lab.work("/vendor/file"), "good");
  lab.use([&](Policy& p) {
    lab.mount(p, lab.work("/new/part"), lab.work("/new/part"), Access::kRead);
  });
  expect_out(lab, "ln -s / new", "");
  expect_out(lab, "cat vendor/file", "good");
}

void check_patterns() {
  Lab lab;
  for (const char* path : {"/.env", "/a/.env", "/a/b/c/.env", "/a/x.key", "/keys/one.key"}) {
    lab.file(lab.work(path), "content");
  }
  lab.file(lab.work("/a/secrets/deep/file"), "content");
  lab.file(lab.work("/a/plain"), "plain");
  lab.use([&](Policy& p) {
    hide(p, lab.work("/**/.env"));
    deny(p, lab.work("/keys/*.key"));
    hide(p, lab.work("/**/secrets"));
  });
  const std::string look =
      "cat .env a/.env a/b/c/.env; cat keys/one.key 2>/dev/null; cat a/secrets/deep/file "
      "2>/dev/null; "
      "ls -A a/secrets; cat a/x.key a/plain";
  for (int call = 0; call < 2; ++call) {
    expect_out(lab, look, "contentplain");
    expect_out(lab,
               "(mv a x; mv a/b y; mv keys k; mv a/b/c a/c; mv a/secrets s) 2>/dev/null; "
               "cat $(find . -name '*env' -o -name '*.key' -path '*k*/*' -o -path '*s*/file' "
               "2>/dev/null) 2>/dev/null; true",
               "");
  }
  // Each call looks again.
  lab.file(lab.work("/fresh/.env"), "content");
  expect_out(lab, "cat fresh/.env", "");
}

// Trees as hostile programs make them: whatever is in them, covers hold and calls start.
void check_pattern_trees() {
  Lab lab;
  lab.file(lab.work("/ok/.env"), "content");
  lab.use([&](Policy& p) { hide(p, lab.work("/**/.env")); });
  const std::string make =
      "import os\n"
      "os.makedirs('n\\nl/\\xff'); open('n\\nl/\\xff/.env','w').write('content')\n"
      "os.mkfifo('pipe'); os.mkfifo('ok/fifo'); os.symlink('/', 'root'); os.symlink('..', "
      "'ok/up')\n"
      "os.symlink('/', 'ok/loop'); os.mkdir('lnk'); os.symlink('..', 'lnk/.env')\n"
      "os.mkdir('shut'); open('shut/.env','w').write('content'); os.chmod('shut', 0)\n"
      "os.mkdir('deep'); os.chdir('deep')\n"
      "for i in range(300): os.mkdir('d' * 100); os.chdir('d' * 100)\n"
      "open('.env','w').write('content')\n";
  expect_out(lab, "/usr/bin/python3 -c \"" + make + "\"", "");
  const std::string look =
      "import os\n"
      "def look(d):\n"
      "  for n in os.listdir('.'):\n"
      "    if n == '.env' and not os.path.islink(n): print(repr(open(n).read()) if os.access(n, "
      "os.R_OK) else 'shut')\n"
      "    elif os.path.isdir(n) and not os.path.islink(n):\n"
      "      try: os.chmod(n, 0o700)\n"
      "      except OSError: pass\n"
      "      try: os.chdir(n)\n"
      "      except OSError: continue\n"
      "      look(d + 1); os.chdir('..')\n"
      "import sys; sys.setrecursionlimit(5000); look(0)\n";
  const Outcome outcome = lab.run("/usr/bin/python3 -c \"" + look + "\"");
  expect(outcome.error.empty() && outcome.out.find("content") == std::string::npos &&
             outcome.out.find("''") != std::string::npos,
         "hostile tree: " + outcome.out + outcome.error);
  // Entries that come and go while calls look.
  auto job =
      lab.start("echo go; while true; do mkdir -p v/w/x; touch v/w/x/f v/w/.env; rm -rf v; done");
  expect(job.first_output.get() == "go\n", "the job runs");
  for (int call = 0; call < 20; ++call) expect_out(lab, "cat ok/.env", "");
  job.call->cancel();
  (void)job.report.get();
}

void check_pattern_limit() {
  Lab lab;
  // /scratch is in memory and stays from call to call.
  lab.use([&](Policy& p) { hide(p, "/scratch/**/.env"); });
  const std::string make =
      "import os\n"
      "for i in range(0, 202):\n"
      "  os.mkdir('/scratch/%d' % i)\n"
      "  for k in range(0, 1000): os.mknod('/scratch/%d/%d' % (i, k))\n";
  expect_out(lab, "/usr/bin/python3 -c \"" + make + "\"", "");
  const Outcome outcome = lab.run("echo it started");
  for (const char* text : {"E3002", "filesystem.hide", "/scratch/**/.env", "200000 entries"}) {
    expect(outcome.error.find(text) != std::string::npos, text + outcome.error + outcome.out);
  }
  expect(!outcome.remedy.empty(), "there is no remedy");
}

void check_tmpfs() {
  Lab lab;
  lab.host("mkdir -p cache; touch cache/hosts");
  lab.host("mkdir -p '" + lab.outside("/ro/point") + "'");
  lab.use([&](Policy& p) {
    add_tmpfs(p, "/srv/own/deep", 1 << 20);
    add_tmpfs(p, lab.work("/cache"), 1 << 20);
    lab.mount(p, lab.outside("/ro"), lab.outside("/ro"), Access::kRead);
    add_tmpfs(p, lab.outside("/ro/point"), 1 << 20);
    add_tmpfs(p, "/tmp", 2 << 20);
  });
  const std::string fill =
      "for d in /srv/own/deep cache " + lab.outside("/ro/point") +
      " /tmp; do ls -A $d | grep -v -e rules -e mayfly; echo x > $d/f && "
      "head -c 3000000 /dev/zero > $d/big 2>/dev/null || echo full; rm -f $d/big; done";
  for (int call = 0; call < 2; ++call) expect_out(lab, fill, "full\nfull\nfull\nfull\n");
  expect_out(lab, "mv cache other 2>/dev/null; ls", "cache\n");
  lab.host("test -e cache/hosts -a ! -e cache/f");
  lab.use([&](Policy& p) { add_tmpfs(p, lab.work("/absent"), 1 << 20); });
  expect_refused(lab, lab.work("/absent"));
  lab.host("test ! -e absent");
  // What is in it counts for the limit on disk.
  lab.host("mkdir -p big");
  lab.use([&](Policy& p) {
    add_tmpfs(p, lab.work("/big"), 256 << 20);
    p.limits.disk_bytes = 16 << 20;
  });
  const Outcome outcome = lab.run("head -c 100000000 /dev/zero > big/f; sleep 60");
  expect(outcome.report.ended_by == sandbox::EndedBy::kDisk, "a private directory counts as disk");
}

void check_binds() {
  Lab lab;
  lab.file(lab.outside("/ro/file"), "read");
  lab.file(lab.outside("/rw/file"), "old");
  lab.file(lab.outside("/one"), "one");
  lab.host("mkdir -p sub/point; touch sub/filepoint");
  lab.use([&](Policy& p) {
    lab.mount(p, lab.outside("/ro"), "/data/ro", Access::kRead);
    lab.mount(p, lab.outside("/rw"), "/data/ro-not/rw", Access::kWrite);
    lab.mount(p, lab.outside("/one"), "/data/one.txt", Access::kRead);
    lab.mount(p, lab.outside("/rw"), lab.work("/sub/point"), Access::kWrite);
    lab.mount(p, lab.outside("/one"), lab.work("/sub/filepoint"), Access::kRead);
  });
  expect_out(
      lab,
      "cat /data/ro/file /data/one.txt sub/filepoint; echo -n a >> /data/ro-not/rw/file; "
      "echo -n b >> sub/point/file; (echo c >> sub/filepoint; echo d > /data/ro/file) 2>/dev/null; "
      "test -e " +
          lab.outside() + " && echo seen; mv sub x 2>/dev/null && echo moved; true",
      "readoneone");
  expect(lab.read(lab.outside("/rw/file")) == "oldab", "a writable bind was not written");
  expect(lab.read(lab.outside("/ro/file")) == "read", "a read-only bind was written");
  expect_out(lab, "cat sub/filepoint", "one");
  // The place of a bind that a program has replaced by a link.
  lab.use(
      [&](Policy& p) { lab.mount(p, lab.outside("/rw"), lab.work("/to/point"), Access::kWrite); });
  expect_refused(lab, lab.work("/to/point"));
  lab.host("ln -s / to");
  expect_refused(lab, "link");
}

void check_write_outside() {
  Lab lab;
  lab.file(lab.outside("/data/file"), "old");
  lab.file(lab.outside("/data/.vscode/tasks.json"), "good");
  lab.use([](Policy&) {});
  expect_out(lab, "cat " + lab.outside("/data/file") + " 2>/dev/null; true", "");
  lab.use(
      [&](Policy& p) { lab.mount(p, lab.outside("/data"), lab.outside("/data"), Access::kWrite); });
  const Outcome outcome =
      lab.run("cd " + lab.outside("/data") +
              "; echo -n new > file; "
              "echo bad > .vscode/tasks.json; mkdir .claude; echo x > .envrc; cat file");
  expect(outcome.error.empty() && lab.read(lab.outside("/data/file")) == "new",
         "not written: " + outcome.error);
  expect(lab.read(lab.outside("/data/.vscode/tasks.json")) == "good",
         "tasks of an editor were changed");
  expect(outcome.report.violations_total >= 2, "planted code was not reported");
  struct stat planted {};
  expect(::stat(lab.outside("/data/.envrc").c_str(), &planted) < 0 &&
             ::stat(lab.outside("/data/.claude").c_str(), &planted) < 0,
         "planted code is still there");
}

void check_protect() {
  Lab lab;
  lab.file(lab.work("/tools/hook"), "good");
  lab.file(lab.work("/Runfile"), "good");
  lab.use([](Policy& p) { p.protect = {"tools", "Runfile", "later"}; });
  const Outcome outcome = lab.run(
      "(echo bad > tools/hook; mv tools x; rm -r tools; echo bad > Runfile; "
      "mkdir later; touch later/file) 2>/dev/null; true");
  expect(outcome.error.empty(), outcome.error);
  expect(lab.read(lab.work("/tools/hook")) == "good" && lab.read(lab.work("/Runfile")) == "good",
         "a protected path was changed");
  struct stat planted {};
  expect(::stat(lab.work("/later").c_str(), &planted) < 0, "a protected path appeared");
  expect(outcome.report.violations_total > 0, "it was not reported");
}

void check_unprotect() {
  Lab lab;
  lab.file(lab.work("/.vscode/tasks.json"), "old");
  lab.use([](Policy& p) {
    p.unprotect = {".vscode", ".envrc"};
    std::erase(p.protected_directories, ".vscode");
  });
  const Outcome outcome =
      lab.run("echo -n new > .vscode/tasks.json; echo -n new > .envrc; mkdir .claude");
  expect(
      lab.read(lab.work("/.vscode/tasks.json")) == "new" && lab.read(lab.work("/.envrc")) == "new",
      "what was left to sandboxes is protected" + outcome.error);
  struct stat planted {};
  expect(::stat(lab.work("/.claude").c_str(), &planted) < 0, "the others are protected no more");
}

void check_protected_by_another_name() {
  Lab lab;
  lab.file(lab.work("/.vscode/tasks.json"), "good");
  lab.use([&](Policy& p) { lab.mount(p, lab.work(), "/alias", Access::kWrite); });
  expect_out(
      lab,
      "(echo bad > /alias/.vscode/tasks.json) 2>/dev/null; echo -n x > /alias/file && cat file",
      "x");
  expect(lab.read(lab.work("/.vscode/tasks.json")) == "good", "changed under another name");
  for (const std::string& destination : {std::string("/alias"), lab.work("/.vscode")}) {
    lab.use([&](Policy& p) {
      lab.read_only_workspace(p);
      lab.mount(p, lab.work("/.vscode"), destination, Access::kWrite);
    });
    expect_refused(lab, "danger_unprotect");
  }
}

void check_concurrent() {
  Lab lab;
  lab.file(lab.work("/a/secret"), "content");
  lab.host("mkdir -p part");
  lab.use([&](Policy& p) {
    hide(p, lab.work("/a/secret"));
    hide(p, lab.work("/**/*.key"));
    lab.mount(p, lab.work("/part"), lab.work("/part"), Access::kRead);
  });
  auto job = lab.start(
      "echo go; for i in {1..2000}; do mv a b; mv part q; ln -sfn / l; echo x > part/f; done "
      "2>/dev/null; "
      "while true; do mkdir -p k; echo content > k/new.key; rm -rf k; done");
  expect(job.first_output.get() == "go\n", "the job runs");
  for (int call = 0; call < 30; ++call) {
    expect_out(lab, "cat a/secret b/secret part/f 2>/dev/null; true", "");
  }
  job.call->cancel();
  (void)job.report.get();
}

void check_mistakes() {
  Lab lab;
  lab.use([&](Policy& p) { hide(p, lab.work()); });
  expect_refused(lab, "takes away the workspace");
  lab.use([&](Policy& p) { hide(p, lab.work().substr(0, lab.work().rfind('/')) + "/w*"); });
  expect_refused(lab, "takes away the workspace");
  lab.use([&](Policy& p) { deny(p, "/"); });
  expect_refused(lab, "filesystem.deny");
  lab.use([&](Policy& p) { add_tmpfs(p, "/proc/self", 1 << 20); });
  expect_refused(lab, "filesystem.tmpfs");
  lab.use([&](Policy& p) { hide(p, "/proc/**/environ"); });
  expect_refused(lab, "/proc");
  // A directory that is gone is no reason to start with less.
  lab.host("mkdir -p '" + lab.outside("/gone") + "'");
  lab.use([&](Policy& p) { lab.mount(p, lab.outside("/gone"), "/gone", Access::kWrite); });
  expect_out(lab, "test -d /gone && echo there", "there\n");
  lab.host("rmdir '" + lab.outside("/gone") + "'");
  expect_refused(lab, lab.outside("/gone"));
}

struct Case {
  const char* name;
  void (*check)();
};
constexpr Case kCases[] = {{"hide", check_hide},
                           {"deny", check_deny},
                           {"denied_below_mounts", check_denied_below_mounts},
                           {"hidden_with_mounts", check_hidden_with_mounts},
                           {"read_only_part", check_read_only_part},
                           {"writable_part", check_writable_part},
                           {"replaced_part", check_replaced_part},
                           {"covered_parents", check_covered_parents},
                           {"links", check_links},
                           {"patterns", check_patterns},
                           {"pattern_trees", check_pattern_trees},
                           {"pattern_limit", check_pattern_limit},
                           {"tmpfs", check_tmpfs},
                           {"binds", check_binds},
                           {"write_outside", check_write_outside},
                           {"protect", check_protect},
                           {"unprotect", check_unprotect},
                           {"protected_by_another_name", check_protected_by_another_name},
                           {"concurrent", check_concurrent},
                           {"mistakes", check_mistakes}};

}  // namespace

int main(int argc, char** argv) {
  if (const auto code = sandbox::helper_main(argc, argv)) return *code;
  for (const Case& each : kCases) {
    if (argc != 2 || std::strcmp(argv[1], each.name) != 0) continue;
    each.check();
    return 0;
  }
  std::printf("there is no such case\n");
  return 1;
}
