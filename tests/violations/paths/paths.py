#!/usr/bin/env python3
"""paths.py [--programs DIR] CASE: what a receipt says of paths that a sandbox denies, and that observing changes nothing.

The same calls (calls.py) are made with observe off, writes and all. Each must get the same error at all levels, which is
the kernel's own at "off"; and exactly those denials that are listed here must be told. As root the workspace belongs to
another user, which is then who the sandbox is. $MAYFLY is the server to test.
"""
import argparse
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path

HERE = Path(__file__).resolve().parent
TESTS = HERE.parent.parent
sys.path.insert(0, str(TESTS / "victims"))
from attack import Failure, landlock_abi, skip  # noqa: E402

MAYFLY = str(Path(os.environ.get("MAYFLY", "build/mayfly")).resolve())
ROOT = os.geteuid() == 0
OWNER = 21000 if ROOT else os.geteuid()
NO_NAMESPACES = ["/usr/bin/python3", TESTS / "tier" / "without_user_namespaces.py"]


class Place:
    def __init__(self, programs):
        self.programs = programs
        # As root below /var/tmp: the sandbox's user must be able to enter it.
        self.top = Path(tempfile.mkdtemp(prefix="paths-", dir="/var/tmp" if ROOT else None)).resolve()
        self.top.chmod(0o755)
        self.home, self.workspace = self.top / "home", self.top / "workspace"

    def fresh(self):
        """A workspace as no call has seen it."""
        for directory in (self.home, self.workspace):
            shutil.rmtree(directory, ignore_errors=True)
            directory.mkdir()
        shutil.copy(HERE / "calls.py", self.workspace)
        for name in ("denied.txt", "hidden.txt", "denied/file", "hidden/file", "closed.txt", ".git/hooks/pre-commit"):
            path = self.workspace / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text("x")
        (self.workspace / ".git" / "HEAD").write_text("ref: refs/heads/main\n")
        for name in (".git/objects", ".git/refs"):
            (self.workspace / name).mkdir()
        (self.workspace / "to_passwd").symlink_to("/etc/passwd")
        (self.workspace / "to_proc").symlink_to("/proc/self")
        (self.workspace / "dangling").symlink_to("/usr/nowhere")
        (self.workspace / "closed.txt").chmod(0)
        for path in (self.home, self.workspace, *self.workspace.rglob("*")):
            os.chown(path, OWNER, OWNER, follow_symlinks=False)

    def run(self, *command, level, options=(), tier="full"):
        before = NO_NAMESPACES if tier == "landlock" else []
        done = subprocess.run(
            [*before, MAYFLY, "run", "--json", "--workspace", self.workspace, "--tier", tier, "--observe", level,
             *options, "--", *command],
            env={"PATH": "/usr/local/bin:/usr/bin:/bin", "HOME": str(self.home), "LANG": "C.UTF-8",
                 "XDG_STATE_HOME": str(self.top / "state")},
            cwd=self.workspace, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            check=False)
        if done.returncode == 77:
            skip(done.stdout.removeprefix("SKIP: ").strip())
        try:
            receipt = json.loads(done.stdout)
        except json.JSONDecodeError:
            raise Failure(f"no receipt: {done.stdout}{done.stderr}") from None
        if "stdout" not in receipt or receipt["tier"] != tier:
            raise Failure(f"not in tier {tier}: {done.stdout}")
        return receipt

    def calls(self, *groups, **more):
        self.fresh()
        receipt = self.run("/usr/bin/python3", "calls.py", self.workspace, *groups, **more)
        try:
            return json.loads(receipt["stdout"]), told(receipt)
        except json.JSONDecodeError:
            raise Failure(f"the calls failed: {receipt['stdout']}{receipt['stderr']}") from None


def told(receipt):
    """What was denied of files, counted by operation, target and error."""
    counts = Counter()
    for one in receipt["violations"]:
        if one["kind"] == "filesystem":
            target = re.sub("^/proc/self/fd/[0-9]+", "DESCRIPTOR", one["target"])
            counts[one["operation"], target, one["errno"]] += one["count"]
    return counts


def compare(what, expected, got):
    lines = [f"  not told: {line}" for line in sorted((expected - got).elements())]
    lines += [f"  told, and should not be: {line}" for line in sorted((got - expected).elements())]
    if lines:
        raise Failure(f"{what}:\n" + "\n".join(lines))


def check_levels(place, groups, expected, hidden=(), **more):
    """`expected`: level to what is told; `hidden`: targets that may be told besides."""
    at_off, none = place.calls(*groups, level="off", **more)
    compare("at level off", Counter(), none)
    for level in ("writes", "all"):
        results, counts = place.calls(*groups, level=level, **more)
        different = [f"  {name}: {at_off[name]} is {results.get(name)}" for name in at_off
                     if at_off[name] != results.get(name)]
        if different:
            raise Failure(f"level {level} changes answers:\n" + "\n".join(different))
        for key in [key for key in counts if key[1] in hidden]:
            del counts[key]
        compare(f"at level {level}", expected[level], counts)


def lines(error, text):
    """Each line: an operation, a target, and how often if not once."""
    counts = Counter()
    for line in filter(str.strip, text.splitlines()):
        operation, target, *times = line.split()
        counts[operation, target, error] += int(times[0]) if times else 1
    return counts


OPENED = r"""
    create /usr/new 2
    create /usr/new-for-reading
    create WORKSPACE/dangling
    create /usr/long
    create /usr/a\n\x1b[31mb
    create /usr/��
    create /usr/lib/../lib/new
    create /usr/relative
    create /usr/of-descriptor
    create DESCRIPTOR/by-link
    create /in-the-root
    create /usr/up
    create /usr/by-creat
    write /proc/self/uid_map
    create WORKSPACE/__pycache__/module
    """
MADE = """
    create /usr/made
    create /usr/made-with-slashes
    create /usr/pipe
    create /usr/link
    create /usr/linked
    remove /usr/bin/env
    remove /usr/lib
    remove /usr/games
    rename /usr/bin/dirname
    """


def in_place(place, counts):
    return Counter({(operation, target.replace("WORKSPACE", str(place.workspace)), error): times
                    for (operation, target, error), times in counts.items()})


def case_full(place):
    writes = lines("EROFS", OPENED + MADE + """
        write /etc/passwd 5
        write WORKSPACE/to_passwd
        create /usr
        write WORKSPACE/to_proc/comm
        create /etc/linked
        rename /usr/bin/env 2
        write /etc/group
        change /etc/group 3
        change /usr/bin/cat
        change /etc/hosts 2
        change /etc/nsswitch.conf
        change /bin
        """)
    expected = in_place(place, writes)
    check_levels(place, ("open", "directory", "attribute"), {"writes": expected, "all": expected})


def case_landlock(place):
    if landlock_abi() < 6:
        skip("Landlock ABI 6 (Linux 6.12)")
    writes = lines("EACCES", OPENED + MADE + """
        create /tmp/plain
        remove WORKSPACE
        rename /usr/bin/env 2
        rename /usr/bin/plain
        """)
    # Whose mode and times may not be changed, init says (file_attributes.h).
    writes += lines("EPERM", """
        change /etc/group
        change /usr/bin/cat
        change /etc/hosts 3
        change /etc/nsswitch.conf
        change /bin
        """)
    writes = in_place(place, writes)
    # The C library's own, behind a link.
    check_levels(place, ("open", "directory", "attribute"), {"writes": writes, "all": writes},
                 hidden=("/usr/share/locale/locale.alias",), tier="landlock")


def case_covered(place):
    names = ("denied", "denied.txt", "hidden", "hidden.txt")
    options = [word for name in names
               for word in ("--deny" if name.startswith("denied") else "--hide", place.workspace / name)]
    hidden = {str(place.workspace / name) for name in ("hidden", "hidden.txt", "hidden/file")} | {"/srv/missing"}
    writes = lines("EACCES", """
        write WORKSPACE/denied.txt 2
        create WORKSPACE/denied/file
        create WORKSPACE/denied/made
        remove WORKSPACE/denied/file
        execute WORKSPACE/denied.txt
        execute WORKSPACE/denied/file
        """)
    writes += lines("EROFS", "change WORKSPACE/denied.txt")
    writes += lines("EBUSY", "remove WORKSPACE/denied.txt")
    reads = lines("EACCES", """
        read WORKSPACE/denied.txt
        read WORKSPACE/denied
        read WORKSPACE/denied/file
        enter WORKSPACE/denied
        """)
    check_levels(place, ("covered",), {"writes": in_place(place, writes), "all": in_place(place, writes + reads)},
                 hidden=hidden, options=options)


def case_protected(place):
    writes = lines("EROFS", """
        create WORKSPACE/.git/hooks/post-commit
        write WORKSPACE/.git/hooks/pre-commit
        remove WORKSPACE/.git/hooks/pre-commit
        """)
    writes += lines("EBUSY", """
        remove WORKSPACE/.git/hooks
        rename WORKSPACE/.git/hooks
        rename WORKSPACE/.git 2
        """)
    expected = in_place(place, writes)
    check_levels(place, ("protected",), {"writes": expected, "all": expected})


def race(place, tier):
    """A path that other threads change while it is read: what the program saw, and what is told, agree."""
    for level in ("writes", "all"):
        place.fresh()
        shutil.copy(place.programs / "violations_race", place.workspace / "race")
        receipt = place.run("./race", place.workspace, "50000", level=level, tier=tier)
        seen = json.loads(receipt["stdout"])
        counts = told(receipt)
        # Halves of two paths may name something that is denied too.
        number = sum(counts.values())
        if seen["other"] or any(str(place.workspace / "granted") == target for _, target, _ in counts):
            raise Failure(f"at level {level}: nothing gives that: {seen}, {counts}")
        if not any(target == "/usr/refused" for _, target, _ in counts) or number > seen["refused"]:
            raise Failure(f"at level {level}: the program saw {seen}, and this is told: {counts}")


def case_race(place):
    race(place, "full")


def case_race_landlock(place):
    if landlock_abi() < 6:
        skip("Landlock ABI 6 (Linux 6.12)")
    race(place, "landlock")


INNOCENT = r"""set -e
    mkdir -p a/b/c a/b /usr/lib; rm -f absent /usr/absent; [ ! -w /usr/bin/env ]; command -v absent || true
    touch a/b/c/x; mv a/b/c/x a/y; ln a/y a/z; ln -s y a/link; cp -rp a copy; rm -r copy; chmod 700 a; : >/dev/null
    printf '#include <stdio.h>\nint main(void) { return puts("hello") < 0; }\n' >a.c
    gcc -I/usr/missing -I/opt/missing -Imissing -O1 -o program a.c; ./program; bash -c 'absent' 2>/dev/null || true
    git init -q repo; cd repo; git config user.name a; git config user.email a@example.org
    echo a >a; git add a; git commit -qm one; git checkout -qb other; cd ..; git clone -q repo clone
    python3 -c 'import json, subprocess, tempfile; subprocess.run(["true"], check=True); tempfile.TemporaryFile()'
    tar cf t.tar a; tar xf t.tar -C repo; cat <(echo piped) >/dev/stdout; echo noise >&2
    (cd a && find . -type f | sort | xargs cat) >/dev/null; sed -i s/a/b/ a/y"""


def case_innocent(place):
    for level in ("writes", "all"):
        place.fresh()
        receipt = place.run("/bin/bash", "-c", INNOCENT, level=level)
        if receipt.get("exit_code") != 0:
            raise Failure(f"innocent work failed: {receipt}")
        compare(f"at level {level}", Counter(), told(receipt))


def main():
    options = argparse.ArgumentParser()
    options.add_argument("--programs", type=Path, default=TESTS.parent / "build" / "tests" / "violations" / "paths")
    options.add_argument("case")
    arguments = options.parse_args()
    os.umask(0o022)
    place = Place(arguments.programs)
    try:
        globals()["case_" + arguments.case](place)
    except Failure as failure:
        print(f"FAILED: {failure}")
        return 1
    finally:
        shutil.rmtree(place.top, ignore_errors=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
