#!/usr/bin/env python3
"""landlock_tier.py [--programs DIR] CASE: the tier for hosts without user namespaces (--tier landlock).

The host without user namespaces is made by without_user_namespaces.py. As root the workspace belongs to
another user, which is then who the sandbox is. $MAYFLY is the server to test.
"""
import argparse
import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "victims"))
from attack import Failure, adopt_orphans, check_no_orphans, landlock_abi, skip  # noqa: E402

MAYFLY = str(Path(os.environ.get("MAYFLY", "build/mayfly")).resolve())
ROOT = os.geteuid() == 0
OWNER = 21000 if ROOT else os.geteuid()
SECRET = "tier-secret-9d41"
BOUND = 60


class Place:
    def __init__(self):
        # As root below /var/tmp: the sandbox's user must be able to enter it.
        self.top = Path(tempfile.mkdtemp(prefix="tier-", dir="/var/tmp" if ROOT else None)).resolve()
        self.top.chmod(0o755)
        self.workspace, self.home = self.top / "workspace", self.top / "home"
        for directory in (self.workspace, self.home, self.home / ".ssh"):
            directory.mkdir()
        self.secret = self.home / ".ssh" / "id"
        self.secret.write_text(SECRET)
        self.secret.chmod(0o600)
        (self.home / ".gitconfig").write_text("[user]\n\tname = Ada\n\temail = ada@example.org\n")
        self.state = self.top / "state"
        self.give_away()

    def give_away(self):
        """Everything is the sandbox's user's, so that only the sandbox protects it."""
        for path in (self.workspace, *self.workspace.rglob("*"), self.home, *self.home.rglob("*")):
            os.chown(path, OWNER, OWNER, follow_symlinks=False)

    def environment(self):
        return {"PATH": "/usr/local/bin:/usr/bin:/bin", "HOME": str(self.home), "XDG_STATE_HOME": str(self.state),
                "LANG": "C.UTF-8"}

    def start(self, *command, options=(), tier=("--tier", "landlock")):
        return subprocess.Popen(
            ["/usr/bin/python3", HERE / "without_user_namespaces.py", MAYFLY, "run", "--json", "--workspace",
             self.workspace, *tier, *options, "--", *command],
            env=self.environment(), cwd=self.workspace, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, text=True)

    @staticmethod
    def finish(process):
        output, errors = process.communicate(timeout=100)
        if process.returncode == 77:
            skip(output.removeprefix("SKIP: ").strip())
        try:
            return json.loads(output)
        except json.JSONDecodeError:
            raise Failure(f"no receipt: {output}{errors}") from None

    def run(self, *command, **more):
        return self.finish(self.start(*command, **more))

    def shell(self, script, **more):
        return self.run("/bin/bash", "-c", script, **more)

    def private(self):
        """What servers keep of calls at this moment."""
        place = Path("/var/lib/mayfly/private") if ROOT else self.state / "mayfly" / "private"
        return list(place.glob("server-*/*")) if place.exists() else []

    def remove(self):
        shutil.rmtree(self.top, ignore_errors=True)


def expect(condition, what, receipt):
    if not condition:
        raise Failure(f"{what}: {json.dumps(receipt, indent=1)}")


def wait_until(what, condition):
    end = time.monotonic() + BOUND
    while not condition():
        if time.monotonic() > end:
            raise Failure(f"after {BOUND} seconds not yet: {what}")
        time.sleep(0.01)


def descendants(pid):
    with contextlib.suppress(OSError):
        children = [int(word) for task in os.listdir(f"/proc/{pid}/task")
                    for word in Path(f"/proc/{pid}/task/{task}/children").read_text(encoding="ascii").split()]
        return children + [below for child in children for below in descendants(child)]
    return []


def nothing_left(place):
    check_no_orphans()
    if place.private():
        raise Failure(f"left behind: {place.private()}")


def case_real_work(place):
    receipt = place.shell("""set -e
        git init -q repo; cd repo; echo a >a; git add a; git commit -qm one; git config core.abbrev 9
        git checkout -qb other; git gc -q; cd ..; git clone -q repo copy; git -C copy log --format=%an | grep -qx Ada
        printf 'int main(){return 0;}' >a.c; gcc -o a.out a.c; ./a.out
        python3 -c 'import subprocess, tempfile; subprocess.run(["true"], check=True); tempfile.TemporaryFile()'
        mkdir d e; touch -d @1000 d/x; [ "$(stat -c %Y d/x)" = 1000 ]; chmod 640 d/x; [ "$(stat -c %a d/x)" = 640 ]
        mv d/x e/y; ln e/y d/z; cp -p e/y e/w; [ "$(stat -c %a-%Y e/w)" = 640-1000 ]
        tar cf t.tar d e; mkdir out; tar xf t.tar -C out; cat <(echo piped) | grep -q piped
        [ "$(id -u)" != 0 ]; [ "$(id -u)" = "$(stat -c %u a.c)" ]; echo done
        touch "$HOME/x" "$TMPDIR/x"; [ "$HOME" != "$1" ]""")
    expect(receipt.get("exit_code") == 0 and receipt["stdout"] == "done\n", "real work failed", receipt)
    expect(receipt["tier"] == "landlock", "the receipt names another tier", receipt)
    expect(f"Landlock ABI {landlock_abi()}" in receipt["layers"], "Landlock is not named", receipt)
    expect(not [layer for layer in receipt["layers"] if "namespace" in layer], "namespaces are named", receipt)
    expect(not receipt["violations"], "real work was taken for an attack", receipt)
    nothing_left(place)


def case_refused_unless_accepted(place):
    error = place.run("/usr/bin/true", tier=())["error"]
    expect(error["code"] == "E2002" and "--tier landlock" in error["remedy"], "not refused with the remedy", error)
    if ROOT:
        os.chown(place.workspace, 0, 0)
        error = place.run("/usr/bin/true")["error"]
        expect(error["code"] == "E2002" and "chown" in error["remedy"], "root's workspace is not refused", error)
        os.chown(place.workspace, OWNER, OWNER)
    error = place.run("/usr/bin/true", options=("--publish", "3000"))["error"]
    expect(error["code"] == "E2002" and error["field"] == "network.publish", "a published port is accepted", error)
    program = place.workspace / "set-id"
    shutil.copy("/usr/bin/true", program)
    place.give_away()
    program.chmod(0o4755)
    error = place.run("/usr/bin/true")["error"]
    expect(error["code"] == "E2002" and "set-id" in error["message"] + error.get("value", ""), "set-id file accepted", error)


def case_full_where_possible(place):
    """Accepting less does not mean getting less."""
    done = subprocess.run([MAYFLY, "run", "--json", "--workspace", place.workspace, "--tier", "landlock", "--", "true"],
                          env=place.environment(), stdout=subprocess.PIPE, text=True, check=False)
    expect(json.loads(done.stdout)["tier"] == "full", "another tier", done.stdout)


def case_neighbour(place, programs):
    shutil.copy(programs / "victim_neighbour", place.workspace / "victim")
    drop = ["setpriv", f"--reuid={OWNER}", f"--regid={OWNER}", "--clear-groups"] if ROOT else []
    neighbour = subprocess.Popen([*drop, "sleep", "1000"])
    variables = {"VICTIM_NEIGHBOUR": str(neighbour.pid), "VICTIM_SECRET_FILE": str(place.secret),
                 "VICTIM_WORKSPACE": str(place.workspace)}
    place.give_away()

    def look():
        return [(path, oct(info.st_mode), info.st_mtime_ns, info.st_size)
                for path in (place.home, *sorted(place.home.rglob("*"))) for info in [path.lstat()]]
    before = look()
    try:
        options = [word for name, value in variables.items() for word in ("--env", f"{name}={value}")]
        receipt = place.run("./victim", options=options)
        print(receipt.get("stdout", receipt))
        expect(receipt.get("exit_code") == 0, "the lines with SUCCEEDED are holes", {"ended_by": receipt.get("ended_by")})
        if SECRET in json.dumps(receipt):
            raise Failure("the secret came out")
        if look() != before:
            raise Failure(f"the home was changed:\n{before}\n{look()}")
        named = {violation["operation"] for violation in receipt["violations"]}
        expect({"socket", "shmget", "inotify_add_watch"} <= named, "denials are not in the receipt", receipt["violations"])
        control = subprocess.run([*drop, "./victim"], cwd=place.workspace, stdout=subprocess.PIPE, text=True, check=False,
                                 env={**place.environment(), **variables, "VICTIM_CONTROL": "1"})
        wrong = [line for line in control.stdout.splitlines() if line.endswith("(demanded)") and "SUCCEEDED" not in line]
        if wrong or "(demanded)" not in control.stdout:
            raise Failure("without a sandbox these must succeed:\n" + "\n".join(wrong))
    finally:
        for name in ("/dev/shm/made-by-victim", "/tmp/made-by-victim"):
            with contextlib.suppress(OSError):
                os.unlink(name)
        neighbour.kill()
        neighbour.wait()


# A process whose main thread has ended: /proc shows a zombie, and the other thread goes on.
HEADLESS = """
import ctypes, os, threading, time
def go_on():
    time.sleep(0.3)
    memory = b"x" * ({megabytes} << 20)
    time.sleep(1000)
if os.fork() == 0:
    os.setsid()
    for stream in range(3):
        os.close(stream)
    threading.Thread(target=go_on).start()
    ctypes.CDLL(None).syscall(60, 0)
time.sleep({pause})
"""


DAEMONS = ("(setsid sleep 1000 &); (setsid setsid sh -c 'trap \"\" TERM HUP; sleep 1000; sleep 1000' &); "
           "python3 -c 'import ctypes, os, time; ctypes.CDLL(None).prctl(4, 0); os.fork() or (os.setsid(), time.sleep(1000))' & "
           "sleep 0.3; touch started; ")


def case_nothing_remains(place):
    receipt = place.shell(DAEMONS + "exit 3")
    expect(receipt.get("exit_code") == 3, "the program's own end is not told", receipt)
    nothing_left(place)
    receipt = place.run("/usr/bin/python3", "-c", HEADLESS.format(megabytes=0, pause=0.5))
    expect(receipt.get("exit_code") == 0, "a process without its main thread", receipt)
    nothing_left(place)
    receipt = place.shell("trap '' TERM; " + DAEMONS + "while :; do :; done", options=["--timeout-ms", "1500"])
    expect(receipt["ended_by"] == "timeout", "not ended for its time", receipt)
    nothing_left(place)


class Server:
    """`mayfly serve` in the tier, spoken to in the modern era."""

    def __init__(self, place):
        self.process = subprocess.Popen(
            ["/usr/bin/python3", HERE / "without_user_namespaces.py", MAYFLY, "serve", "--workspace", place.workspace,
             "--tier", "landlock"], env=place.environment(), cwd=place.workspace, stdin=subprocess.PIPE,
            stdout=subprocess.PIPE, text=True)

    def send(self, number, method, **params):
        message = {"jsonrpc": "2.0", "method": method, "params": {**params, "_meta": {
            "io.modelcontextprotocol/protocolVersion": "2026-07-28", "io.modelcontextprotocol/clientCapabilities": {}}}}
        self.process.stdin.write(json.dumps(message | ({"id": number} if number else {})) + "\n")
        self.process.stdin.flush()

    def call(self, number, script, **more):
        self.send(number, "tools/call", name="run_command", arguments={"command": script, "wait_ms": 30000, **more})

    def cancel(self, number):
        self.send(0, "notifications/cancelled", requestId=number)

    def answer(self, number):
        for line in self.process.stdout:
            message = json.loads(line)
            if message.get("id") == number:
                return message["result"]["structuredContent"]
        raise Failure("the server ended without an answer")

    def running(self):
        return [name for pid in descendants(self.process.pid) for name in names(pid) if not name.startswith("mayfly-")]

    def end(self):
        self.process.stdin.close()
        self.process.wait(timeout=BOUND)


def names(pid):
    with contextlib.suppress(OSError):
        yield Path(f"/proc/{pid}/comm").read_text(encoding="utf-8").strip()


def case_served(place):
    """At each answer of a server nothing of that call is left, and of the others nothing is missing."""
    server = Server(place)
    server.call(1, "touch first; exec sleep 1000")
    wait_until("the first call runs", (place.workspace / "first").exists)
    for number in (2, 3):
        server.call(number, DAEMONS + "exit 0")
        receipt = server.answer(number)
        expect(receipt["status"] == "exited" and receipt["sandbox"] == "default:landlock", "another end", receipt)
        expect(server.running() == ["sleep"], "after a call something else than the other call runs", server.running())
    expect(len(place.private()) == 1, "a directory of a call that ended is there", str(place.private()))
    server.cancel(1)
    wait_until("the cancelled call ends", lambda: not server.running())
    wait_until("its directory goes", lambda: not place.private())
    server.end()
    nothing_left(place)


def case_killed(place):
    """SIGKILL to the server, to the zygote, to init."""
    def parents(pid):
        with open(f"/proc/{pid}/stat", encoding="ascii") as file:
            return int(file.read().rsplit(")", 1)[1].split()[1])
    for generation, who in enumerate(("init", "zygote", "server")):
        started = place.workspace / "started"
        started.unlink(missing_ok=True)
        process = place.start("/bin/bash", "-c", "echo $$ >pid; " + DAEMONS + "sleep 1000")
        wait_until("the program runs", lambda: started.exists() or process.poll() is not None)
        pid = int((place.workspace / "pid").read_text())
        for _ in range(generation + 1):
            pid = parents(pid)
        os.kill(pid, signal.SIGKILL)
        if who != "server":
            receipt = Place.finish(process)
            print(who, receipt.get("ended_by"), receipt.get("error"))
        process.wait(timeout=BOUND)
        for stream in (process.stdout, process.stderr):
            stream.close()
        check_no_orphans()
    if not place.private():
        raise Failure("the killed server left no directory: then the sweep below proves nothing")
    place.run("/usr/bin/true")
    nothing_left(place)


# Asks for more without a pause, once it is told to begin.
FORK_BOMB = """import os, time
open("ready", "w").close()
while not os.path.exists("go"): time.sleep(0.01)
while True:
  try: os.fork()
  except OSError: pass
"""


def case_limits(place):
    # The kernel's own count is of all processes of the user, and here it has more of them by and by.
    (place.workspace / "bomb.py").write_text(FORK_BOMB)
    server = Server(place)
    server.call(1, "exec /usr/bin/python3 bomb.py", limits={"processes": 60})
    wait_until("the bomb is there", (place.workspace / "ready").exists)
    server.call(2, "for i in $(seq 20); do sleep 1000 & done; touch go; wait")
    receipt = server.answer(1)
    expect(receipt.get("ended_by") == "pids", "a fork bomb", receipt)
    server.end()
    nothing_left(place)
    # A shell waits for longer and longer before it asks again: what ends it does not matter.
    receipt = place.shell(":(){ :|:& };:; sleep 1000", options=["--pids", "60", "--timeout-ms", "3000"])
    expect(receipt["ended_by"] in ("pids", "timeout"), "a shell's fork bomb", receipt["ended_by"])
    nothing_left(place)
    # Each process is gone when it has been found: only its child is there.
    receipt = place.run("/usr/bin/python3", "-c", "import os\nwhile True:\n if os.fork(): os._exit(0)",
                        options=["--timeout-ms", "3000"])
    print("a process that keeps changing:", receipt["ended_by"], receipt.get("exit_code"))
    nothing_left(place)
    receipt = place.run("/usr/bin/python3", "-c", "x = b'x' * (400 << 20)\nimport time; time.sleep(1000)",
                        options=["--memory", "100M", "--timeout-ms", "60000"])
    expect(receipt["ended_by"] == "memory", "too much memory", receipt)
    receipt = place.shell("ulimit -n; ulimit -c")
    expect(receipt["stdout"].split()[1] == "0" or int(receipt["stdout"].split()[1]) <= 1, "core files", receipt)
    nothing_left(place)


def case_counted(place):
    """What a program may do so that what it uses is not seen."""
    def ends(by, what, script, *options):
        receipt = place.run("/usr/bin/python3", "-c", script, options=[*options, "--timeout-ms", "60000"])
        print(what, receipt.get("ended_by"), receipt.get("usage"))
        expect(receipt.get("ended_by") == by, what, receipt)
        nothing_left(place)

    ends("memory", "memory of a process without its main thread", HEADLESS.format(megabytes=400, pause=1000),
         "--memory", "100M")
    ends("memory", "memory of a process with the name of a line",
         "import ctypes; ctypes.CDLL(None).prctl(15, b'RssAnon:0')\n"
         "x = b'x' * (400 << 20)\nimport time; time.sleep(1000)", "--memory", "100M")
    burn = "end = time.process_time() + 0.45\n  while time.process_time() < end: pass\n  os._exit(0)\n"
    ends("cpu", "CPU time of children that were waited for",
         "import os, time\nfor i in range(8):\n if os.fork() == 0:\n  " + burn + " os.wait()\ntime.sleep(1)\n", "--cpu-ms", "1000")
    ends("cpu", "CPU time of children that nobody waits for",
         "import os, signal, time\nsignal.signal(signal.SIGCHLD, signal.SIG_IGN)\nfor i in range(8):\n"
         " child = os.fork()\n if child == 0:\n  " + burn +
         " try: os.waitpid(child, 0)\n except OSError: pass\ntime.sleep(1)\n", "--cpu-ms", "1000")
    ends("disk", "disk of children that nobody waits for",
         "import os, signal, time\nsignal.signal(signal.SIGCHLD, signal.SIG_IGN)\nfor i in range(8):\n"
         " child = os.fork()\n if child == 0:\n  open(f'written-{i}', 'wb').write(b'x' * (10 << 20))\n  time.sleep(0.4)\n"
         "  os._exit(0)\n try: os.waitpid(child, 0)\n except OSError: pass\ntime.sleep(1)\n", "--disk", "40M")
    ends("disk", "disk that is reserved",
         "import os, time\nfile = os.open('reserved', os.O_RDWR | os.O_CREAT)\nos.posix_fallocate(file, 0, 60 << 20)\n"
         "time.sleep(1000)\n", "--disk", "40M")
    receipt = place.run("/usr/bin/python3", "-c", "import os\nfile = os.open('some', os.O_RDWR | os.O_CREAT)\n"
                        "os.posix_fallocate(file, 0, 1 << 20)\nassert os.fstat(file).st_size == 1 << 20")
    expect(receipt.get("exit_code") == 0, "fallocate within the limit", receipt)


def case_protected(place):
    """Nothing is read-only there: what a call plants in directories that exist is undone, and told."""
    hooks = place.workspace / ".git" / "hooks"
    editor = place.workspace / ".vscode"

    def git(*words):
        subprocess.run(["git", "-c", "safe.directory=*", "-C", place.workspace, *words], check=True,
                       env=place.environment(), stdout=subprocess.DEVNULL)
    git("init", "-q")
    hooks.mkdir(exist_ok=True)
    (hooks / "pre-commit").write_text("#!/bin/sh\ntrue\n")
    (hooks / "pre-commit").chmod(0o755)
    editor.mkdir()
    (editor / "settings.json").write_text("{}\n")
    place.give_away()
    plant = ("echo evil >.git/hooks/pre-push; chmod 755 .git/hooks/pre-push; echo evil >>.git/hooks/pre-commit; "
             "echo evil >.vscode/tasks.json; echo evil >.vscode/settings.json")

    def undone(receipt):
        told = {violation["target"] for violation in receipt["violations"] if violation["kind"] == "host_code"}
        planted = {".git/hooks/pre-push", ".git/hooks/pre-commit", ".vscode/tasks.json", ".vscode/settings.json"}
        expect(planted <= told, "not told", receipt)
        if (hooks / "pre-push").exists() or (editor / "tasks.json").exists():
            raise Failure("what was planted is there")
        if "evil" in (hooks / "pre-commit").read_text() + (editor / "settings.json").read_text():
            raise Failure("what was changed is not as before")

    undone(place.shell(plant))
    # One tier at a time: each knows something else of the directories.
    process = place.start("/bin/bash", "-c", plant + "; touch started; exec sleep 1000")
    wait_until("the program runs", lambda: (place.workspace / "started").exists() or process.poll() is not None)
    full = [MAYFLY, "run", "--json", "--workspace", place.workspace, "--", "true"]
    done = subprocess.run(full, env=place.environment(), stdout=subprocess.PIPE, text=True, check=False)
    error = json.loads(done.stdout).get("error", {})
    expect(error.get("code") == "E4001" and "tier" in error.get("message", ""), "two tiers at once", done.stdout)
    # A killed server of the one tier is cleared up after by the other.
    os.kill(process.pid, signal.SIGKILL)
    process.communicate()
    check_no_orphans()
    done = subprocess.run(full, env=place.environment(), stdout=subprocess.PIPE, text=True, check=False)
    receipt = json.loads(done.stdout)
    expect(receipt.get("tier") == "full", "the next call, in the other tier", receipt)
    undone(receipt)


def main():
    options = argparse.ArgumentParser()
    options.add_argument("--programs", type=Path, default=HERE.parent.parent / "build" / "tests" / "tier")
    options.add_argument("case")
    arguments = options.parse_args()
    if landlock_abi() < 6:
        skip("Landlock ABI 6 (Linux 6.12)")
    os.umask(0o022)
    adopt_orphans()
    place = Place()
    cases = {"neighbour": lambda where: case_neighbour(where, arguments.programs)}
    try:
        cases.get(arguments.case, globals()["case_" + arguments.case])(place)
    except Failure as failure:
        print(f"FAILED: {failure}")
        return 1
    finally:
        place.remove()
    return 0


if __name__ == "__main__":
    sys.exit(main())
