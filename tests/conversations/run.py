#!/usr/bin/env python3
"""Holds the conversations of this folder with a real `mayfly serve` and compares what it says.

  run.py [--update] [--server PATH] FILE.txt…

A file has lines of five kinds, in the order of the conversation:

  # a comment
  $ --profile default         options for `mayfly serve` (once, at the top)
  > {"jsonrpc": …}            a line that the client sends, as it is
  < {"jsonrpc": …}            a message that the server must send next
  <eof>                       the client closes its end: the server must end with exit code 0

In an expected message, a string that holds "{{any}}" matches any text in its place, and the string
"{{any}}" alone matches any value. "{{JOB}}", or any other word in capitals, matches any text the first time, and what it matched
stands in its place from then on, in what is sent too. The member "...": "{{any}}" of an object allows more members.
${WORKSPACE} stands for a fresh directory that the server is given as its workspace. Answers come in the order of
the requests here, since each is awaited before the next line is sent.

--update writes what the server said into the file, and keeps an expected line that matches.
$MAYFLY is the server if --server is not given.
"""
import json
import os
import queue
import re
import shlex
import subprocess
import sys
import tempfile
import threading

TIMEOUT_S = 20
ANY = "{{any}}"
NAME = re.compile(r"\{\{(any|[A-Z]+)\}\}")


def text_matches(wanted, got, names):
    """A name is learnt even if something else of its message does not match."""
    parts = NAME.split(wanted)
    pattern = "".join("(.*?)" if place % 2 else re.escape(part) for place, part in enumerate(parts))
    found = re.fullmatch(pattern, got, re.DOTALL)
    return found is not None and all(
        name == "any" or names.setdefault(name, value) == value
        for name, value in zip(parts[1::2], found.groups()))


def matches(wanted, got, values):
    if wanted == ANY:
        return True
    if isinstance(wanted, str) and isinstance(got, str) and NAME.search(wanted):
        return text_matches(wanted, got, values)
    if isinstance(wanted, dict) and isinstance(got, dict):
        open_ended = "..." in wanted
        names = set(wanted) - {"..."}
        if not names <= set(got) or (not open_ended and names != set(got)):
            return False
        return all(matches(wanted[name], got[name], values) for name in names)
    if isinstance(wanted, list) and isinstance(got, list):
        return len(wanted) == len(got) and all(
            matches(each, other, values) for each, other in zip(wanted, got))
    return type(wanted) is type(got) and wanted == got


class Server:
    def __init__(self, program, options, workspace):
        # Nothing of the environment that would make one machine's answers differ from another's.
        environment = {name: os.environ[name] for name in ("PATH", "HOME", "USER") if name in os.environ}
        self.process = subprocess.Popen(
            [program, "serve", *options], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL, cwd=workspace, env=environment)
        self.lines = queue.Queue()
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self):
        for line in self.process.stdout:
            self.lines.put(line.decode("utf-8"))
        self.lines.put(None)

    def say(self, text):
        self.process.stdin.write(text.encode("utf-8", "surrogateescape") + b"\n")
        self.process.stdin.flush()

    def hear(self):
        try:
            return self.lines.get(timeout=TIMEOUT_S)
        except queue.Empty:
            return None

    def end(self):
        self.process.stdin.close()
        try:
            return self.process.wait(timeout=TIMEOUT_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            return "a server that did not end"


def converse(program, path, update):
    """The faults found, as text. With `update` also rewrites the file."""
    with open(path, encoding="utf-8") as file:
        lines = file.read().splitlines()
    faults, said, values = [], [], {}
    server = None
    with tempfile.TemporaryDirectory(prefix="mayfly-talk-", dir="/var/tmp") as workspace:
        workspace = os.path.realpath(workspace)
        os.chmod(workspace, 0o755)
        options = ["--workspace", workspace]

        def started():
            nonlocal server
            server = server or Server(program, options, workspace)
            return server

        for number, line in enumerate(lines, 1):
            filled = line.replace("${WORKSPACE}", workspace)
            for name, value in values.items():
                filled = filled.replace("{{" + name + "}}", value)
            if line.startswith("$ "):
                options = options + shlex.split(filled[2:])
            elif line.startswith("> "):
                started().say(filled[2:])
            elif line.startswith("< "):
                heard = started().hear()
                if heard is None:
                    faults.append(f"{path}:{number}: nothing came, expected {filled[2:]}")
                    break
                wanted = None
                try:
                    wanted = json.loads(filled[2:])
                except json.JSONDecodeError as error:
                    if not update:
                        faults.append(f"{path}:{number}: not JSON: {error}")
                        break
                if not matches(wanted, json.loads(heard), values):
                    faults.append(f"{path}:{number}:\n  expected {filled[2:]}\n  heard    {heard.strip()}")
                    line = "< " + heard.strip().replace(workspace, "${WORKSPACE}")
                    for name, value in values.items():
                        line = line.replace(value, "{{" + name + "}}")
            elif line == "<eof>":
                code = started().end()
                if code != 0:
                    faults.append(f"{path}:{number}: the server ended with {code}")
                rest = server.hear()
                if rest is not None:
                    faults.append(f"{path}:{number}: unexpected {rest.strip()}")
                server = None
            elif line and not line.startswith("#"):
                faults.append(f"{path}:{number}: what is this line?")
            said.append(line)
        if server:
            server.end()
    if update:
        with open(path, "w", encoding="utf-8") as file:
            file.write("\n".join(said) + "\n")
    return faults


def main(arguments):
    update = "--update" in arguments
    program = os.environ.get("MAYFLY", "build/mayfly")
    if "--server" in arguments:
        at = arguments.index("--server")
        program = arguments[at + 1]
        del arguments[at:at + 2]
    paths = [word for word in arguments if word != "--update"]
    if not paths or not os.access(program, os.X_OK):
        sys.exit(f"no such server: {program}" if paths else __doc__)
    faults = [fault for path in paths for fault in converse(program, path, update)]
    for fault in faults:
        print(fault)
    print(f"{len(paths)} conversations, {len(faults)} faults")
    return 0 if update or not faults else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
