#!/usr/bin/env python3
"""attack.py [--no-sandbox-control] [--programs DIR] VICTIM: runs one attack program in a sandbox.

The victim says which of its attempts succeeded; what it cannot know is looked at from outside: the
files of the host beside the workspace, set-id files and device nodes on the workspace's disk, the
server's own program, and processes that are left.

With --no-sandbox-control the same victim runs without a sandbox, in throw-away namespaces, with the
attempts that would be dangerous left out; there, each that it marks as "(demanded)" must succeed.
$MAYFLY is the server to test.
"""
import argparse
import contextlib
import ctypes
import hashlib
import json
import os
import re
import shutil
import signal
import socket
import stat
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

WALL = 0x40000000  # __WALL of wait(2): also children whose end nobody is told of
PR_SET_CHILD_SUBREAPER = 36
SECRET = "victim-secret-6b1f0c7e"
HERE = Path(__file__).resolve().parent
# Of the workspace's owner before any call, and copies of these.
SET_ID_FILES = {"was-setuid": "/usr/bin/true", "was-setuid-id": "/usr/bin/id"}


class Failure(Exception):
    pass


def skip(missing):
    print(f"SKIP: {missing}")
    if os.environ.get("MAYFLY_TESTS_MUST_RUN") == "1":
        print("MAYFLY_TESTS_MUST_RUN=1: a skip is a failure")
        sys.exit(1)
    sys.exit(77)


def adopt_orphans():
    """Whatever a server leaves behind becomes our child, and can be counted."""
    if ctypes.CDLL(None, use_errno=True).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) != 0:
        raise Failure("prctl(PR_SET_CHILD_SUBREAPER)")


def check_no_orphans(seconds=60):
    """Waits until every process below us has ended; those that do not are the failure."""
    def too_late(*_):
        raise TimeoutError
    signal.signal(signal.SIGALRM, too_late)
    signal.alarm(seconds)
    try:
        while True:
            os.waitpid(-1, WALL)
    except ChildProcessError:
        return
    except TimeoutError:
        left = subprocess.run(["ps", "-o", "pid,stat,args", "--ppid", str(os.getpid())],
                              stdout=subprocess.PIPE, text=True).stdout
        raise Failure(f"processes are left:\n{left}") from None
    finally:
        signal.alarm(0)


def fingerprint(path):
    """What a file, or a tree, looks like: names, modes, owners, contents. Not the time of access."""
    def one(entry):
        info = entry.lstat()
        text = f"{entry} {info.st_mode:o} {info.st_uid}:{info.st_gid}"
        if stat.S_ISREG(info.st_mode):
            text += f" {info.st_nlink} {info.st_mtime_ns} " + hashlib.sha256(entry.read_bytes()).hexdigest()
            text += repr({name: os.getxattr(entry, name) for name in os.listxattr(entry)})
        return text
    entries = [path] + (sorted(path.rglob("*")) if path.is_dir() else [])
    return "\n".join(one(entry) for entry in entries)


class Place:
    """A directory of the host's with a workspace in it, and around it what must stay as it is."""

    def __init__(self, programs):
        self.programs = programs
        self.top = Path(tempfile.mkdtemp(prefix="attacked-")).resolve()
        self.workspace = self.top / "workspace"
        self.home = self.top / "home"
        self.sibling = self.top / "sibling"
        self.server = self.top / "bin" / "mayfly"
        for directory in (self.workspace, self.home, self.sibling, self.server.parent):
            directory.mkdir()
        for name in (".npmrc", ".netrc", ".ssh/id_ed25519", ".aws/credentials", ".gitconfig",
                     ".config/mayfly/config.toml", "secret.txt"):
            file = self.home / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text("" if name == ".gitconfig" else SECRET + "\n")
        (self.sibling / "sentinel").write_text(SECRET + "\n")
        (self.sibling / "sentinel").chmod(0o644)
        # A program that may be written by whoever runs the server, as in ~/.local/bin.
        shutil.copy(os.environ.get("MAYFLY", "build/mayfly"), self.server)

    def environment(self):
        return {"VICTIM_SECRET": SECRET, "VICTIM_HOME": str(self.home),
                "VICTIM_SERVER_DIRECTORY": str(self.server.parent),
                "VICTIM_SIBLING": str(self.sibling),
                "VICTIM_SENTINEL": str(self.sibling / "sentinel"),
                "VICTIM_HOST_PID": str(os.getpid()), "VICTIM_HOSTNAME": socket.gethostname()}

    def put(self, victim):
        """Copies the victim into the workspace, under the name that it will be run by."""
        source = HERE / f"{victim}.sh"
        if not source.exists():
            source = self.programs / f"victim_{victim}"
        target = self.workspace / f"victim-{victim}"
        shutil.copy(source, target)
        target.chmod(0o755)
        return f"./{target.name}"

    def start(self, command, variables=None, options=()):
        environment = {**os.environ, "HOME": str(self.home), "HOST_ONLY": SECRET}
        environment.pop("XDG_CACHE_HOME", None)
        environment["XDG_STATE_HOME"] = str(self.top / "state")  # Mayfly's own, and meant to change
        settings = [part for name, value in {**self.environment(), **(variables or {})}.items()
                    for part in ("--env", f"{name}={value}")]
        return subprocess.Popen(
            [self.server, "run", "--workspace", self.workspace, "--json", *settings, *options, "--", *command],
            cwd=self.top, env=environment, stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def finish(self, process):
        output, errors = process.communicate(timeout=100)
        sys.stderr.write(errors)
        try:
            receipt = json.loads(output)
        except json.JSONDecodeError:
            raise Failure(f"no receipt, exit {process.returncode}: {output[-2000:]}{errors[-2000:]}") from None
        if "stdout" not in receipt or receipt.get("ended_by") == "setup":
            raise Failure(f"the sandbox did not start: {output}")
        sys.stdout.write(receipt["stdout"] + receipt["stderr"])
        return receipt

    def run(self, command, variables=None, options=()):
        return self.finish(self.start(command, variables, options))

    @contextlib.contextmanager
    def unchanged(self):
        def look():
            cache = self.home / ".cache"  # the server's own
            if cache.exists():
                shutil.rmtree(cache)
            return [fingerprint(path) for path in (self.home, self.sibling, self.server.parent)]
        before = look()
        yield
        for was, now in zip(before, look()):
            if was != now:
                raise Failure(f"the host was changed.\nBefore:\n{was}\nAfter:\n{now}")

    def check_disk(self):
        """No set-id file, no device and nothing of root's was made in the workspace."""
        for directory, directories, files in os.walk(self.workspace):
            for name in directories + files:
                path = os.path.join(directory, name)
                if len(path) > 4000:
                    return
                info = os.lstat(path)
                special = stat.S_ISCHR(info.st_mode) or stat.S_ISBLK(info.st_mode)
                set_id = stat.S_ISREG(info.st_mode) and info.st_mode & (stat.S_ISUID | stat.S_ISGID)
                # Of a set-id file that was there before, each byte is still the same.
                if set_id and name in SET_ID_FILES:
                    if Path(path).read_bytes() != Path(SET_ID_FILES[name]).read_bytes():
                        raise Failure(f"{path} has a set-id bit and other contents than before")
                    continue
                if special or set_id:
                    raise Failure(f"on the disk: {path} with mode {info.st_mode:o}")
                if info.st_uid != os.geteuid():
                    raise Failure(f"on the disk: {path} belongs to {info.st_uid}")
                if stat.S_ISREG(info.st_mode) and "security.capability" in os.listxattr(path, follow_symlinks=False):
                    raise Failure(f"on the disk: {path} has capabilities")

    def remove(self):
        subprocess.run(["rm", "-rf", "--one-file-system", self.top], check=False)


def expect_held(receipt):
    if receipt["ended_by"] != "exit" or receipt["exit_code"] != 0:
        raise Failure(f"the victim ended by {receipt['ended_by']}, exit {receipt.get('exit_code')}: "
                      "the lines with SUCCEEDED are holes")


def attack(place, victim, variables=None):
    receipt = place.run([place.put(victim)], variables)
    expect_held(receipt)
    return receipt


# --- what single victims need --------------------------------------------------------------------


def put_set_id_files(place):
    for name, source in SET_ID_FILES.items():
        shutil.copy(source, place.workspace / name)
        (place.workspace / name).chmod(0o4755)


def case_set_id(place):
    put_set_id_files(place)
    attack(place, "set_id")


def case_fill(place):
    attack(place, "fill")
    # The next call finds nothing of it.
    receipt = place.run(["/bin/sh", "-c", "ls -A /tmp /dev/shm $HOME; touch /tmp/x"])
    expect_held(receipt)
    if "fill" in receipt["stdout"] or "inodes" in receipt["stdout"]:
        raise Failure("what filled one call is in the next")


def case_leftovers(place):
    program = place.put("leftovers")
    planting = place.start([program, "plant"])
    planted = place.workspace / "planted"
    while not planted.exists() and planting.poll() is None:
        threading.Event().wait(0.01)
    at_once = place.run([program, "find"])
    expect_held(place.finish(planting))
    expect_held(at_once)
    expect_held(place.run([program, "find"]))


def case_own_binary(place):
    attack(place, "own_binary")
    shutil.copy(place.programs / "victim_preloaded.so", place.workspace / "preloaded.so")
    script = place.workspace / "victim-script"
    script.write_text("#!/proc/self/exe\n")
    script.chmod(0o755)
    for command in ("./victim-script", "/proc/self/exe"):
        receipt = place.run([command], {"LD_PRELOAD": str(place.workspace / "preloaded.so")})
        if "SUCCEEDED" in receipt["stdout"]:
            raise Failure("the server's program can be changed from inside")


def case_paths_out(place):
    program = place.put("paths_out")
    expect_held(place.run([program]))
    # A working directory is a path too: while the program is being started, descriptors that it
    # must not have are open below /proc/self/fd (CVE-2024-21626).
    for descriptor in range(3, 16):
        for path in (f"/proc/self/fd/{descriptor}", f"/proc/self/fd/{descriptor}/..", f"/proc/1/fd/{descriptor}"):
            process = place.start([str(place.workspace / program)], options=["--cwd", path])
            output, _ = process.communicate(timeout=100)
            receipt = json.loads(output)
            if receipt.get("exit_code", 0) != 0 or "SUCCEEDED" in receipt.get("stdout", ""):
                raise Failure(f"--cwd {path}: {output}")
            if receipt.get("ended_by") == "exit":
                raise Failure(f"--cwd {path}: the program ran, in a directory that no rule names")


# What several rules share has no name of its own in the receipt.
NAMED = {"bpf", "mount", "umount2", "pivot_root", "fsopen", "open_tree", "move_mount", "setns", "unshare",
         "perf_event_open", "userfaultfd", "init_module", "kexec_load", "add_key", "request_key", "keyctl",
         "swapon", "quotactl", "chroot", "socket"}


def case_kernel_surface(place):
    receipt = attack(place, "kernel_surface")
    named = {violation["operation"] for violation in receipt["violations"]}
    # The victim calls by name what it expects to be denied; EPERM is the supervisor's answer.
    denied = re.findall(r"^\d+ ([a-z_0-9]+): blocked EPERM", receipt["stdout"], re.MULTILINE)
    if len(denied) < 30:
        raise Failure(f"only {denied} were denied by the supervisor")
    missing = (NAMED | set(denied)) - named
    if missing:
        raise Failure(f"denied, but not named in the receipt: {sorted(missing)}")
    for violation in receipt["violations"]:
        if not violation["target"].isprintable() or len(violation["target"]) > 1000:
            raise Failure(f"a program wrote this into the receipt: {violation}")


@contextlib.contextmanager
def services(place):
    """A listener on the host's loopback, one on an abstract address, one in the workspace."""
    tcp = socket.create_server(("127.0.0.1", 0))
    abstract = socket.socket(socket.AF_UNIX)
    name = f"attacked-{os.getpid()}"
    abstract.bind(b"\0" + name.encode())
    abstract.listen()
    named = socket.socket(socket.AF_UNIX)
    named.bind(str(place.workspace / "host.sock"))
    named.listen()
    try:
        yield {"VICTIM_PORT": str(tcp.getsockname()[1]), "VICTIM_ABSTRACT": name}
        for listener in (tcp, abstract, named):
            listener.setblocking(False)
            with contextlib.suppress(BlockingIOError):
                listener.accept()
                raise Failure(f"somebody inside connected to {listener}")
    finally:
        for listener in (tcp, abstract, named):
            listener.close()


@contextlib.contextmanager
def socket_files(place):
    """Socket files of the host's, of each kind, which everybody may use, and a look at who came."""
    paths = {place.workspace / "host.sock": socket.SOCK_STREAM, place.sibling / "host.sock": socket.SOCK_STREAM,
             place.workspace / "host.seq": socket.SOCK_SEQPACKET, place.workspace / "host.dgram": socket.SOCK_DGRAM}
    listening = []
    try:
        for path, kind in paths.items():
            listener = socket.socket(socket.AF_UNIX, kind)
            listener.bind(str(path))
            path.chmod(0o777)
            listener.setblocking(False)
            if kind != socket.SOCK_DGRAM:
                listener.listen(64)
            listening.append((path, listener))
        yield {"VICTIM_SIBLING_SOCKET": str(place.sibling / "host.sock")}
        for path, listener in listening:
            with contextlib.suppress(BlockingIOError):
                listener.recv(10) if listener.type == socket.SOCK_DGRAM else listener.accept()
                raise Failure(f"somebody inside reached {path}")
    finally:
        for path, listener in listening:
            listener.close()
            path.unlink(missing_ok=True)


def case_unix_sockets(place):
    with socket_files(place) as variables:
        receipt = attack(place, "unix_sockets", variables)
    refused = {violation["target"] for violation in receipt["violations"] if violation["operation"] == "connect"}
    if "host.sock" not in refused or "AF_UNIX, SOCK_DGRAM" not in {v["target"] for v in receipt["violations"]}:
        raise Failure(f"refused, but not named in the receipt: {receipt['violations']}")


def case_network(place):
    with services(place) as variables:
        attack(place, "network", variables)


def landlock_abi():
    """Of this kernel, asked as a program would; 0 without Landlock."""
    create_ruleset = 444
    return max(0, ctypes.CDLL(None).syscall(create_ruleset, None, 0, 1))


def case_landlock(place):
    abi = landlock_abi()
    if abi < 6:
        skip("Landlock ABI 6 (Linux 6.12)")
    receipt = attack(place, "landlock")
    if f"Landlock ABI {abi}" not in receipt["layers"]:
        raise Failure(f"the receipt does not name Landlock ABI {abi}: {receipt['layers']}")


def git(place, *arguments, directory="."):
    return subprocess.run(["git", *arguments], cwd=place.workspace / directory, check=False, text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          env={**os.environ, "HOME": str(place.home), "GIT_CONFIG_NOSYSTEM": "1"}).stdout


def prepare_host_code(place):
    """A repository and a file that are the user's. Returns what they look like."""
    git(place, "init", "-q")
    (place.workspace / ".mcp.json").write_text('{"mcpServers":{}}\n')
    place.put("host_code")
    return {name: fingerprint(place.workspace / name) for name in (".mcp.json", ".git/hooks")}


def host_code_in_place(place, before):
    """What a program of the host would run, of all that host_code.sh plants."""
    problems = [f"{name} is in place"
                for name in (".vscode/tasks.json", ".claude/settings.json", ".envrc", ".bashrc")
                if os.path.lexists(place.workspace / name)]
    for name, was in before.items():
        now = fingerprint(place.workspace / name) if (place.workspace / name).exists() else "nothing"
        if name == ".mcp.json":  # put back, the file has another time: its content counts
            now, was = (look.split()[-1] for look in (now, was))
        if now != was:
            problems.append(f"{name} is not what it was: {now}")
    # In the end only git knows what git would run.
    for directory in (".", "nested", "bare.git", "pointed", "store"):
        if not (place.workspace / directory).is_dir():
            continue
        for line in git(place, "config", "--show-origin", "--list", directory=directory).splitlines():
            if "evil" in line:
                problems.append(f"in {directory} git reads: {line}")
        hooks = place.workspace / directory / git(place, "rev-parse", "--git-path", "hooks", directory=directory).strip()
        if hooks.is_dir():
            problems += [f"a hook is in place: {hook}" for hook in hooks.iterdir()
                         if not hook.name.endswith(".sample") and "blocked" not in hook.name]
    return problems


def case_host_code(place):
    before = prepare_host_code(place)
    receipt = place.run(["/bin/bash", "./victim-host_code"])
    if receipt["ended_by"] != "exit":
        raise Failure("the planting itself ended by " + receipt["ended_by"])
    found = "\n".join(violation["target"] for violation in receipt["violations"] if violation["kind"] == "host_code")
    print(found)
    problems = host_code_in_place(place, before)
    problems += [f"{name} is not named in the receipt" for name in
                 (".mcp.json", ".vscode", ".claude", ".envrc", ".bashrc", ".git/config") if name not in found]
    if problems:
        raise Failure("\n".join(problems))


def case_host_code_of_two_servers(place):
    """What one server's sandbox planted while it ran must not be what another server puts back."""
    file = place.workspace / ".mcp.json"
    file.write_text("good\n")

    def wait_for(name, process):
        while not (place.workspace / name).exists() and process.poll() is None:
            threading.Event().wait(0.01)
    wait = "while [ ! -e {} ]; do sleep 0.01; done"
    first = place.start(["/bin/sh", "-c", "echo evil >.mcp.json; touch planted; " + wait.format("end-first")])
    wait_for("planted", first)
    second = place.start(["/bin/sh", "-c", "touch second; " + wait.format("end-second")])
    wait_for("second", second)
    (place.workspace / "end-first").touch()
    place.finish(first)
    (place.workspace / "end-second").touch()
    place.finish(second)
    if file.exists() and file.read_text() != "good\n":
        raise Failure(f".mcp.json is {file.read_text()!r}")


def case_neighbours(place):
    """Two calls at the same time, of two servers of the same user."""
    program = place.put("neighbours")
    staying = place.start([program, "stay"])
    while not (place.workspace / "staying").exists() and staying.poll() is None:
        threading.Event().wait(0.01)
    finding = place.run([program, "find"])
    expect_held(place.finish(staying))
    expect_held(finding)


def case_bombs(place):
    program = place.put("bombs")
    for kind in ("processes", "zombies", "nested vforks", "threads"):
        expect_held(place.run([program, kind], options=["--pids", "64"]))
    for kind in ("endless forks", "timers", "clinging"):
        receipt = place.run([program, kind], options=["--timeout-ms", "700"])
        # A control group may have refused so many forks by then that it ends for these.
        ends = ("timeout", "pids") if kind == "endless forks" else ("timeout",)
        if receipt["ended_by"] not in ends:
            raise Failure(f"{kind}: ended by {receipt['ended_by']}, not by its time")
        check_no_orphans()


def case_hoards(place):
    program = place.put("hoards")
    expect_held(place.run([program]))
    holding = place.start([program, "in flight"])
    while not (place.workspace / "holding").exists() and holding.poll() is None:
        threading.Event().wait(0.01)
    try:
        expect_held(place.run(["/bin/true"]))  # a sandbox needs descriptors passed, of the same uid
    finally:
        (place.workspace / "let-go").touch()
        expect_held(place.finish(holding))


# What no figure of a process shows: only a control group counts it (docs/threat-model.md).
UNSEEN_MEMORY = ("unmapped memory file", "pipes", "sockets")


def case_unseen_memory(place):
    program = place.put("memory")
    for kind in UNSEEN_MEMORY:
        receipt = place.run([program, kind], options=["--memory", "100M"])
        by = next(limit["enforced_by"] for limit in receipt["limits"] if limit["name"] == "memory_bytes")
        if "watch" in by:
            skip("a control group for memory: the watch does not see this")
        if receipt["ended_by"] != "memory" and not (receipt["ended_by"] == "exit" and receipt["exit_code"] == 0):
            raise Failure(f"{kind} of three times the limit, which {by} holds: ended by {receipt['ended_by']}")


def case_memory(place):
    program = place.put("memory")
    for kind in ("private", "shared", "memory file", "sysv", "temporary file", "blinded watch"):
        receipt = place.run([program, kind], options=["--memory", "100M"])
        if receipt["ended_by"] != "memory" and not (receipt["ended_by"] == "exit" and receipt["exit_code"] == 0):
            raise Failure(f"{kind} memory of three times the limit: ended by {receipt['ended_by']}")


def case_plain_git(place):
    place.put("plain_git")
    receipt = place.run(["/bin/bash", "./victim-plain_git"])
    expect_held(receipt)
    if receipt["violations"]:
        raise Failure(f"plain git was taken for an attack: {receipt['violations']}")
    for directory in ("made", "cloned", "tree"):
        if "fatal" in git(place, "status", "--short", directory=directory):
            raise Failure(f"{directory} is not a repository any more")
    if "blocked" in subprocess.run(["find", place.workspace], stdout=subprocess.PIPE, text=True).stdout:
        raise Failure("something was moved aside")


CASES = {name[5:]: function for name, function in list(globals().items()) if name.startswith("case_")}


def run_in_sandbox(place, victim):
    with place.unchanged():
        CASES.get(victim, lambda where: attack(where, victim))(place)
    place.check_disk()
    check_no_orphans()


# --- the control: without a sandbox ---------------------------------------------------------------


def run_outside(place, victim):
    if victim == "host_code":  # only a workspace of our own is touched: no namespace is needed
        before = prepare_host_code(place)
        subprocess.run(["/bin/bash", "./victim-host_code"], cwd=place.workspace, check=True,
                       env={**os.environ, "HOME": str(place.home)}, stdout=subprocess.DEVNULL)
        problems = host_code_in_place(place, before)
        print("\n".join(problems))
        if len(problems) < 10:
            raise Failure("without a sandbox all of it is in place, and this was not seen")
        return
    if os.geteuid() != 0:
        skip("root: without a sandbox, most attacks need it")
    program = place.put(victim)
    if victim == "own_binary":  # a program that stands for the server's, with our code in it
        shutil.copy("/usr/bin/true", place.server)
        shutil.copy(place.programs / "victim_preloaded.so", place.workspace / "preloaded.so")
        program = f"LD_PRELOAD=./preloaded.so {place.server}"
    put_set_id_files(place)
    writable = place.top / "writable"
    writable.mkdir()
    (writable / "file").write_text("x")
    variables = {**place.environment(), "VICTIM_CONTROL": "1", "VICTIM_WRITABLE": str(writable)}
    hosts = {"network": services, "unix_sockets": socket_files}.get(victim, lambda _: contextlib.nullcontext({}))
    with hosts(place) as more:
        namespaces = ["--mount", "--propagation", "private"]
        if victim != "network":
            namespaces += ["--pid", "--fork", "--mount-proc", "--ipc", "--uts"]
        if victim not in ("network", "neighbours"):  # a new one's loopback is down
            namespaces += ["--net"]
        # What this may touch is below `place`; the rest of the tree it sees read-only.
        prepare = ('mount --bind "$1" "$1" && mount -t tmpfs tmpfs /dev/shm && mount -o remount,bind,ro / && '
                   'cd "$1/workspace" && shift && if [ "$1" = leftovers ]; then touch looked; "$2" plant; fi && '
                   'if [ "$1" = neighbours ]; then "$2" stay & while [ ! -e staying ]; do sleep 0.01; done; fi && '
                   'exec env $2 find')
        done = subprocess.run(
            ["unshare", *namespaces, "--", "/bin/bash", "-c", prepare, "control", str(place.top), victim, program],
            env={**os.environ, **variables, **more, "HOME": str(place.home), "SCRATCH": ""},
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True, timeout=100)
        print(done.stdout, end="")
        demanded = [line for line in done.stdout.splitlines() if line.endswith("(demanded)")]
        failed = [line for line in demanded if "SUCCEEDED" not in line]
        if failed or not demanded:
            raise Failure("without a sandbox these must succeed:\n" + "\n".join(failed))
        # The listeners were reached; `services` must not take that for a hole.
        raise Detected(f"{len(demanded)} attacks succeed without a sandbox, and the victim tells")


class Detected(Exception):
    pass


def main():
    options = argparse.ArgumentParser()
    options.add_argument("--no-sandbox-control", action="store_true")
    options.add_argument("--programs", type=Path, default=HERE.parent.parent / "build" / "tests" / "victims")
    options.add_argument("victim")
    arguments = options.parse_args()
    os.umask(0o022)
    adopt_orphans()
    place = Place(arguments.programs)
    try:
        (run_outside if arguments.no_sandbox_control else run_in_sandbox)(place, arguments.victim)
    except Detected as detected:
        print(detected)
    except Failure as failure:
        print(f"FAILED: {failure}")
        return 1
    finally:
        place.remove()
    return 0


if __name__ == "__main__":
    sys.exit(main())
