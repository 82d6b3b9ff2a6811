#!/usr/bin/env python3
"""Runs the commands of a transcript and compares what they say.

  transcripts.py [--update] FILE.txt…

A line that starts with "$ " is a command for bash, in which `mayfly` is the program under test. What
follows is what it wrote: stdout, then stderr with "! " in front of each line, then "= N" if it
ended with N and not 0. Lines with "# " before the first command are a comment. ~ is a fresh home
directory that holds ~/bad, the current directory a fresh workspace. What differs from machine to
machine is shown as ${HOME}, ${WORK}, ${DATE} and ${MEMORY}.

--update writes what the commands said into the file.
"""
import re
import sys

from playground import Playground


def neutral(text, playground):
    text = text.replace(playground.home, "${HOME}").replace(playground.work, "${WORK}")
    text = re.sub(r"# \d{4}-\d\d-\d\d:", "# ${DATE}:", text)
    # The machine's own memory stands behind "auto" and shares.
    return re.sub(r"\((\d+(\.\d)? [KMGT]iB)\) *", "(${MEMORY})  ", text)


def replay(path, update):
    with open(path, encoding="utf-8") as file:
        wanted = file.read()
    lines = wanted.splitlines()
    said = []
    for line in lines:
        if line.startswith("$ "):
            break
        said.append(line)
    with Playground() as playground:
        for line in lines:
            if not line.startswith("$ "):
                continue
            said.append(line)
            done = playground.shell(line[2:])
            said += neutral(done.stdout, playground).splitlines()
            said += ["! " + each for each in neutral(done.stderr, playground).splitlines()]
            if done.returncode != 0:
                said.append(f"= {done.returncode}")
    got = "\n".join(line.rstrip() for line in said) + "\n"
    if update:
        with open(path, "w", encoding="utf-8") as file:
            file.write(got)
        return []
    if got == wanted:
        return []
    import difflib
    return list(difflib.unified_diff(wanted.splitlines(), got.splitlines(), path, "now", lineterm=""))


def main(arguments):
    update = "--update" in arguments
    paths = [word for word in arguments if word != "--update"]
    faults = [fault for path in paths for fault in replay(path, update)]
    print("\n".join(faults))
    return 1 if faults or not paths else 0


sys.exit(main(sys.argv[1:]))
