#!/usr/bin/env python3
"""limits.py CASE: a call that uses more than it may is ended for just that, with its figures and output.

As an ordinary user without control groups, what is tested is the watch. $MAYFLY is the server.
"""
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "victims"))
sys.path.insert(0, str(HERE.parent / "lifetime"))
from attack import Failure  # noqa: E402
from lifetime import receipt_of, run_case  # noqa: E402

MIB = 1 << 20
START = "print('begun', flush=True)\nimport os, signal, time\n"
# Each goes on until it is stopped; what writes ends by itself after 2 GiB, since a limit that does
# not hold must not fill the disk of who runs this.
WRITES = "f = open('big', 'wb', 0)\nfor _ in range(2048): f.write(os.urandom(1 << 20))\n"
FILLS_TMP = ("for i in range(200):\n f = open('/tmp/%d' % i, 'wb', 0)\n f.write(b'x' * (1 << 20))\n"
             "while True: time.sleep(1)\n")
RESERVES = "fd = os.open('big', os.O_RDWR | os.O_CREAT)\nos.posix_fallocate(fd, 0, 200 << 20)\nprint('reserved')\n"
# In children that nobody waits for, whose figures the kernel forgets.
FORGOTTEN = """signal.signal(signal.SIGCHLD, signal.SIG_IGN)
for _ in range(512):
    if os.fork() == 0:
        f = open('f%d' % os.getpid(), 'wb', 0)
        for _ in range(4): f.write(os.urandom(1 << 20))
        time.sleep(0.3)
        os._exit(0)
    time.sleep(0.05)
"""
SPINS = "while True: pass\n"
SPIN_TOGETHER = "for _ in range(7): os.fork()\nwhile True: pass\n"
# Every way of making a file small again that is no writing.
FREES = """fd = os.open('small', os.O_RDWR | os.O_CREAT)
for _ in range(100):
    os.posix_fallocate(fd, 0, 100 << 10)
    os.ftruncate(fd, 0)
try: os.posix_fallocate(fd, 0, -1)
except OSError: pass
"""


def call(ground, script, *options):
    (ground.workspace / "case.py").write_text(START + script)
    return receipt_of(ground.start("run", "--json", "--workspace", str(ground.workspace), *options, "--",
                                   "/usr/bin/python3", "case.py"))


def expect_ended(receipt, ended_by, limit, most):
    use = next(use for use in receipt["limits"] if use["name"] == limit)
    problems = [text for text, wrong in (
        (f"ended by {receipt['ended_by']}, not {ended_by}", receipt["ended_by"] != ended_by),
        ("its output is lost", not receipt["stdout"].startswith("begun")),
        ("it came to its end", "reserved" in receipt["stdout"] or "exit_code" in receipt),
        (f"of {limit}: {use}", use["limit"] != most or use["used"] < most or not use["reached"])) if wrong]
    if problems:
        raise Failure("; ".join(problems) + f"\n{receipt}")


def expect_disk(ground, script):
    expect_ended(call(ground, script, "--disk", "30M"), "disk", "disk_bytes", 30 * MIB)


def case_disk_written(ground):
    expect_disk(ground, WRITES)


def case_disk_tmp(ground):
    expect_disk(ground, FILLS_TMP)


def case_disk_reserved(ground):
    expect_disk(ground, RESERVES)


def case_disk_forgotten(ground):
    expect_disk(ground, FORGOTTEN)


def case_disk_within(ground):
    receipt = call(ground, FREES, "--disk", "30M")
    if receipt["ended_by"] != "exit" or receipt["exit_code"] != 0:
        raise Failure(f"{receipt}")


def case_cpu(ground):
    expect_ended(call(ground, SPINS, "--cpu-ms", "300"), "cpu", "cpu_ms", 300)


def case_cpu_of_many(ground):
    expect_ended(call(ground, SPIN_TOGETHER, "--cpu-ms", "500"), "cpu", "cpu_ms", 500)


# Each makes itself such that /proc does not show init what it does, and then takes more than it may.
HEADLESS = """import ctypes, threading
def later():
    time.sleep(0.05)
    work()
threading.Thread(target=later).start()
ctypes.CDLL(None).syscall(60, 0)  # exit of the main thread alone
"""


def case_disk_undumpable(ground):
    expect_disk(ground, "import ctypes\nctypes.CDLL(None).prctl(4, 0, 0, 0, 0)\n" + WRITES)


def case_disk_headless(ground):
    expect_disk(ground, "def work():\n f = open('big', 'wb', 0)\n for _ in range(2048): f.write(os.urandom(1 << 20))\n" + HEADLESS)


def case_disk_unreadable(ground):
    program = ground.workspace / "writer"
    program.write_bytes(Path("/usr/bin/dd").read_bytes())
    program.chmod(0o111)
    receipt = receipt_of(ground.start("run", "--json", "--workspace", str(ground.workspace), "--disk", "30M", "--",
                                      "./writer", "if=/dev/zero", "of=big", "bs=1M", "count=4000"))
    # How much it was cannot be known: that is why it is ended.
    if receipt["ended_by"] != "disk":
        raise Failure(f"what cannot be counted goes on: {receipt}")


def case_memory_named(ground):
    expect_ended(call(ground, "import ctypes\nctypes.CDLL(None).prctl(15, b'RssAnon:0', 0, 0, 0)\n"
                      "x = bytearray(os.urandom(160 << 20))\ntime.sleep(1000)\n", "--memory", "64M"),
                 "memory", "memory_bytes", 64 * MIB)


def case_memory_headless(ground):
    expect_ended(call(ground, "def work():\n x = bytearray(os.urandom(160 << 20))\n time.sleep(1000)\n" + HEADLESS,
                      "--memory", "64M"), "memory", "memory_bytes", 64 * MIB)


def enforcer(receipt, limit):
    return next(use for use in receipt["limits"] if use["name"] == limit)["enforced_by"]


def has_groups(ground):
    return enforcer(call(ground, ""), "memory_bytes").startswith("cgroup")


def expect_refused(receipt, field):
    error = receipt.get("error", {})
    if error.get("code") != "E2002" or error.get("field") != field or not error.get("remedy"):
        raise Failure(f"{field} is not refused with a remedy: {receipt}")


def case_memory(ground):
    # Many processes, none of which has much.
    receipt = call(ground, "for _ in range(5): os.fork()\nx = bytearray(os.urandom(16 << 20))\ntime.sleep(1000)\n",
                   "--memory", "128M")
    expect_ended(receipt, "memory", "memory_bytes", 128 * MIB)


def case_own_kill(ground):
    """What a program does to itself is not taken for a limit's doing."""
    for name in ("SIGKILL", "SIGXCPU", "SIGTERM"):
        receipt = call(ground, f"os.kill(os.getpid(), signal.{name})", "--memory", "1G", "--cpu-ms", "100000")
        if receipt["ended_by"] != "signal" or receipt["signal"] != name:
            raise Failure(f"{name} of its own: {receipt}")


def case_forks(ground):
    bomb = "while True:\n  try: os.fork()\n  except OSError: pass\n"
    receipt = call(ground, bomb, "--pids", "30", "--timeout-ms", "60000" if has_groups(ground) else "1500")
    if has_groups(ground):
        expect_ended(receipt, "pids", "processes", 30)
        refused = [one for one in receipt["violations"] if one["operation"] == "fork"]
        if not refused or refused[0]["count"] <= 30:
            raise Failure(f"refused forks are not reported: {receipt}")
    elif receipt["ended_by"] != "timeout":
        raise Failure(f"{receipt}")


def case_cpu_share(ground):
    if not has_groups(ground):
        return expect_refused(call(ground, "", "--cpu-percent", "20"), "limits.cpu_percent")
    receipt = call(ground, SPIN_TOGETHER, "--cpu-percent", "20", "--timeout-ms", "2000")
    used = receipt["usage"]["cpu_ms"] / receipt["usage"]["wall_ms"]
    if receipt["ended_by"] != "timeout" or used > 0.5:
        raise Failure(f"with a share of 0.2 it had {used:.2f}: {receipt}")
    return None


def case_output(ground):
    receipt = call(ground, "while True: print('x' * 1000)", "--max-output-bytes", "1M")
    expect_ended(receipt, "output", "output_bytes", MIB)
    if len(receipt["stdout"]) != MIB:
        raise Failure(f"{len(receipt['stdout'])} bytes are kept")


def case_timeout(ground):
    receipt = call(ground, "x = bytearray(os.urandom(32 << 20))\ntime.sleep(1000)", "--timeout-ms", "4000")
    expect_ended(receipt, "timeout", "wall_ms", 4000)
    if receipt["usage"]["peak_memory_bytes"] < 32 * MIB or receipt["usage"]["peak_processes"] != 1:
        raise Failure(f"its figures are lost: {receipt['usage']}")


def case_strict(ground):
    (ground.workspace / "case.py").write_text(
        "import ctypes, os\nprint(ctypes.CDLL(None, use_errno=True).ptrace(0, 0, 0, 0), ctypes.get_errno())\n"
        "try: open('here', 'w')\nexcept OSError as error: print(error.errno)\n")
    receipt = receipt_of(ground.start("run", "--json", "--workspace", str(ground.workspace), "--profile", "strict",
                                      "--", "/usr/bin/python3", "case.py"))
    if not has_groups(ground):
        return expect_refused(receipt, "limits.memory")
    if receipt["stdout"].split() != ["-1", "1", "30"]:
        raise Failure(f"strict lets through: {receipt}")
    if enforcer(receipt, "memory_bytes") != enforcer(receipt, "processes"):
        raise Failure(f"strict is watched: {receipt['limits']}")
    return None


CASES = {name[5:]: function for name, function in list(globals().items()) if name.startswith("case_")}


if __name__ == "__main__":
    sys.exit(run_case(CASES[sys.argv[1]]))
