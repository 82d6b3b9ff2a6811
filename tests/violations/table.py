#!/usr/bin/env python3
"""table.py [--programs DIR] [--tier full|landlock] GROUP...: what receipts say of what the sandbox denies.

table.toml has rows of two kinds. A denial is one small program, and every violation that its receipt
must name; nothing else may be in it. An innocent is everyday work of which a receipt says nothing.
All rows of a run are calls of one server. $MAYFLY is the server to test.
"""
import argparse
import concurrent.futures
import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import tomllib
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "victims"))
sys.path.insert(0, str(HERE.parents[1] / "examples" / "clients" / "python"))
from attack import Failure, adopt_orphans, check_no_orphans, skip  # noqa: E402
from mayfly_client import Mayfly, ToolError  # noqa: E402

MAYFLY = str(Path(os.environ.get("MAYFLY", "build/mayfly")).resolve())
ROOT = os.geteuid() == 0
PATH = "/usr/local/bin:/usr/bin:/bin"
AT_ONCE = 3  # calls at a time


def read_table():
    with open(HERE / "table.toml", "rb") as file:
        table = tomllib.load(file)
    for row in table["denial"]:
        row.setdefault("tiers", ["full"])
        row.setdefault("profile", "table")
    for row in table["innocent"]:
        row.setdefault("tiers", ["full"])
    names = [row["name"] for kind in ("denial", "innocent") for row in table[kind]]
    twice = {name for name in names if names.count(name) > 1}
    if twice:
        raise Failure(f"rows of the same name: {sorted(twice)}")
    return table


class Place:
    """A directory of the host's that everybody may look into: a workspace, and things outside of it."""

    def __init__(self, programs, tier):
        self.tier = tier
        # Not below /tmp, of which a sandbox has its own. Only root has a better place than /var/tmp.
        self.best = ROOT and Path("/srv").is_dir()
        self.top = Path(tempfile.mkdtemp(prefix="violations-", dir="/srv" if self.best else "/var/tmp")).resolve()
        self.top.chmod(0o755)
        # The host's files are not the sandbox's user's, and its mode bits must not be what denies.
        os.umask(0)
        for name in ("workspace", "ro", "ro/directory", "outside", "outside/directory", "home", "home/.ssh", "denied",
                     "denied/below", "config", "config/mayfly", "config/mayfly/profiles"):
            (self.top / name).mkdir(mode=0o755 if name.split("/")[0] in ("home", "config", "workspace") else 0o777)
        for name in ("ro/file", "outside/file", "denied/file", "denied/below/file", "home/notes.txt", "home/.ssh/id_ed25519",
                     "home/.bashrc"):
            (self.top / name).write_text("text of the host\n")
        for name in ("ro/tool", "outside/tool"):
            shutil.copy("/usr/bin/true", self.top / name)
            (self.top / name).chmod(0o755)
        os.umask(0o022)
        (self.top / "ro" / "link").symlink_to("file")
        self.workspace = self.top / "workspace"
        subprocess.run(["git", "init", "-q", self.workspace], check=True, env={"PATH": "/usr/bin:/bin", "HOME": "/"})
        for name in ("kept/hidden/file", "kept/deep/one.key", ".git/hooks/a.sample"):
            (self.workspace / name).parent.mkdir(parents=True, exist_ok=True)
            (self.workspace / name).write_text("text\n")
        for name in ("call", "hostile"):
            if programs is not None and (programs / f"violations_{name}").exists():
                shutil.copy(programs / f"violations_{name}", self.workspace / name)
        self.words = {name: str(self.top / name) for name in ("workspace", "ro", "outside", "home", "denied")}
        if tier == "landlock" and ROOT:
            for path in (self.workspace, *self.workspace.rglob("*"), self.top / "home", *(self.top / "home").rglob("*")):
                os.chown(path, 21000, 21000, follow_symlinks=False)
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.bind(str(self.workspace / "host.sock"))
        (self.workspace / "host.sock").chmod(0o777)
        self.socket.listen()

    def fill_in(self, text):
        """Words in braces that we have; all others stay, as those of a script of bash."""
        return re.sub(r"\{([a-z]+)\}", lambda word: self.words.get(word[1], word[0]), text)

    def shorten(self, text):
        """The other way round: what differs from run to run becomes a word in braces."""
        for name, path in self.words.items():
            text = text.replace(path, "{" + name + "}")
        return text.replace(str(self.top), "{top}")

    def serve(self, table, names, *options):
        """A server of ours with these profiles, the operator's own or shipped ones."""
        for name, text in table["profiles"].items() if self.tier == "full" else ():
            path = self.top / "config" / "mayfly" / "profiles" / f"{name}.toml"
            path.write_text(self.fill_in(text).lstrip("\n"))
        os.environ["HOME"] = str(self.top / "home")
        os.environ["XDG_STATE_HOME"] = str(self.top / "state")
        os.environ["XDG_CACHE_HOME"] = str(self.top / "cache")
        os.environ["XDG_CONFIG_HOME"] = str(self.top / "config")
        os.environ["PATH"] = PATH
        binary = MAYFLY
        if self.tier == "landlock":
            # Where the host's root is nobody, no file of a profile is trusted.
            options = ("--tier", "landlock", "--read", self.words["ro"], *options)
            binary = self.top / "mayfly-without-user-namespaces"
            binary.write_text(f'#!/bin/sh\nexec /usr/bin/python3 {HERE.parent}/tier/without_user_namespaces.py {MAYFLY} "$@"\n')
            binary.chmod(0o755)
        return Mayfly(str(binary), str(self.workspace), "--profile", ",".join(sorted(names)), *options)

    def remove(self):
        self.socket.close()
        subprocess.run(["rm", "-rf", "--one-file-system", self.top], check=False)


def line_of(violation):
    """A violation as the table writes it."""
    text = " ".join(word for word in (violation["kind"], violation["operation"], violation.get("target", "")) if word)
    return text + (f": {violation['errno']}" if violation.get("errno") else "")


def match(line, wanted):
    """The wanted line that this is; "*" stands for a measured value."""
    for one in wanted:
        if re.fullmatch(re.escape(one).replace(r"\*", "[0-9.]+ [A-Za-z]+"), line):
            return one
    return line


def expected_lines(row, place):
    """{line: times}"""
    lines = [row["says"]] if row.get("says") else []
    wanted = {place.fill_in(line): row.get("times", 1) for line in lines}
    wanted.update({place.fill_in(line): 1 for line in row.get("also", [])})
    return wanted


def arguments_of(row, place):
    directory = place.workspace / re.sub(r"[^a-z0-9]+", "-", row["name"].lower())[:60]
    directory.mkdir(exist_ok=True)
    if ROOT and place.tier == "landlock":
        os.chown(directory, 21000, 21000)
    arguments = {"cwd": str(directory), "profile": row["profile"], "timeout_ms": 60000, "max_output_chars": 20000}
    for name in ("limits", "env", "timeout_ms", "max_output_chars"):
        if name in row:
            arguments[name] = row[name]
    if "call" in row:
        arguments["argv"] = [str(place.workspace / "call"), place.fill_in(row["call"])]
    elif "python" in row:
        arguments["argv"] = ["/usr/bin/python3", "-c", place.fill_in(row["python"])]
    else:
        arguments["command"] = place.fill_in(row["sh"])
    return arguments


def run_row(mayfly, place, row):
    arguments = arguments_of(row, place)
    answer = mayfly.call("run_command", **arguments)
    while answer.get("status") == "running":
        answer = mayfly.call("get_job", job_id=answer["job_id"], wait_ms=45000)
    return answer


def judge_denial(row, answer, place):
    problems = []
    wanted = expected_lines(row, place)
    seen = {match(line_of(one), wanted): one for one in answer.get("violations", [])}
    problems += [f"not told: {line}" for line in wanted if line not in seen]
    problems += [f"told, and not expected: {line}, by {seen[line].get('rule')}" for line in seen if line not in wanted]
    problems += [f"{line}: {seen[line]['count']} times, not {times}" for line, times in wanted.items()
                 if line in seen and seen[line].get("count", 1) != times]
    # The program saw what the receipt says.
    error = row.get("errno", row.get("says", "").rsplit(": ", 1)[-1] if ": E" in row.get("says", "") else "")
    if "call" in row and error and answer.get("stdout", "").strip() != error:
        problems.append(f"the program saw {answer.get('stdout', '').strip()}, not {error}; {answer.get('stderr', '')}")
    first = seen.get(place.fill_in(row["says"])) if row.get("says") else None
    if first is not None:
        rule, remedy = place.fill_in(row.get("rule", "")), place.fill_in(row.get("remedy", ""))
        if not first.get("rule", "").startswith(rule) or not first.get("rule"):
            problems.append(f"the rule is {first.get('rule')!r}, not {rule!r}")
        if row["group"] == "hidden" and not place.best:
            remedy = ""  # of places below /var/tmp something else is said
        if remedy not in first.get("remedy", "") or not first.get("remedy"):
            problems.append(f"the remedy is {first.get('remedy')!r}, without {remedy!r}")
        if bool(first.get("retryable")) != row.get("retryable", False):
            problems.append(f"retryable is {first.get('retryable')}")
        for name, value in first.items():
            if isinstance(value, str) and not value.isprintable():
                problems.append(f"{name} is not one printable line: {value!r}")
    if row.get("ended_by", "exit") != answer.get("ended_by"):
        problems.append(f"ended by {answer.get('ended_by')}")
    return problems


def judge_innocent(row, answer):
    noise = set(row.get("noise", []))
    problems = [f"told: {line_of(one)}, by {one.get('rule')}" for one in answer.get("violations", [])
                if f"{one['kind']} {one['operation']}" not in noise]
    if answer.get("exit_code") != 0 or not answer.get("stdout", "").endswith("fine\n"):
        problems.append(f"it did not work: {answer}")
    return problems


def rows_of(table, groups, tier):
    for row in table["denial"]:
        if row["group"] in groups and tier in row["tiers"]:
            if tier == "landlock":
                row = {**row, "profile": "default", "rule": row.get("rule", "").replace("table", "default"), **row.get(tier, {})}
            yield "denial", row
    for row in table["innocent"]:
        if "innocents " + row["group"] not in groups or tier not in row["tiers"]:
            continue
        missing = [name for name in row.get("needs", "").split() if shutil.which(name, path=PATH) is None]
        if missing:
            print(f"absent: {row['name']}: {', '.join(missing)}")
            continue
        for level in row.get("levels", ["writes", "all"] if tier == "full" else ["writes"]):
            profile = {"writes": "default", "all": "watchful"}[level]
            yield "innocent", {**row, "name": f"{row['name']}, level {level}", "profile": row.get("profile", profile)}


def run_rows(place, table, rows):
    """[(kind, row, answer)] of the given (kind, row)."""
    names = {row["profile"] for _, row in rows} | {"default", "readonly"}  # with one there is no choice
    with place.serve(table, names) as mayfly:
        def one(item):
            try:
                return (*item, run_row(mayfly, place, item[1]))
            except ToolError as error:
                return (*item, {"ended_by": "setup", "stderr": str(error)})
        with concurrent.futures.ThreadPoolExecutor(AT_ONCE) as pool:
            return list(pool.map(one, rows))


def main():
    options = argparse.ArgumentParser()
    options.add_argument("--programs", type=Path)
    options.add_argument("--tier", default="full")
    options.add_argument("--only", default="")
    options.add_argument("--verbose", action="store_true")
    options.add_argument("groups", nargs="+")
    given = options.parse_args()
    table = read_table()
    adopt_orphans()
    place = Place(given.programs, given.tier)
    bad = 0
    try:
        rows = [item for item in rows_of(table, given.groups, given.tier) if given.only in item[1]["name"]]
        if not rows:
            raise Failure(f"no rows of {given.groups} in tier {given.tier}")
        for kind, row, answer in run_rows(place, table, rows):
            if "user namespaces" in answer.get("stderr", "") and answer["ended_by"] == "setup":
                skip("user namespaces")
            problems = judge_denial(row, answer, place) if kind == "denial" else judge_innocent(row, answer)
            bad += bool(problems)
            if problems or given.verbose:
                print(f"{'FAILED' if problems else 'passed'}: {kind} {row['name']}")
                for problem in problems:
                    print(f"    {place.shorten(problem)}")
            if given.verbose:
                print(f"    {answer.get('stdout', '').strip()!r} {answer.get('violations')}")
        check_no_orphans()
        print(f"{len(rows) - bad} of {len(rows)} rows are as they should be")
    except Failure as failure:
        print(f"FAILED: {failure}")
        return 1
    finally:
        place.remove()
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
