#!/usr/bin/env python3
"""few_descriptors.py STEP: short of descriptors, from none to enough, every STEP-th number: the command runs
in its sandbox or not at all.

What was opened until then is not enough for a sandbox, so whatever fails, the program must not have
started; where it did start, it must not see the host's root.
"""
import json
import os
import resource
import subprocess
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "victims"))
from attack import Failure, adopt_orphans, check_no_orphans  # noqa: E402

MAYFLY = os.path.abspath(os.environ["MAYFLY"])
# In the sandbox /etc/shadow is not there, not even as a name.
SCRIPT = "touch ran; if [ -e /etc/shadow ]; then echo OUTSIDE; else echo inside; fi"


def one(most, workspace):
    marker = os.path.join(workspace, "ran")
    if os.path.exists(marker):
        os.unlink(marker)

    def limit():
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    try:
        run = subprocess.run([MAYFLY, "run", "--workspace", workspace, "--json", "--", "/bin/sh", "-c", SCRIPT],
                             preexec_fn=limit, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                             stderr=subprocess.PIPE, text=True, timeout=60,
                             env={"PATH": "/usr/bin:/bin", "HOME": workspace + "-home"})
    except subprocess.SubprocessError as error:
        if isinstance(error, subprocess.TimeoutExpired):
            sys.exit(f"with {most} descriptors it hangs")
        return "no exec"
    if "OUTSIDE" in run.stdout:
        sys.exit(f"with {most} descriptors the command ran outside: {run}")
    ran = os.path.exists(marker)
    if not ran and (run.returncode == 0 or not (run.stderr + run.stdout).strip()):
        sys.exit(f"with {most} descriptors nothing ran and nothing was said: {run}")
    if run.returncode < 0:
        sys.exit(f"with {most} descriptors it ended by signal {-run.returncode}: {run.stderr}")
    if ran and run.returncode == 0 and not json.loads(run.stdout)["layers"]:
        sys.exit(f"with {most} descriptors it ran without a layer: {run.stdout}")
    return "ran" if ran and run.returncode == 0 else "refused"


def main():
    with tempfile.TemporaryDirectory() as top:
        workspace = os.path.join(top, "workspace")
        os.mkdir(workspace)
        os.mkdir(workspace + "-home")
        adopt_orphans()
        outcomes = {most: one(most, workspace) for most in [*range(4, 48, int(sys.argv[1])), 64, 128, 1024]}
        try:
            check_no_orphans()
        except Failure as failure:
            sys.exit(str(failure))
    print(outcomes)
    if outcomes[1024] != "ran" or outcomes[8] == "ran":
        sys.exit("too few descriptors must be refused, and a thousand are enough")


main()
