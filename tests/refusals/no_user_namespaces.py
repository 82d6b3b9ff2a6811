#!/usr/bin/env python3
"""A host without user namespaces runs nothing, and says why.

The host is made by a user namespace of our own in which no further one may be created
(user_namespaces(7): the limits below /proc/sys/user are per namespace). Not as root, whose limits
are the machine's.
"""
import ctypes
import json
import os
import subprocess
import sys
import tempfile

CLONE_NEWUSER = 0x10000000


def skip(reason):
    print(f"SKIP: {reason}")
    sys.exit(1 if os.environ.get("MAYFLY_TESTS_MUST_RUN") == "1" else 77)


def forbid_user_namespaces():
    """Runs in the child between fork and exec."""
    uid, gid = os.getuid(), os.getgid()
    if ctypes.CDLL(None, use_errno=True).unshare(CLONE_NEWUSER) != 0:
        os._exit(99)
    with open("/proc/self/setgroups", "w") as file:
        file.write("deny")
    with open("/proc/self/uid_map", "w") as file:
        file.write(f"{uid} {uid} 1")
    with open("/proc/self/gid_map", "w") as file:
        file.write(f"{gid} {gid} 1")
    with open("/proc/sys/user/max_user_namespaces", "w") as file:
        file.write("0")


def check(condition, what, seen):
    if not condition:
        sys.exit(f"{what}; seen: {seen}")


def main():
    mayfly = os.path.abspath(os.environ["MAYFLY"])
    if os.getuid() == 0:
        skip("an ordinary user")
    with tempfile.TemporaryDirectory() as workspace:
        marker = os.path.join(workspace, "ran")
        run = subprocess.run([mayfly, "run", "--workspace", workspace, "--", "touch", marker],
                             preexec_fn=forbid_user_namespaces, capture_output=True, text=True,
                             timeout=60)
        check(run.returncode == 125, "exit code 125 was expected", run)
        check("E2002" in run.stderr and "Remedy" in run.stderr, "E2002 with a remedy", run.stderr)
        check(not os.path.exists(marker), "the command ran without a sandbox", run)

        asked = [{"jsonrpc": "2.0", "id": 1, "method": "initialize",
                  "params": {"protocolVersion": "2025-06-18", "capabilities": {},
                             "clientInfo": {"name": "t", "version": "1"}}},
                 {"jsonrpc": "2.0", "id": 2, "method": "tools/call",
                  "params": {"name": "run_command", "arguments": {"argv": ["touch", marker]}}}]
        serve = subprocess.Popen([mayfly, "serve", "--workspace", workspace],
                                 preexec_fn=forbid_user_namespaces, stdin=subprocess.PIPE,
                                 stdout=subprocess.PIPE, text=True)
        for message in asked:
            serve.stdin.write(json.dumps(message) + "\n")
        serve.stdin.flush()
        answers = [json.loads(serve.stdout.readline()) for _ in asked]
        serve.stdin.close()
        check(serve.wait(timeout=60) == 0, "the server ends well", serve.returncode)
        check(answers[0]["result"]["protocolVersion"] == "2025-06-18", "it answers", answers[0])
        result = answers[1]["result"]
        check(result.get("isError") is True, "the call is an error", result)
        check("E2002" in result["content"][0]["text"], "E2002 is named", result)
        check(not os.path.exists(marker), "the command ran without a sandbox", result)


main()
