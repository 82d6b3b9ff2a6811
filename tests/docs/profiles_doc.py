#!/usr/bin/env python3
"""Keeps docs/profiles.md true: its table of keys is the one of the program, and its examples are
profiles that the program takes.

    profiles_doc.py MAYFLY KEYS            fails if not (KEYS prints the table)
    profiles_doc.py MAYFLY KEYS --update   rewrites the table
"""
import os
import pathlib
import re
import subprocess
import sys
import tempfile

DOC = pathlib.Path(__file__).resolve().parents[2] / "docs" / "profiles.md"
BEGIN, END = "<!-- generated: begin -->\n", "<!-- generated: end -->\n"
EXAMPLE = re.compile(r"^```toml file=(\S+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
MAYFLY, KEYS = sys.argv[1:3]


def with_current_table(text):
    table = subprocess.run([KEYS], capture_output=True, text=True, check=True).stdout
    before, rest = text.split(BEGIN)
    return before + BEGIN + "\n" + table + "\n" + END + rest.split(END)[1]


def run(arguments, home, workspace):
    environment = {"HOME": str(home), "XDG_CONFIG_HOME": str(home / ".config"), "PATH": os.environ["PATH"]}
    return subprocess.run([MAYFLY, *arguments], capture_output=True, text=True, env=environment,
                          cwd=workspace, stdin=subprocess.DEVNULL)


def check_configuration(content):
    with tempfile.TemporaryDirectory() as top:
        file = pathlib.Path(top) / "mayfly.toml"
        for text, code in ((content, 0), (content.replace("wait", "wiat"), 1)):
            file.write_text(text)
            done = run(["config", "check", str(file)], pathlib.Path(top), top)
            if done.returncode != code:
                sys.exit(f"mayfly config check: {done.returncode}, not {code}: {done.stdout}{done.stderr}")


def check_examples(text):
    examples = EXAMPLE.findall(text)
    if len(examples) < 5:
        sys.exit(f"docs/profiles.md has only {len(examples)} examples: is the pattern wrong?")
    for name, content in examples:
        if name == "mayfly.toml":
            check_configuration(content)
            continue
        with tempfile.TemporaryDirectory() as top:
            home, workspace = pathlib.Path(top) / "home", pathlib.Path(top) / "project"
            profiles = home / ".config" / "mayfly" / "profiles"
            profiles.mkdir(parents=True)
            workspace.mkdir()
            (workspace / "secrets").mkdir()
            os.chmod(top, 0o755)
            project = name.startswith(".mayfly/")
            path = (workspace if project else profiles) / name
            path.parent.mkdir(exist_ok=True)
            path.write_text(content)
            profile = "default" if project else path.stem
            for arguments in (["profile", "check", profile], ["profile", "explain", profile],
                              ["run", "--profile", profile, "--", "/bin/true"]):
                done = run(arguments, home, workspace)
                if done.returncode != 0:
                    sys.exit(f"{name}: mayfly {' '.join(arguments)}: {done.stdout}{done.stderr}")
            # One letter less in a key must not pass.
            path.write_text(re.sub(r"^(\w+)\w =", r"\1 =", content, flags=re.MULTILINE))
            done = run(["run", "--profile", profile, "--", "/bin/true"], home, workspace)
            if done.returncode != 125 or "is no key" not in done.stderr:
                sys.exit(f"{name}: misspelt keys were taken: {done.stderr}")
            print(f"{name}: fine")


def main():
    text = DOC.read_text()
    wanted = with_current_table(text)
    if "--update" in sys.argv:
        DOC.write_text(wanted)
        return
    if wanted != text:
        sys.exit("docs/profiles.md has another table of keys: run tests/docs/profiles_doc.py with --update")
    check_examples(text)


main()
