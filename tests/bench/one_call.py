#!/usr/bin/env python3
"""one_call.py path/to/mayfly [ROUNDS]: medians of one call to a running server, and of posix_spawn.

/usr/bin/true both ways, and a file of 4 KB read by the tool, in turn in the same rounds, so that a
busy machine disturbs all alike. What is measured is what a client sees: request, sandbox, program
or task, receipt.
"""

import os
import pathlib
import statistics
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "examples/clients/python"))
from mayfly_client import Mayfly  # noqa: E402


def timed(action):
    started = time.perf_counter()
    action()
    return (time.perf_counter() - started) * 1000


def spawn():
    os.waitpid(os.posix_spawn("/usr/bin/true", ["true"], {}), 0)


def main():
    binary = sys.argv[1]
    rounds = int(sys.argv[2]) if len(sys.argv) > 2 else 200
    with tempfile.TemporaryDirectory(prefix="mayfly-bench-") as workspace:
        began = time.perf_counter()
        with Mayfly(binary, os.path.realpath(workspace)) as mayfly:
            mayfly.discover()
            ready = (time.perf_counter() - began) * 1000
            call = lambda: mayfly.call("run_command", argv=["/usr/bin/true"])  # noqa: E731
            pathlib.Path(workspace, "file").write_text("a line of text\n" * 273, encoding="utf-8")
            read = lambda: mayfly.call("read_file", path="file")  # noqa: E731
            first = timed(call)
            samples = [(timed(spawn), timed(call), timed(read)) for _ in range(rounds)]
            with open(f"/proc/{mayfly.pid}/status", encoding="utf-8") as status:
                resident = next(int(line.split()[1]) for line in status if line.startswith("VmRSS"))
    plain, sandboxed, reading = (statistics.median(column) for column in zip(*samples))
    print(f"server ready          {ready:8.2f} ms, then {resident / 1024:.1f} MiB resident")
    print(f"first call            {first:8.2f} ms")
    print(f"posix_spawn           {plain:8.2f} ms, median of {rounds}")
    print(f"sandboxed call        {sandboxed:8.2f} ms, median of {rounds}, ratio {sandboxed / plain:.1f}")
    print(f"read_file of 4 KB     {reading:8.2f} ms, median of {rounds}, ratio {reading / plain:.1f}")


main()
