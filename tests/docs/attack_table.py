#!/usr/bin/env python3
"""attack_table.py BUILD: every test that docs/threat-model.md names for an attack exists.

Names of tests are between backquotes in the last column of the table "What is attacked, and where".
One that ends in "_test" is a file of unit tests; any other is a test as ctest knows it.
"""
import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
HEADING = "## What is attacked, and where\n"
ATTACKS = 58


def main():
    text = (ROOT / "docs" / "threat-model.md").read_text()
    section = text.split(HEADING)[1].split("\n## ")[0]
    rows = [line.strip("|").split("|") for line in section.splitlines() if re.match(r"\| \d", line)]
    numbers = [int(row[0]) for row in rows]
    problems = []
    if numbers != list(range(1, ATTACKS + 1)):
        problems.append(f"the rows are {numbers}, not 1 to {ATTACKS}")
    listed = subprocess.run(["ctest", "--test-dir", sys.argv[1], "-N"], stdout=subprocess.PIPE, text=True,
                            check=True).stdout
    known = set(re.findall(r"^ +Test +#\d+: (.*)$", listed, re.MULTILINE))
    units = {path.stem for path in (ROOT / "tests" / "unit").rglob("*_test.cc")}
    for row in rows:
        names = re.findall(r"`([^`]+)`", row[-1])
        if not names:
            problems.append(f"attack {row[0].strip()} names no test")
        problems += [f"attack {row[0].strip()}: there is no test {name!r}" for name in names
                     if name not in (units if name.endswith("_test") else known)]
    if problems:
        sys.exit("docs/threat-model.md: " + "\n".join(problems))


main()
