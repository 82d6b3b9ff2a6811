#!/usr/bin/env python3
"""lifetime.py [--no-sandbox-control] CASE: nothing outlives a call, however it, the server or the zygote ends.

This process adopts the orphans of everything below it, so what is left behind becomes its child: a
case passes once waitpid says that there is none. Waiting is on events, or polling with a bound of 60
seconds; no result depends on how fast anything is. $MAYFLY is the server to test.

With --no-sandbox-control something takes the place of `mayfly run` that starts the same command without
a sandbox, and what then is left behind must be seen.
"""
import collections
import contextlib
import glob
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "victims"))
from attack import Failure, adopt_orphans, check_no_orphans, skip  # noqa: E402

MAYFLY = os.environ.get("MAYFLY", "build/mayfly")
CONTROL = "--no-sandbox-control" in sys.argv
BOUND = 1 if CONTROL else 60
# Leaves all kinds of descendants, each of which would go on for long.
FAMILY = ("(setsid sleep 1000 &) ; (setsid setsid sh -c 'trap \"\" TERM HUP INT; touch deep; sleep 1000' &) ; "
          "sleep 1000 & while [ ! -e deep ]; do sleep 0.01; done; rm deep; touch started; ")


def wait_until(what, condition, pause=0.01):
    end = time.monotonic() + BOUND
    while not condition():
        if time.monotonic() > end:
            raise Failure(f"after {BOUND} seconds not yet: {what}")
        time.sleep(pause)


def children(pid):
    with contextlib.suppress(OSError):
        return [int(word) for task in os.listdir(f"/proc/{pid}/task")
                for word in Path(f"/proc/{pid}/task/{task}/children").read_text().split()]
    return []


def descendants(pid):
    found = children(pid)
    return found + [below for child in found for below in descendants(child)]


def name(pid):
    with contextlib.suppress(OSError):
        return Path(f"/proc/{pid}/comm").read_text().strip()
    return ""


def zygotes(server):
    return [pid for pid in children(server) if name(pid) == "mayfly-zygote"]


def of_calls(server):
    """The processes of a server's calls: what is not its own staff."""
    staff = ("mayfly-zygote", "mayfly-keeper", "mayfly-parked")
    return [pid for pid in descendants(server) if name(pid) not in staff]


class Ground:
    """A workspace, and ways to run things in it."""

    def __init__(self):
        self.top = Path(tempfile.mkdtemp(prefix="lifetime-")).resolve()
        self.workspace = self.top / "workspace"
        self.home = self.top / "home"
        self.workspace.mkdir()
        self.home.mkdir()
        self.servers = []

    def start(self, *arguments, **pipes):
        environment = {"PATH": "/usr/bin:/bin", "HOME": str(self.home)}
        process = subprocess.Popen([MAYFLY, *arguments], env=environment, cwd=self.workspace, text=True,
                                   **{"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, **pipes})
        self.servers.append(process.pid)
        return process

    def check_no_groups(self):
        def left():
            return [path for path in control_groups() for pid in self.servers if f"/mayfly-{pid}-" in path]
        # Another test's server may be about to remove what it has found here.
        with contextlib.suppress(Failure):
            wait_until("no control groups are left", lambda: not left())
        if left():
            raise Failure(f"control groups are left: {left()}")

    def run(self, script, *options):
        if CONTROL:
            return subprocess.Popen(["/bin/sh", "-c", script], cwd=self.workspace, text=True,
                                    stdin=subprocess.DEVNULL, stdout=subprocess.PIPE)
        return self.start("run", "--json", "--workspace", str(self.workspace), *options, "--", "/bin/sh", "-c", script)

    def started(self):
        file = self.workspace / "started"
        wait_until("the program has started", file.exists)
        file.unlink()

    def remove(self):
        shutil.rmtree(self.top, ignore_errors=True)


def receipt_of(process):
    output, _ = process.communicate(timeout=60)
    return json.loads(output)


class Server:
    """`mayfly serve`, spoken to in the modern era."""

    def __init__(self, ground, *options):
        self.process = ground.start("serve", "--workspace", str(ground.workspace), *options, stdin=subprocess.PIPE)
        self.next = 0
        self.early = {}

    def send_call(self, tool, arguments):
        self.next += 1
        request = {"jsonrpc": "2.0", "id": self.next, "method": "tools/call", "params": {
            "name": tool, "arguments": arguments,
            "_meta": {"io.modelcontextprotocol/protocolVersion": "2026-07-28",
                      "io.modelcontextprotocol/clientCapabilities": {}}}}
        self.process.stdin.write(json.dumps(request) + "\n")
        self.process.stdin.flush()
        return self.next

    def send(self, script, **more):
        return self.send_call("run_command", {"command": script, **more})

    def cancel(self, number):
        self.process.stdin.write(json.dumps({"jsonrpc": "2.0", "method": "notifications/cancelled",
                                             "params": {"requestId": number}}) + "\n")
        self.process.stdin.flush()

    def answer(self, number):
        if number in self.early:
            return self.early.pop(number)
        for line in self.process.stdout:
            message = json.loads(line)
            if message.get("id") == number:
                return message["result"]
            if "result" in message:
                self.early[message["id"]] = message["result"]
        raise Failure("the server ended without an answer")

    def first_answer(self, numbers):
        """The number of the request that is answered first, and its answer."""
        for line in self.process.stdout:
            message = json.loads(line)
            if message.get("id") in numbers:
                return message["id"], message["result"]
        raise Failure("the server ended without an answer")

    def call(self, script, **more):
        return self.answer(self.send(script, **more))

    def kill(self):
        self.process.kill()
        self.process.wait()

    def end(self):
        self.process.stdin.close()
        code = self.process.wait(timeout=BOUND)
        if code != 0:
            raise Failure(f"serve ended with {code} at the end of its input")


def expect(what, value, wanted):
    if value != wanted:
        raise Failure(f"{what} is {value}, not {wanted}")


# --- the cases -----------------------------------------------------------------------------------


def killed_run(ground):
    process = ground.run(FAMILY + "wait")
    ground.started()
    process.kill()
    process.wait()


def killed_serve(ground):
    server = Server(ground)
    for _ in range(3):
        server.send(FAMILY + "wait")
        ground.started()
    server.kill()


def killed_zygote(ground):
    server = Server(ground)
    lost = server.send(FAMILY + "wait")
    ground.started()
    for zygote in zygotes(server.process.pid):
        os.kill(zygote, signal.SIGKILL)
    result = server.answer(lost)
    # The program did start: whichever way this is told, it is no ordinary exit.
    if "exit_code" in result.get("structuredContent", {}):
        raise Failure(f"a lost sandbox was reported as an exit: {result}")
    wait_until("nothing of the call is left", lambda: not of_calls(server.process.pid))
    expect("the next call's exit code", server.call("exit 3")["structuredContent"]["exit_code"], 3)
    server.end()

    process = ground.run(FAMILY + "wait")
    ground.started()
    for zygote in zygotes(process.pid):
        os.kill(zygote, signal.SIGKILL)
    process.wait(timeout=BOUND)


def killed_early(ground):
    for _ in range(4):
        for delay in (0, 0.0005, 0.001, 0.002, 0.003, 0.004, 0.006, 0.008, 0.011, 0.015, 0.02, 0.03):
            process = ground.run("sleep 1000")
            time.sleep(delay)  # where in the start it hits; nothing is asserted about it
            process.kill()
            process.wait()
            check_no_orphans(BOUND)
            server = Server(ground)
            server.send("sleep 1000")
            time.sleep(delay)
            server.kill()
            check_no_orphans(BOUND)
    # As soon as it has this many processes, whatever they are for.
    for count in (1, 2, 2, 2, 2, 2, 2):
        for _ in range(8):
            process = ground.run("sleep 1000")
            wait_until("it has processes", lambda: len(children(process.pid)) >= count or process.poll() is not None
                       or len(descendants(process.pid)) >= 3, pause=0)
            process.kill()
            process.wait()
            check_no_orphans(BOUND)


def daemons(ground):
    receipt = receipt_of(ground.run(FAMILY + "exit 5"))
    expect("exit_code", receipt["exit_code"], 5)
    server = Server(ground)
    result = server.call(FAMILY + "exit 6")
    expect("exit_code", result["structuredContent"]["exit_code"], 6)
    # The answer is sent once they are gone, not a while before.
    expect("processes of the call", of_calls(server.process.pid), [])
    server.end()


def ignored_term(ground):
    receipt = receipt_of(ground.run("trap '' TERM INT HUP; while :; do sleep 1000; done", "--timeout-ms", "300"))
    expect("ended_by", receipt["ended_by"], "timeout")


def stopped(ground):
    receipt = receipt_of(ground.run("kill -STOP $$", "--timeout-ms", "300"))
    expect("ended_by", receipt["ended_by"], "timeout")
    # Stopped children of a program that ends.
    receipt = receipt_of(ground.run("sleep 1000 & kill -STOP $!; kill -STOP 1; exit 4"))
    expect("exit_code", receipt["exit_code"], 4)


def closed_input(ground):
    server = Server(ground)
    server.send(FAMILY + "wait")
    ground.started()
    server.end()


def control_groups():
    """All groups that a Mayfly server of this machine has made, ours and those of other tests."""
    return {path for path in glob.glob("/sys/fs/cgroup/**/mayfly-*", recursive=True) if os.path.isdir(path)}


def open_files(pid):
    """By kind, without those of the control groups that wait for their calls: their number varies."""
    kinds = collections.Counter(os.readlink(f"/proc/{pid}/fd/{fd}").split(":")[0].split(" ")[0]
                                for fd in os.listdir(f"/proc/{pid}/fd"))
    waiting = [kind for kind in kinds if "/call-" in kind]
    for kind in waiting:
        del kinds[kind]
    kinds["anon_inode"] -= 2 * len(waiting)  # an epoll and an eventfd for each
    return kinds


def resources(server):
    """Everything of a server's that could grow."""
    pid = server.process.pid
    zygote = zygotes(pid)[0]
    with contextlib.suppress(OSError):
        seen = {
            "fds": open_files(pid),
            "processes": len(of_calls(pid)),
            "zygotes": len(zygotes(pid)),
            "groups": sum(f"mayfly-{pid}-" in path for path in control_groups()),
            "mounts of the host": len(Path("/proc/self/mountinfo").read_text().splitlines()),
            "mounts of the server": len(Path(f"/proc/{pid}/mountinfo").read_text().splitlines()),
        }
        with contextlib.suppress(PermissionError):  # an ordinary user's zygote shows nothing of itself
            parked = sum(name(child) == "mayfly-parked" for child in children(zygote))
            seen["fds of the zygote"] = len(os.listdir(f"/proc/{zygote}/fd")) - parked
            seen["mounts of the zygote"] = len(Path(f"/proc/{zygote}/mountinfo").read_text().splitlines())
        return seen
    return None


def hundred_calls(ground):
    server = Server(ground)
    for _ in range(10):  # what is made once is made now
        server.call("true")
    before = resources(server)
    for number in range(100):
        if number % 10 == 0:
            server.call("nothing-of-this-name; (setsid sleep 1000 &)")
        elif number % 10 == 5:
            server.call("sleep 1000", timeout_ms=20)
        else:
            server.call("true")
    # A descriptor may still be on its way out when the answer is.
    with contextlib.suppress(Failure):
        wait_until("all is as before", lambda: resources(server) == before)
    after = resources(server)
    for name, was in before.items():
        expect(name, after[name], was)
    # The pool's threads come as they are needed; how many there can be is bounded.
    threads = len(os.listdir(f"/proc/{server.process.pid}/task"))
    if threads > 16:
        raise Failure(f"the server has {threads} threads")
    server.end()


def thousand_calls(ground):
    server = Server(ground)
    for number in [server.send("true") for _ in range(16)]:
        server.answer(number)
    before = resources(server)
    kinds = ["true", "nothing-of-this-name; (setsid sleep 1000 &)", "exit 7", "kill -9 $$",
             "head -c 300000 /dev/zero > /dev/null", "for i in 1 2 3 4 5 6 7 8; do sleep 1000 & done"]
    for number in range(500):
        server.call(kinds[number % len(kinds)], max_output_chars=10)
    for _ in range(500 // 16 + 1):
        for number in [server.send(kinds[number % len(kinds)], max_output_chars=10) for number in range(16)]:
            server.answer(number)
    with contextlib.suppress(Failure):
        wait_until("all is as before", lambda: resources(server) == before, pause=0.05)
    after = resources(server)
    for name, was in before.items():
        expect(name, after[name], was)
    server.end()


def waits_in_turn(ground):
    server = Server(ground, "--max-calls", "1", "--max-queued", "2")
    first = server.send("touch started; while [ ! -e go ]; do sleep 0.01; done; rm go; echo first")
    ground.started()
    # Two of these wait, whichever come first; the other is refused at once, with the time to wait.
    waiting = {server.send(f"echo {i}; touch ran-{i}"): i for i in range(3)}
    number, refused = server.first_answer(waiting)
    if not refused.get("isError") or "E4001" not in refused["content"][0]["text"]:
        raise Failure(f"with no place left a call was answered {refused}")
    waiting.pop(number)
    number, cancelled = waiting.popitem()
    server.cancel(number)
    last = server.send("echo last")  # in the place of the cancelled one
    (ground.workspace / "go").touch()
    expect("stdout", server.answer(first)["structuredContent"]["stdout"], "first\n")
    for number, i in waiting.items():
        expect("stdout", server.answer(number)["structuredContent"]["stdout"], f"{i}\n")
    expect("stdout", server.answer(last)["structuredContent"]["stdout"], "last\n")
    if (ground.workspace / f"ran-{cancelled}").exists():
        raise Failure("a call that was cancelled while it waited has run")
    # At the end of input nothing that waits is started.
    server.send("touch started; sleep 1000")
    ground.started()
    server.send("touch ran")
    server.end()
    if (ground.workspace / "ran").exists():
        raise Failure("a waiting call was started at the end")


@contextlib.contextmanager
def frozen(pid):
    """Keeps a process from dying, even of KILL: what the v1 freezer holds does not get as far."""
    freezer = Path("/sys/fs/cgroup/freezer")
    if os.geteuid() != 0 or not (freezer / "cgroup.procs").exists():
        skip("a cgroup v1 freezer that this user may use")
    group = freezer / f"lifetime-{os.getpid()}"
    group.mkdir()
    try:
        (group / "cgroup.procs").write_text(str(pid))
        (group / "freezer.state").write_text("FROZEN")
        wait_until("it is frozen", lambda: (group / "freezer.state").read_text().strip() == "FROZEN")
        yield
    finally:
        (group / "freezer.state").write_text("THAWED")
        wait_until("it is gone", lambda: not (group / "cgroup.procs").read_text())
        group.rmdir()


def sleeper(server):
    """The program of a call that is about to become `sleep`."""
    def found():
        return [pid for pid in descendants(server.process.pid) if name(pid) == "sleep"]
    wait_until("the program sleeps", found)
    return found()[0]


def lingering(ground):
    server = Server(ground, "--max-calls", "1", "--max-queued", "0")
    # Time enough to freeze it first.
    number = server.send("touch started; exec sleep 1000", timeout_ms=5000, receipt="full")
    ground.started()
    program = sleeper(server)
    with frozen(program):
        answer = server.answer(number)["structuredContent"]
        expect("ended_by", answer["ended_by"], "timeout")
        if program not in [process["pid"] for process in answer["receipt"]["lingering"]]:
            raise Failure(f"the receipt does not name process {program}: {answer}")
        if "lingering" not in answer["note"]:
            raise Failure(f"the note does not say what lingers: {answer}")
        # It has its place until it ends.
        refused = server.call("true")
        if "E4001" not in refused["content"][0]["text"]:
            raise Failure(f"what lingers does not count: {refused}")
    wait_until("the place is free", lambda: "structuredContent" in server.call("true"))

    # A server does not wait for ever for what does not die.
    number = server.send("touch started; exec sleep 1000")
    ground.started()
    program = sleeper(server)
    with frozen(program):
        server.end()


def run_case(case):
    """For other programs' cases: runs one on a ground of its own. Returns the exit code."""
    adopt_orphans()
    ground = Ground()
    try:
        case(ground)
        check_no_orphans()
        ground.check_no_groups()
    except Failure as failure:
        print(f"FAILED: {failure}")
        return 1
    finally:
        ground.remove()
    return 0


def main():
    case = {function.__name__: function for function in (
        killed_run, killed_serve, killed_zygote, killed_early, daemons, ignored_term, stopped, closed_input,
        hundred_calls, thousand_calls, waits_in_turn, lingering)}[sys.argv[-1]]
    adopt_orphans()
    ground = Ground()
    try:
        case(ground)
        check_no_orphans(BOUND)
        ground.check_no_groups()
    except (Failure, subprocess.TimeoutExpired) as failure:
        if CONTROL and "processes are left" in str(failure):
            print(failure)
            return 0
        print(f"FAILED: {failure}")
        return 1
    finally:
        ground.remove()
        for pid in descendants(os.getpid()):  # of a failed case
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
    if CONTROL:
        print("FAILED: without a sandbox processes are left, and they were not seen")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
