#!/usr/bin/env python3
"""A tour: lists Mayfly's tools, then runs commands in sandboxes and prints each receipt.

    python3 demo.py path/to/mayfly

Every step says what should happen, and the tour stops at the first that goes otherwise. No step
would do harm even if nothing held it back.
"""

import os
import socket
import sys
import tempfile
import textwrap

from mayfly_client import Mayfly, ToolError

COLOUR = sys.stdout.isatty() and "NO_COLOR" not in os.environ


def paint(code, text):
    return f"\x1b[{code}m{text}\x1b[0m" if COLOUR else text


def human(size):
    for unit in ("B", "KiB", "MiB"):
        if size < 1024:
            return f"{size:.0f} {unit}"
        size /= 1024
    return f"{size:.1f} GiB"


def show_receipt(receipt):
    """A receipt as a person wants to read it; a program takes the same from the dictionary."""
    for stream, mark in (("stdout", "|"), ("stderr", "!")):
        lines = receipt.get(stream, "").rstrip("\n").split("\n")
        shown = lines if len(lines) <= 8 else lines[:4] + [f"… {len(lines) - 8} more lines …"] + lines[-4:]
        for line in shown:
            if line:
                print(f"   {paint(90, mark)} {line[:110]}")
    if "signal" in receipt:
        end = f"signal {receipt['signal']}"
    else:
        end = f"exit {receipt.get('exit_code', '?')}"
    usage = receipt["usage"]
    facts = [receipt["status"], f"ended by {receipt['ended_by']}", end,
             f"{usage['wall_ms']} ms", f"cpu {usage['cpu_ms']} ms"]
    if "peak_memory_bytes" in usage:
        facts.append(human(usage["peak_memory_bytes"]))
    facts.append(receipt["sandbox"])
    if receipt.get("truncated"):
        facts.append(f"output cut, {receipt.get('stdout_bytes', '?')} bytes in all")
    print(f"   {paint(36, 'receipt')}  {' · '.join(facts)}")
    for violation in receipt.get("violations", []):
        parts = [violation["kind"], violation["operation"], violation["target"]]
        line = " ".join(parts) + f" ×{violation.get('count', 1)}, rule {violation['rule']}"
        print(f"   {paint(31, 'denied')}   {line}")
        if violation.get("remedy"):
            print(f"            {violation['remedy']}")
    for limit in receipt.get("limits", []):
        print(f"   {paint(33, 'limit')}    {limit['name']}: {limit.get('used', '?')} of {limit['limit']}")


class Surprise(Exception):
    """A step went otherwise than it should."""


class Tour:
    def __init__(self, mayfly):
        self.mayfly = mayfly
        self.number = 0

    def step(self, title, expected, **arguments):
        """Runs one command; `expected` judges its receipt."""
        self.number += 1
        print(f"\n{paint(1, f'{self.number}. {title}')}")
        print(f"   {paint(32, '$')} {arguments.get('command') or ' '.join(arguments.get('argv', []))}")
        receipt = self.mayfly.call("run_command", **arguments)
        show_receipt(receipt)
        if not expected(receipt):
            raise Surprise(title)

    def refusal(self, title, expected, **arguments):
        """Makes a call that must be refused before anything runs."""
        self.number += 1
        print(f"\n{paint(1, f'{self.number}. {title}')}")
        print(f"   {paint(32, '>')} run_command {arguments}")
        try:
            self.mayfly.call("run_command", **arguments)
            refused = ""
        except ToolError as error:
            refused = str(error)
        print(textwrap.indent(textwrap.fill(refused, 100), f"   {paint(36, 'refused')}  "))
        if expected not in refused:
            raise Surprise(title)


def succeeded(receipt):
    return receipt["ended_by"] == "exit" and receipt["exit_code"] == 0


def failed(receipt):
    return not succeeded(receipt)


def run_tour(mayfly, workspace, outside):
    about = mayfly.discover()
    server = about["_meta"]["io.modelcontextprotocol/serverInfo"]
    print(f"{paint(1, server['name'])} {server['version']}, speaking "
          f"{', '.join(about['supportedVersions'])}")
    for tool in mayfly.tools():
        print(f"  {tool['name']:<16} {tool['description'].splitlines()[0][:90]}")

    tour = Tour(mayfly)
    tour.step("A command sees an ordinary Linux, and the workspace at its own path",
              lambda r: succeeded(r) and workspace in r["stdout"],
              command="uname -s; pwd; id; echo 'written inside' > note.txt; ls -l")
    with open(os.path.join(workspace, "note.txt"), encoding="utf-8") as note:
        print(f"   {paint(90, 'on the host, note.txt says:')} {note.read().strip()}")
    tour.step("Real programs run, without a shell if you like", succeeded,
              argv=["python3", "-c", "print(sum(i * i for i in range(10**6)))"])
    tour.step("A failing program is an answer, not an error",
              lambda r: r["ended_by"] == "exit" and r["exit_code"] == 3,
              command="echo 'the reason' >&2; exit 3")

    print(f"\n{paint(1, '--- and now what a sandbox is for ---')}")
    tour.step("Passwords are not there to be read", failed, command="cat /etc/shadow")
    tour.step("Nor is a key of yours that lies outside the workspace",
              lambda r: failed(r) and "SECRET" not in r["stdout"], argv=["cat", outside])
    tour.step("Home is private: what a command leaves there", succeeded,
              command="echo x > ~/.mayfly-demo && ls -l ~/.mayfly-demo")
    tour.step("… is gone with its call, and never was in yours",
              lambda r: failed(r) and not os.path.exists(os.path.expanduser("~/.mayfly-demo")),
              command="ls -l ~/.mayfly-demo")
    tour.step("Writing outside the workspace fails", failed,
              command="echo x > /usr/share/mayfly-was-here")
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        port = listener.getsockname()[1]
        tour.step("There is no network, not even this machine's own", failed, argv=[
            "python3", "-c",
            f"import socket; socket.create_connection(('127.0.0.1', {port}), 2); print('connected')"])
    tour.step("Processes of the host are out of sight", failed, command=f"kill -0 {os.getpid()}")
    tour.step("A namespace of its own is refused, and the receipt says by what", failed,
              command="unshare --user --map-root-user --mount true")
    tour.step("A fork bomb meets its limit",
              lambda r: r["ended_by"] in ("pids", "exit", "timeout") and failed(r),
              command="for i in $(seq 100); do sleep 30 & done; wait", limits={"processes": 20},
              timeout_ms=3000)
    tour.step("Time runs out when you say so",
              lambda r: r["ended_by"] == "timeout" and r["usage"]["wall_ms"] < 5000,
              command="echo started; sleep 60", timeout_ms=500)
    tour.step("A flood of output is cut, and says so",
              lambda r: succeeded(r) and r.get("truncated") and len(r["stdout"]) < 5000,
              command="seq 200000", max_output_chars=400)
    tour.refusal("A slip in the arguments is answered with what was meant", "timeout_ms",
                 command="true", timeout=5)
    return tour.number


def main():
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    with tempfile.TemporaryDirectory(prefix="mayfly-demo-") as directory:
        workspace = os.path.realpath(os.path.join(directory, "workspace"))
        os.mkdir(workspace)
        outside = os.path.join(directory, "key.txt")
        with open(outside, "w", encoding="utf-8") as key:
            key.write("SECRET\n")
        with Mayfly(sys.argv[1], workspace, *sys.argv[2:]) as mayfly:
            try:
                steps = run_tour(mayfly, workspace, outside)
            except Surprise as surprise:
                sys.exit(f"\nNOT AS EXPECTED: {surprise}")
        left = [name for name in os.listdir(workspace) if name != "note.txt"]

    if left:
        sys.exit(f"\nNOT AS EXPECTED: left in the workspace: {left}")
    print("\nThe server is gone, and each sandbox went with its call.")
    print(f"All {steps} steps went as expected.")


if __name__ == "__main__":
    main()
