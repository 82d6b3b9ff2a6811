#!/usr/bin/env python3
"""audit.py CASE: the audit log of the real server, and what its commands say of it.

Every wait is for an answer or for the end of a process. $MAYFLY is the server.
"""
import json
import os
import re
import resource
import shutil
import signal
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "victims"))
sys.path.insert(0, str(HERE.parent / "lifetime"))
from attack import Failure, skip  # noqa: E402
from lifetime import BOUND, MAYFLY, Server, expect, run_case, wait_until  # noqa: E402

META = {"io.modelcontextprotocol/protocolVersion": "2026-07-28", "io.modelcontextprotocol/clientCapabilities": {},
        "io.modelcontextprotocol/clientInfo": {"name": "tester\u001b[31m", "version": "7.1"}}
MODES = ("flush", "on_full", "rotate_bytes", "keep", "enabled")


def paths(ground):
    ground.log = ground.top / "log" / "audit.jsonl"
    ground.key = ground.top / "state" / "audit.key"
    ground.config = ground.top / "config.toml"


def configure(ground, **settings):
    paths(ground)
    lines = ["[audit]", f'file = "{ground.log}"', f'key_file = "{ground.key}"']
    lines += [f"{name} = {json.dumps(value)}" for name, value in settings.items()]
    ground.config.write_text("\n".join(lines) + "\n")
    ground.config.chmod(0o600)


class Tools(Server):
    def __init__(self, ground, *options, **settings):
        if settings or not hasattr(ground, "log"):
            configure(ground, **settings)
        super().__init__(ground, "--config", str(ground.config), *options)
        self.names = {}

    def request(self, method, params):
        self.next += 1
        message = {"jsonrpc": "2.0", "id": self.next, "method": method, "params": {**params, "_meta": META}}
        self.process.stdin.write(json.dumps(message) + "\n")
        self.process.stdin.flush()
        return self.next

    def start_tool(self, tool, **arguments):
        return self.request("tools/call", {"name": tool, "arguments": arguments})

    def ask(self, tool, **arguments):
        return self.answer(self.start_tool(tool, **arguments))

    def raw(self, tool, arguments):
        """The whole message that answers, which may be an error."""
        number = self.request("tools/call", {"name": tool, "arguments": arguments})
        for line in self.process.stdout:
            message = json.loads(line)
            if message.get("id") == number:
                return message
        raise Failure("the server ended without an answer")


def text_of(result):
    return result["content"][0].get("text", "")


def records(ground, **wanted):
    found = [json.loads(line) for part in parts(ground) if part.exists()
             for line in part.read_text().splitlines()]
    return [each for each in found if all(each.get(name) == value for name, value in wanted.items())]


def parts(ground):
    rotated = sorted(ground.log.parent.glob("audit.jsonl.[0-9]*"), key=lambda path: -int(path.suffix[1:]))
    return rotated + [ground.log]


def command(ground, *words):
    done = subprocess.run([MAYFLY, "audit", *words], capture_output=True, timeout=BOUND, cwd=ground.top,
                          env={"PATH": "/usr/bin:/bin", "HOME": str(ground.home)}, stdin=subprocess.DEVNULL)
    return done.returncode, done.stdout.decode(), done.stderr.decode()


def verify(ground, *more):
    return command(ground, "verify", "--file", str(ground.log), "--key-file", str(ground.key), *more)


def check_intact(ground, chains=None):
    code, out, errors = verify(ground)
    if code != 0 or " intact" not in out or "NOT" in out:
        raise Failure(f"verify said {code}: {out}{errors}")
    if chains is not None and f"of {chains} servers" not in out:
        raise Failure(f"not {chains} servers: {out}")
    return out


def one(what, found):
    if len(found) != 1:
        raise Failure(f"{what}: {len(found)} records, not one: {found}")
    return found[0]


def contains(what, text, part):
    if part not in text:
        raise Failure(f"{what} has no {part!r}: {text[-2000:]!r}")


# --- what is recorded ------------------------------------------------------------------------------


def case_every_tool(ground):
    """Each tool that is listed leaves a record; a new one that is forgotten here fails the case."""
    server = Tools(ground)
    listed = {tool["name"] for tool in server.answer(server.request("tools/list", {}))["tools"]}
    job = server.ask("run_command", command="cat", background=True)["structuredContent"]["job_id"]
    calls = {
        "run_command": {"command": "echo hello; exit 3"}, "write_file": {"path": "f.txt", "content": "one\ntwo\n"},
        "read_file": {"path": "f.txt"}, "edit_file": {"path": "f.txt", "edits": [{"old": "one", "new": "1"}]},
        "list_directory": {}, "search_files": {"pattern": "two"}, "list_jobs": {}, "sandbox_info": {},
        "send_input": {"job_id": job, "text": "x\n"}, "get_job": {"job_id": job}, "stop_job": {"job_id": job}}
    expect("the tools listed", listed, set(calls))
    for tool, arguments in calls.items():
        result = server.ask(tool, **arguments)
        if result.get("isError"):
            raise Failure(f"{tool} failed: {text_of(result)}")
    server.end()
    for tool in calls:
        wanted = 2 if tool == "run_command" else 1
        found = records(ground, event="call", tool=tool)
        expect(f"the calls of {tool}", len(found), wanted)
        for record in found:
            expect("the caller", record["caller"], "local")
            expect("the client", record["client"], {"name": "tester\\x1b[31m", "version": "7.1"})
            for name in ("seq", "time", "chain", "prev", "hash", "mac", "arguments", "request"):
                if name not in record:
                    raise Failure(f"the record of {tool} has no {name}: {record}")
    ran = one("exit 3", [each for each in records(ground, tool="run_command", event="call") if each.get("exit_code") == 3])
    for name, value in {"ended_by": "exit", "stdout_bytes": 6, "stderr_bytes": 0, "violations_total": 0,
                        "job": False, "profile": "default"}.items():
        expect(name, ran[name], value)
    for name in ("call_id", "policy_digest", "tier", "layers", "usage"):
        if not ran.get(name):
            raise Failure(f"the record has no {name}: {ran}")
    for tool in ("run_command", "write_file", "edit_file", "send_input", "stop_job"):
        started = records(ground, event="call_start", tool=tool)
        ended = {each["request"] for each in records(ground, event="call", tool=tool)}
        expect(f"starts of {tool}", {each["request"] for each in started}, ended)
    start = one("server_start", records(ground, event="server_start"))
    expect("the workspaces", start["workspaces"], [str(ground.workspace)])
    expect("the profiles", [each["name"] for each in start["profiles"]], ["default"])
    one("server_stop", records(ground, event="server_stop"))
    one("host", records(ground, event="host"))
    seqs = [each["seq"] for each in records(ground)]
    expect("the numbers", seqs, list(range(1, len(seqs) + 1)))
    check_intact(ground, 1)


def case_decisions(ground):
    server = Tools(ground, "--profile", "default,strict")
    for tool, arguments, code, field in (
            ("no_such_tool", {}, "E5002", "name"),
            ("run_command", {"command": 7, "nonsense": "x"}, "E5001", None),
            ("run_command", {"command": "true", "argv": ["true"]}, "E5001", None),
            ("run_command", {"command": "true", "profile": "nope"}, "E1002", "profile"),
            ("run_command", {"command": "true", "limits": {"memory_bytes": 1 << 60}}, "E2003", "limits.memory_bytes"),
            ("get_job", {"job_id": "j_" + "a" * 26}, "E5002", "job_id"),
            ("read_file", {"path": "/etc/shadow"}, None, None),
            ("run_command", "not an object", "E5001", "arguments")):
        before = len(records(ground))
        server.raw(tool, arguments)
        new = [each for each in records(ground)[before:] if each["event"] not in ("call_start", "host", "server_start")]
        record = one(f"{tool} {arguments}", new)
        if code is None:
            expect("its tool", record["tool"], tool)
            continue
        expect(f"the event of {tool} {arguments}", record["event"], "decision")
        expect("its decision", record["decision"], "refused")
        expect("its code", record["code"], code)
        if field:
            expect("its field", record["field"], field)
    server.end()
    code, out, _ = command(ground, "show", "--file", str(ground.log), "--denied", "--format", "json")
    expect("show --denied", code, 0)
    if len(out.splitlines()) < 7:
        raise Failure(f"show --denied has too few lines: {out}")
    check_intact(ground)


def case_secrets(ground):
    token = "gh" + "p_16C7e42F292c6912E7710c838347Ae178B4a"
    server = Tools(ground)
    server.ask("run_command", command=f"curl -H 'Authorization: Bearer s3cr3t-a' x; API_KEY=s3cr3t-b true; echo {token}")
    server.ask("run_command", argv=["/bin/echo", "--password", "s3cr3t-c", "https://u:s3cr3t-d@h/"])
    server.ask("run_command", command="cat >/dev/null", stdin="s3cr3t-e", env={"PLAIN": "s3cr3t-f"})
    server.ask("write_file", path="a", content="s3cr3t-g")
    server.ask("edit_file", path="a", edits=[{"old": "s3cr3t-g", "new": "s3cr3t-h"}])
    job = server.ask("run_command", command="cat", background=True, env={"X": "s3cr3t-i"})["structuredContent"]["job_id"]
    server.ask("send_input", job_id=job, text="s3cr3t-j\n", wait_ms=1000)
    server.ask("stop_job", job_id=job)
    server.raw("run_command", {"command": "true", "env": "s3cr3t-k"})
    server.raw("run_command", {"command": ["API_KEY=s3cr3t-l"], "unknown": "s3cr3t-m"})
    server.raw("write_file", {"path": "b", "contents": "s3cr3t-n"})
    server.raw("no_such_tool", {"x": "s3cr3t-o"})
    server.end()
    written = b"".join(path.read_bytes() for path in ground.log.parent.iterdir())
    for secret in ("s3cr3t", token):
        at = written.find(secret.encode())
        if at >= 0:
            raise Failure(f"a secret is in the log: {written[at - 200:at + 60]}")
    contains("the log", written.decode(), "[redacted]")
    contains("the log", written.decode(), '"env":["PLAIN"]')
    contains("the log", written.decode(), '"content":{"bytes":8,')
    check_intact(ground)


def case_jobs(ground):
    """A call that goes on behind its answer has its record when it ends, with the handle that it had."""
    server = Tools(ground)
    job = server.ask("run_command", command="echo start; cat; exit 5", background=True)["structuredContent"]["job_id"]
    goes_on = one("goes_on", records(ground, event="goes_on"))
    expect("its job", goes_on["job_id"], job)
    expect("calls that ended", records(ground, event="call", tool="run_command"), [])
    server.ask("send_input", job_id=job, close=True)
    while server.ask("get_job", job_id=job, wait_ms=40_000)["structuredContent"]["status"] == "running":
        pass
    server.end()
    record = one("the call", records(ground, event="call", tool="run_command"))
    expect("its job", (record["job_id"], record["job"], record["exit_code"]), (job, True, 5))
    expect("its request", record["request"], goes_on["request"])
    # A withdrawn call is killed, and its record says so.
    server = Tools(ground)
    number = server.start_tool("run_command", command="touch started; sleep 1000")
    ground.started()
    server.cancel(number)
    wait_until("the withdrawn call is recorded", lambda: records(ground, event="call", ended_by="cancelled"))
    server.end()
    check_intact(ground, 2)


def case_reload(ground):
    server = Tools(ground)
    server.ask("list_jobs")
    text = ground.config.read_text()
    ground.config.write_text("wait = \"nonsense\"\n" + text)
    server.ask("run_command", command="true")
    refused = one("refused", records(ground, event="config_reload"))
    expect("taken", refused["taken"], False)
    contains("why", refused["why"], "wait")
    ground.config.write_text("wait = \"20s\"\n" + text)
    server.ask("run_command", command="true")
    taken = one("taken", [each for each in records(ground, event="config_reload") if each["taken"]])
    if taken["config_digest"] == records(ground, event="server_start")[0]["config_digest"]:
        raise Failure("the digest of the changed configuration is the same")
    server.end()
    check_intact(ground)


# --- what verify finds -----------------------------------------------------------------------------


def case_tampering(ground):
    server = Tools(ground)
    for number in range(5):
        server.ask("run_command", command=f"echo {number}")
    server.end()
    check_intact(ground)
    lines = ground.log.read_text().splitlines(keepends=True)
    heads = Path(f"{ground.log}.head")
    head = heads.read_bytes()
    changed = [line.replace("echo 2", "echo 9") for line in lines]
    swapped = lines[:3] + [lines[4], lines[3]] + lines[5:]
    for what, kind, content in (
            ("an edit", "edited", changed), ("a cut in the middle", "missing", lines[:4] + lines[5:]),
            ("a cut at the end", "cut at the end", lines[:-1]), ("a reorder", "reordered", swapped),
            ("a torn line", "torn line", lines[:-1] + [lines[-1][:-20]]), ("all of it", "chain gone", []),
            ("a foreign line", "no record", lines + ["hello\n"])):
        ground.log.write_text("".join(content))
        code, out, _ = verify(ground)
        expect(f"verify of {what}", code, 1)
        contains(what, out, f"{kind}: {ground.log}")
    ground.log.write_text("".join(lines))
    heads.write_bytes(b"")
    expect("verify without heads", verify(ground)[0], 1)
    heads.write_bytes(head)
    check_intact(ground)
    # Without the key, and with another.
    aside = ground.key.rename(ground.top / "aside")
    code, out, errors = command(ground, "verify", "--config", str(ground.config))
    expect("verify without a key", code, 0)
    contains("verify without a key", out, "only the chain was checked")
    expect("verify with a named key that is not there", verify(ground)[0], 1)
    ground.key.write_bytes(b"k" * 32)
    ground.key.chmod(0o600)
    code, out, _ = verify(ground)
    expect("verify with another key", code, 1)
    contains("verify with another key", out, "forged")
    aside.rename(ground.key)
    check_intact(ground)


def case_two_servers(ground):
    servers = [Tools(ground), Tools(ground)]
    for _ in range(10):
        numbers = [server.start_tool("run_command", command="true") for server in servers]
        for server, number in zip(servers, numbers):
            server.answer(number)
    for server in servers:
        server.end()
    expect("calls", len(records(ground, event="call")), 20)
    expect("chains", len({each["chain"] for each in records(ground)}), 2)
    check_intact(ground, 2)


def case_rotation(ground):
    server = Tools(ground, rotate_bytes=8192, keep=3)
    for number in range(30):
        server.ask("run_command", command=f"echo {number}")
    server.end()
    expect("the files", [path.name for path in parts(ground)],
           ["audit.jsonl.3", "audit.jsonl.2", "audit.jsonl.1", "audit.jsonl"])
    for part in parts(ground):
        if part.stat().st_size > 8192:
            raise Failure(f"{part} has {part.stat().st_size} bytes")
    check_intact(ground)
    code, out, _ = command(ground, "show", "--file", str(ground.log), "--event", "call", "--format", "json")
    expect("show", code, 0)
    seqs = [json.loads(line)["seq"] for line in out.splitlines()]
    expect("the order shown", seqs, sorted(seqs))
    Path(f"{ground.log}.2").rename(ground.top / "aside")
    code, out, _ = verify(ground)
    expect("verify without a part", code, 1)
    contains("verify without a part", out, "missing: ")


def case_killed(ground):
    for _ in range(3):
        server = Tools(ground)
        server.start_tool("run_command", command="touch started; sleep 1000")
        ground.started()
        server.kill()
        check_intact(ground)
    started = records(ground, event="call_start")
    expect("calls that were begun", [each["arguments"]["command"] for each in started],
           ["touch started; sleep 1000"] * 3)
    expect("calls that ended", records(ground, event="call"), [])
    # Half a line, as a lost power leaves it.
    with open(ground.log, "a") as log:
        log.write('{"seq":5,"time":"2026')
    contains("verify", verify(ground)[1], "torn line")
    server = Tools(ground)
    server.ask("run_command", command="true")
    server.end()
    expect("repaired", one("repairs", records(ground, event="log_repaired"))["torn_bytes"], 21)
    check_intact(ground)


# --- who can reach it ------------------------------------------------------------------------------


def refused_start(ground, what, part, *options):
    server = Tools(ground, *options)
    result = server.ask("run_command", command="true")
    if not result.get("isError"):
        raise Failure(f"a server with {what} runs calls")
    contains(what, text_of(result), part)
    server.end()


def case_out_of_reach(ground):
    server = Tools(ground)
    server.ask("run_command", command="true")
    before = ground.log.read_bytes()
    for path in (ground.log, ground.key, Path(f"{ground.log}.head")):
        for attempt in (f"cat {path}", f"echo x >> {path}", f"rm -f {path} && false || ls {path}", f"mv {path} .",
                        f"ln {path} x && cat x", f"ls -a {path.parent}"):
            shown = server.ask("run_command", command=attempt)["structuredContent"]
            if shown["exit_code"] == 0:
                raise Failure(f"{attempt} worked: {shown}")
        if not server.ask("read_file", path=str(path)).get("isError"):
            raise Failure(f"read_file reads {path}")
        if not server.ask("write_file", path=str(path), content="x").get("isError"):
            raise Failure(f"write_file writes {path}")
    # What the server has open is not passed on.
    shown = server.ask("run_command", command="ls -l /proc/self/fd; cat /proc/self/mountinfo")["structuredContent"]
    if "audit.jsonl" in shown["stdout"] or str(ground.key) in shown["stdout"]:
        raise Failure(f"a sandbox sees something of it: {shown['stdout']}")
    server.end()
    if not ground.log.read_bytes().startswith(before):
        raise Failure("the log was changed")
    check_intact(ground)

    # A server whose sandboxes could reach it does not start.
    inside = ground.workspace / "log.jsonl"
    paths(ground)
    ground.config.write_text(f'[audit]\nfile = "{inside}"\nkey_file = "{ground.key}"\n')
    refused_start(ground, "a log in the workspace", "E2001 audit.file")
    ground.config.write_text(f'[audit]\nfile = "{ground.log}"\nkey_file = "{ground.workspace}/k"\n')
    refused_start(ground, "a key in the workspace", "E2001 audit.key_file")
    (ground.top / "way").symlink_to(ground.workspace)
    ground.config.write_text(f'[audit]\nfile = "{ground.top}/way/log.jsonl"\nkey_file = "{ground.key}"\n')
    refused_start(ground, "a link into the workspace", "E2001 audit.file")
    if inside.exists():
        raise Failure("a refused log was made")
    cached = ground.home / ".cache/mayfly/audit.jsonl"
    ground.config.write_text(f'[audit]\nfile = "{cached}"\nkey_file = "{ground.key}"\n')
    refused_start(ground, "a log among the caches", "E2001 audit.file")
    profile = ground.top / "wide.toml"
    configure(ground)
    for rule, path in (("read", ground.log.parent), ("read", ground.key), ("write", ground.log.parent)):
        profile.write_text(f'extends = "default"\n[filesystem]\n{rule} = ["{path}"]\n')
        profile.chmod(0o600)
        refused_start(ground, f"a profile with {rule} {path}", "E2001 audit.", "--profile", str(profile))
    ground.log.parent.chmod(0o777)
    refused_start(ground, "a directory that others may write", "chmod go-w")
    ground.log.parent.chmod(0o700)


# --- what is made ----------------------------------------------------------------------------------


def case_places(ground):
    """A place that cannot be meant is refused, and nothing is made there."""
    paths(ground)
    directory = ground.top / "directory"
    directory.mkdir(mode=0o700)

    def refused(file, *parts):
        ground.config.write_text(f'[audit]\nfile = "{file}"\nkey_file = "{ground.key}"\n')
        for part in parts:
            refused_start(ground, str(file), part)

    refused(directory, "E1001", "is a directory")
    refused(ground.top / "typing/error/log", "E1001", "make the directory first")
    refused("/mayfly-audit-typing-error/log", "E1001", "make the directory first")
    expect("what is beside the directory", [each for each in ("directory.head", "typing", "state")
                                            if (ground.top / each).exists()], [])
    if Path("/mayfly-audit-typing-error").exists():
        raise Failure("a directory of the root directory was made")
    # In the home all is made that is missing.
    file = ground.home / "new" / "place" / "log"
    ground.config.write_text(f'[audit]\nfile = "{file}"\n')
    server = Tools(ground)
    server.ask("run_command", command="true")
    server.end()
    expect("the mode of its directory", (file.exists(), file.parent.stat().st_mode & 0o777), (True, 0o700))


def case_state_of_root(ground):
    """The key of root is beside the private directories, which sandboxes' users have to reach."""
    if os.geteuid() != 0:
        skip("root, to have a /var/lib of its own")
    if os.environ.get("AUDIT_TEST_STAGE") != "inside":
        os.environ["AUDIT_TEST_STAGE"] = "inside"
        done = subprocess.run(["unshare", "--mount", "--propagation", "private", sys.executable, __file__,
                               "state_of_root"])
        expect("the case inside", done.returncode, 0)
        return
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=4m,mode=755", "tmpfs", "/var/lib"], check=True)
    paths(ground)
    ground.config.write_text(f'[audit]\nfile = "{ground.log}"\n')
    server = Tools(ground, "--tier", "landlock")
    result = server.ask("run_command", command="true")
    expect(f"the call {text_of(result)}", result.get("isError", False), False)
    server.end()
    modes = [Path(each).stat().st_mode & 0o777
             for each in ("/var/lib/mayfly", "/var/lib/mayfly/audit", "/var/lib/mayfly/audit/audit.key")]
    expect("the modes", modes, [0o755, 0o700, 0o600])


# --- a log that cannot be written ------------------------------------------------------------------


def grow(server):
    """A limit on the size of files holds for all of the server's: the log has to be the largest."""
    for _ in range(60):
        server.raw("get_job", {"job_id": "x" * 15_000})


def limit_files(server, size):
    resource.prlimit(server.process.pid, resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))


def check_full(ground, server, fill, empty, refuses):
    """`fill` makes writing fail, `empty` lets it work again. Both at one moment between calls."""
    server.ask("run_command", command="touch before")
    wait_until("the host's record is there", lambda: records(ground, event="host"))
    fill()
    broken = server.ask("run_command", command="touch during")
    reading = server.ask("read_file", path="before")
    if refuses:
        for result in (broken, reading):
            expect("a call on a full disk is an error", result.get("isError"), True)
            contains("the refusal", text_of(result), "E6001")
            contains("the refusal", text_of(result), str(ground.log))
            contains("the refusal", text_of(result), "Remedy: ")
        if (ground.workspace / "during").exists():
            raise Failure("a call ran that is not in the log")
    else:
        for result in (broken, reading):
            expect(f"whether it failed: {text_of(result)}", result.get("isError", False), False)
            contains("the answer", text_of(result), "note: this call's record is not in the audit log: ")
        contains("the structured answer", broken["structuredContent"]["note"], str(ground.log))
        if not (ground.workspace / "during").exists():
            raise Failure("the call did not run")
    for line in ground.log.read_text().splitlines():
        json.loads(line)
    if not ground.log.read_text().endswith("\n"):
        raise Failure("half a line was left")
    empty()
    result = server.ask("run_command", command="touch after")
    if result.get("isError") or "audit log" in text_of(result):
        raise Failure(f"it did not go on: {text_of(result)}")
    server.end()
    lost = one("what was lost", records(ground, event="records_lost"))
    if lost["records"] + lost["calls_refused"] < 2 or not lost["why"]:
        raise Failure(f"the loss is told wrongly: {lost}")
    check_intact(ground)


def case_full_refuses(ground):
    server = Tools(ground, on_full="refuse")
    grow(server)
    check_full(ground, server, lambda: limit_files(server, ground.log.stat().st_size + 10),
               lambda: limit_files(server, resource.RLIM_INFINITY), True)


def case_full_continues(ground):
    server = Tools(ground, on_full="continue")
    grow(server)
    check_full(ground, server, lambda: limit_files(server, ground.log.stat().st_size + 10),
               lambda: limit_files(server, resource.RLIM_INFINITY), False)


def case_full_disk(ground):
    """On a small file system in a mount namespace of our own."""
    if os.geteuid() != 0:
        skip("root, to mount a small file system")
    if os.environ.get("AUDIT_TEST_STAGE") != "inside":
        os.environ["AUDIT_TEST_STAGE"] = "inside"
        done = subprocess.run(["unshare", "--mount", "--propagation", "private", sys.executable, __file__, "full_disk"])
        expect("the case inside", done.returncode, 0)
        return
    for mode in ("refuse", "continue"):
        configure(ground, on_full=mode)
        ground.log.parent.mkdir(mode=0o700, exist_ok=True)
        subprocess.run(["mount", "-t", "tmpfs", "-o", "size=128k,mode=700", "tmpfs", str(ground.log.parent)], check=True)
        server = Tools(ground)
        ballast = ground.log.parent / "ballast"

        def fill():
            with open(ballast, "wb", buffering=0) as file:
                try:
                    while True:
                        file.write(b"x" * 4096)
                except OSError:
                    pass
            # The log's last page has room left: records until it is full.
            for _ in range(20):
                server.ask("read_file", path="before")

        check_full(ground, server, fill, ballast.unlink, mode == "refuse")
        (ground.workspace / "during").unlink(missing_ok=True)
        subprocess.run(["umount", str(ground.log.parent)], check=True)
        server = None


def case_flushed(ground):
    if shutil.which("strace") is None or subprocess.run(["strace", "-o", "/dev/null", "true"]).returncode != 0:
        skip("strace")
    for mode, wanted in (("none", False), ("answer", True)):
        configure(ground, flush=mode)
        trace = ground.top / f"trace-{mode}"
        environment = {"PATH": "/usr/bin:/bin", "HOME": str(ground.home)}
        process = subprocess.Popen(
            ["strace", "-f", "-s", "4096", "-e", "trace=write,writev,fdatasync", "-o", str(trace), MAYFLY, "serve", "--config",
             str(ground.config), "--workspace", str(ground.workspace)],
            env=environment, cwd=ground.workspace, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        message = {"jsonrpc": "2.0", "id": 77, "method": "tools/call",
                   "params": {"name": "list_jobs", "arguments": {}, "_meta": META}}
        process.stdin.write(json.dumps(message) + "\n")
        process.stdin.flush()
        process.stdout.readline()
        process.stdin.close()
        process.wait(timeout=BOUND)
        calls = trace.read_text(errors="replace").splitlines()
        record = next(i for i, line in enumerate(calls) if r'\"event\":\"call\"' in line)
        answer = next(i for i, line in enumerate(calls) if r'\"id\":77' in line and "jsonrpc" in line)
        flushed = any("fdatasync(" in line and "= 0" in line or "fdatasync resumed" in line for line in calls[record:answer])
        expect(f"whether flush = {mode} flushes the record before the answer", flushed, wanted)
        if record > answer:
            raise Failure("the answer left before its record was written")


# --- hostile content, bad input --------------------------------------------------------------------


def case_hostile(ground):
    nasty = "echo '<script>alert(1)</script>' \x1b[2J\x1b]0;owned\x07 \u202etxt.exe \u0085 \u2028 &\"\n\r\x00x"
    server = Tools(ground)
    server.ask("run_command", command=nasty)
    server.ask("read_file", path="</td><img src=x onerror=alert(1)>\x1b[31m")
    server.end()
    for line in ground.log.read_bytes().split(b"\n")[:-1]:
        if not re.fullmatch(rb"[ -~]+", line):
            raise Failure(f"not printable ASCII: {line}")
    for form in ("table", "json", "html"):
        code, out, errors = command(ground, "show", "--file", str(ground.log), "--format", form)
        expect(f"show --format {form}", (code, errors), (0, ""))
        left = re.sub(r"[\n]", "", out)
        if re.search("[\x00-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069]", left):
            raise Failure(f"control characters in {form}: {out!r}")
        contains(form, out, "alert(1)")
        if form == "html":
            for tag in ("<script", "<img", "onerror=alert(1)>"):
                if tag in out:
                    raise Failure(f"{tag} in the page")
            contains("the page", out, "default-src 'none'")
            contains("the page", out, "Calls by tool")
    check_intact(ground)
    # The same from somebody who writes the file by hand.
    body = '{"seq":1,"time":"\x1b[2J","chain":"<b>\u202e","event":"call","tool":"\x1b]0;x\x07<script>","prev":"0"'
    ground.log.write_text(f'{body},"hash":"{"0" * 64}","mac":"{"0" * 64}"}}\n' * 2, errors="surrogateescape")
    for words in (("show", "--format", "table"), ("show", "--format", "json"), ("show", "--format", "html"),
                  ("verify", "--key-file", str(ground.key))):
        code, out, errors = command(ground, words[0], "--file", str(ground.log), *words[1:])
        if re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f\u202e]", out + errors) or "<script>" in out and "html" in words:
            raise Failure(f"{words} prints it raw: {out!r} {errors!r}")


def case_bad_input(ground):
    paths(ground)
    ground.log.parent.mkdir(mode=0o700)
    for make, part in ((lambda: None, "no"), (ground.log.mkdir, "is a directory"),
                       (lambda: os.mkfifo(ground.log), "no regular file"), (lambda: ground.log.symlink_to("/etc/passwd"), "is a link")):
        make()
        for what in ("show", "verify"):
            code, out, errors = command(ground, what, "--file", str(ground.log))
            expect(f"{what} of {part}", code, 1)
            contains(what, errors, part)
        if ground.log.is_dir():
            ground.log.rmdir()
        ground.log.unlink(missing_ok=True)
    expect("a bad time", command(ground, "show", "--file", "x", "--since", "yesterday")[0], 1)
    expect("a bad format", command(ground, "show", "--file", "x", "--format", "xml")[0], 2)
    with open(ground.log, "wb") as log:
        for _ in range(100):
            log.write(b"x" * (1 << 20))
        log.write(b"\n{}\n" + b"[" * 100_000 + b"\n\xff\xfe\x00\n")
    ground.log.chmod(0o600)

    def bounded():
        resource.setrlimit(resource.RLIMIT_AS, (64 << 20, 64 << 20))
    for what in ("show", "verify"):
        done = subprocess.run([MAYFLY, "audit", what, "--file", str(ground.log)], capture_output=True, preexec_fn=bounded,
                              env={"HOME": str(ground.home)}, timeout=BOUND)
        expect(f"{what} of a line of 100 MB in 64 MiB", done.returncode, 1)
        contains(what, (done.stdout + done.stderr).decode(), "no record")


if __name__ == "__main__":
    signal.signal(signal.SIGPIPE, signal.SIG_IGN)
    sys.exit(run_case(globals()["case_" + sys.argv[-1]]))
