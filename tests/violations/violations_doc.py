#!/usr/bin/env python3
"""Keeps the generated part of docs/violations.md equal to what receipts say of the table's denials.

    violations_doc.py --programs DIR            fails if they differ
    violations_doc.py --programs DIR --update   rewrites the generated part

$MAYFLY is the server. What root's receipts say is documented; others skip.
"""
import argparse
import re
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
from table import Place, line_of, read_table, rows_of, run_rows, skip  # noqa: E402

DOC = Path(__file__).resolve().parents[2] / "docs" / "violations.md"
BEGIN, END = "<!-- generated: begin -->\n", "<!-- generated: end -->\n"
GROUPS = {"filesystem": "Files that are there", "hidden": "Files that are not there", "network": "Network", "syscalls": "System calls",
          "capabilities": "Capabilities", "resources": "Resources"}


def cell(text):
    return text.replace("|", "\\|").replace("\n", " ")


def told(violation, row, place):
    line = place.shorten(line_of(violation))
    if row["group"] == "resources":
        line = row["says"]  # measured values differ
    rule = re.sub(r", \{top\}/config/mayfly/profiles/(\w+\.toml)", r", \1", place.shorten(violation["rule"]))
    remedy = re.sub(r"\([0-9.]+ \w+ of ", "(* of ", place.shorten(violation["remedy"]))
    # What a profile permits may depend on the machine.
    remedy = re.sub(r"at most [0-9.]+ \w+", "at most what the profile permits", remedy)
    return f"`{cell(line)}`", f"`{cell(rule)}`", cell(remedy)


def generated(table, place):
    lines = []
    for group, title in GROUPS.items():
        lines += [f"### {title}\n", "| | what the receipt says | rule | remedy |", "|---|---|---|---|"]
        quiet, last = [], None
        for _, row, answer in run_rows(place, table, list(rows_of(table, [group], "full"))):
            if answer["ended_by"] == "setup":
                skip(answer["stderr"])
            violations = answer.get("violations", [])
            if not violations:
                quiet.append(row["name"])
            for number, violation in enumerate(violations):
                line, rule, remedy = told(violation, row, place)
                shown = ("", "the same") if (rule, remedy) == last else (rule, remedy)
                last = (rule, remedy)
                lines.append(f"| {row['name'] if number == 0 else ''} | {line} | {shown[0]} | {shown[1]} |")
        if quiet:
            lines += ["", "Nothing is told of: " + "; ".join(quiet) + "."]
        lines.append("")
    return "\n".join(lines)


def main():
    options = argparse.ArgumentParser()
    options.add_argument("--programs", type=Path, required=True)
    options.add_argument("--update", action="store_true")
    given = options.parse_args()
    place = Place(given.programs, "full")
    try:
        if not place.best:
            skip("root, and /srv: of other places receipts say other remedies")
        wanted = generated(read_table(), place)
    finally:
        place.remove()
    text = DOC.read_text()
    before, rest = text.split(BEGIN)
    whole = before + BEGIN + "\n" + wanted + "\n" + END + rest.split(END)[1]
    if given.update:
        DOC.write_text(whole)
    elif whole != text:
        was, now = text.splitlines(), whole.splitlines()
        for line in [f"- {line}" for line in was if line not in now] + [f"+ {line}" for line in now if line not in was]:
            print(line)
        sys.exit("docs/violations.md is not what receipts say: run tests/violations/violations_doc.py --programs DIR --update")


main()
