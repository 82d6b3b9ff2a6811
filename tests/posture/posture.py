#!/usr/bin/env python3
"""posture.py PROGRAM [--update]: compares all that a sandboxed process sees with expected_root.json or
expected_user.json, whoever runs it. What may vary from machine to machine or from run to run is
written as a <placeholder>; nothing is left out. --update writes the file anew, to be read and then
committed.
"""
import contextlib
import difflib
import json
import os
import pwd
import re
import resource
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
WHO = "root" if os.geteuid() == 0 else "user"


def seen(program, top):
    workspace = top / "workspace"
    home = top / "home"
    for directory in (workspace, home):
        directory.mkdir()
    shutil.copy(program, workspace / "posture")
    environment = {"PATH": "/usr/local/bin:/usr/bin:/bin", "HOME": str(home), "SERVER_SECRET": "x"}
    done = subprocess.run(
        [os.environ.get("MAYFLY", "build/mayfly"), "run", "--workspace", workspace, "--memory", "1G", "--", "./posture"],
        cwd=workspace, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True, check=False)
    if done.returncode != 0:
        sys.exit(f"the program did not run: exit {done.returncode}")
    return json.loads(done.stdout), workspace, home


def inherited(limit):
    """A limit that the sandbox does not set is the server's own."""
    soft, hard = resource.getrlimit(limit)
    return " ".join("unlimited" if value == resource.RLIM_INFINITY else str(value) for value in (soft, hard))


def normalise(value, workspace, home):
    for name, link in value["namespaces"].items():
        value["namespaces"][name] = "same" if os.readlink(f"/proc/self/ns/{name}") == link else "new"

    landlock = value["landlock"]
    if landlock["layers above"] == (1 if landlock["ABI"] >= 2 else 0):
        landlock["layers above"] = "<1 from ABI 2>"
    if landlock["signal to process 1"] == ("EPERM" if landlock["ABI"] >= 6 else "allowed"):
        landlock["signal to process 1"] = "<EPERM from ABI 6>"
    landlock["ABI"] = "<the kernel's>"

    limits = value["limits"]
    for name in ("stack", "memlock"):
        if limits[name] == inherited(getattr(resource, f"RLIMIT_{name.upper()}")):
            limits[name] = "<the server's>"
    if int(limits["sigpending"].split()[1]) <= 4096:
        limits["sigpending"] = "<at most 4096>"
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    if limits["nofile"] == " ".join([str(min(65536, hard // 16 * 15))] * 2):
        limits["nofile"] = "<65536 or most of the hard limit>"

    # Where a control group counts, the other count only must not come before it.
    if limits["nproc"] in ("1024 1024", "1088 1088"):
        limits["nproc"] = "<1024 for itself, or a control group's>"

    # Of the system's files, this host has its own choice; all are shown in the same way.
    kept, system = [], set()
    for mount in value["mounts"]:
        if re.match(r"/(etc|usr|opt|nix)(/|$)", mount["path"]) and mount["root"].endswith(mount["path"].split("/")[-1]):
            system.add(mount["options"].replace("noatime", "relatime"))
            continue
        if mount["path"].startswith("/dev/") and mount["type"] == "devtmpfs":
            mount["root"] = "<device>"
        if mount["root"] == "/null" and mount["path"].startswith("/proc/"):
            mount["type"] = "<devtmpfs or tmpfs>"
        if mount["root"].endswith("/" + str(workspace).lstrip("/").split("/")[-1]) and mount["path"] == str(workspace):
            mount["root"] = "<workspace>"
        if mount["type"] not in ("tmpfs", "proc", "devpts", "devtmpfs") or mount["path"] == str(workspace):
            mount["type"], mount["super"] = "<disk>", ""
        kept.append("  ".join(text for text in (mount["path"], mount["type"], mount["root"], mount["options"], mount["super"]) if text))
    value["mounts"] = {"all of /etc and /usr": sorted(system), "others": sorted(kept)}

    # Which hide what this kernel has.
    optional = [line for line in value["mounts"]["others"] if re.match(
        r"/proc/(acpi|asound|interrupts|kallsyms|kcore|key-users|keys|kmsg|latency_stats|sched_debug|scsi|timer_list|sysrq-trigger) ", line)]
    covers = {re.sub(r"^/proc/\S+", "<of /proc>", line) for line in optional}
    value["mounts"]["others"] = [line for line in value["mounts"]["others"] if line not in optional]
    value["mounts"]["covers of /proc"] = sorted(covers)

    for name in ("uid_map", "gid_map"):  # columns
        value["process"][name] = " ".join(value["process"][name].split())
    if value["process"]["hostname"] == os.uname().nodename:
        value["process"]["hostname"] = "<the host's>"
    value["root directory"] = ["lib*" if re.match(r"lib(32|64|x32)?$", name) else name for name in value["root directory"]]
    value["root directory"] = sorted(set(value["root directory"]) - {top_of(workspace), top_of(home)})
    value["process"]["cgroup"] = sorted({re.sub(r"^\d+:[^:]*:", "<controller>:", line) for line in value["process"]["cgroup"]})

    text = json.dumps(value, indent=2, sort_keys=True)
    for path, name in ((workspace, "<workspace>"), (home, "<home>"), (workspace.parent, "<top>")):
        text = text.replace(str(path), name)
    text = re.sub(r"\b([ug]id)=\d+", r"\1=<uid on the host>", text)
    text = re.sub(r"(?<=/mayfly/sets/)workspace-[0-9a-f]+", "<set>", text)
    if WHO == "user":
        text = re.sub(rf"\b({os.geteuid()}|{os.getegid()})\b", "<own id>", text)
        with contextlib.suppress(KeyError):
            text = re.sub(rf"\b{re.escape(pwd.getpwuid(os.geteuid()).pw_name)}\b", "<own id>", text)
    return text + "\n"


def top_of(path):
    return path.parts[1]


def main():
    program = Path(sys.argv[1]).resolve()
    top = Path(tempfile.mkdtemp(prefix="posture-")).resolve()
    try:
        now = normalise(*seen(program, top))
    finally:
        shutil.rmtree(top)
    file = HERE / f"expected_{WHO}.json"
    if "--update" in sys.argv:
        file.write_text(now)
        return 0
    expected = file.read_text()
    if now == expected:
        return 0
    sys.stdout.writelines(difflib.unified_diff(
        expected.splitlines(True), now.splitlines(True), str(file), "what a process inside sees"))
    print(f"If the change is meant: {' '.join(sys.argv)} --update")
    return 1


if __name__ == "__main__":
    sys.exit(main())
