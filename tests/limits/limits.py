#!/usr/bin/env python3
"""limits.py CASE: a call that uses more than it may is ended for just that, with its figures and output.

As an ordinary user without control groups, what is tested is the watch. $MAYFLY is the server.
"""
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "victims"))
sys.path.insert(0, str(HERE.parent / "lifetime"))
from attack import Failure, adopt_orphans, check_no_orphans  # noqa: E402
from lifetime import Ground, receipt_of  # noqa: E402

MIB = 1 << 20
START = "print('begun', flush=True)\nimport os, signal, time\n"
# Each goes on until it is stopped.
WRITES = "f = open('big', 'wb', 0)\nwhile True: f.write(os.urandom(1 << 20))\n"
FILLS_TMP = ("for i in range(200):\n f = open('/tmp/%d' % i, 'wb', 0)\n f.write(b'x' * (1 << 20))\n"
             "while True: time.sleep(1)\n")
RESERVES = "fd = os.open('big', os.O_RDWR | os.O_CREAT)\nos.posix_fallocate(fd, 0, 200 << 20)\nprint('reserved')\n"
# In children that nobody waits for, whose figures the kernel forgets.
FORGOTTEN = """signal.signal(signal.SIGCHLD, signal.SIG_IGN)
while True:
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


CASES = {name[5:]: function for name, function in list(globals().items()) if name.startswith("case_")}


def main():
    adopt_orphans()
    ground = Ground()
    try:
        CASES[sys.argv[1]](ground)
        check_no_orphans()
    except Failure as failure:
        print(f"FAILED: {failure}")
        return 1
    finally:
        ground.remove()
    return 0


if __name__ == "__main__":
    sys.exit(main())
