"""`mayfly profile learn`: what it prints is accepted with the very command that it prints, and then the same run passes.
The same for the command of each remedy. One argument: the case. $MAYFLY is the program."""
import json
import os
import re
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent.parent / "victims"))
sys.path.insert(0, str(HERE.parent.parent / "lifetime"))
from attack import Failure  # noqa: E402
from lifetime import MAYFLY, expect, run_case  # noqa: E402


def prepare(ground):
    """Files of the host beside the sandbox, in places that anybody may look at."""
    ground.top.chmod(0o755)
    for name in ("data", "out", "one"):
        (ground.home / name).mkdir()
        (ground.home / name).chmod(0o755)
    for name in ("a", "b", "c"):
        (ground.home / "data" / name).write_text(name)
    (ground.home / "one" / "file").write_text("1")
    (ground.home / "link").symlink_to("one")


def mayfly(ground, *arguments):
    process = ground.start(*arguments, stderr=subprocess.PIPE)
    out, err = process.communicate(timeout=110)
    return process.returncode, out, err


def learn(ground, script, *options):
    return mayfly(ground, "profile", "learn", *options, "--", "/bin/sh", "-c", script)


def denied(ground, script, *options):
    """What a run is denied, of all that is told."""
    code, out, err = mayfly(ground, "run", "--json", "--observe", "all", *options, "--", "/bin/sh", "-c", script)
    receipt = json.loads(out)
    expect("mayfly itself", (receipt.get("error"), err), (None, ""))
    return code, receipt["violations"]


def type_in(ground, command):
    """As an operator would: a shell reads it."""
    if not command.startswith("mayfly profile allow "):
        raise Failure(f"no command: {command}")
    script = str(MAYFLY) + command.removeprefix("mayfly")
    environment = {"PATH": "/usr/bin:/bin", "HOME": str(ground.home)}
    done = subprocess.run(["/bin/sh", "-c", script], env=environment, cwd=ground.top, text=True, capture_output=True,
                          timeout=60)
    expect(f"the exit code of {command}: {done.stderr}", done.returncode, 0)


def command_in(text):
    found = re.search(r"^# To accept it: (.*)$", text, re.MULTILINE)
    if not found:
        raise Failure(f"nothing to accept in: {text}")
    return found.group(1)


SCRIPT = 'cat ~/data/a ~/data/b ~/data/c ~/one/file; echo new > ~/out/new; mkdir ~/out/sub && rmdir ~/out/sub; true'


def accepted(ground):
    code, out, err = learn(ground, SCRIPT)
    expect("the exit code", code, 0)
    for line in (f'"{ground.home}/data"', f'"{ground.home}/one/file"', f'"{ground.home}/out"'):
        if line not in out:
            raise Failure(f"{line} is not in {out}")
    if f'"{ground.home}"' in out or f'"{ground.home}/data/a"' in out:
        raise Failure(f"too much, or not put together: {out}")
    type_in(ground, command_in(out))
    code, violations = denied(ground, SCRIPT)
    expect("what is denied afterwards", (code, violations), (0, []))
    expect("the file that was made", (ground.home / "out" / "new").read_text(), "new\n")
    code, out, err = learn(ground, SCRIPT)
    expect("the second lesson", "Nothing was denied" in out, True)


def is_asked(ground, violation, operation):
    """Not what the programs of this machine's system look at by themselves."""
    return violation["operation"] == operation and violation["target"].startswith(str(ground.top))


def remedies(ground):
    (ground.workspace / "sub").mkdir()
    (ground.workspace / "sub").chmod(0o777 if os.getuid() != 0 else 0o755)
    rows = [("default", "cat ~/one/file", "read"),
            ("default", "cd ~/data", "enter"), ("default", "touch ~/out/x", "create"),
            ("default", "echo > ~/one/file", "create"), ("default", "rm ~/out/gone", "remove"),
            ("readonly", "touch sub/file", "create"), ("readonly", "touch file", "create")]
    for profile, script, operation in rows:
        (ground.home / "out" / "gone").write_text("")
        code, violations = denied(ground, script, "--profile", profile)
        found = [each for each in violations if is_asked(ground, each, operation)]
        if not found or code == 0:
            raise Failure(f"{script} is not denied: {violations}")
        remedy = found[0]["remedy"]
        type_in(ground, remedy[remedy.find("mayfly profile allow"):])
        code, violations = denied(ground, script, "--profile", profile)
        expect(f"{script} after {remedy}", (code, [each for each in violations if is_asked(ground, each, operation)]),
               (0, []))
        for file in (ground.home / ".config" / "mayfly" / "profiles").glob("*.toml"):
            file.unlink()


def links(ground):
    """A link of the host's home is in no sandbox, so that its real path is proposed and no rule that would not help."""
    found = [each for each in denied(ground, "cat ~/link/file")[1] if is_asked(ground, each, "read")]
    expect("the remedy", found[0]["remedy"].endswith(f"use its real path, {ground.home}/one/file"), True)
    rules_for = json.loads(learn(ground, "cat ~/link/file", "--json")[1])["rules"]
    expect("what is learnt", [each for each in rules_for if str(ground.home) in each["value"]], [])


def unchanged(ground):
    saved = ground.top / "learnt.toml"
    learn(ground, SCRIPT, "--save", str(saved))
    expect("what learning changed", (ground.home / ".config").exists(), False)
    expect("what was denied stays so", denied(ground, "cat ~/data/a")[0] != 0, True)
    expect("the saved text is a profile", mayfly(ground, "profile", "check", str(saved))[0], 0)
    expect("it lets the run pass", denied(ground, SCRIPT, "--profile", str(saved)), (0, []))
    for file in (saved, ground.workspace / "x.toml", ground.home / ".config/mayfly/profiles/default.toml"):
        code, out, err = learn(ground, "true", "--save", str(file))
        expect(f"the exit code of --save {file}", (code, out), (125, ""))
    expect("nothing was written", [(ground.workspace / "x.toml").exists(), (ground.home / ".config").exists()],
           [False, False])


def exits(ground):
    code, out, err = learn(ground, "echo out; exit 7")
    expect("its own", (code, "wide enough" in out, "The command failed by itself (exit 7)" in out), (7, False, True))
    code, out, err = learn(ground, "cat ~/one/file || exit 3")
    expect("denied", (code, "It did not end well" in out), (3, True))
    expect("a signal", learn(ground, "kill -9 $$")[0], 137)
    expect("no program", mayfly(ground, "profile", "learn", "--", "/nowhere/program")[0], 127)
    expect("no command", mayfly(ground, "profile", "learn")[0], 125)
    expect("an unknown profile", learn(ground, "true", "--profile", "nowhere")[0], 125)
    code, out, err = learn(ground, "echo mine; cat ~/one/file; exit 4", "--json")
    lesson = json.loads(out)
    expect("the rule", lesson["rules"][-1]["value"], f'"{ground.home}/one/file"')
    expect("the exit code with --json", (code, lesson["receipt"]["exit_code"], lesson["complete"]), (4, 4, False))
    expect("what passes through", learn(ground, "echo mine; echo yours >&2")[1:],
           ("mine\n# Nothing was denied: profile default is wide enough for this run.\n", "yours\n"))


def limits(ground):
    profiles = ground.home / ".config/mayfly/profiles"
    profiles.mkdir(parents=True)
    (profiles / "small.toml").write_text('extends = "default"\n[limits]\noutput = "1M"\n')
    script = "head -c 1500000 /dev/zero"
    code, out, err = learn(ground, script, "--profile", "small", "--json")
    lesson = json.loads(out)
    expect("what ended it", lesson["receipt"]["ended_by"], "output")
    expect("the limit", [(each["key"], each["value"]) for each in lesson["rules"]
                         if each["key"].startswith("limits.")], [("limits.output", '"3M"')])
    type_in(ground, lesson["command"])
    expect("what happens then", denied(ground, script, "--profile", "small")[0], 0)
    # What an option of the run itself set, no profile can move: nothing is proposed.
    option = ("--max-output-bytes", "1M")
    out = learn(ground, script, *option)[1]
    expect("what is said of an option", "# --max-output-bytes 1M of this run was reached: give more there\n" in out, True)
    expect("what is proposed", "To accept it" in out or "[limits]" in out, False)
    lesson = json.loads(learn(ground, script, *option, "--json")[1])
    expect("the rules", ([each for each in lesson["rules"] if each["key"].startswith("limits.")],
                         lesson["options"][0]["what"]), ([], "--max-output-bytes 1M"))
    # A project that narrows: twice its value is less than the profile has.
    (ground.workspace / ".mayfly").mkdir()
    (ground.workspace / ".mayfly" / "profile.toml").write_text('[limits]\noutput = "1M"\n')
    lesson = json.loads(learn(ground, script, "--json")[1])
    expect("what ended it", lesson["receipt"]["ended_by"], "output")
    expect("less than the profile has", [each for each in lesson["rules"] if each["key"].startswith("limits.")], [])


def rules(ground):
    profiles = ground.home / ".config/mayfly/profiles"
    profiles.mkdir(parents=True)
    (profiles / "mine.toml").write_text('extends = "default"\n[filesystem]\ndeny = ["${workspace}/secret"]\n')
    (ground.workspace / "secret").write_text("x")
    code, out, err = learn(ground, "cat secret; touch /usr/x; unshare -U true; cat ~/.ssh/id; true", "--profile", "mine",
                           "--json")
    lesson = json.loads(out)
    expect("rules", [each for each in lesson["rules"] if "secret" in each["value"]], [])
    expect("what stands against it", [each["what"] for each in lesson["forbidden"]],
           [f"filesystem read {ground.workspace}/secret"])
    expect("what nobody can have", [each["what"] for each in lesson["never"]],
           ["filesystem create /usr/x", f"filesystem read {ground.home}/.ssh/id"])
    expect("what an operator decides", [each["what"] for each in lesson["decisions"]], ["syscall unshare CLONE_NEWUSER"])
    text = learn(ground, "unshare -U true; cat secret", "--profile", "mine")[1]
    expect("calls are a comment", [line for line in text.split("\n") if "unshare" in line and not line.startswith("#")], [])


def names(ground):
    odd = ground.home / "od d'$(touch pwned);`touch pwned`"
    odd.mkdir()
    odd.chmod(0o755)
    (odd / "file").write_text("x")
    star = ground.home / "data" / "*"
    star.write_text("x")
    line = ground.home / "data" / "x\nread = [1]"
    line.write_text("x")
    (ground.workspace / "try").write_text(f"{odd}/file\n{star}\n")
    script = f"while read -r name; do cat \"$name\" || true; done < try; cat ~/data/x*; true"
    code, out, err = learn(ground, script)
    command = command_in(out)
    if "*" in command or "\x1b" in out:
        raise Failure(f"{command} {out}")
    type_in(ground, command)
    expect("what a shell made of it", [path.name for path in ground.top.rglob("pwned")], [])
    expect("what is visible now", denied(ground, f"cat \"$(head -n 1 try)\"")[1], [])
    text = (ground.home / ".config/mayfly/profiles/default.toml").read_text()
    expect("what the profile says", ["[1]" in text, '"/"' in text], [False, False])


CASES = {each.__name__: each for each in (accepted, remedies, links, unchanged, exits, limits, rules, names)}


def prepared(ground):
    prepare(ground)
    CASES[sys.argv[1]](ground)


if __name__ == "__main__":
    sys.exit(run_case(prepared))
