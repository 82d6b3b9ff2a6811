#!/usr/bin/env python3
"""observing.py path/to/mayfly [ROUNDS]: what it costs that denials are seen.

observe_writes_build: make -j2 of a generated C project of 40 files, at level writes against off.
observe_all_find: find over /usr, at level all against off. Each pair is run in turn in the same
rounds, in either order, so that a busy machine disturbs both alike; printed are medians, and the
median of the rounds' ratios. Nothing is asserted.
"""

import os
import pathlib
import statistics
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "examples/clients/python"))
from mayfly_client import Mayfly  # noqa: E402

FILES = 40
BUILD = "make -s clean && make -s -j2"
FIND = "find /usr > /dev/null 2>&1 || true"


def project(workspace):
    names = [f"part{number}" for number in range(FILES)]
    for name in names:
        functions = "\n".join(f"int {name}_{n}(int a) {{ char b[64]; snprintf(b, sizeof b, \"%d\", a); return atoi(b) + {n}; }}"
                              for n in range(30))
        (workspace / f"{name}.c").write_text('#include <stdio.h>\n#include <stdlib.h>\n#include <string.h>\n#include "all.h"\n'
                                             f"{functions}\n", encoding="utf-8")
    (workspace / "all.h").write_text("".join(f"int {name}_0(int a);\n" for name in names), encoding="utf-8")
    (workspace / "main.c").write_text('#include "all.h"\nint main(void) { return ' + " + ".join(f"{name}_0(0)" for name in names) +
                                      "; }\n", encoding="utf-8")
    objects = " ".join(f"{name}.o" for name in ["main", *names])
    (workspace / "Makefile").write_text(f"CFLAGS = -O1\nprogram: {objects}\n\t$(CC) -o $@ $^\n"
                                        "clean:\n\trm -f program *.o\n.PHONY: clean\n", encoding="utf-8")


def timed(mayfly, level, command):
    began = time.perf_counter()
    answer = mayfly.call("run_command", command=command, profile=f"level-{level}", wait_ms=45000)
    while answer.get("status") == "running":
        answer = mayfly.call("get_job", job_id=answer["job_id"], wait_ms=45000)
    taken = time.perf_counter() - began
    if answer.get("exit_code") != 0:
        sys.exit(f"{command}: {answer}")
    return taken


def compare(mayfly, name, command, level, rounds):
    timed(mayfly, "off", command)
    timed(mayfly, level, command)
    pairs = []
    for number in range(rounds):
        order = ("off", level) if number % 2 == 0 else (level, "off")
        taken = {each: timed(mayfly, each, command) for each in order}
        pairs.append((taken["off"], taken[level]))
    off, on = (statistics.median(column) * 1000 for column in zip(*pairs))
    ratio = statistics.median(on / off for off, on in pairs)
    print(f"{name:22} off {off:8.1f} ms, {level:6} {on:8.1f} ms, ratio {ratio:.3f}, median of {rounds}")


def main():
    binary = os.path.abspath(sys.argv[1])
    rounds = int(sys.argv[2]) if len(sys.argv) > 2 else 15
    with tempfile.TemporaryDirectory(prefix="mayfly-bench-") as top:
        top = pathlib.Path(top).resolve()
        profiles = top / "mayfly" / "profiles"
        profiles.mkdir(parents=True)
        for level in ("off", "writes", "all"):
            (profiles / f"level-{level}.toml").write_text(f'extends = "default"\n\n[observe]\nlevel = "{level}"\n', encoding="utf-8")
        os.environ["XDG_CONFIG_HOME"] = str(top)
        workspace = top / "workspace"
        workspace.mkdir()
        project(workspace)
        print("load " + " ".join(f"{load:.2f}" for load in os.getloadavg()))
        with Mayfly(binary, str(workspace), "--profile", "level-off,level-writes,level-all") as mayfly:
            compare(mayfly, "observe_writes_build", BUILD, "writes", rounds)
            compare(mayfly, "observe_all_find", FIND, "all", rounds)


main()
