#!/usr/bin/env python3
"""laptop.py: a developer's first hour under `default`, unedited: git commit, npm test with a node below
the home directory, and a make build, with `mayfly run` and no option at all. $MAYFLY is the program.
"""
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

SKIP = 77
NODE = ".nvm/versions/node/v20.0.0/bin"
FILES = {
    "package.json": '{"name": "first", "version": "1.0.0", "scripts": {"test": "node --test"}}',
    "sum.test.js": 'require("node:test")("adds", () => require("node:assert").strictEqual(1 + 1, 2));\n',
    "main.c": '#include <stdio.h>\nint main(void) { puts("built"); return 0; }\n',
    "Makefile": "main: main.o\n\t$(CC) -o $@ $^\n",
}


def needs(*programs):
    for program in programs:
        if shutil.which(program) is None:
            print(f"SKIP: {program} is not installed")
            sys.exit(SKIP)


def make_home(home):
    """A home as nvm, git and ssh leave it."""
    binaries = home / NODE
    binaries.mkdir(parents=True)
    shutil.copy(pathlib.Path(shutil.which("node")).resolve(), binaries / "node")
    (binaries / "npm").symlink_to(pathlib.Path(shutil.which("npm")).resolve())
    (home / ".gitconfig").write_text("[user]\n\tname = Ada\n\temail = ada@example.org\n")
    (home / ".ssh").mkdir(mode=0o700)
    (home / ".ssh" / "id_ed25519").write_text("a key\n")
    project = home / "code" / "first"
    project.mkdir(parents=True)
    for name, text in FILES.items():
        (project / name).write_text(text)
    return project


def main():
    needs("git", "node", "npm", "make", "gcc")
    mayfly = os.environ["MAYFLY"]
    with tempfile.TemporaryDirectory() as top:
        home = pathlib.Path(top) / "ada"
        home.mkdir()
        project = make_home(home)
        environment = {"HOME": str(home), "PATH": f"{home / NODE}:/usr/local/bin:/usr/bin:/bin"}

        def run(script, wanted):
            done = subprocess.run([mayfly, "run", "--json", "--", "bash", "-c", script], cwd=project,
                                  env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True)
            receipt = json.loads(done.stdout)
            if done.returncode != 0 or wanted not in receipt["stdout"] or receipt["violations"]:
                sys.exit(f"{script}: {json.dumps(receipt, indent=1)}{done.stderr}")
            if receipt["profile"] != "default":
                sys.exit(f"not the default profile: {receipt['profile']}")

        run("git init -q && git add -A && git commit -qm first && git log --format='%an %s'", "Ada first")
        run("command -v node && npm test", "pass 1")
        run("command -v node", str(home / NODE / "node"))
        run("make && ./main", "built")
        run("git add -A && git commit -qm second && git rev-list --count HEAD", "2")
        run("test ! -e ~/.ssh && test ! -e ~/.gitconfig && echo none", "none")
        if not (project / "main").exists() or not (project / ".git" / "HEAD").exists():
            sys.exit("what was built is not on the disk")


main()
