#!/usr/bin/env python3
"""summary.py REPORTS [FAILED STEP...]: adds up the JUnit files of ctest and node --test.

Lists what failed and what was skipped and why; the last line is "N passed, N failed, N skipped".
"""

import pathlib
import re
import sys
import xml.etree.ElementTree as xml


def reason_of(case, skipped):
    said = re.search(r"SKIP: (.*)", case.findtext("system-out") or "")
    return said.group(1) if said else skipped.get("message") or "no reason given"


def main():
    reports, steps = pathlib.Path(sys.argv[1]), sys.argv[2:]
    passed, failed, skipped = 0, [f"{step} (step)" for step in steps], []
    for report in sorted(reports.glob("*.xml")):
        try:
            cases = list(xml.parse(report).iter("testcase"))
        except xml.ParseError as error:
            failed.append(f"{report.stem}: its report is broken: {error}")
            continue
        if not cases:
            failed.append(f"{report.stem}: no test ran")
        for case in cases:
            name = f"{report.stem}: {case.get('name')}"
            skip = case.find("skipped")
            if case.find("failure") is not None or case.find("error") is not None:
                failed.append(name)
            elif skip is not None or case.get("status") == "notrun":
                skipped.append(f"{name}: {reason_of(case, skip if skip is not None else {})}")
            else:
                passed += 1
    for title, names in (("Skipped", skipped), ("Failed", failed)):
        if names:
            print(f"{title}:")
            print("\n".join(f"  {name}" for name in names))
    if passed == 0:
        failed.append("nothing passed")
    print(f"{passed} passed, {len(failed)} failed, {len(skipped)} skipped")
    sys.exit(1 if failed else 0)


main()
