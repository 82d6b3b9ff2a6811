#!/usr/bin/env python3
"""commands.py [NAME...]: what developers type all day, unchanged, each as one call of run_command.

Prints a table with a verdict for each: "passes", "cannot" (with the remedy, which must be what the
program or the receipt says), or "absent" where the program is not on this machine. Those of
REQUIRED must be here. $MAYFLY is the server.
"""
import dataclasses
import os
import shutil
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))
sys.path.insert(0, str(HERE.parent / "victims"))
sys.path.insert(0, str(HERE.parent / "lifetime"))
from attack import Failure, skip  # noqa: E402
from everyday import Tools  # noqa: E402
from lifetime import run_case  # noqa: E402

WEB = HERE / "web"
# Absence of these is a failure where no test may be skipped.
REQUIRED = ("git", "gcc", "g++", "make", "cmake", "ninja", "gdb", "strace", "node", "npm", "rg", "jq", "web",
            "curl", "pytest-3", "sqlite3", "ssh-keygen", "tmux", "patch")
# As the operator's git configuration would give it.
AUTHOR = {"GIT_AUTHOR_NAME": "Ada", "GIT_AUTHOR_EMAIL": "ada@example.org", "GIT_COMMITTER_NAME": "Ada",
          "GIT_COMMITTER_EMAIL": "ada@example.org"}


@dataclasses.dataclass
class Row:
    name: str
    needs: str  # programs; "web" is the node_modules of web/
    script: str
    wanted: str = "fine\n"  # stdout ends with it
    files: dict = dataclasses.field(default_factory=dict)
    profile: str = "default"
    remedy: str = ""  # of what cannot be: the answer must say this
    noise: tuple = ()  # denied operations that do no harm


C_PROJECT = {
    "sum.h": "int sum(int a, int b);\n",
    "sum.c": '#include "sum.h"\nint sum(int a, int b) { return a + b; }\n',
    "main.c": '#include <stdio.h>\n#include "sum.h"\nint main(void) { return sum(2, 3) == 5 ? puts("five") < 0 : 1; }\n',
    "Makefile": "CFLAGS = -O2 -g\nmain: main.o sum.o\ntest: main\n\t./main\n.PHONY: test\n",
    "CMakeLists.txt": 'cmake_minimum_required(VERSION 3.20)\nproject(sum C)\nenable_testing()\nadd_executable(main main.c sum.c)\n'
                      "add_test(NAME main COMMAND main)\n",
}
REPOSITORY = """git init -q -b main; for n in 1 2 3 4; do echo $n >> file; git add file; git commit -qm "commit $n"; done
"""
PACKAGE = {
    "dep/package.json": '{"name": "dep", "version": "1.0.0", "main": "index.js"}',
    "dep/index.js": "exports.answer = () => 42;\n",
    "package.json": '{"name": "app", "version": "1.0.0", "scripts": {"test": "node --test"}, "dependencies": '
                    '{"dep": "file:dep-1.0.0.tgz"}}',
    "app.test.js": 'const { test } = require("node:test");\nconst assert = require("assert");\n'
                   'test("answers", () => assert.strictEqual(require("dep").answer(), 42));\n',
}
SITE = {
    "index.html": '<!doctype html><div id="app"></div><script type="module" src="/main.ts"></script>\n',
    "main.ts": 'import { greet } from "./greet";\ndocument.querySelector("#app")!.textContent = greet("you");\n',
    "greet.ts": "export const greet = (name: string): string => `hello ${name}`;\n",
    "tsconfig.json": '{"compilerOptions": {"strict": true, "target": "es2022", "module": "esnext", '
                     '"moduleResolution": "bundler", "lib": ["es2022", "dom"], "noEmit": true, "types": []}, '
                     '"include": ["*.ts"]}\n',
    "sum.test.js": 'test("adds", () => expect(1 + 1).toBe(2));\ntest("maps", () => expect([1].map(n => n + 1)).toEqual([2]));\n',
}
PY_PACKAGE = {
    "little/__init__.py": "def double(n):\n    return 2 * n\n",
    "test_little.py": "import unittest\nimport little\n\nclass Doubles(unittest.TestCase):\n"
                      "    def test_doubles(self):\n        self.assertEqual(little.double(21), 42)\n\n"
                      "def test_as_function():\n    assert little.double(2) == 4\n",
    # A wheel by hand: no build backend has to be fetched.
    "wheel.py": "import zipfile\nwith zipfile.ZipFile('little-1.0-py3-none-any.whl', 'w') as z:\n"
                "    z.write('little/__init__.py')\n"
                "    z.writestr('little-1.0.dist-info/METADATA', 'Metadata-Version: 2.1\\nName: little\\nVersion: 1.0\\n')\n"
                "    z.writestr('little-1.0.dist-info/WHEEL', 'Wheel-Version: 1.0\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n')\n"
                "    z.writestr('little-1.0.dist-info/RECORD', '')\n",
}
CRATE = {
    "Cargo.toml": '[package]\nname = "little"\nversion = "0.1.0"\nedition = "2021"\n',
    "src/lib.rs": "pub fn double(n: u32) -> u32 {\n    2 * n\n}\n\n#[cfg(test)]\nmod tests {\n    #[test]\n    fn doubles() {\n"
                  "        assert_eq!(super::double(21), 42);\n    }\n}\n",
}
GO_MODULE = {
    "go.mod": "module little\n\ngo 1.18\n",
    "little.go": "package little\n\nfunc Double(n int) int { return 2 * n }\n",
    "little_test.go": 'package little\n\nimport "testing"\n\nfunc TestDouble(t *testing.T) {\n\tif Double(21) != 42 {\n'
                      '\t\tt.Fatal("no")\n\t}\n}\n',
}
SANITIZED = ('#include <cstdlib>\n#include <vector>\nint main(int argc, char**) {\n  std::vector<int> v(4);\n'
             "  if (argc > 2) return v[argc * 100];\n  if (argc > 1) { volatile char* lost = (char*)malloc(10); lost = nullptr; }\n"
             "  return v[0];\n}\n")

ROWS = [
    # git
    Row("git commit", "git", REPOSITORY + "git log --format=%an | sort -u; git status --short; git fsck 2>&1; echo fine"),
    Row("git rebase", "git", REPOSITORY + """git checkout -qb topic HEAD~2; echo t > topic; git add topic; git commit -qm topic
        git rebase -q main && GIT_SEQUENCE_EDITOR='sed -i 2s/pick/squash/' GIT_EDITOR=true git rebase -q -i HEAD~2
        git rev-list --count HEAD""", "4\n"),
    Row("git worktree", "git", REPOSITORY + """git worktree add -q ../tree-of-git topic 2>/dev/null || git worktree add -q -b topic ../tree-of-git
        cd ../tree-of-git && echo w > w && git add w && git commit -qm w && git -C - status 2>/dev/null; git worktree list | wc -l""",
        "2\n"),
    Row("git stash, cherry-pick, bisect", "git", REPOSITORY + """echo dirty >> file; git stash -q; git stash pop -q; git checkout -q file
        git checkout -qb other HEAD~3; git cherry-pick -x main >/dev/null 2>&1 || git cherry-pick --abort
        git checkout -q main; git bisect start -q main HEAD~3; git bisect run sh -c '! grep -q 3 file' | grep -c 'first bad'
        git bisect reset -q; echo fine"""),
    Row("git clone and push", "git", REPOSITORY + """git clone -q --bare . ../bare-of-git; git clone -q ../bare-of-git ../clone-of-git
        cd ../clone-of-git; echo more >> file; git commit -qam more; git push -q origin main; git -C ../bare-of-git rev-list --count main""",
        "5\n"),
    Row("git submodule", "git", REPOSITORY + """git init -q ../super-of-git; cd ../super-of-git
        git -c protocol.file.allow=always submodule --quiet add "$OLDPWD" part; git commit -qm add; git submodule status | wc -l""", "1\n"),
    Row("git grep, blame, archive", "git tar", REPOSITORY + "git grep -c 3; git blame file | wc -l; git archive HEAD | tar t", "file\n"),
    # node
    Row("npm ci", "npm node", "npm pack ./dep >/dev/null 2>&1; npm install --package-lock-only --offline >/dev/null; npm ci --offline && npm test",
        "", PACKAGE, noise=("resolve",)),  # the first of a workspace asks whether there is a newer npm
    Row("npm run, npx", "npm node", """npm pkg set scripts.hello='node -p 6*7'; npm run -s hello; npx --no-install -c 'echo fine'""",
        files={"package.json": '{"name": "app", "version": "1.0.0"}'}),
    Row("tsc", "node web", "npx --no-install tsc -p . && echo fine", files=SITE),
    Row("vite build", "node web", "npx --no-install vite build 2>&1 | tail -n 1; test -s dist/index.html && echo fine", files=SITE),
    Row("vite dev server", "node web curl", """npx --no-install vite --port 5199 > log 2>&1 & server=$!
        until grep -q Local: log; do sleep 0.05; done; curl -sS http://localhost:5199/greet.ts | grep -c hello; kill $server; echo fine""",
        files=SITE),
    Row("jest", "node web", "npx --no-install jest 2>&1 | grep Tests:", "Tests:       2 passed, 2 total\n", SITE),
    Row("node worker_threads, cluster", "node", "node w.js && node c.js && echo fine", files={
        "w.js": 'const { Worker } = require("worker_threads");\nPromise.all([1, 2, 3].map(n => new Promise((done, bad) => new Worker('
                '`require("worker_threads").parentPort.postMessage(${n} ** 2)`, { eval: true }).on("message", done).on("error", bad))))'
                ".then(all => process.exit(all.join() == '1,4,9' ? 0 : 1));\n",
        "c.js": 'const cluster = require("cluster");\nif (cluster.isPrimary) { let left = 2; for (let i = 0; i < 2; i++) cluster.fork()'
                '.on("exit", code => { if (code != 0) process.exit(1); if (--left == 0) process.exit(0); }); }\n'
                'else require("http").createServer((q, r) => r.end("x")).listen(0, "127.0.0.1", () => process.exit(0));\n'}),
    # python
    Row("python venv, pip install", "python3", """python3 -m venv .venv && . .venv/bin/activate
        python3 wheel.py && pip install -q --no-index --disable-pip-version-check ./little-*.whl && cd / && python -c 'import little; print(little.double(21))'""",
        "42\n", PY_PACKAGE),
    Row("python unittest", "python3", "python3 -m unittest -q 2>&1 | tail -n 1", "OK\n", PY_PACKAGE),
    Row("pytest", "pytest-3", "pytest-3 -q 2>&1 | tail -n 1 | cut -d' ' -f1-2", "2 passed\n", PY_PACKAGE),
    Row("uv venv", "uv", "uv venv -q --offline && uv pip list --offline && echo fine"),
    Row("python multiprocessing", "python3", "python3 m.py", files={
        "m.py": "import concurrent.futures as f, multiprocessing as m\ndef sq(n): return n * n\n"
                "if __name__ == '__main__':\n    with f.ProcessPoolExecutor(4) as pool: assert list(pool.map(sq, range(9)))[8] == 64\n"
                "    q = m.Queue(); p = m.Process(target=q.put, args=('fine',)); p.start(); print(q.get()); p.join()\n"}),
    Row("python http.server and urllib", "python3", "python3 h.py", files={
        "h.py": "import http.server as h, threading, urllib.request as u\ns = h.ThreadingHTTPServer(('127.0.0.1', 0), h.SimpleHTTPRequestHandler)\n"
                "threading.Thread(target=s.serve_forever, daemon=True).start()\n"
                "assert b'h.py' in u.urlopen(f'http://localhost:{s.server_port}/').read(); print('fine')\n"}),
    # C and C++
    Row("make", "make gcc", "make -j2 test 2>&1 | tail -n 1", "five\n", C_PROJECT),
    Row("cmake, ctest", "cmake make gcc", "cmake -S . -B b >/dev/null && cmake --build b -j2 >/dev/null && ctest --test-dir b | grep -c '100% tests passed'",
        "1\n", C_PROJECT),
    Row("cmake with ninja", "cmake ninja gcc", "cmake -G Ninja -S . -B b >/dev/null && ninja -C b >/dev/null && ./b/main", "five\n", C_PROJECT),
    Row("address, leak, undefined sanitizers", "g++", """g++ -g -fsanitize=address,undefined s.cc -o s && ./s
        ./s 1 2>&1 | grep -c 'detected memory leaks'; ./s 1 2 2>&1 | grep -c heap-buffer-overflow""", "1\n2\n", {"s.cc": SANITIZED}),
    Row("thread sanitizer", "g++", "g++ -g -fsanitize=thread -pthread s.cc -o s && ./s && echo fine", files={"s.cc": SANITIZED}),
    Row("gdb", "gdb gcc", "gcc -g main.c sum.c -o m && gdb -batch -ex 'break sum' -ex run -ex backtrace ./m 2>&1 | grep -c '#1.*main'", "1\n",
        C_PROJECT),
    Row("strace", "strace", "strace -f -o log sh -c 'ls > /dev/null'; grep -q execve log && echo fine"),
    Row("valgrind", "valgrind gcc", "gcc -g main.c sum.c -o m && valgrind -q --error-exitcode=9 ./m", "five\n", C_PROJECT),
    Row("gcov", "gcov gcc", "gcc --coverage main.c sum.c -o m && ./m && gcov -n m-sum.gcda | grep -q 'Lines executed:100' && echo fine", "five\nfine\n", C_PROJECT),
    # other languages
    Row("cargo test", "cargo", "cargo test --offline -q 2>&1 | grep -c '1 passed'", "1\n", CRATE),
    Row("cargo build --release, fmt", "cargo", "cargo fmt --check && cargo build --offline -q --release && echo fine", files=CRATE),
    Row("go test, go build", "go", "GOFLAGS=-mod=mod go test ./... && go vet ./... && echo fine", files=GO_MODULE),
    Row("javac, java", "javac java", "javac A.java && java A", files={
        "A.java": 'class A { public static void main(String[] a) { System.out.println("fine"); } }\n'}),
    Row("mvn", "mvn java", "mvn -v > log && grep -q 'Apache Maven' log && echo fine"),
    Row("perl", "perl", "perl -MFile::Temp=tempfile -e '($f, $n) = tempfile(); print $f 1; print \"fine\\n\"'"),
    # tools
    Row("sqlite3", "sqlite3", "sqlite3 db 'pragma journal_mode=wal; create table t(n); insert into t values(1),(2); select sum(n) from t'", "wal\n3\n"),
    Row("ssh-keygen", "ssh-keygen", "ssh-keygen -q -t ed25519 -N '' -f key && ssh-keygen -y -f key | grep -c ssh-ed25519", "1\n"),
    Row("openssl", "openssl", """openssl req -x509 -newkey rsa:2048 -nodes -subj /CN=here -days 1 -keyout k -out c 2>/dev/null
        openssl verify -CAfile c c""", "c: OK\n"),
    Row("tar, gzip, xz", "tar gzip xz", "seq 1000 > n; tar czf n.tgz n; tar cJf n.txz n; mkdir x; tar xf n.txz -C x; cmp n x/n && echo fine"),
    Row("find, xargs, sed, awk, sort", "find xargs sed awk", """for n in 1 2 3; do echo "line $n" > $n.txt; done
        find . -name '*.txt' -print0 | xargs -0 -P2 sed -i s/line/row/; awk '{n += $2} END {print n}' *.txt""", "6\n"),
    Row("jq, ripgrep", "jq rg", """echo '{"a": [1, 2, 3]}' > d.json; jq -r '.a | add' d.json; rg -c '"a"' d.json""", "6\n1\n"),
    Row("patch, diff", "patch diff", "seq 5 > a; seq 5 | sed s/3/x/ > b; diff -u a b > p; patch -s a p && cmp a b && echo fine"),
    Row("bash job control", "bash", "set -m; sleep 100 & kill %1; wait %1; coproc cat; echo fine >&${COPROC[1]}; read -u ${COPROC[0]} l; echo $l"),
    Row("mkfifo, flock, timeout, nohup", "mkfifo flock timeout", """mkfifo p; (echo fine > p &) ; flock lock timeout 20 cat p; nohup true 2>/dev/null"""),
    Row("tmux", "tmux", "tmux new-session -d 'echo x > made; tmux wait-for -S done; cat'; tmux wait-for done; tmux kill-server; test -e made && echo fine",
        noise=("socket",)),
    Row("ps, top, free", "ps top free", "ps aux | grep -c '[s]leep 0' ; top -bn1 | head -n 1 | grep -c load; free -m | grep -c Mem", "1\n1\n"),
    # what cannot be
    Row("ping, curl of a host", "curl", "curl -sS --max-time 20 https://example.org/", remedy="Could not resolve host"),
    Row("sudo", "sudo", "sudo -n true", remedy="no new privileges"),
    Row("mount", "mount", "mount -t tmpfs none /mnt", remedy="denied: mount"),
    Row("apt-get install", "apt-get", "apt-get install -y hello", remedy="Unable to acquire the dpkg frontend lock"),
    Row("docker", "docker", "docker ps", remedy="daemon"),
]


def is_there(program):
    if program == "web":
        return (WEB / "node_modules" / ".package-lock.json").exists()
    return shutil.which(program, path=os.environ["PATH"]) is not None


def said(answer):
    text = answer.get("stdout", "") + answer.get("stderr", "")
    for violation in answer.get("violations", []):
        text += f"\ndenied: {violation['operation']} {violation['target']}"
    return text


def try_row(tools, ground, row):
    """The verdict of a row: whether it is what it should be, and in words."""
    missing = [program for program in row.needs.split() if not is_there(program)]
    if missing:
        return not set(missing) & set(REQUIRED) or not os.environ.get("MAYFLY_TESTS_MUST_RUN"), f"absent: {', '.join(missing)}"
    place = ground.workspace / row.name.split(",")[0].replace(" ", "-")
    place.mkdir()
    for name, text in row.files.items():
        (place / name).parent.mkdir(parents=True, exist_ok=True)
        (place / name).write_text(text)
    if "web" in row.needs.split():
        (place / "node_modules").symlink_to(ground.workspace / "node_modules")
        (place / "package.json").write_text("{}")
    answer = tools.command(row.script, cwd=str(place), profile=row.profile, env=AUTHOR)
    while answer["status"] == "running":
        answer = tools.wait_for(answer["job_id"])
    denied = {violation["operation"] for violation in answer.get("violations", [])} - set(row.noise)
    if row.remedy:
        if answer.get("exit_code") != 0 and row.remedy in said(answer):
            return True, f"cannot: {row.remedy}"
        return False, f"should say why it cannot: {answer}"
    if answer.get("exit_code") == 0 and answer["stdout"].endswith(row.wanted) and not denied:
        return True, "passes"
    return False, f"FAILS: {answer}"


class Shell(Tools):
    """A server with its user's own PATH and home, where toolchains may be."""

    def __init__(self, ground):
        environment = {name: os.environ[name] for name in ("HOME", "PATH") if name in os.environ}
        self.process = subprocess.Popen(
            [os.environ["MAYFLY"], "serve", "--workspace", str(ground.workspace), "--profile", "default,build"],
            env=environment, cwd=ground.workspace, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        ground.servers.append(self.process.pid)
        self.next = 0
        self.early = {}

    def wait_for(self, job):
        return self.checked(self.answer(self.send_call("get_job", {"job_id": job, "wait_ms": 45_000})))


def commands(ground, names):
    if is_there("web"):
        shutil.copytree(WEB / "node_modules", ground.workspace / "node_modules", symlinks=True)
    tools = Shell(ground)
    bad = []
    for row in ROWS:
        if names and row.name not in names:
            continue
        good, verdict = try_row(tools, ground, row)
        print(f"{row.name:40} {row.profile:8} {verdict}", flush=True)
        if not good:
            bad.append(row.name)
    tools.end()
    if bad:
        raise Failure(f"not as it should be: {', '.join(bad)}")


if __name__ == "__main__":
    if not is_there("git"):
        skip("git")
    sys.exit(run_case(lambda ground: commands(ground, sys.argv[1:])))
