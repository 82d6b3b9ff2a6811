#!/usr/bin/env python3
"""kernel.py CASE: what the receipt says of denied system calls, capabilities, foreign calls and limits.

Each program prints what it was answered, and the receipt must have exactly the expected violations, in their
order. Cases that begin with landlock_ run in the tier without namespaces. $MAYFLY is the server.
"""
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
for folder in ("victims", "lifetime", "tier"):
    sys.path.insert(0, str(HERE.parent / folder))
from attack import Failure, adopt_orphans, skip  # noqa: E402
from landlock_tier import Place  # noqa: E402
from lifetime import receipt_of, run_case  # noqa: E402

START = """import ctypes, errno, mmap, os, resource, signal, sys
libc = ctypes.CDLL(None, use_errno=True)
def call(number, *words):
    ctypes.set_errno(0)
    result = libc.syscall(number, *[ctypes.c_char_p(w) if isinstance(w, bytes) else ctypes.c_long(w) for w in words])
    print(errno.errorcode.get(ctypes.get_errno(), '0') if result < 0 else 'done', end=' ', flush=True)
def attempt(function, *words):
    try:
        function(*words)
        print('done', end=' ', flush=True)
    except OSError as error:
        print(errno.errorcode[error.errno], end=' ', flush=True)
    except ValueError:
        print('EPERM', end=' ', flush=True)  # the resource module's word for it
def int80():
    memory = mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
    memory.write(b"\\xb8\\x14\\0\\0\\0\\xcd\\x80\\xc3")  # mov $20, %eax; int $0x80; ret
    ctypes.CFUNCTYPE(ctypes.c_int)(ctypes.addressof(ctypes.c_char.from_buffer(memory)))()
X32 = 0x40000000
"""

SYSCALLS = """
call(165, b"tmpfs", b"/mnt", b"tmpfs", 1, 0)
call(165, b"tmpfs", b"/mnt", b"tmpfs", 1, 0)
call(272, 0x10000000)
call(272, 0x10020000)
call(321, 5, 0, 0)
call(41, 40, 1, 0)
call(41, 16, 3, 9)
call(161, b"a\\nb")
call(250, 11, 0, 0)
call(227, 0, 0)
call(90, b"case.py", 0o4755)
call(155, 0, 0)
"""
SYSCALL_ANSWERS = "EPERM " * 12
SYSCALL_VIOLATIONS = [
    ("syscall", "mount", "tmpfs on /mnt, MS_RDONLY", "EPERM", 2),
    ("syscall", "unshare", "CLONE_NEWUSER", "EPERM", 1),
    ("syscall", "unshare", "CLONE_NEWUSER|CLONE_NEWNS", "EPERM", 1),
    ("syscall", "bpf", "BPF_PROG_LOAD", "EPERM", 1),
    ("syscall", "socket", "AF_VSOCK, SOCK_STREAM", "EPERM", 1),
    ("syscall", "socket", "AF_NETLINK, SOCK_RAW, NETLINK_AUDIT", "EPERM", 1),
    ("syscall", "chroot", "a\\nb", "EPERM", 1),
    ("syscall", "keyctl", "KEYCTL_READ", "EPERM", 1),
    ("syscall", "clock_settime", "CLOCK_REALTIME", "EPERM", 1),
    ("syscall", "chmod", "mode 04755", "EPERM", 1),
    ("syscall", "pivot_root", "", "EPERM", 1),
]

# The ids are nobody's: not the sandbox's, not root's, and not what stands for others' files.
IDS = """
attempt(os.setuid, 4242)
attempt(os.setgid, 4242)
attempt(os.setresuid, -1, 4242, -1)
attempt(os.setreuid, 4242, -1)
attempt(os.setgroups, [4242])
"""
ID_CALLS = [("setuid", "CAP_SETUID"), ("setgid", "CAP_SETGID"), ("setresuid", "CAP_SETUID"), ("setreuid", "CAP_SETUID")]
CAPABILITIES = """
open('own', 'w').close()
attempt(os.chown, 'own', 4242, -1)
attempt(os.chown, 'own', -1, 4242)
attempt(os.lchown, os.path.abspath('own'), 4242, 4242)
attempt(os.fchown, os.open('own', os.O_RDONLY), 4242, 4242)
attempt(os.chown, 'absent', 4242, 4242)
attempt(os.chown, '/usr/bin/env', 4242, 4242)
attempt(os.setpriority, os.PRIO_PROCESS, 0, -5)
attempt(os.sched_setscheduler, 0, os.SCHED_FIFO, os.sched_param(10))
attempt(os.sched_setscheduler, 0, os.SCHED_FIFO, os.sched_param(0))
call(251, 1, 0, 1 << 13)
attempt(resource.setrlimit, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
attempt(os.mknod, 'disk', 0o060600, os.makedev(8, 0))
"""
CAPABILITY_ANSWERS = "EINVAL EINVAL EINVAL EINVAL ENOENT EROFS EACCES EPERM EINVAL EPERM EPERM EPERM "

# What ordinary programs do all day: they ask for what they have, or ask at all.
INNOCENTS = """
open('own', 'w').close()
attempt(os.chown, 'own', os.getuid(), -1)
attempt(os.chown, 'own', -1, os.getgid())
attempt(os.setuid, os.getuid())
attempt(os.setresgid, -1, os.getgid(), os.getgid())
attempt(os.nice, 3)
attempt(os.sched_setscheduler, 0, os.SCHED_BATCH, os.sched_param(0))
attempt(resource.getrlimit, resource.RLIMIT_FSIZE)
attempt(resource.setrlimit, resource.RLIMIT_NOFILE, (64, resource.getrlimit(resource.RLIMIT_NOFILE)[1]))
call(251, 1, 0, 3 << 13)
"""
INNOCENT_SHELL = """set -e
touch own
cp -p /etc/hostname copy 2>/dev/null || cp -p /usr/bin/env copy
cp -a /usr/bin/env copy2; install -m 644 own installed; tar cf t.tar own copy; mkdir -p out; tar xpf t.tar -C out
ionice -c3 nice -n 5 true; ulimit -Sn 100; ulimit -c 0; id >/dev/null
git init -q repo; cd repo; echo a >a; git add a; git -c user.name=a -c user.email=a@example.org commit -qm one; git gc -q
echo fine"""


class Full:
    def __init__(self, ground):
        self.ground = ground
        self.workspace = ground.workspace

    def run(self, *command, options=()):
        return receipt_of(self.ground.start("run", "--json", "--workspace", str(self.workspace), "--timeout-ms",
                                            "30000", *options, "--", *command))


class Landlock:
    def __init__(self, place):
        self.place = place
        self.workspace = place.workspace

    def run(self, *command, options=()):
        return self.place.run(*command, options=("--timeout-ms", "30000", *options))


def python(where, script, *options):
    (where.workspace / "case.py").write_text(START + script)
    return where.run("/usr/bin/python3", "case.py", options=options)


def violations(receipt):
    return [(one["kind"], one["operation"], one["target"], one.get("errno", ""), one["count"])
            for one in receipt["violations"]]


def expect(receipt, expected, answers=None, ended_by="exit"):
    problems = []
    if receipt.get("ended_by") != ended_by:
        problems.append(f"ended by {receipt.get('ended_by')}, not {ended_by}")
    if answers is not None and receipt.get("stdout") != answers:
        problems.append(f"it was answered {receipt.get('stdout')}, not {answers}")
    seen = violations(receipt)
    if seen != expected:
        problems.append("violations:\n  " + "\n  ".join(map(str, seen)) + "\nnot:\n  " +
                        "\n  ".join(map(str, expected)))
    if receipt["violations_total"] != sum(one[4] for one in expected):
        problems.append(f"a total of {receipt['violations_total']}")
    if problems:
        raise Failure("\n".join(problems) + f"\n{receipt.get('stderr')}")


def case_syscalls(where):
    expect(python(where, SYSCALLS), SYSCALL_VIOLATIONS, SYSCALL_ANSWERS)


def case_capabilities(where):
    path = f"CAP_CHOWN {where.workspace}/own"
    expect(python(where, CAPABILITIES + IDS),
           [("capability", name, path, "EINVAL", count)
            for name, count in (("chown", 2), ("lchown", 1), ("fchown", 1))] +
           [("filesystem", "change", "/usr/bin/env", "EROFS", 1),
            ("capability", "setpriority", "CAP_SYS_NICE", "EACCES", 1),
            ("capability", "sched_setscheduler", "CAP_SYS_NICE", "EPERM", 1),
            ("capability", "ioprio_set", "CAP_SYS_NICE", "EPERM", 1),
            ("capability", "prlimit64", "CAP_SYS_RESOURCE", "EPERM", 1),
            ("capability", "mknodat", "CAP_MKNOD block device 8:0", "EPERM", 1)] +
           [("capability", name, capability, "EINVAL", 1) for name, capability in ID_CALLS] +
           [("capability", "setgroups", "CAP_SETGID", "EPERM", 1)],
           CAPABILITY_ANSWERS + "EINVAL EINVAL EINVAL EINVAL EPERM ")


def case_unobserved(where):
    # Unobserved, the kernel answers by itself: what a supervisor answers must be no different.
    expect(python(where, CAPABILITIES + IDS, "--observe", "off"), [],
           CAPABILITY_ANSWERS + "EINVAL EINVAL EINVAL EINVAL EPERM ")


def case_innocents(where):
    expect(python(where, INNOCENTS), [], "done " * 9)
    expect(where.run("/bin/bash", "-c", INNOCENT_SHELL), [], "fine\n")


def case_foreign(where):
    # x32 numbers reach the filter on every kernel; int 0x80 only where 32-bit programs run.
    expect(python(where, "call(X32 | 39)\nprint('lived')"),
           [("syscall", "foreign_call", "x32 call 39", "ENOSYS", 1)], "", "seccomp")
    receipt = python(where, "int80()\nprint('lived')")
    if receipt.get("signal") == "SIGSEGV":
        skip("this kernel runs no 32-bit programs")
    expect(receipt, [("syscall", "foreign_call", "i386 call 20", "ENOSYS", 1)], "", "seccomp")


def case_foreign_stubborn(where):
    # Whoever would not die of SIGSYS is killed; and no number is answered as the call that it means here.
    for stubborn in ("signal.signal(signal.SIGSYS, signal.SIG_IGN)", "signal.signal(signal.SIGSYS, print)",
                     "signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGSYS])"):
        for number in (39, 41, 54, 285, 302):
            expect(python(where, f"{stubborn}\ncall(X32 | {number}, 1, 0)\nprint('lived')"),
                   [("syscall", "foreign_call", f"x32 call {number}", "ENOSYS", 1)], "", "signal")


def case_foreign_child(where):
    expect(python(where, """
if os.fork() == 0:
    if os.fork() == 0: call(X32 | 39)
    print(os.waitstatus_to_exitcode(os.wait()[1]), flush=True)
    os._exit(0)
os.wait()
"""), [("syscall", "foreign_call", "x32 call 39", "ENOSYS", 1)], "-31\n")


ENDINGS = [
    ("while True: pass", ("--cpu-ms", "300"), "cpu", ("cpu", "0.3 s of 0.3 s", "")),
    ("while True: print('x' * 1000)", ("--max-output-bytes", "1M"), "output", ("output", "1 MiB of 1 MiB", "")),
    ("open('big', 'wb').write(b'x' * (3 << 20))", ("--file-size", "1M"), "disk", ("file", "1 MiB of 1 MiB", "EFBIG")),
]


def expect_ending(receipt, ended_by, what):
    operation, target, error = what
    seen = [one for one in violations(receipt) if one[0] == "resource"]
    # A peak is what it was; a cap is exact.
    right = (len(seen) == 1 and seen[0][1] == operation and seen[0][3] == error and
             seen[0][2].split(" of ")[1] == target.split(" of ")[1])
    if receipt["ended_by"] != ended_by or not right or len(receipt["violations"]) != 1:
        raise Failure(f"{receipt['ended_by']} with {violations(receipt)}, not {ended_by} with {what}")
    one = receipt["violations"][0]
    if f"limits.{operation}" not in one["remedy"]:
        raise Failure(f"the remedy names no limit: {one}")


def case_resources(where):
    # Python ignores SIGXFSZ unless it is told not to.
    for script, options, ended_by, what in ENDINGS:
        expect_ending(python(where, "signal.signal(signal.SIGXFSZ, signal.SIG_DFL)\n" + script, *options),
                      ended_by, what)
    if isinstance(where, Landlock):
        return
    for operation, path, size in (("tmp", "/tmp", 2), ("shm", "/dev/shm", 1)):
        full = f"f = open('{path}/big', 'wb', 0)\nattempt(lambda: [f.write(b'x' * (1 << 20)) for _ in range(8)])"
        expect(python(where, full, f"--{operation}", f"{size}M"),
               [("resource", operation, f"{size} MiB of {size} MiB in {path}", "ENOSPC", 1)], "ENOSPC ")
    # Nearly full is not full.
    expect(python(where, "open('/tmp/big', 'wb').write(b'x' * (1 << 20))", "--tmp", "2M"), [])
    # An orphan, which init reaps.
    expect(python(where, """
reader, writer = os.pipe()
if os.fork() == 0:
    if os.fork() != 0: os._exit(0)
    os.close(reader)
    signal.signal(signal.SIGXFSZ, signal.SIG_DFL)
    open('big', 'wb').write(b'x' * (3 << 20))
    os._exit(0)
os.wait()
os.close(writer)
os.read(reader, 1)
while os.path.exists('/proc/1/task/1/children') and len(open('/proc/1/task/1/children').read().split()) > 1: pass
""", "--file-size", "1M"), [("resource", "file", "1 MiB of 1 MiB", "EFBIG", 1)])


def landlock_case_syscalls(where):
    expect(python(where, SYSCALLS), SYSCALL_VIOLATIONS, SYSCALL_ANSWERS)


def landlock_case_capabilities(where):
    # EPERM, or EINVAL where the host that is made up has a user namespace around it: what the kernel says alone.
    answers = python(where, IDS, "--observe", "off")["stdout"]
    expect(python(where, IDS),
           [("capability", name, capability, error, 1)
            for (name, capability), error in zip([*ID_CALLS, ("setgroups", "CAP_SETGID")], answers.split(), strict=True)],
           answers)
    if "done" in answers or "EPERM" not in answers:
        raise Failure(f"nothing was refused: {answers}")



CASES = {name[5:]: function for name, function in list(globals().items()) if name.startswith("case_")}
LANDLOCK = {"syscalls": landlock_case_syscalls, "capabilities": landlock_case_capabilities, "foreign": case_foreign,
            "resources": case_resources}


def landlock_innocents(where):
    expect(where.run("/bin/bash", "-c", INNOCENT_SHELL.replace("cp -p", "cp").replace("cp -a", "cp")), [], "fine\n")


LANDLOCK["innocents"] = landlock_innocents


def main():
    name = sys.argv[1]
    if not name.startswith("landlock_"):
        return run_case(lambda ground: CASES[name](Full(ground)))
    adopt_orphans()
    place = Place()
    try:
        LANDLOCK[name.removeprefix("landlock_")](Landlock(place))
    except Failure as failure:
        print(f"FAILED: {failure}")
        return 1
    finally:
        place.remove()
    return 0


if __name__ == "__main__":
    sys.exit(main())
