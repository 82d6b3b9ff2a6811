#!/usr/bin/env python3
"""summary.py REPORTS [FAILED STEP...]: adds up the JUnit files of ctest and node --test.

Says what was skipped and why, then the ends of what failed tests printed, then their names once more:
where only the end of the output is kept, the names are in it. The last line is "N passed, N failed,
N skipped".
"""

import pathlib
import re
import sys
import xml.etree.ElementTree as xml

LINES_OF_A_FAILURE = 40
MOST_OF_A_LINE = 200  # a receipt is one line


def reason_of(case, skipped):
    said = re.search(r"SKIP: (.*)", case.findtext("system-out") or "")
    return said.group(1) if said else skipped.get("message") or "no reason given"


def said_by(case):
    """The last lines of a failed test, wherever its report has them."""
    texts = [case.findtext("system-out") or ""]
    for problem in (*case.iter("failure"), *case.iter("error")):
        # ctest puts only a word there, node --test all that it knows.
        texts += [text for text in (problem.text or problem.get("message") or "",) if text.strip()]
    lines = [line.rstrip()[:MOST_OF_A_LINE] for text in texts for line in text.splitlines() if line.strip()]
    return lines[-LINES_OF_A_FAILURE:]


def main():
    reports, steps = pathlib.Path(sys.argv[1]), sys.argv[2:]
    passed, failed, skipped, outputs = 0, [f"{step} (step)" for step in steps], [], []
    for report in sorted(reports.glob("*.xml")):
        try:
            cases = list(xml.parse(report).iter("testcase"))
        except xml.ParseError as error:
            failed.append(f"its report is broken: {error} ({report.stem})")
            continue
        if not cases:
            failed.append(f"no test ran ({report.stem})")
        for case in cases:
            name = f"{case.get('name')} ({report.stem})"
            skip = case.find("skipped")
            if case.find("failure") is not None or case.find("error") is not None:
                failed.append(name)
                outputs.append((name, said_by(case)))
            elif skip is not None or case.get("status") == "notrun":
                skipped.append(f"{name}: {reason_of(case, skip if skip is not None else {})}")
            else:
                passed += 1
    for name in skipped:
        print(f"SKIPPED: {name}")
    for name, lines in outputs:
        print(f"--- {name}, the end of its output:")
        print("\n".join(f"  {line}" for line in lines))
    if passed == 0:
        failed.append("nothing passed")
    for name in failed:
        print(f"FAILED: {name}")
    print(f"{passed} passed, {len(failed)} failed, {len(skipped)} skipped")
    sys.exit(1 if failed else 0)


main()
