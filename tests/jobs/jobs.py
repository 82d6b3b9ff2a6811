#!/usr/bin/env python3
"""jobs.py CASE: commands that are fed, waited for and carried on, through the real server.

Every wait is for an answer of the server's; no result depends on how fast anything is. $MAYFLY is the server.
"""
import json
import os
import re
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "victims"))
sys.path.insert(0, str(HERE.parent / "lifetime"))
from attack import Failure  # noqa: E402
from lifetime import Server, expect, run_case  # noqa: E402

MIB = 1 << 20
WAIT = 45_000


class Tools(Server):
    def ask(self, tool, **arguments):
        self.next += 1
        request = {"jsonrpc": "2.0", "id": self.next, "method": "tools/call", "params": {
            "name": tool, "arguments": arguments,
            "_meta": {"io.modelcontextprotocol/protocolVersion": "2026-07-28",
                      "io.modelcontextprotocol/clientCapabilities": {}}}}
        self.process.stdin.write(json.dumps(request) + "\n")
        self.process.stdin.flush()
        return self.answer(self.next)

    def use(self, tool, **arguments):
        result = self.ask(tool, **arguments)
        if result.get("isError"):
            raise Failure(f"{tool} {arguments}: {result['content'][0]['text']}")
        return result["structuredContent"]

    def refusal(self, tool, **arguments):
        result = self.ask(tool, **arguments)
        if not result.get("isError"):
            raise Failure(f"{tool} {arguments} was not refused: {result}")
        return result["content"][0]["text"]

    def run(self, command, **more):
        return self.use("run_command", command=command, **more)


def contains(what, text, part):
    if part not in text:
        raise Failure(f"{what} has no {part!r}: {text!r}")


def ending(server, job_id):
    """The job's last answer. Each wait is bounded by the server, so there may be several."""
    while True:
        shown = server.use("get_job", job_id=job_id, wait_ms=WAIT)
        if shown["status"] != "running":
            return shown


def matched(server, job_id, pattern, **more):
    while True:
        shown = server.use("get_job", job_id=job_id, pattern=pattern, wait_ms=WAIT, **more)
        if "matched" in shown:
            return shown["matched"]
        further = re.search(r"; offset (\d+) with stream (\w+) goes on", shown["note"])
        if further:
            more |= {"offset": int(further[1]), "stream": further[2]}
        elif shown["status"] != "running":
            raise Failure(f"no line matched {pattern}: {str(shown)[-2000:]}")


# --- shells whose state is carried on --------------------------------------------------------------


def case_state_is_carried(ground):
    server = Tools(ground)
    (ground.workspace / "sub dir").mkdir()
    first = server.run("cd 'sub dir'; export A=\"it's\nhere\" B=2; f() { echo f $1; }; export -f f; C=3",
                       shell_state="new")
    state = first["shell_state"]
    expect("the directory", first["cwd"], str(ground.workspace / "sub dir"))
    second = server.run("pwd; echo \"$A\" $B ${C-none}; f 1; bash -c 'f 2'; cd ..", shell_state=state)
    expect("what came back", second["stdout"],
           f"{ground.workspace}/sub dir\nit's\nhere 2 none\nf 1\nf 2\n")
    third = server.run("echo $B; pwd; cd -", shell_state=state, env={"B": "mine"})
    expect("arguments win, OLDPWD stays", third["stdout"],
           f"mine\n{ground.workspace}\n{ground.workspace}/sub dir\n")
    expect("without a state", server.run("echo ${B-none}")["stdout"], "none\n")
    contains("argv", server.refusal("run_command", argv=["true"], shell_state=state), "E5001 shell_state")
    contains("a guess", server.refusal("run_command", command="true", shell_state="s_" + "a" * 26), "E5002")
    server.end()


def case_state_is_invisible(ground):
    server = Tools(ground)
    for command in ("exit 3", "set -e; false; echo no", "echo a\nmissing\necho $LINENO $# $0", "cat; read x; echo [$x]",
                    "sleep 100 &", "exec 3>/dev/null; echo x >&3", "f() { exit 5; }; f"):
        plain = server.run(command)
        shelled = server.run(command, shell_state="new")
        for key in ("status", "ended_by", "exit_code", "stdout", "stderr"):
            expect(f"{key} of {command}", shelled.get(key), plain.get(key))
        if "cwd" not in shelled:
            raise Failure(f"{command} saved nothing: {shelled}")
    server.end()


def case_state_of_killed(ground):
    server = Tools(ground)
    state = server.run("export A=before", shell_state="new")["shell_state"]
    for command, more, why in (
            ("export A=after; kill -KILL $$", {}, "was killed"),
            ("export A=after; while :; do :; done", {"timeout_ms": 300}, "was killed"),
            ("export A=after; exec true", {}, "replaced the shell"),
            ("export A=$(head -c 300000 /dev/zero | tr '\\0' x)", {}, "larger than 256 KiB")):
        contains(command, server.run(command, shell_state=state, **more)["note"], why)
        expect(f"the state after {command}", server.run("echo $A", shell_state=state)["stdout"], "before\n")
    server.end()


def case_state_is_hostile(ground):
    """What a program writes into the notebook reaches the next shell of its own handle, and nothing else."""
    server = Tools(ground)
    for junk in ("END\\0END\\0END\\0END\\0", "/etc\\n\\0exit 9\\0END\\0", "relative\\n\\0x\\0END\\0", "\\xff" * 50):
        state = server.run(f"printf '{junk}' >&250; exec true", shell_state="new")["shell_state"]
        server.ask("run_command", command="true", shell_state=state)
    server.run("truncate -s 1G /proc/self/fd/250; head -c 600000 /dev/zero >&250", shell_state="new")
    expect("the next call", server.run("echo fine")["stdout"], "fine\n")
    server.end()


def case_directory_is_gone(ground):
    server = Tools(ground)
    state = server.run("mkdir gone; cd gone", shell_state="new")["shell_state"]
    (ground.workspace / "gone").rmdir()
    contains("the refusal", server.refusal("run_command", command="pwd", shell_state=state), "give cwd")
    again = server.run("pwd", shell_state=state, cwd=str(ground.workspace))
    expect("from there on", again["stdout"], f"{ground.workspace}\n")
    server.run("pwd", shell_state=state)
    server.end()


# --- input -----------------------------------------------------------------------------------------


def case_input(ground):
    server = Tools(ground)
    job = server.run("cat; echo done", background=True)["job_id"]
    said = ""
    at = server.use("send_input", job_id=job, text="hel")["next_offset"]
    server.use("send_input", job_id=job, text="lo\n")
    matched(server, job, "^hello$")
    ended = server.use("send_input", job_id=job, close=True, wait_ms=WAIT)
    while ended["status"] == "running":
        said += ended["stdout"]
        ended = server.use("get_job", job_id=job, wait_ms=WAIT)
    expect("all of it", server.use("get_job", job_id=job, offset=0)["stdout"], "hello\ndone\n")
    expect("where it began", at, 0)
    contains("an ended job", server.refusal("send_input", job_id=job, text="x"), "has ended")
    deaf = server.run("cat; sleep 100", wait_ms=0)["job_id"]
    contains("one without", server.refusal("send_input", job_id=deaf, text="x"), "background: true or pty: true")
    server.use("stop_job", job_id=deaf)
    server.end()


def case_terminal(ground):
    server = Tools(ground)
    job = server.run("PYTHON_HISTORY=/dev/null exec python3 -q", pty=True, wait_ms=0)["job_id"]
    matched(server, job, ">>> $")
    at = server.use("get_job", job_id=job)["next_offset"]
    server.use("send_input", job_id=job, text="import sys; print(6*7, sys.stdin.isatty(), sys.stderr.isatty())\n")
    expect("the answer", matched(server, job, "^42", offset=at)["line"], "42 True True")
    server.use("send_input", job_id=job, text="exit(3)\n")
    expect("its end", ending(server, job)["exit_code"], 3)
    server.end()


# --- patterns --------------------------------------------------------------------------------------


def case_pattern(ground):
    server = Tools(ground)
    job = server.run("echo starting; read go; echo 'listening on 3000' >&2; exec sleep 1000", background=True)["job_id"]
    shown = server.use("get_job", job_id=job, pattern="listening on")
    contains("not yet", shown["note"], "no line has matched")
    server.use("send_input", job_id=job, text="go\n")
    expect("the line", matched(server, job, r"listening on \d+"),
           {"offset": 0, "line": "listening on 3000", "stream": "stderr"})
    contains("a bad one", server.refusal("get_job", job_id=job, pattern="("), "E5001 pattern")
    listed = server.use("list_jobs")["jobs"]
    expect("the list", [entry["status"] for entry in listed], ["running"])
    expect("stop_job", server.use("stop_job", job_id=job)["status"], "killed")
    server.end()


def case_poll(ground):
    server = Tools(ground)
    job = server.run("echo one; read go; echo two; exec sleep 1000", background=True)["job_id"]
    matched(server, job, "^one$")
    server.use("send_input", job_id=job, text="\n")
    shown = server.use("get_job", job_id=job, offset=4, wait_ms=WAIT)
    expect("what is new", shown["stdout"], "two\n")
    server.end()


# --- memory ----------------------------------------------------------------------------------------


def resident(pid):
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024
    raise Failure("no VmHWM")


def case_large_output(ground):
    """1 GB of output in lines, and 10 MB in one: the server's peak grows by less than 32 MiB."""
    server = Tools(ground, "--max-output-bytes", "2G", "--disk", "4G")
    server.run("true")
    before = resident(server.process.pid)
    job = server.run("yes 0123456789abcdef | head -c 1000000000; echo; echo last", background=True)["job_id"]
    line = matched(server, job, "^last$", stream="stdout")
    expect("the offset of the last line", line["offset"], 1_000_000_001)
    shown = ending(server, job)
    expect("its size", shown["stdout_bytes"], 1_000_000_006)
    one = server.run("head -c 10000000 /dev/zero | tr '\\0' x; echo end")
    expect("the long line's size", one["stdout_bytes"], 10_000_004)
    grown = resident(server.process.pid) - before
    if grown >= 32 * MIB:
        raise Failure(f"the server's peak grew by {grown // MIB} MiB")
    server.end()


if __name__ == "__main__":
    cases = {name[5:]: value for name, value in globals().items() if name.startswith("case_")}
    if len(sys.argv) != 2 or sys.argv[1] not in cases:
        sys.exit(f"jobs.py: name one of {', '.join(cases)}")
    os.environ.setdefault("MAYFLY", "build/mayfly")
    sys.exit(run_case(cases[sys.argv[1]]))
