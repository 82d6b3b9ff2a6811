#!/usr/bin/env python3
"""reload.py CASE: what a running server makes of changed configuration and profile files.

Through the real binary over stdio. Waiting is on lines of the server's log, with a bound; that a thing
is said once is seen by what is said after it. $MAYFLY is the server to test.
"""
import json
import os
import queue
import re
import shutil
import signal
import subprocess
import sys
import threading
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "victims"))
sys.path.insert(0, str(HERE.parent / "lifetime"))
from attack import Failure  # noqa: E402
from lifetime import Server, expect, run_case, wait_until, zygotes  # noqa: E402

CONFIG = HERE.parent.parent / "config"
META = {"io.modelcontextprotocol/protocolVersion": "2026-07-28", "io.modelcontextprotocol/clientCapabilities": {}}
READ_AGAIN = "configuration was read again"
NOT_TAKEN = "configuration changed and is not taken"


def put(path, text):
    """As editors do: a new file takes the old one's place."""
    path.parent.mkdir(parents=True, exist_ok=True)
    new = path.with_name(path.name + ".new")
    new.write_text(text)
    new.replace(path)


def marked(mark, more=""):
    return f'extends = "default"\n[environment]\nset = {{ MARK = "{mark}" }}\n{more}'


def own(ground, name="mayfly.toml"):
    return ground.home / ".config/mayfly" / name


def profile(ground, name="mine"):
    return own(ground, f"profiles/{name}.toml")


class Logged(Server):
    """A server whose log is read."""

    def __init__(self, ground, *options, workspace=True):
        where = ["--workspace", str(ground.workspace)] if workspace else []
        self.process = ground.start("serve", *where, *options, stdin=subprocess.PIPE, stderr=subprocess.PIPE)
        self.next, self.early, self.lines, self.unread = 0, {}, [], queue.Queue()
        threading.Thread(target=self.read_log, daemon=True).start()

    def read_log(self):
        for line in self.process.stderr:
            self.unread.put(line)

    def logged(self, text):
        """Waits for a line with `text`; it and those before it are in `lines`."""
        while not self.lines or text not in self.lines[-1]:
            try:
                self.lines.append(self.unread.get(timeout=20))
            except queue.Empty:
                raise Failure(f"the log does not say {text!r}: {self.lines}") from None

    def count(self, text):
        return sum(text in line for line in self.lines)

    def request(self, method, **params):
        self.next += 1
        self.process.stdin.write(json.dumps({"jsonrpc": "2.0", "id": self.next, "method": method,
                                             "params": {**params, "_meta": META}}) + "\n")
        self.process.stdin.flush()
        return self.answer(self.next)

    def tool(self, name, **arguments):
        return self.request("tools/call", name=name, arguments=arguments)

    def configuration(self):
        return self.tool("sandbox_info")["structuredContent"]["configuration"]

    def mark(self, **more):
        return self.printed("echo $MARK", **more)

    def printed(self, script, **more):
        result = self.call(script, **more)
        if result.get("isError"):
            raise Failure(result["content"][0]["text"])
        return result["structuredContent"]["stdout"].strip()

    def refused(self, what, *parts, **more):
        result = self.call("true", **more)
        text = result["content"][0]["text"]
        if not result.get("isError") or not all(part in text for part in parts):
            raise Failure(f"{what}: {text}")


def edited(ground):
    put(profile(ground), marked("one"))
    server = Logged(ground, "--profile", "mine")
    expect("the mark", server.mark(), "one")
    for mark in ("two", "three", "four"):
        put(profile(ground), marked(mark))
        expect("the mark of the very next call", server.mark(), mark)
    # In place, and of the same size.
    profile(ground).write_text(marked("five"))
    expect("the mark", server.mark(), "five")
    wait_until("zygotes of old policies are gone", lambda: server.mark() and len(zygotes(server.process.pid)) == 1)
    server.end()


def bad(ground):
    put(profile(ground), marked("one"))
    server = Logged(ground, "--profile", "mine")
    first = server.configuration()
    expect("trouble", first.get("trouble"), None)
    expect("the files", str(profile(ground)) in first["files"], True)
    put(profile(ground), marked("two", '[limits]\nmemory = "lots"\n'))
    for _ in range(3):
        result = server.call("echo $MARK")
        expect("the mark", result["structuredContent"]["stdout"], "one\n")
        for said in (result["structuredContent"]["note"], result["content"][0]["text"]):
            expect("the place in the answer", f"{profile(ground)}:5:10" in said, True)
        receipt = result["_meta"]["dev.mayfly/receipt"]
        expect("unavailable", "changed configuration" in [each["what"] for each in receipt["unavailable"]], True)
    now = server.configuration()
    expect("the place in sandbox_info", f"{profile(ground)}:5:10" in now["trouble"], True)
    expect("since", now["in_force_since"], first["in_force_since"])
    put(profile(ground), marked("three"))
    result = server.call("echo $MARK")
    expect("the mark", result["structuredContent"]["stdout"], "three\n")
    expect("the note", result["structuredContent"].get("note"), None)
    expect("trouble", server.configuration().get("trouble"), None)
    server.logged(READ_AGAIN)
    expect(f"lines that say so: {server.lines}", server.count(NOT_TAKEN), 1)
    server.end()


def hangup(ground):
    put(profile(ground), marked("one"))
    server = Logged(ground, "--profile", "mine")
    expect("the mark", server.mark(), "one")
    for number in range(1, 4):
        server.process.send_signal(signal.SIGHUP)
        server.logged(READ_AGAIN)
        expect("readings", server.count(READ_AGAIN), number)
        server.lines.append("")
    expect("the mark", server.mark(), "one")
    server.end()
    # For one command it still means to stop.
    run = ground.run("touch started; sleep 1000")
    ground.started()
    run.send_signal(signal.SIGHUP)
    run.communicate(timeout=20)


def watched(ground):
    server = Logged(ground, "--profile", "default")
    expect("the mark", server.mark(), "")
    put(profile(ground, "default"), marked("one"))
    server.logged(READ_AGAIN)
    put(profile(ground, "default"), "[limits]\nmemory = 1.5\n")
    server.logged(NOT_TAKEN)
    put(profile(ground, "default"), marked("two"))
    server.logged(READ_AGAIN)
    expect("the mark", server.mark(), "two")
    server.end()


def created(ground):
    server = Logged(ground, "--profile", "default,strict")
    expect("the mark", server.mark(), "")
    put(profile(ground, "default"), marked("created"))
    expect("the mark", server.mark(), "created")
    # What it extends is a file of the user's from now on.
    put(profile(ground, "strict"), 'extends = "default"\n')
    expect("the mark", server.mark(profile="strict"), "created")
    profile(ground, "strict").unlink()
    profile(ground, "default").unlink()
    expect("the mark", server.mark(), "")
    shutil.rmtree(own(ground).parent)
    expect("the mark", server.mark(), "")
    server.end()


def project(ground):
    file = ground.workspace / ".mayfly/profile.toml"
    server = Logged(ground)
    seen = server.printed("mkdir -p .mayfly && echo '[limits]' > .mayfly/profile.toml; echo done")
    expect("the command's end", seen, "done")
    expect("a file made inside is there on the host", file.exists(), False)
    put(file, '[limits]\nwall = "7s"\n')
    info = server.tool("sandbox_info")["structuredContent"]
    expect("the limit", info["profiles"][0]["limits"]["wall_ms"], 7000)
    server.refused("a timeout above the project's limit", "E2003", timeout_ms=8000)
    text = file.read_text()
    server.call("echo '[limits]' > .mayfly/profile.toml; rm -rf .mayfly; mv .mayfly aside")
    expect("the project's file after an attack", file.read_text(), text)
    put(file, '[limits]\nwall = "7 apples"\n')
    server.refused("a file that cannot be read", "E1001", f"{file}:2:")
    file.unlink()
    expect("the mark", server.printed("echo again"), "again")
    server.end()


def widening(ground):
    file = ground.workspace / ".mayfly/profile.toml"
    server = Logged(ground)
    expect("the mark", server.mark(), "")
    put(file, '[environment]\nset = { WIDER = "1" }\n')
    server.refused("a widening file", "E2003", f"{file}:2:")
    server.refused("a widening file", "E2003", f"{file}:2:")
    expect("what sandbox_info says", "E2003" in server.configuration()["calls_refused"], True)
    file.unlink()
    expect("the mark", server.mark(), "")
    server.end()


def job(ground):
    put(profile(ground), marked("one"))
    server = Logged(ground, "--profile", "mine")
    started = server.call("while [ ! -e go ]; do sleep 0.02; done; echo $MARK > written && echo $MARK",
                          background=True)["structuredContent"]
    put(profile(ground), marked("two", '[filesystem]\nworkspace = "read-only"\n'))
    expect("a later call", server.printed("touch later 2>/dev/null || echo $MARK"), "two")
    (ground.workspace / "go").touch()
    done = server.tool("get_job", job_id=started["job_id"], wait_ms=20000)["structuredContent"]
    expect("the job's output", done["stdout"], "one\n")
    expect("what it wrote", (ground.workspace / "written").read_text(), "one\n")
    wait_until("its zygote is gone", lambda: server.mark() == "two" and len(zygotes(server.process.pid)) == 1)
    server.end()


def links(ground):
    dots = ground.home / "dots"
    put(dots / "a/mine.toml", marked("a"))
    put(dots / "b/mine.toml", marked("b"))
    put(dots / "mayfly.toml", 'profiles = ["mine"]\n')
    own(ground).parent.mkdir(parents=True)
    own(ground).symlink_to(dots / "mayfly.toml")
    own(ground, "profiles").symlink_to("../../dots/a")
    server = Logged(ground)
    expect("the mark", server.mark(), "a")
    put(dots / "a/mine.toml", marked("changed"))
    server.logged(READ_AGAIN)
    own(ground, "next").symlink_to("../../dots/b")
    own(ground, "next").replace(own(ground, "profiles"))
    server.logged(READ_AGAIN)
    expect("the mark", server.mark(), "b")
    put(dots / "mayfly.toml", 'profiles = ["default"]\n')
    expect("the mark", server.mark(), "")
    # A link that leads nowhere is a file that is not there.
    own(ground, "next").symlink_to("nowhere")
    own(ground, "next").replace(own(ground))
    expect("the mark", server.mark(), "")
    server.end()


def hostile(ground):
    file = profile(ground)
    put(file, marked("0"))
    server = Logged(ground, "--profile", "mine")
    expect("the mark", server.mark(), "0")

    def fifo():
        file.unlink()
        os.mkfifo(file)

    def directory():
        file.unlink()
        file.mkdir()

    def world_writable():
        put(file, marked("bad"))
        file.chmod(0o666)

    def large():
        put(file, "# padding\n" * (1 << 20))

    def device():
        file.unlink()
        file.symlink_to("/dev/zero")

    def endless():
        file.unlink()
        file.symlink_to(file.name)

    def binary():
        # In place it would be empty for a moment, and an empty profile is a good one.
        new = file.with_name("new")
        new.write_bytes(bytes(range(256)) * 16)
        new.replace(file)

    for number, change in enumerate((fifo, directory, world_writable, large, device, endless, binary), 1):
        change()
        expect(f"the mark after {change.__name__}", server.mark(), str(number - 1))
        expect(f"trouble after {change.__name__}", "trouble" in server.configuration(), True)
        if file.is_dir():
            file.rmdir()
        put(file, marked(str(number)))
        expect(f"the mark once {change.__name__} is mended", server.mark(), str(number))
    server.end()


def offered(ground):
    for name in ("one", "two"):
        put(profile(ground, name), marked(name))
    put(own(ground), 'profiles = ["one", "strict"]\n')
    server = Logged(ground)
    server.refused("a profile that is not offered", "E1002", profile="two")
    put(own(ground), 'profiles = ["one", "strict", "two"]\nreceipt = "full"\nwait = "3s"\n[calls]\nmost = 7\n')
    expect("the mark of the very next call", server.mark(profile="two"), "two")
    result = server.call("true")["structuredContent"]
    expect("a full receipt", "receipt" in result, True)
    server.logged("calls.most")
    expect("what the log says of it", "takes effect at the next start" in server.lines[-1], True)
    tools = server.request("tools/list")["tools"]
    text = json.dumps(tools[0]["inputSchema"])
    expect(f"the new list: {text}", "one, strict, two" in text and "most 3 s" in text, True)
    put(own(ground), 'profiles = ["two"]\n')
    expect("the default", server.mark(), "two")
    server.end()


def started(ground):
    own(ground).parent.mkdir(parents=True)
    own(ground).write_text('era = "modren"\n[calls]\nmost = 0\n')
    server = Logged(ground)
    for place in (f"{own(ground)}:1:7: error: ", f"{own(ground)}:3:8: error: "):
        server.refused("a bad configuration", place)
    server.process.send_signal(signal.SIGHUP)
    server.refused("a bad configuration", "E1001")
    server.end()
    inside = ground.workspace / "mayfly.toml"
    inside.write_text('era = "auto"\n')
    server = Logged(ground, "--config", str(inside))
    server.refused("a configuration inside a workspace", "E2001", str(inside))
    server.end()
    own(ground).write_text(f'workspaces = ["{ground.workspace}"]\nera = "legacy"\nreceipt = "full"\n')
    server = Logged(ground, "--era", "auto", workspace=False)
    result = server.call("pwd")["structuredContent"]
    expect("where it starts", result["stdout"].strip(), str(ground.workspace))
    expect("a full receipt", "receipt" in result, True)
    server.end()


def config(ground, *arguments):
    done = ground.start("config", *arguments, stderr=subprocess.PIPE)
    out, err = done.communicate(timeout=20)
    return done.returncode, out, err


def commands(ground):
    expect("check without a file", config(ground, "check")[0], 0)
    example = own(ground)
    example.parent.mkdir(parents=True)
    example.write_text((CONFIG / "mayfly.toml").read_text())
    expect("check of the example", config(ground, "check"), (0, f"{example}: good\n", ""))
    # Each line that it shows, without its "#".
    (ground.home / "projects/website").mkdir(parents=True)
    example.write_text(re.sub("^#(?=[a-z]+ = )", "", example.read_text(), flags=re.M))
    expect("check of all its lines", config(ground, "check"), (0, f"{example}: good\n", ""))

    code, out, _ = config(ground, "show", "--json", "--era", "modern")
    shown = json.loads(out)
    expect("era", shown["era"], {"value": "modern", "from": "--era"})
    expect("profiles", shown["profiles"]["value"], ["default"])
    expect("who says so", shown["wait"]["from"].startswith(f"{example}:"), True)
    text = config(ground, "show")[1]
    example.write_text(text)
    expect("check of what show prints", config(ground, "check")[0], 0)
    example.unlink()
    expect("built in", json.loads(config(ground, "show", "--json")[1])["jobs.keep"],
           {"value": "10m", "from": "built in"})

    put(profile(ground, "broken"), '[limits]\nmemory = "lots"\n')
    bad_file = ground.home / "bad.toml"
    bad_file.write_text('profiles = ["broken", "no-such-one", "default"]\n')
    code, out, err = config(ground, "check", str(bad_file))
    expect("the code", (code, out), (1, ""))
    for part in (f"{bad_file}:1:13: error: ", f"{profile(ground, 'broken')}:2:10", f"{bad_file}:1:23: error: "):
        expect(f"{part!r} in {err}", part in err, True)
    bad_file.write_text(f'workspaces = ["/", "{ground.top}/absent"]\n')
    code, out, err = config(ground, "check", str(bad_file))
    expect(f"errors of workspaces: {err}", (code, err.count(f"{bad_file}:1:")), (1, 2))
    expect("a file that is not there", config(ground, "check", "/nowhere.toml")[0], 1)
    expect("the schema", json.loads(config(ground, "schema")[1]),
           json.loads((CONFIG / "mayfly.schema.json").read_text()))


CASES = (edited, bad, hangup, watched, created, project, widening, job, links, hostile, offered, started, commands)


if __name__ == "__main__":
    sys.exit(run_case({case.__name__: case for case in CASES}[sys.argv[1]]))
