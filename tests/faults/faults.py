#!/usr/bin/env python3
"""faults.py root|user FAULTY PROBE [ROLE CALL N ERRNO]: set-up with each of its system calls failing once.

Whatever fails, a call is answered in bounded time: by an error that names the stage, or by a program
that has its whole sandbox; and nothing is left. Root is needed, to trace a zygote; the server runs as
root or as an ordinary user. With a point, only that one, and its answer is shown. $MAYFLY is the
server to test.
"""
import contextlib
import errno
import json
import os
import select
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "victims"))
from attack import Failure, adopt_orphans, check_no_orphans  # noqa: E402

MAYFLY = os.path.abspath(os.environ.get("MAYFLY", "build/mayfly"))
USER = 21000
BOUND = 20  # seconds: far beyond what anything takes, so that a hang ends the test
NAMES = ("user", "mnt", "pid", "net", "ipc", "uts", "cgroup")
ERRNOS = (errno.ENOMEM, errno.EPERM, errno.EMFILE)
# Many of a kind in a row: the first, the middle and the last of them stand for the rest.
REPEATED = {"mkdir", "mkdirat", "symlink", "symlinkat", "rt_sigaction", "brk", "newfstatat", "lseek"}
# Cannot fail but for a wrong argument: closing, ending, waiting.
LEFT_OUT = {"close", "wait4", "waitid", "poll", "ppoll", "exit_group", "restart_syscall", "munmap", "geteuid", "getpid", "getppid", "getuid",
            "rt_sigreturn", "getegid", "gettid", "futex", "sched_yield"}


def skip(reason):
    print(f"SKIP: {reason}")
    sys.exit(1 if os.environ.get("MAYFLY_TESTS_MUST_RUN") == "1" else 77)


class Ground:
    """A directory with a copy of the server that an ordinary user may run, a workspace and a home."""

    def __init__(self, who, probe):
        self.who = who
        self.top = Path(tempfile.mkdtemp(prefix="faults-"))
        self.top.chmod(0o755)
        self.mayfly = self.top / "mayfly"
        shutil.copy(MAYFLY, self.mayfly)
        self.workspace, self.home, self.tmp = (self.top / name for name in ("workspace", "home", "tmp"))
        for directory in (self.workspace, self.home, self.tmp):
            directory.mkdir()
        shutil.copy(probe, self.workspace / "probe")
        (self.workspace / "probe").chmod(0o755)
        if who == "user":
            for path in (self.workspace, self.home, self.tmp, self.workspace / "probe"):
                os.chown(path, USER, USER)

    def become(self):
        if self.who == "user":
            os.setgroups([])
            os.setgid(USER)
            os.setuid(USER)

    def files(self):
        return sorted(str(path.relative_to(self.top)) for path in self.top.rglob("*")
                      if not path.is_dir())


def request(number, method, params):
    return json.dumps({"jsonrpc": "2.0", "id": number, "method": method, "params": {**params, "_meta": {
        "io.modelcontextprotocol/protocolVersion": "2026-07-28",
        "io.modelcontextprotocol/clientCapabilities": {}}}}) + "\n"


def line_of(process, what):
    if not select.select([process.stdout], [], [], BOUND)[0]:
        raise Failure(f"{what}: no answer after {BOUND} seconds")
    return process.stdout.readline()


def zygote_of(server):
    """The zygote names itself a moment after it was started."""
    end = time.monotonic() + BOUND
    while time.monotonic() < end:
        for pid in Path(f"/proc/{server}/task/{server}/children").read_text().split():
            with contextlib.suppress(OSError):
                if Path(f"/proc/{pid}/comm").read_text().strip() == "mayfly-zygote":
                    return pid
        os.sched_yield()
    raise Failure("the server has no zygote before its first call")


def one_call(ground, faulty, arguments):
    """The tool's result, and what the tracer said."""
    server = subprocess.Popen([ground.mayfly, "serve", "--workspace", ground.workspace],
                              env={"PATH": "/usr/bin:/bin", "HOME": str(ground.home),
                                   "TMPDIR": str(ground.tmp)},
                              stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                              bufsize=0, preexec_fn=ground.become)
    tracer = None
    try:
        server.stdin.write(request(1, "tools/list", {}).encode())
        line_of(server, "tools/list")
        tracer = subprocess.Popen([faulty, zygote_of(server.pid), *arguments], bufsize=0,
                                  stdout=subprocess.PIPE)
        if line_of(tracer, "the tracer") != b"ready\n":
            raise Failure("the tracer could not attach")
        server.stdin.write(request(2, "tools/call", {"name": "run_command", "arguments": {
            "argv": [str(ground.workspace / "probe")]}}).encode())
        answer = json.loads(line_of(server, "the call"))
        server.stdin.close()
        if server.wait(timeout=BOUND) != 0:
            raise Failure(f"the server ended with {server.returncode}")
        said, _ = tracer.communicate(timeout=BOUND)
        check_no_orphans()
        return answer["result"], said.decode()
    except subprocess.TimeoutExpired as late:
        raise Failure(f"not ended after {BOUND} seconds: {late.cmd}") from None
    finally:
        for process in (server, tracer):
            if process is not None:
                with contextlib.suppress(OSError):
                    process.kill()
                process.wait()


def posture_faults(seen):
    """What is missing from a whole sandbox, as a list."""
    faults = [f"{name} is {seen[name]}" for name in ("CapInh", "CapPrm", "CapEff", "CapAmb")
              if int(seen[name], 16) != 0]
    faults += [f"{name} is the host's" for name in NAMES if seen[name] == os.readlink(f"/proc/self/ns/{name}")]
    faults += [f"{name} cannot be read" for name in NAMES if seen[name] == "?"]
    for name, wanted in (("NoNewPrivs", "1"), ("Seccomp", "2"), ("Seccomp_filters", "2"), ("pid_1", "mayfly"),
                         ("descriptors", 3)):
        if seen[name] != wanted and not (name == "pid_1" and seen[name].startswith(wanted)):
            faults.append(f"{name} is {seen[name]}")
    root = os.stat("/")
    if seen["root"] == f"{root.st_dev}:{root.st_ino}":
        faults.append("the root is the host's")
    if seen["Uid"].split()[0] == "0" or seen["uid_map"].split()[1:] == ["0", "4294967295"]:
        faults.append(f"the identity is {seen['Uid']}, map {seen['uid_map']}")
    return faults


def judge(result):
    """None if the answer is one of the two that are right, else what is wrong with it."""
    text = result["content"][0]["text"]
    if result.get("isError"):
        known = any(code in text for code in ("E2002", "E3001", "E3002", "E4002", "E5001", "E6001", "E6002"))
        return None if known and ":" in text else f"an error that names nothing: {text}"
    structured = result["structuredContent"]
    if structured.get("ended_by") in ("setup",):
        return None if "E" in text else f"a failure without a code: {text}"
    output = structured.get("stdout", "")
    if output:
        wrong = posture_faults(json.loads(output, strict=False))
        if wrong:
            return f"a program ran without its whole sandbox: {', '.join(wrong)}"
    if structured.get("exit_code") == 0 and not output:
        return f"a success without the program's output: {text}"
    return None


def points_of(counts, who):
    """Each call of each role. After the zygote a user's sandbox is made as root's: the first of each."""
    for index, line in enumerate(counts.splitlines()):
        role, call, count = line.split()
        if call in LEFT_OUT:
            continue
        wanted = range(1, int(count) + 1)
        if who == "user" and role != "zygote":
            wanted = (1,)
        elif call in REPEATED:
            wanted = sorted({1, (int(count) + 1) // 2, int(count)})
        for nth in wanted:
            yield role, call, str(nth), str(ERRNOS[(index + nth) % len(ERRNOS)])


def try_points(ground, faulty, points, files):
    """In a process of its own, which adopts what its servers leave."""
    adopt_orphans()
    wrong, missed = [], []
    for point in points:
        try:
            result, said = one_call(ground, faulty, point)
            fault = judge(result)
            if fault is None and ground.files() != files:
                fault = f"files are left: {set(ground.files()) ^ set(files)}"
            if said.strip() != "hit":
                missed.append(point)
        except Failure as failure:
            fault = str(failure)
        if fault is not None:
            wrong.append(" ".join(point[:3]) + f" {errno.errorcode[int(point[3])]}: {fault}")
    return {"wrong": wrong, "missed": missed}


def in_processes(ground, faulty, points, probe, who):
    """Every other point to each of two processes, with grounds of their own."""
    children = []
    for half in (0, 1):
        read, write = os.pipe()
        pid = os.fork()
        if pid == 0:
            os.close(read)
            own = Ground(who, probe)
            try:
                one_call(own, faulty, ("count",))  # makes what stays: a directory for state
                report = try_points(own, faulty, points[half::2], own.files())
            except BaseException as failure:  # whatever it is, the other side hears of it
                report = {"wrong": [repr(failure)], "missed": []}
            finally:
                shutil.rmtree(own.top, ignore_errors=True)
            os.write(write, json.dumps(report).encode()[:60000])
            os._exit(0)
        os.close(write)
        children.append((pid, read))
    for pid, read in children:
        with open(read, "rb") as pipe:
            yield json.loads(pipe.read())
        os.waitpid(pid, 0)


def main():
    who, faulty, probe = sys.argv[1:4]
    if os.getuid() != 0:
        skip("root, to trace a zygote")
    adopt_orphans()
    ground = Ground(who, probe)
    try:
        result, counts = one_call(ground, faulty, sys.argv[4:8] or ("count",))
        if sys.argv[4:]:
            print(counts, json.dumps(result, indent=1), judge(result))
            return
        if judge(result) is not None or "CapEff" not in result["content"][0]["text"]:
            sys.exit(f"without any fault: {judge(result)}: {result}")
    finally:
        shutil.rmtree(ground.top, ignore_errors=True)
    points = list(points_of(counts, who))
    wrong, missed = [], []
    for report in in_processes(ground, faulty, points, probe, who):
        wrong += report["wrong"]
        missed += report["missed"]
    print(f"{len(points)} faults, {len(missed)} of them never reached")
    if len(missed) > len(points) // 10:
        sys.exit(f"too many faults were not reached: {missed}")
    if wrong:
        sys.exit("\n".join(wrong))


main()
