#!/usr/bin/env python3
"""What `mayfly profile` does beyond its texts.  profile_behaviour.py CASE"""
import json
import os
import pty
import subprocess
import sys

from playground import MAYFLY, Playground

SHIPPED = ["default", "readonly", "strict", "build", "network"]


def check(condition, what):
    if not condition:
        sys.exit(f"{sys.argv[1]}: {what}")


def shown_profiles_read_back(here):
    for name in SHIPPED:
        shown = here.mayfly("show", name)
        check(shown.returncode == 0, shown.stderr)
        path = f"{here.home}/{name}-shown.toml"
        with open(path, "w", encoding="utf-8") as file:
            file.write(shown.stdout)
        os.chmod(path, 0o600)
        same = here.mayfly("diff", name, path)
        check((same.returncode, same.stdout) == (0, "same\n"), f"{name}: {same}")


def explain_is_short(here):
    for name in SHIPPED:
        lines = here.mayfly("explain", name).stdout.splitlines()
        check(20 < len(lines) <= (60 if name == "default" else 80), f"{name}: {len(lines)} lines")


def delete_asks(here):
    """On a terminal: anything but y keeps the file."""
    path = here.profiles + "/mine.toml"
    for answer, code, there in [(b"\n", 1, True), (b"no\n", 1, True), (b"y\n", 0, False)]:
        if not os.path.exists(path):
            check(here.mayfly("create", "mine").returncode == 0, "not created")
        master, slave = pty.openpty()
        child = subprocess.Popen([MAYFLY, "profile", "delete", "mine"], stdin=slave,
                                 stdout=subprocess.PIPE, env=here.environment, cwd=here.work)
        os.close(slave)
        os.write(master, answer)
        said = child.communicate(timeout=30)[0].decode()
        os.close(master)
        check(said.startswith(f"delete {path}? [y/N] "), said)
        check((child.returncode, os.path.exists(path)) == (code, there), f"{answer}: {said}")


def json_is_one_object(here):
    words = [["list"], ["show", "build"], ["check", "default"], ["explain", "default"],
             ["explain", "default", "--path", "/usr"], ["diff", "default", "strict"],
             ["create", "mine"], ["allow", "mine", "--read", "/opt"], ["check"],
             ["delete", "mine", "--yes"], ["create", "no/name"], ["delete", "nobody"]]
    for line in words:
        done = here.mayfly(*line, "--json")
        check(isinstance(json.loads(done.stdout), dict), line)
        check(len(done.stdout.splitlines()) == 1, line)


def parallel_allow(here):
    """Two that write at once: neither loses what the other wrote."""
    check(here.mayfly("create", "mine").returncode == 0, "not created")
    paths = [f"/opt/tool{number}" for number in range(12)]
    children = [subprocess.Popen([MAYFLY, "profile", "allow", "mine", "--read", path],
                                 stdout=subprocess.DEVNULL, env=here.environment, cwd=here.work)
                for path in paths]
    check(all(child.wait(timeout=60) == 0 for child in children), "one failed")
    shown = json.loads(here.mayfly("show", "mine", "--json").stdout)
    values = {each["toml"] for each in shown["values"]["filesystem.read"]}
    check({f'"{path}"' for path in paths} <= values, values)
    check(os.listdir(here.profiles) == ["mine.toml"], os.listdir(here.profiles))


def links_stay(here):
    """A profile kept elsewhere and linked to is changed there, with its mode."""
    os.makedirs(here.profiles, mode=0o700)
    os.mkdir(here.home + "/dotfiles", 0o700)
    kept = here.home + "/dotfiles/mine.toml"
    with open(kept, "w", encoding="utf-8") as file:
        file.write('extends = "default"\n')
    os.chmod(kept, 0o640)
    os.symlink(kept, here.profiles + "/mine.toml")
    done = here.mayfly("allow", "mine", "--read", "/opt/sdk")
    check(done.returncode == 0, done.stderr)
    check(os.path.islink(here.profiles + "/mine.toml"), "the link is gone")
    check("/opt/sdk" in open(kept, encoding="utf-8").read(), "nothing was written")
    check(os.stat(kept).st_mode & 0o777 == 0o640, oct(os.stat(kept).st_mode))


with Playground() as playground:
    globals()[sys.argv[1]](playground)
