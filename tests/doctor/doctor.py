#!/usr/bin/env python3
"""doctor.py CASE | --update: `mayfly doctor` on this host and on hosts that lack something.

Hosts that lack something are made with namespaces of our own, never by changing this one. $MAYFLY is
the server to test.
"""
import ctypes
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "victims"))
from attack import adopt_orphans, check_no_orphans  # noqa: E402

MAYFLY = os.path.abspath(os.environ.get("MAYFLY", "build/mayfly"))
KEYS = Path(__file__).resolve().parent / "expected_keys.json"
CLONE_NEWNS, CLONE_NEWUSER = 0x00020000, 0x10000000
LIBC = ctypes.CDLL(None, use_errno=True)


def skip(reason):
    print(f"SKIP: {reason}")
    sys.exit(1 if os.environ.get("MAYFLY_TESTS_MUST_RUN") == "1" else 77)


def check(condition, what, seen=""):
    if not condition:
        sys.exit(f"{what}; seen: {seen}")


def doctor(*arguments, **more):
    return subprocess.run([MAYFLY, "doctor", *arguments], capture_output=True, text=True, timeout=100,
                          **more)


def diagnosis(**more):
    run = doctor("--json", **more)
    check(run.stderr == "", "nothing on stderr", run.stderr)
    check(run.stdout.count("\n") == 1, "one line of JSON", run.stdout)
    found = json.loads(run.stdout)
    found["rows"] = {row["id"]: row for row in found["probes"]}
    return run.returncode, found


def forbid_user_namespaces():
    """Runs in the child between fork and exec."""
    uid, gid = os.getuid(), os.getgid()
    if LIBC.unshare(CLONE_NEWUSER) != 0:
        os._exit(99)
    for file, text in (("/proc/self/setgroups", "deny"), ("/proc/self/uid_map", f"{uid} {uid} 1"),
                       ("/proc/self/gid_map", f"{gid} {gid} 1"),
                       # Per user namespace (user_namespaces(7)), so this is ours alone.
                       ("/proc/sys/user/max_user_namespaces", "0")):
        with open(file, "w") as out:
            out.write(text)


def cover_a_part_of_proc():
    """Runs in the child between fork and exec."""
    if LIBC.unshare(CLONE_NEWNS) != 0 or LIBC.mount(b"none", b"/", None, 0x44000, None) != 0:
        os._exit(99)
    if LIBC.mount(b"tmpfs", b"/proc/irq", b"tmpfs", 0, None) != 0:
        os._exit(98)
    os.setgroups([])
    os.setgid(21000)
    os.setuid(21000)


# --- the cases -----------------------------------------------------------------------------------


def table():
    run = doctor()
    code, found = diagnosis()
    check(run.returncode == code, "both forms agree", (run.returncode, code))
    lines = run.stdout.splitlines()
    marks = {"works": "✓", "missing": "✗", "unknown": "?", "fact": "·"}
    for row in found["probes"]:
        check(any(line.startswith(f"{marks[row['state']]} {row['name']} ") for line in lines),
              f"a line about {row['id']}", run.stdout)
        check((row["state"] == "missing") == ("remedy" in row), "a remedy for each gap and no other", row)
    told_once(run.stdout)
    verdict = verdict_of(run)
    for name, by in found["limits"].items():
        check(by in ("cgroup v1", "cgroup v2", "watched", "rlimit", "none"), f"who holds {name}", by)
    if found["tier"] != "none":
        check("limits: memory " in verdict and "CPU time " in verdict and "disk " in verdict,
              "how limits are enforced", verdict)
    # What doctor promises is what run does.
    with tempfile.TemporaryDirectory() as workspace:
        ran = subprocess.run([MAYFLY, "run", "--workspace", workspace, "--", "true"], timeout=60,
                             capture_output=True, text=True)
    check((ran.returncode == 0) == (code == 0), "doctor and run agree", (code, ran))


def verdict_of(run):
    verdicts = [line for line in run.stdout.splitlines() if line.startswith("Verdict: ")]
    check(len(verdicts) == 1, "one verdict", run.stdout)
    return verdicts[0]


def told_once(text):
    """What several gaps have in common is printed with the first of them."""
    for start in ("    remedy: ", "✗ "):
        said = [line.split(": " if start != "✗ " else "  ", 1)[1].strip() for line in text.splitlines()
                if line.startswith(start)]
        said = [part for part in said if not part.startswith("as above, for ")]
        check(len(said) == len(set(said)), "a reason or remedy is told twice", text)


def refused_directory():
    """/ is a directory that no call may work in."""
    code, found = diagnosis(cwd="/", env={"HOME": "/nonexistent"})
    check(not found["workspace"]["accepted"] and found["workspace"]["path"] == "/", "refused", found)
    check(found["workspace"]["error"]["code"] == "E1004", "why", found["workspace"])
    run = doctor(cwd="/", env={"HOME": "/nonexistent"})
    check(run.returncode == code, "the exit code speaks of the host", run)
    check("would be refused here: E1004" in run.stdout.splitlines()[-1], "also for a person", run.stdout)


def keys_of(value):
    """The shape of the answer, without what depends on the machine."""
    if isinstance(value, dict):
        return {key: keys_of(inner) for key, inner in sorted(value.items())}
    return type(value).__name__


def shape():
    _, found = diagnosis()
    del found["rows"]
    rows = []
    for row in found.pop("probes"):
        row.pop("remedy", None)
        check(row["state"] in ("works", "missing", "unknown", "fact"), "a known state", row)
        # Only root is asked about idmapped mounts.
        if row["id"] != "idmapped_mount":
            rows.append({"id": row["id"], "needed": row["needed"], "tiers": row["tiers"],
                         "keys": sorted(row)})
    found["default_profile"].pop("error", None)
    found["workspace"].pop("error", None)
    return {"top": keys_of(found), "probes": rows}


def json_keys():
    seen = shape()
    wanted = json.loads(KEYS.read_text())
    check(seen == wanted, "the keys that programs rely on changed (doctor.py --update)",
          json.dumps(seen, indent=1))


def command_line():
    check(doctor("--nonsense").returncode == 2, "exit code 2 for a wrong option")
    check(doctor("--help").returncode == 0, "help is help")
    overview = subprocess.run([MAYFLY, "--help"], capture_output=True, text=True).stdout
    check("doctor" in overview, "--help names it", overview)


def no_user_namespaces():
    code, found = diagnosis(preexec_fn=forbid_user_namespaces)
    row = found["rows"]["user_namespaces"]
    check(code == 1, "exit code 1", code)
    check(row["state"] == "missing" and "ENOSPC" in row["detail"], "the row says so", row)
    check("sysctl -w user.max_user_namespaces=" in row["remedy"], "the exact command", row)
    check(found["tier"] != "full" and "user_namespaces" in found["in_the_way"], "the tier", found)
    check(found["rows"]["fresh_procfs"]["state"] == "unknown", "what needs them is not tried",
          found["rows"]["fresh_procfs"])
    error = found["default_profile"]["error"]
    check(error["code"] == "E2002" and "user namespaces" in error["message"], "the error", error)
    run = doctor(preexec_fn=forbid_user_namespaces)
    check(run.returncode == 1 and "✗ user namespaces" in run.stdout, "also for a person", run)
    check("does NOT run" in verdict_of(run), "the verdict", run.stdout)
    why = run.stdout.split(verdict_of(run))[1]
    check("E2002" in why and "sysctl -w user.max_user_namespaces=" in why, "why, and what to do", why)
    check("`mayfly doctor`" not in why, "doctor does not send people to doctor", why)
    weaker_tier(found, why)


def weaker_tier(found, why):
    """That doctor says `--tier landlock` runs exactly where it does, and who holds its limits."""
    with tempfile.TemporaryDirectory() as workspace:
        ran = subprocess.run([MAYFLY, "run", "--json", "--tier", "landlock", "--workspace", workspace,
                              "--", "true"], timeout=60, capture_output=True, text=True,
                             preexec_fn=forbid_user_namespaces)
    check(("`--tier landlock` runs" in why) == (ran.returncode == 0), "the weaker tier", (why, ran))
    if ran.returncode != 0:
        return
    holders = {limit["name"]: limit["enforced_by"] for limit in json.loads(ran.stdout)["limits"]}
    for name, limit in (("memory", "memory_bytes"), ("processes", "processes"), ("disk", "disk_bytes")):
        by = holders[limit].replace("watch at 10 Hz", "watched")
        check(found["limits"][name] == by, f"who holds {name}", (found["limits"], holders))


def error_names_doctor():
    with tempfile.TemporaryDirectory() as workspace:
        run = subprocess.run([MAYFLY, "run", "--workspace", workspace, "--", "true"], timeout=60,
                             capture_output=True, text=True, preexec_fn=forbid_user_namespaces)
    check(run.returncode == 125 and "E2002" in run.stderr, "the call is refused", run)
    check(run.stderr.rstrip().endswith("`mayfly doctor` says more"), "and names doctor", run.stderr)


def covered_procfs():
    if os.getuid() != 0:
        skip("root, to cover a part of /proc")
    if not os.path.isdir("/proc/irq"):
        skip("/proc/irq")
    code, found = diagnosis(preexec_fn=cover_a_part_of_proc, env={"HOME": "/nonexistent"}, cwd="/")
    if code in (98, 99):
        skip("root that may mount")
    row = found["rows"]["fresh_procfs"]
    check(code == 1 and row["state"] == "missing" and "EPERM" in row["detail"], "the row", row)
    check("systempaths=unconfined" in row["remedy"], "the remedy", row)
    check(found["rows"]["mounts_inside"]["state"] == "works", "other mounts", found)


def snapshot(directory):
    """What could be left behind, apart from processes and control groups."""
    return {"mounts": Path("/proc/self/mountinfo").read_text(),
            "files": sorted(str(path) for path in directory.rglob("*") if not path.is_dir())}


def leaves_nothing():
    adopt_orphans()
    with tempfile.TemporaryDirectory(prefix="doctor-") as home:
        # The directory where a server keeps its state may be made; nothing may be in it.
        before = snapshot(Path(home))
        for _ in range(3):
            run = subprocess.Popen([MAYFLY, "doctor"], stdout=subprocess.DEVNULL, cwd=home,
                                   env={"HOME": home, "TMPDIR": home, "PATH": "/usr/bin:/bin"})
            run.wait(timeout=100)
            check_no_orphans()
            after = snapshot(Path(home))
            check(after == before, "something is left", after)
            groups = [str(path) for path in Path("/sys/fs/cgroup").rglob(f"*mayfly*{run.pid}*")]
            check(not groups, "control groups are left", groups)


def main():
    if sys.argv[1:] == ["--update"]:
        KEYS.write_text(json.dumps(shape(), indent=1) + "\n")
        return
    cases = {"table": table, "json": json_keys, "command_line": command_line,
             "no_user_namespaces": no_user_namespaces, "error_names_doctor": error_names_doctor,
             "covered_procfs": covered_procfs, "leaves_nothing": leaves_nothing, "refused_directory": refused_directory}
    cases[sys.argv[1]]()


main()
