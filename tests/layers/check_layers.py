#!/usr/bin/env python3
"""check_layers.py SRC TABLE: fails on any #include of ours that the table does not allow.

`check_layers.py --self-test` proves on made-up trees that a forbidden include is found.
"""

import pathlib
import re
import sys
import tempfile

INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]')


def read_table(text):
    allowed = {}
    for line in text.splitlines():
        line = line.split("#")[0].strip()
        if line:
            folder, _, others = line.partition(":")
            allowed[folder.strip()] = set(others.split())
    return allowed


def find_faults(src, allowed):
    faults = []
    folders = sorted(entry.name for entry in src.iterdir() if entry.is_dir())
    faults += [f"{src}/{name}: a folder that the table does not name" for name in folders
               if name not in allowed]
    sources = [path for suffix in ("h", "cc") for path in src.rglob(f"*.{suffix}")]
    for path in sorted(sources):
        own = path.relative_to(src).parts[0]
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
            match = INCLUDE.match(line)
            if not match:
                continue
            quote, target = match.groups()
            folder = target.split("/")[0]
            where = f"{path}:{number}: #include \"{target}\""
            if ".." in target.split("/"):
                faults.append(f"{where}: goes up with ../; write the path from src/")
            elif quote == "<" and folder in allowed and (src / target).exists():
                faults.append(f"{where}: ours, so it is written with quotes")
            elif quote == '"' and folder not in allowed:
                faults.append(f"{where}: not a path from src/")
            elif quote == '"' and folder != own and folder not in allowed.get(own, set()):
                faults.append(f"{where}: {own} must not include {folder}")
    return faults


def self_test():
    allowed = read_table("base:\nmcp: base  # a remark\nsandbox: base\n")
    cases = [
        ('mcp/a.h', '#include "base/error.h"\n#include <vector>\n#include "mcp/b.h"\n', ""),
        ('mcp/linux/a.cc', '#include "mcp/b.h"\n', ""),
        ('mcp/a.cc', '#include "sandbox/policy.h"\n', "mcp must not include sandbox"),
        ('base/a.cc', '  #  include "mcp/tool.h"\n', "base must not include mcp"),
        ('mcp/a.cc', '#include "../sandbox/policy.h"\n', "goes up"),
        ('mcp/a.cc', '#include "mcp/../sandbox/policy.h"\n', "goes up"),
        ('mcp/a.cc', '#include "tool.h"\n', "not a path from src/"),
        ('mcp/a.cc', '#include <mcp/a.cc>\n', "written with quotes"),
        ('utils/a.cc', '', "does not name"),
    ]
    for name, text, expected in cases:
        with tempfile.TemporaryDirectory() as directory:
            path = pathlib.Path(directory, name)
            path.parent.mkdir(parents=True)
            path.write_text(text)
            faults = find_faults(pathlib.Path(directory), allowed)
            found = "\n".join(faults)
            if (expected == "") != (not faults) or expected not in found:
                sys.exit(f"self-test: {name} with {text!r}: expected {expected!r}, got {found!r}")
    print(f"{len(cases)} made-up trees judged as expected")


def main():
    if sys.argv[1:] == ["--self-test"]:
        return self_test()
    src, table = map(pathlib.Path, sys.argv[1:])
    faults = find_faults(src, read_table(table.read_text(encoding="utf-8")))
    if faults:
        sys.exit("\n".join(faults))
    print("every include is in the table")


main()
