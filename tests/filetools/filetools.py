#!/usr/bin/env python3
"""filetools.py CASE: the file tools of a real server, over stdio, on a workspace that may be hostile.

What they did is looked at from outside. Races run for a number of calls, not for a time. $MAYFLY is the
server to test.
"""
import base64
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import threading
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "victims"))
sys.path.insert(0, str(HERE.parent / "lifetime"))
from attack import Failure, skip  # noqa: E402
from lifetime import Server, expect, run_case  # noqa: E402

META = {"io.modelcontextprotocol/protocolVersion": "2026-07-28", "io.modelcontextprotocol/clientCapabilities": {}}
MIB = 1 << 20
CANARY = "canary-4f2a"


class Tools(Server):
    def __init__(self, ground, *options):
        super().__init__(ground, *options)
        self.workspace = ground.workspace

    def result(self, tool, **arguments):
        self.next += 1
        request = {"jsonrpc": "2.0", "id": self.next, "method": "tools/call",
                   "params": {"name": tool, "arguments": arguments, "_meta": META}}
        self.process.stdin.write(json.dumps(request) + "\n")
        self.process.stdin.flush()
        return self.answer(self.next)

    def text(self, tool, **arguments):
        result = self.result(tool, **arguments)
        text = result["content"][0]["text"]
        if result.get("isError"):
            raise Failure(f"{tool} {arguments}: {text}")
        return text

    def parts(self, tool, **arguments):
        """The lines of facts, and the content."""
        head, _, body = self.text(tool, **arguments).partition("\n\n")
        return head, body

    def refused(self, code, tool, *parts, **arguments):
        result = self.result(tool, **arguments)
        text = result["content"][0].get("text", "")
        if not result.get("isError") or not all(part in text for part in (code, *parts)):
            raise Failure(f"{tool} {arguments} was not refused with {(code, *parts)}: {text[:2000]}")
        return text

    def command(self, script):
        result = self.call(script)
        return result["structuredContent"]["stdout"]

    def memory(self):
        """The most that the server itself ever had resident, bytes."""
        text = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(re.search(r"VmHWM:\s+(\d+) kB", text)[1]) * 1024


def has(what, text, *parts):
    for part in parts:
        if part not in text:
            raise Failure(f"{what} has no {part!r}: {text[:2000]}")


def lacks(what, text, *parts):
    for part in parts:
        if part in text:
            raise Failure(f"{what} has {part!r}: {text[:2000]}")


def digest_in(head):
    return re.search(r"digest ([0-9a-f]{16})", head)[1]


def everyday(ground):
    tools = Tools(ground)
    head, body = tools.parts("write_file", path="src/new/a.py", content="def one():\n    return 1\n",
                             create_parents=True)
    has("the answer", head, "wrote src/new/a.py · created · 24 B · digest ")
    expect("its content", (ground.workspace / "src/new/a.py").read_text(), "def one():\n    return 1\n")
    tools.refused("E5001", "write_file", "overwrite", path="src/new/a.py", content="x")
    tools.refused("E5002", "write_file", path="nowhere/a", content="x")
    head, body = tools.parts("read_file", path="src/new/a.py", line_numbers=True, offset=2)
    has("the page", head, "src/new/a.py · line 2 of 2 · 24 B")
    has("the page", body, "2\t    return 1")
    edits = [{"old": "return 1", "new": "return 2"}, {"old": "one", "new": "two", "replace_all": True}]
    head, body = tools.parts("edit_file", path="src/new/a.py", edits=edits, dry_run=True)
    has("the dry run", head, "would edit src/new/a.py · 2 replacements")
    has("the diff", body, "-def one():", "+def two():", "+    return 2")
    has("the file", (ground.workspace / "src/new/a.py").read_text(), "one")
    head, body = tools.parts("edit_file", path=str(ground.workspace / "src/new/a.py"), edits=edits)
    has("the edit", head, "edited src/new/a.py · 2 replacements")
    expect("the file", (ground.workspace / "src/new/a.py").read_text(), "def two():\n    return 2\n")
    tools.refused("E5001", "edit_file", "edits[0].old", path="src/new/a.py", edits=[{"old": "gone", "new": ""}])
    # All or nothing.
    tools.refused("E5001", "edit_file", "edits[1].old", path="src/new/a.py",
                  edits=[{"old": "two", "new": "three"}, {"old": "gone", "new": ""}])
    expect("the file", (ground.workspace / "src/new/a.py").read_text(), "def two():\n    return 2\n")
    tools.text("write_file", path="src/b.txt", content="return of b\n", mode="append")
    tools.text("write_file", path="src/b.txt", content="more\n", mode="append")
    expect("the file", (ground.workspace / "src/b.txt").read_text(), "return of b\nmore\n")
    head, body = tools.parts("list_directory", depth=3)
    has("the tree", body, "src/\n  b.txt  17 B\n  new/\n    a.py  24 B")
    head, body = tools.parts("search_files", pattern=r"return \w+")
    expect("what was found", (head, body), ("2 matches in 2 files", "src/b.txt\n  1: return of b\nsrc/new/a.py\n"
                                                                     "  2:     return 2"))
    result = tools.result("read_file", path="src/b.txt")
    if "structuredContent" in result or "dev.mayfly/receipt" not in result["_meta"]:
        raise Failure(f"what a file tool sends: {result}")
    receipt = result["_meta"]["dev.mayfly/receipt"]
    expect("the receipt of its call", tools.result("sandbox_info", call_id=receipt["call_id"]).get("isError"), None)
    tools.end()


def encodings(ground):
    tools = Tools(ground)
    put = ground.workspace.joinpath
    put("latin").write_bytes(b"caf\xe9\n" * 3)
    put("wide").write_bytes("größe\r\nzwei\r\n".encode("utf-16"))
    put("binary").write_bytes(bytes(range(256)) * 16)
    put("crlf").write_bytes(b"one\r\ntwo\r\n")
    head, body = tools.parts("read_file", path="latin")
    has("what is not UTF-8", head, "unknown-8bit", "\ufffd for what is no character")
    expect("as latin-1", tools.parts("read_file", path="latin", encoding="latin-1")[1].splitlines()[0], "café")
    head, body = tools.parts("read_file", path="wide")
    has("UTF-16", head, "utf-16le", "crlf")
    has("UTF-16", body, "größe", "zwei")
    head, body = tools.parts("read_file", path="binary")
    has("a binary file", head, "binary · binary · 4 KiB", "encoding base64")
    expect("its text", body, "")
    head, body = tools.parts("read_file", path="binary", encoding="base64")
    expect("its bytes", base64.b64decode(body), bytes(range(256)) * 16)
    tools.parts("edit_file", path="crlf", edits=[{"old": "one\ntwo", "new": "1\n2"}])
    expect("line ends", put("crlf").read_bytes(), b"1\r\n2\r\n")
    tools.text("write_file", path="bytes", content=base64.b64encode(b"\0\xff").decode(), encoding="base64")
    expect("written bytes", put("bytes").read_bytes(), b"\0\xff")
    tools.refused("E5001", "write_file", "content", path="x", content="*", encoding="base64")
    tools.text("write_file", path="l1", content="é", encoding="latin-1")
    expect("latin-1", put("l1").read_bytes(), b"\xe9")
    tools.refused("E5001", "write_file", path="l2", content="\u20ac", encoding="latin-1")
    # A file whose content is JSON stays what it is.
    tools.text("write_file", path="x.json", content='{"a": [1]}')
    expect("JSON", put("x.json").read_text(), '{"a": [1]}')
    tools.end()


PNG = base64.b64decode("iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhfDwAChwGA60e6kgAAAABJRU5ErkJggg==")


def images(ground):
    tools = Tools(ground)
    (ground.workspace / "a.png").write_bytes(PNG)
    (ground.workspace / "large.png").write_bytes(PNG + bytes(6 * MIB))
    result = tools.result("read_file", path="a.png")
    expect("an image", result["content"],
           [{"type": "image", "data": base64.b64encode(PNG).decode(), "mimeType": "image/png"}])
    has("its facts", result["_meta"]["dev.mayfly/file"], "a.png · image/png · 70 B")
    has("one that is too large", tools.text("read_file", path="large.png"), "image/png", "too large")
    (ground.workspace / "most.png").write_bytes(PNG + bytes(5 * MIB - len(PNG)))
    result = tools.result("read_file", path="most.png")
    expect("the largest", len(base64.b64decode(result["content"][0]["data"])), 5 * MIB)
    tools.end()


READERS = (("read_file", {}), ("list_directory", {}), ("search_files", {"pattern": "x"}))
WRITERS = (("write_file", {"content": "x", "mode": "overwrite"}), ("edit_file", {"edits": [{"old": "a", "new": "b"}]}))


def bad_paths(ground):
    outside = ground.top / "outside"
    outside.mkdir()
    (outside / "secret").write_text(CANARY)
    os.symlink(outside, ground.workspace / "out")
    os.symlink("../outside/secret", ground.workspace / "secret")
    os.symlink("loop", ground.workspace / "loop")
    tools = Tools(ground)
    for tool, more in (*READERS, *WRITERS):
        tools.refused("E5001", tool, "path", "NUL", path="a\0b", **more)
        tools.refused("E5001", tool, "path", path="", **more)
        tools.refused("E5001", tool, "4095", path="x/" * 2100, **more)
        tools.refused("E2001", tool, "path", path="../outside/secret", **more)
        tools.refused("E5001", tool, "$SCRATCH", path="/tmp/x", **more)
        for path in ("out/secret", "secret", "loop", "missing/x", str(outside / "secret")):
            result = tools.result(tool, path=path, **more)
            if not result.get("isError"):
                raise Failure(f"{tool} {path}: {result['content']}")
            lacks(f"{tool} {path}", result["content"][0]["text"], CANARY)
    expect("the file outside", (outside / "secret").read_text(), CANARY)
    tools.refused("E5001", "read_file", "directory", path=".")
    tools.refused("E5001", "read_file", "offset", path="x", offset=0)
    expect("what is outside", os.listdir(outside), ["secret"])
    tools.refused("E5001", "read_file", "path", pth="x")
    tools.end()


def special(ground):
    """Nothing waits on a FIFO, a device or a socket."""
    os.mkfifo(ground.workspace / "fifo")
    listener = socket.socket(socket.AF_UNIX)
    os.chdir(ground.workspace)
    listener.bind("socket")
    tools = Tools(ground)
    for path in ("fifo", "socket", "/dev/zero", "/dev/null"):
        tools.refused("E5001", "read_file", "path", path=path)
        tools.refused("", "write_file", path=path, content="x", mode="overwrite")
        tools.refused("", "write_file", path=path, content="x", mode="append")
        tools.refused("", "edit_file", path=path, edits=[{"old": "a", "new": "b"}])
        tools.refused("", "list_directory", path=path)
        tools.refused("E5001", "search_files", "path", path=path, pattern="x")
    has("the listing", tools.text("list_directory"), "fifo  fifo", "socket  socket")
    tools.text("search_files", pattern="x")
    tools.end()


def huge(ground):
    with open(ground.workspace / "huge", "wb") as file:
        file.write(b"first\n")
        file.seek((1 << 30) - 10)
        file.write(b"\nthe end\n")
    tools = Tools(ground)
    tools.text("list_directory")
    before = tools.memory()
    has("its end", tools.text("read_file", path="huge", encoding="utf-8", offset=-1), "the end")
    has("its beginning", tools.text("read_file", path="huge", encoding="utf-8", limit=1), "first")
    has("its facts", tools.text("read_file", path="huge"), "1024 MiB")
    tools.refused("", "edit_file", path="huge", edits=[{"old": "first", "new": "x"}])
    tools.text("search_files", pattern="nothing here")
    tools.text("write_file", path="huge", content="more\n", mode="append")
    expect("its size", (ground.workspace / "huge").stat().st_size, (1 << 30) + 4)
    if tools.memory() - before > 32 * MIB:
        raise Failure(f"the server took {tools.memory() - before} bytes more")
    tools.end()


def growing(ground):
    """The writer goes on as fast as it can while a request is answered, but no faster than a search
    can read: a search ends where the file ends, or at its own limit of time."""
    path = ground.workspace / "log"
    path.write_bytes(b"a line of the log\n" * 100)
    ahead = 0
    stop = threading.Event()
    more = threading.Event()

    def grow():
        with open(path, "ab", 0) as file:
            while not stop.is_set():
                if file.tell() >= ahead:
                    more.clear()
                    if file.tell() >= ahead:
                        more.wait()
                file.write(b"a line of the log\n" * 100)
    thread = threading.Thread(target=grow)
    thread.start()
    tools = Tools(ground)

    def while_growing(by, tool, **arguments):
        nonlocal ahead
        ahead = path.stat().st_size + by
        more.set()
        return tools.text(tool, path="log", **arguments)
    try:
        for _ in range(10):
            has("a page", while_growing(32 * MIB, "read_file", limit=5), "a line of the log")
            has("the end", while_growing(32 * MIB, "read_file", offset=-5, limit=1), "a line of the log")
        for _ in range(3):
            has("a search", while_growing(16 * MIB, "search_files", pattern="a line", mode="count"), "log: ")
    finally:
        stop.set()
        more.set()
        thread.join()
    tools.end()


def many(ground):
    directory = ground.workspace / "many"
    directory.mkdir()
    for number in range(100_000):
        os.close(os.open(directory / f"f{number:06}", os.O_CREAT | os.O_WRONLY, 0o644))
    tools = Tools(ground)
    tools.text("list_directory")
    before = tools.memory()
    head, body = tools.parts("list_directory", path="many")
    has("the first page", head, "entries 1-500 of", "next: offset 500")
    expect("its first", body.splitlines()[0].split()[0], "f000000")
    head, body = tools.parts("list_directory", path="many", offset=500, max_entries=2)
    expect("the second", [line.split()[0] for line in body.splitlines()], ["f000500", "f000501"])
    has("by a pattern", tools.text("list_directory", path="many", glob="*99"), "f000099")
    has("a search", tools.text("search_files", pattern="x", path="many"), "no matches\n")
    if tools.memory() - before > 32 * MIB:
        raise Failure(f"the server took {tools.memory() - before} bytes more")
    tools.end()


def long_line(ground):
    (ground.workspace / "min.js").write_bytes(b"a" * (5 * MIB) + b"needle" + b"b" * (5 * MIB))
    tools = Tools(ground)
    tools.text("list_directory")
    before = tools.memory()
    head, body = tools.parts("read_file", path="min.js")
    at = re.search(r"next: offset (-?\d+), byte_offset (\d+)", head)
    if not at or len(body) > 30_000:
        raise Failure(f"a page of a long line: {head}, {len(body)} characters")
    head, body = tools.parts("read_file", path="min.js", offset=int(at[1]), byte_offset=5 * MIB)
    has("inside of it", body[:20], "needle")
    text = tools.text("search_files", pattern="needle")
    if len(text) > 2000:
        raise Failure(f"{len(text)} characters for a long line")
    has("what was found", text, "1 match in 1 file", "min.js")
    diff = tools.text("edit_file", path="min.js", edits=[{"old": "needle", "new": "pin"}])
    if len(diff) > 40_000:
        raise Failure(f"a diff of {len(diff)} characters")
    if tools.memory() - before > 32 * MIB:
        raise Failure(f"the server took {tools.memory() - before} bytes more")
    tools.end()


def names(ground):
    bytes_of = os.fsencode(ground.workspace)
    for name in (b"caf\xe9", b"new\nline", b"-rf", b"a -> b", b"\x1b[31mred"):
        with open(os.path.join(bytes_of, name), "wb") as file:
            file.write(b"needle\n")
    tools = Tools(ground)
    body = tools.parts("list_directory")[1]
    has("the listing", body, "caf\ufffd  7 B  (its name is not UTF-8)", "new\\nline", "-rf", "\\x1b[31mred")
    expect("its lines", len(body.splitlines()), 5)
    head, body = tools.parts("search_files", pattern="needle")
    has("the search", head, "5 matches in 5 files")
    expect("its lines", len(body.splitlines()), 10)
    has("a name like an option", tools.text("search_files", pattern="needle", path="-rf"), "1 match in 1 file")
    has("a name like an option", tools.text("read_file", path="-rf"), "needle")
    has("a name with a line feed", tools.text("read_file", path="new\nline"), "new\\nline · line")
    tools.end()


def readonly(ground):
    (ground.workspace / "a").write_text("a\n")
    (ground.workspace / "a").chmod(0o666)
    ground.workspace.chmod(0o777)
    tools = Tools(ground, "--profile", "readonly")
    for tool, more in WRITERS:
        has(tool, tools.refused("E2001", tool, path="a", **more), "a")
        tools.refused("", tool, path="new", **more)
    tools.refused("E2001", "write_file", path="d/e/f", content="x", create_parents=True)
    has("reading", tools.text("read_file", path="a"), "a")
    expect("what is there", (os.listdir(ground.workspace), (ground.workspace / "a").read_text()), (["a"], "a\n"))
    tools.end()


def full(ground):
    """No partial file, ever: a file larger than limits.file is an error, not the end of the writer."""
    (ground.workspace / "a").write_text("old\n")
    (ground.home / ".config/mayfly/profiles").mkdir(parents=True)
    (ground.home / ".config/mayfly/profiles/small.toml").write_text(
        'extends = "default"\n[limits]\nfile = "64K"\n')
    tools = Tools(ground, "--profile", "small")
    for mode in ("overwrite", "append"):
        tools.refused("E4002", "write_file", path="a", content="x" * 100_000, mode=mode)
    tools.refused("E4002", "write_file", path="b", content="x" * 100_000)
    tools.refused("E4002", "edit_file", path="a", edits=[{"old": "old", "new": "x" * 100_000}])
    # The names of temporary files begin with a dot; os.listdir shows them.
    expect("what is there", (os.listdir(ground.workspace), (ground.workspace / "a").read_text()), (["a"], "old\n"))
    tools.text("write_file", path="b", content="fits")
    tools.end()


def digests(ground):
    (ground.workspace / "n").write_text("0\n")
    tools = Tools(ground)
    first = digest_in(tools.parts("read_file", path="n")[0])
    (ground.workspace / "n").write_text("1\n")
    for tool, more in (("write_file", {"content": "2\n", "mode": "overwrite"}),
                       ("edit_file", {"edits": [{"old": "1", "new": "2"}]})):
        tools.refused("E5001", tool, "changed" if tool == "nothing" else "", path="n", expected_digest=first, **more)
    expect("the file", (ground.workspace / "n").read_text(), "1\n")
    # Counting from several servers' calls at once: every success counts once.
    servers = [Tools(ground) for _ in range(3)]
    (ground.workspace / "n").write_text("0\n")
    won = []

    def count(server):
        for _ in range(8):
            head, body = server.parts("read_file", path="n")
            if "digest" not in head:
                continue
            number = int(body)
            result = server.result("write_file", path="n", content=f"{number + 1}\n", mode="overwrite",
                                   expected_digest=digest_in(head))
            if not result.get("isError"):
                won.append(number)
    threads = [threading.Thread(target=count, args=(server,)) for server in servers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    last = int((ground.workspace / "n").read_text())
    if not 0 < last <= len(won):
        raise Failure(f"{last} after {len(won)} successes")
    expect("files", os.listdir(ground.workspace), ["n"])
    for server in (tools, *servers):
        server.end()


SWAPPER = r"""
import ctypes, os, sys
libc = ctypes.CDLL(None, use_errno=True)
outside = sys.argv[1]
os.makedirs("real/deep", exist_ok=True)
open("real/deep/f", "w").write("inside\n")
os.makedirs("spare/deep", exist_ok=True)
open("spare/deep/f", "w").write("inside\n")
os.symlink(outside, "evil")
print("ready", flush=True)
turn = 0
while True:
    # RENAME_EXCHANGE: at each moment `real` is a directory, or a link out.
    libc.renameat2(-100, b"real", -100, b"evil", 2)
    turn += 1
    if turn % 7 == 0:
        libc.renameat2(-100, b"spare", -100, b"real", 2)
"""


def swapped(ground):
    """Whatever somebody swaps meanwhile, nothing outside of the workspace is read, written or listed."""
    outside = ground.top / "outside"
    (outside / "deep").mkdir(parents=True)
    (outside / "deep/f").write_text(CANARY)
    (outside / "deep" / CANARY).write_text("")
    outside.chmod(0o777)
    (outside / "deep").chmod(0o777)
    (outside / "deep/f").chmod(0o666)
    # So that it is the tools that keep to the workspace, and not only what the sandbox can see.
    (ground.home / ".config/mayfly/profiles").mkdir(parents=True)
    (ground.home / ".config/mayfly/profiles/wide.toml").write_text(
        f'extends = "default"\n[filesystem]\nwrite = ["{outside}"]\n')
    swapper = subprocess.Popen([sys.executable, "-c", SWAPPER, str(outside)], cwd=ground.workspace,
                               stdout=subprocess.PIPE, text=True)
    try:
        swapper.stdout.readline()
        tools = Tools(ground, "--profile", "wide")
        seen = {"inside": 0, "refused": 0}
        for turn in range(60):
            for tool, more in (("read_file", {"path": "real/deep/f"}),
                               ("list_directory", {"path": "real", "depth": 2}),
                               ("write_file", {"path": "real/deep/f", "content": "inside\n", "mode": "overwrite"}),
                               ("write_file", {"path": f"real/deep/new/x{turn}", "content": "n",
                                               "create_parents": True}),
                               ("edit_file", {"path": "real/deep/f", "edits": [{"old": "inside", "new": "inside"}]})):
                result = tools.result(tool, **more)
                lacks(f"the answer of {tool}", json.dumps(result["content"]), CANARY)
                seen["refused" if result.get("isError") else "inside"] += 1
        print(seen)
        if not seen["inside"] or not seen["refused"]:
            raise Failure(f"the race was none: {seen}")
        expect("the file outside", (outside / "deep/f").read_text(), CANARY)
        expect("what is outside", (sorted(os.listdir(outside)), sorted(os.listdir(outside / "deep"))),
               (["deep"], [CANARY, "f"]))
        tools.end()
    finally:
        swapper.kill()
        swapper.communicate()


def rules(ground):
    """What a profile takes away from commands is taken away from the file tools."""
    for name in ("hidden", "denied", "fixed"):
        (ground.workspace / name).mkdir()
        (ground.workspace / name / "f").write_text(CANARY + "\n")
        (ground.workspace / name / "f").chmod(0o666)
    (ground.home / ".config/mayfly/profiles").mkdir(parents=True)
    (ground.home / ".config/mayfly/profiles/ruled.toml").write_text(
        'extends = "default"\n[filesystem]\n'
        f'hide = ["{ground.workspace}/hidden"]\ndeny = ["{ground.workspace}/denied"]\n'
        f'read = ["{ground.workspace}/fixed"]\n')
    tools = Tools(ground, "--profile", "ruled")
    for name in ("hidden", "denied"):
        lacks("cat", tools.command(f"cat {name}/f 2>&1"), CANARY)
        for tool, more in (*READERS[:1], *WRITERS):
            result = tools.result(tool, path=f"{name}/f", **more)
            lacks(f"{tool} of what is {name}", json.dumps(result["content"]), CANARY)
        for tool, more in (("list_directory", {"path": name, "depth": 2}), ("search_files", {"pattern": "canary"})):
            result = tools.result(tool, **more)
            lacks(f"{tool} of what is {name}", json.dumps(result["content"]), f"{name}/f")
    has("what may be read", tools.text("read_file", path="fixed/f"), CANARY)
    for tool, more in (WRITERS[0], ("edit_file", {"edits": [{"old": "canary", "new": "b"}]})):
        tools.refused("E2001", tool, path="fixed/f", **more)
        tools.refused("", tool, path="fixed/g", **more)
    for name in ("hidden", "denied", "fixed"):
        expect(name, (os.listdir(ground.workspace / name), (ground.workspace / name / "f").read_text()),
               (["f"], CANARY + "\n"))
    tools.end()


def protected(ground):
    """What programs of the host would run is never left in the workspace."""
    subprocess.run(["git", "init", "-q", str(ground.workspace)], check=True, env={"PATH": os.environ["PATH"]})
    before = (ground.workspace / ".git/config").read_text()
    hooks = sorted(os.listdir(ground.workspace / ".git/hooks"))
    (ground.workspace / ".mcp.json").write_text("{}")
    tools = Tools(ground)
    for path, content in ((".git/hooks/pre-commit", "#!/bin/sh\n"), (".git/config", before + "[core]\n\tfsmonitor = x\n"),
                          (".vscode/tasks.json", "{}"), (".mcp.json", '{"x": 1}'), (".envrc", "x"),
                          (".git/../.vscode/launch.json", "{}")):
        result = tools.result("write_file", path=path, content=content, mode="overwrite", create_parents=True)
        text = result["content"][0]["text"]
        if not result.get("isError"):
            raise Failure(f"{path} was written: {text}")
        has(path, text, "E2001")
    result = tools.result("edit_file", path=".git/config", edits=[{"old": "[core]", "new": "[core]\n\tfsmonitor = x"}])
    expect("an edit of .git/config", result.get("isError"), True)
    has("its error", result["content"][0]["text"], "E2001")
    expect(".git/config", (ground.workspace / ".git/config").read_text(), before)
    expect(".mcp.json", (ground.workspace / ".mcp.json").read_text(), "{}")
    expect("hooks", sorted(os.listdir(ground.workspace / ".git/hooks")), hooks)
    for path in (".vscode/tasks.json", ".vscode/launch.json", ".envrc"):
        expect(f"{path} is there", (ground.workspace / path).exists(), False)
    tools.text("write_file", path="ordinary", content="x")
    tools.end()


def set_id(ground):
    program = ground.workspace / "program"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o6755)
    tools = Tools(ground)
    # A file with a set-id bit cannot be changed from a sandbox at all; none of the tools makes another.
    for tool, more in (("write_file", {"content": "true\n", "mode": "overwrite"}),
                       ("write_file", {"content": "true\n", "mode": "append"}),
                       ("edit_file", {"edits": [{"old": "sh", "new": "bash"}]})):
        tools.result(tool, path="program", **more)
        for path in ground.workspace.iterdir():
            if path.stat().st_mode & 0o6000 and path.read_text() != "#!/bin/sh\n":
                raise Failure(f"{path} has mode {oct(path.stat().st_mode)} and new content")
    tools.end()


def searching(ground):
    put = ground.workspace.joinpath
    for number in range(30):
        put(f"f{number:02}.txt").write_text("before\nneedle %d\nafter\n" % number)
    put("code.py").write_text("def needle(a):\n    pass\n")
    put(".hidden").write_text("needle\n")
    put(".ignore").write_text("ignored.txt\n")
    put("ignored.txt").write_text("needle\n")
    put("binary").write_bytes(b"needle\0\n" * 100)
    tools = Tools(ground)
    has("all", tools.text("search_files", pattern="needle", max_results=5), "31 matches in 31 files · shown: 1-5",
        "next: offset 5", "code.py\n  1: def needle(a):")
    seen, offset = [], 0
    while offset is not None:
        head, body = tools.parts("search_files", pattern="needle", max_results=7, offset=offset)
        seen += [line for line in body.splitlines() if not line.startswith(" ")]
        more = re.search(r"next: offset (\d+)", head)
        offset = int(more[1]) if more else None
    expect("paged", seen, ["code.py"] + [f"f{number:02}.txt" for number in range(30)])
    has("context", tools.text("search_files", pattern="needle 3$", context=1),
        "f03.txt\n  1- before\n  2: needle 3\n  3- after")
    expect("files", tools.text("search_files", pattern="needle 1", mode="files", glob="f1[01]*"),
           "2 files\n\nf10.txt\nf11.txt")
    has("counts", tools.text("search_files", pattern="e", mode="count", type="py"), "code.py: 1")
    has("plain text", tools.text("search_files", pattern="needle(a)", fixed=True), "1 match")
    has("case", tools.text("search_files", pattern="NEEDLE", ignore_case=True, path="code.py"), "1 match")
    has("hidden ones", tools.text("search_files", pattern="needle", hidden=True, mode="files"), ".hidden")
    has("ignored ones", tools.text("search_files", pattern="needle", no_ignore=True, mode="files"), "ignored.txt")
    has("nothing", tools.text("search_files", pattern="no such thing"), "no matches\n")
    has("like an option", tools.text("search_files", pattern="--pre=/bin/sh"), "no matches\n")
    has("a bad pattern", tools.refused("E5001", "search_files", pattern="a("), "unclosed group")
    tools.refused("E5001", "search_files", "nonsense", pattern="a", type="nonsense")
    tools.refused("E5001", "search_files", pattern="a", glob="{")
    tools.refused("E5002", "search_files", "path", pattern="a", path="missing")
    tools.end()


def stopped(ground):
    """Too much is as much as fits, with words that there is more."""
    with open(ground.workspace / "much", "w") as file:
        for _ in range(200_000):
            file.write("needle " * 10 + "\n")
    tools = Tools(ground)
    tools.text("list_directory")
    before = tools.memory()
    text = tools.text("search_files", pattern="needle")
    has("too much", text, "more than ", "next: offset 100", "Narrow it")
    print(f"{(tools.memory() - before) / MIB:.1f} MiB more")
    if tools.memory() - before >= 32 * MIB:
        raise Failure(f"the server took {tools.memory() - before} bytes more")
    tools.end()


def absolute_links(ground):
    """A link is followed where it stays in the workspace, or below "/" in what the sandbox sees."""
    outside = ground.top / "outside"
    outside.mkdir()
    outside.chmod(0o777)
    (outside / "secret").write_text(CANARY)
    here = ground.workspace
    (here / "real").mkdir()
    (here / "real/f").write_text("needle\n")
    os.symlink(here / "real", here / "way")
    os.symlink(here / "way/f", here / "real/again")
    os.symlink(here / "way/new", here / "real/dangling")
    os.symlink(str(here) + "/../outside/secret", here / "dots")
    os.symlink(str(here) + "-side/secret", here / "beside")
    os.symlink("/usr/include", here / "usr")
    tools = Tools(ground)
    has("through two links", tools.text("read_file", path="way/again"), "needle")
    has("the listing", tools.text("list_directory", path="way"), "again -> ", "f  7 B")
    has("a search", tools.text("search_files", path="way", pattern="needle"), "1 match")
    tools.text("edit_file", path="way/again", edits=[{"old": "needle", "new": "thread"}])
    tools.text("write_file", path="real/dangling", content="new\n")
    expect("the files", ((here / "real/f").read_text(), (here / "real/new").read_text()), ("thread\n", "new\n"))
    expect("the links", [(here / name).is_symlink() for name in ("real/again", "real/dangling")], [True, True])
    for path in ("dots", "beside", "usr/stdio.h"):
        for tool, more in (*READERS[:1], *WRITERS):
            lacks(path, tools.refused("E2001", tool, path=path, **more), CANARY)
    expect("the file outside", (outside / "secret").read_text(), CANARY)
    for path in ("/usr/bin", "/etc/alternatives"):
        links = sorted(entry for entry in Path(path).iterdir()
                       if entry.is_symlink() and os.readlink(entry).startswith("/usr/") and entry.is_file())
        if links:
            tools.text("read_file", path=str(links[0]), encoding="base64")
    tools.end()


def without_size(ground):
    """Files of procfs say that they have no bytes, those of sysfs that they have a page of them."""
    tools = Tools(ground)
    has("a file of procfs", tools.text("read_file", path="/proc/version"), "Linux version")
    has("its last line", tools.text("read_file", path="/proc/self/status", offset=-1), "nonvoluntary_ctxt_switches")
    has("as base64", tools.text("read_file", path="/proc/version", encoding="base64"), base64.b64encode(b"Linux").decode()[:6])
    (ground.workspace / "nothing").write_text("")
    has("an empty file", tools.text("read_file", path="nothing"), "empty")
    tools.end()


def places(ground):
    tools = Tools(ground)
    tools.text("write_file", path="$SCRATCH/notes/a", content="kept\n", create_parents=True)
    has("the next call", tools.text("read_file", path="/scratch/notes/a"), "kept")
    expect("a command", tools.command("cat $SCRATCH/notes/a"), "kept\n")
    has("the listing", tools.text("list_directory", path="$SCRATCH"), "notes/")
    has("a search", tools.text("search_files", path="$SCRATCH", pattern="kept"), "/scratch/notes/a\n  1: kept")
    has("what all can see", tools.text("read_file", path="/usr/include/stdio.h", limit=3), "/usr/include/stdio.h")
    tools.refused("E2001", "write_file", path="/usr/x", content="x")
    tools.refused("", "read_file", path="/etc/shadow")
    tools.refused("", "read_file", path="/proc/1/environ")
    tools.end()


CASES = (everyday, encodings, images, bad_paths, special, huge, growing, many, long_line, names, readonly, full, digests,
         swapped, rules, protected, set_id, searching, stopped, absolute_links, without_size, places)

if __name__ == "__main__":
    if shutil.which("rg") is None:
        skip("ripgrep")
    sys.exit(run_case({case.__name__: case for case in CASES}[sys.argv[-1]]))
