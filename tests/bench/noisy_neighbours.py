#!/usr/bin/env python3
"""noisy_neighbours.py path/to/mayfly [CALLS]: what one client's small calls cost while another's run wild.

Two clients with a server each, as people have it, and then both in one server. The wild one runs a fork
bomb, a memory bomb, an output flood and a timer storm side by side, each started anew when a limit
ends it. The other reads a small file. Printed are medians and 90th percentiles of the reading, alone
and beside the others, and how the wild ones ended.
"""

import collections
import os
import pathlib
import statistics
import sys
import tempfile
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "examples/clients/python"))
from mayfly_client import Mayfly  # noqa: E402

WILD = {
    "fork bomb": "import os\nwhile True:\n  try: os.fork()\n  except OSError: pass",
    "memory bomb": "kept = []\nwhile True: kept.append(bytearray(1 << 24))",
    "output flood": "import os\nwhile True: os.write(1, b'flood ' * 10000)",
    "timer storm": "import signal\nsignal.signal(14, lambda *_: None)\nsignal.setitimer(0, 1e-5, 1e-5)\n"
                   "while True: signal.pause()",
}
LIMITS = {"memory_bytes": 256 << 20, "processes": 256}


def read_file(mayfly):
    mayfly.call("run_command", argv=["/usr/bin/cat", "small"])


def times(action, count):
    taken = []
    for _ in range(count):
        began = time.perf_counter()
        action()
        taken.append((time.perf_counter() - began) * 1000)
    return taken


def run_wild(mayfly, name, stop, endings):
    while not stop.is_set():
        try:
            receipt = mayfly.call("run_command", argv=["python3", "-c", WILD[name]], limits=LIMITS,
                                  timeout_ms=2000, max_output_chars=100)
        except Exception as error:  # the server ends while they run
            if not stop.is_set():
                endings[name][str(error)[:60]] += 1
            return
        endings[name][receipt.get("ended_by", "?")] += 1


def beside(mayfly, wild, calls):
    stop = threading.Event()
    endings = collections.defaultdict(collections.Counter)
    threads = [threading.Thread(target=run_wild, args=(wild, name, stop, endings)) for name in WILD]
    for thread in threads:
        thread.start()
    time.sleep(1)  # until all of them are at it
    taken = times(lambda: read_file(mayfly), calls)
    stop.set()
    for thread in threads:
        thread.join()
    return taken, endings


def show(name, taken, alone=None):
    median = statistics.median(taken)
    p90 = statistics.quantiles(taken, n=10)[-1]
    ratio = f", {median / alone:5.1f}x alone" if alone else ""
    print(f"{name:28} median {median:7.2f} ms, p90 {p90:7.2f} ms{ratio}")
    return median


def main():
    binary = sys.argv[1]
    calls = int(sys.argv[2]) if len(sys.argv) > 2 else 200
    with tempfile.TemporaryDirectory(prefix="mayfly-bench-") as top:
        top = os.path.realpath(top)
        for name in ("quiet", "wild"):
            os.mkdir(f"{top}/{name}")
        pathlib.Path(f"{top}/quiet/small").write_text("small\n" * 100, encoding="utf-8")
        with Mayfly(binary, f"{top}/quiet") as quiet:
            read_file(quiet)
            alone = show("alone", times(lambda: read_file(quiet), calls))
            with Mayfly(binary, f"{top}/wild") as other:
                taken, endings = beside(quiet, other, calls)
            show("beside, another server", taken, alone)
            taken, more = beside(quiet, quiet, calls)
            show("beside, the same server", taken, alone)
        for name in WILD:
            ended = endings[name] + more[name]
            print(f"  {name:14} ended by " + ", ".join(f"{reason} {count}x" for reason, count in ended.items()))


main()
