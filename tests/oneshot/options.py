#!/usr/bin/env python3
"""options.py CASE: each option of the policy holds in the sandbox, and is in the receipt if it is a limit."""
import json
import re
import signal
import subprocess
import sys

from oneshot import HERE, Failure, expect, expect_error, limit_of, run, run_case, said, sh
from lifetime import MAYFLY, wait_until

MIB = 1 << 20
# option, value, name in the receipt, figure there.
LIMITS = [
    ("--timeout-ms", "20000", "wall_ms", 20000), ("--memory", "512M", "memory_bytes", 512 * MIB),
    ("--cpu-ms", "5000", "cpu_ms", 5000), ("--pids", "99", "processes", 99), ("--disk", "77M", "disk_bytes", 77 * MIB),
    ("--open-files", "123", "open_files", 123), ("--file-size", "9M", "file_bytes", 9 * MIB),
    ("--tmp", "3M", "tmp_bytes", 3 * MIB), ("--shm", "2MiB", "shm_bytes", 2 * MIB),
    ("--max-output-bytes", "65536", "output_bytes", 65536),
]


def limits(ground):
    flat = [word for option, value, _, _ in LIMITS for word in (option, value)]
    receipt = sh(ground, "ulimit -n; stat -f -c '%b %S' /tmp; stat -f -c '%b %S' /dev/shm; "
                 "dd if=/dev/zero of=big bs=1M count=12 2>/dev/null; stat -c %s big", *flat)
    for option, _, name, figure in LIMITS:
        expect(f"{name} with {option}", limit_of(receipt, name), figure)
    lines = receipt["stdout"].split("\n")
    expect("open files", lines[0], "123")
    sizes = [int(line.split()[0]) * int(line.split()[1]) for line in lines[1:3]]
    expect("sizes of /tmp and /dev/shm", sizes, [3 * MIB, 2 * MIB])
    expect("the size of one file", lines[3], str(9 * MIB))
    # These need control groups: in force, or refused.
    for option, value, name in (("--cpu-percent", "150", "cpu_percent"),
                                ("--io-bytes-per-second", "50M", "io_bytes_per_second")):
        receipt = sh(ground, "true", option, value)
        if "error" in receipt:
            expect_error(receipt, "E2002")
        else:
            expect(name, limit_of(receipt, name), 150 if value == "150" else 50 * MIB)


def paths(ground):
    other = ground.top / "other"
    other.mkdir()
    (other / "file").write_text("content\n")
    (ground.workspace / "secret").write_text("secret\n")
    (ground.workspace / "keys").mkdir()
    (ground.workspace / "keys" / "a.pem").write_text("secret\n")
    for path in (other, other / "file"):
        path.chmod(0o777 if path.is_dir() else 0o666)
    look = f"cat {other}/file && (echo x > {other}/file) 2>/dev/null && echo written; true"
    expect("without an option", said(sh(ground, look)), "")
    expect("--read", said(sh(ground, look, "--read", str(other))), "content\n")
    expect("--read of a relative path", said(sh(ground, look, "--read", "../other")), "content\n")
    expect("--bind", said(sh(ground, "cat /srv/seen/file; (echo > /srv/seen/new) 2>/dev/null; ls /srv/seen",
                             "--bind", f"{other}:/srv/seen")), "content\nfile\n")
    hide = "cat secret 2>/dev/null; cat keys/a.pem 2>/dev/null; true"
    expect("before", said(sh(ground, hide)), "secret\nsecret\n")
    expect("--hide and --deny", said(sh(ground, hide, "--hide", "secret", "--deny", "keys/*.pem")), "")
    expect("a variable", said(sh(ground, hide, "--hide", "${workspace}/secret")), "secret\n")
    denied = sh(ground, "cat secret", "--deny", "./secret")
    if "Permission denied" not in denied["stderr"]:
        raise Failure(f"a denied path is not refused: {denied}")
    size = said(sh(ground, "stat -f -c '%b %S' /srv/room; echo x > /srv/room/file", "--tmpfs", "/srv/room=5M"))
    expect("--tmpfs", eval(size.replace(" ", "*")), 5 * MIB)


def workspace(ground):
    other = ground.top / "other"
    other.mkdir()
    write = f"(echo x > file) 2>/dev/null && echo here; (echo x > {other}/file) 2>/dev/null && echo there; rm -f file; true"
    expect("without an option", said(sh(ground, write)), "here\n")
    expect("--write", said(sh(ground, write, "--write", "../other")), "here\nthere\n")
    expect("--bind :rw", said(sh(ground, "echo x > /srv/seen/new && echo done", "--bind", f"{other}:/srv/seen:rw")), "done\n")
    expect("what --bind :rw wrote", (other / "new").read_text(), "x\n")
    expect("--read-only", said(sh(ground, write, "--read-only")), "")
    expect("--hostname", said(sh(ground, "cat /proc/sys/kernel/hostname", "--hostname", "somewhere")), "somewhere\n")
    for choice in ("off", "auto", "rustup,go"):
        said(sh(ground, "true", "--toolchains", choice))
    kept = "if [ -e ~/.cache/kept ]; then echo kept; fi; mkdir -p ~/.cache; touch ~/.cache/kept"
    said(sh(ground, kept))
    expect("the usual cache", said(sh(ground, kept)), "kept\n")
    expect("--cache off", said(sh(ground, kept, "--cache", "off")), "")


def network(ground):
    receipt = sh(ground, "true", "--net", "example.org:443", "--net", "*.example.net")
    if "no proxy" not in json.dumps(receipt["unavailable"]):
        raise Failure(f"nothing says that the host cannot be reached: {receipt}")
    expect("--net none", sh(ground, "true", "--net", "none", "--profile", "network")["exit_code"], 0)
    expect_error(sh(ground, "true", "--net", "host"), "E1001", "--net", "danger_host")
    expect_error(sh(ground, "true", "--net", "none", "--net", "example.org"), "E1001", "--net")
    expect_error(sh(ground, "true", "--net", "ex ample"), "E1001", "--net")
    receipt = sh(ground, "mkfifo pipe", "--syscall-deny", "mknod", "--syscall-deny", "mknodat")
    if receipt["exit_code"] == 0:
        raise Failure(f"a denied system call was made: {receipt}")
    expect("mkfifo without it", sh(ground, "mkfifo pipe")["exit_code"], 0)
    expect_error(sh(ground, "true", "--syscall-deny", "mknodatt"), "E1001", "--syscall-deny")
    expect("--observe off", sh(ground, "mount -t proc proc /tmp", "--observe", "off")["violations"], [])


def environment(ground):
    def shown(*options):
        process = subprocess.run([MAYFLY, "run", "--workspace", str(ground.workspace), *options, "--", "/usr/bin/env"],
                                 env={"PATH": "/usr/bin:/bin", "HOME": str(ground.home), "SEEN_A": "a", "SEEN_B": "b"},
                                 stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60)
        return dict(line.split("=", 1) for line in process.stdout.splitlines()), process.stderr
    variables, _ = shown()
    expect("without an option", [name for name in variables if name.startswith("SEEN")], [])
    variables, _ = shown("--pass", "SEEN_*", "--env", "K=v=w", "--env", "EMPTY=")
    expect("--pass and --env", [variables.get(name) for name in ("SEEN_A", "SEEN_B", "K", "EMPTY")], ["a", "b", "v=w", ""])
    variables, _ = shown("--pass", "SEEN_A", "--env", "SEEN_B", "--env", "K=1", "--env", "K=2")
    expect("names", [variables.get(name) for name in ("SEEN_A", "SEEN_B", "K")], ["a", "b", "2"])
    _, err = shown("--env", "NOT_THERE")
    if "is not in the environment of mayfly itself" not in err:
        raise Failure(f"a variable that is not there: {err}")


def project(ground):
    (ground.workspace / ".mayfly").mkdir()
    (ground.workspace / ".mayfly" / "profile.toml").write_text('[limits]\nprocesses = 50\n')
    expect("the project's limit", limit_of(sh(ground, "true"), "processes"), 50)
    expect("--no-project", limit_of(sh(ground, "true", "--no-project", "--pids", "60"), "processes"), 60)


# Options whose values cannot be, and what is said about them.
ERRORS = [
    (["--memory", "lots"], "--memory", "write it like 512M"), (["--memory", "1M"], "--memory", "at least 4M"),
    (["--memory", "4gb"], "--memory", "is not a size"), (["--disk", "1.5G"], "--disk", "is not a size"),
    (["--timeout-ms", "0"], "--timeout-ms", "is nothing"), (["--timeout-ms", "30s"], "--timeout-ms", "whole number"),
    (["--timeout-ms", "99999999999999"], "--timeout-ms", "more than a year"),
    (["--timeout-ms", "99999999999999999999999"], "--timeout-ms", "too large"),
    (["--pids", "-1"], "--pids", "whole number"), (["--pids", "9999999999999"], "--pids", "out of range"),
    (["--open-files", "3"], "--open-files", "give 16 to"), (["--cpu-percent", "50%"], "--cpu-percent", "whole number"),
    (["--cpu-percent", "200000"], "--cpu-percent", "100%"), (["--tier", "fulll"], "--tier", 'did you mean "full"'),
    (["--observe", "some"], "--observe", "off, writes, all"), (["--cache", "no"], "--cache", "workspace, off"),
    (["--toolchains", "rustp"], "--toolchains", "rustup"), (["--hostname", "a b"], "--hostname", "is no host name"),
    (["--read", "/nowhere/at/all"], "--read", "is not there"), (["--read", "/"], "--read", "is everything"),
    (["--read", "/proc/self"], "--read", "the sandbox's own"), (["--write", "/etc"], "--write", "belongs to the system"),
    (["--write", "/nowhere"], "--write", "is not there"), (["--hide", "/a/../b"], "--hide", ".."),
    (["--deny", "~/x"], "--deny", "${home}"), (["--hide", "${hom}/x"], "--hide", "variable"),
    (["--bind", "/usr"], "--bind", "SRC:DEST"), (["--bind", "/usr:/srv/x:rx"], "--bind", "SRC:DEST"),
    (["--bind", "/nowhere:/srv/x"], "--bind", "is not there"), (["--bind", "/usr/share:/etc/x"], "--bind", "belongs to the system"),
    (["--tmpfs", "/srv/x"], "--tmpfs", "PATH=SIZE"), (["--tmpfs", "/srv/x=big"], "--tmpfs", "is not a size"),
    (["--tmpfs", "/usr/x=1M"], "--tmpfs", "belongs to the system"), (["--env", "1=2"], "--env", "no name"),
    (["--pass", "A-B"], "--pass", "is no name"), (["--no-such-option"], "command line", "--no-such-option"),
    (["--memory", "1G", "--memory", "2G"], "command line", "--memory"), (["--memory", ""], "command line", "empty"),
    (["--read", ""], "command line", "empty"), (["--json", "extra"], "command line", "extra"),
]


def errors(ground):
    for words, field, text in ERRORS:
        expect_error(sh(ground, "true", *words), "E1001", field, text)
    # All of them at once, and a line for each on a terminal.
    receipt = sh(ground, "true", "--memory", "lots", "--pids", "none")
    expect_error(receipt, "E1001")
    expect("the problems", len(receipt["error"]["problems"]), 2)
    code, out, err = run(ground, "--memory", "lots", "--pids", "none", "--", "true")
    expect("code, stdout and lines", (code, out, len(err.splitlines())), (125, "", 2))
    if "\\n" in err or not all(line.startswith("mayfly: E1001 --") for line in err.splitlines()):
        raise Failure(f"people see {err}")
    code, out, err = run(ground, "--memory", "lots", "--", "true")
    expect("one line for one", err, 'mayfly: E1001 --memory "lots": is not a size. Remedy: write it like 512M or 4GiB\n')


def contradictions(ground):
    expect_error(sh(ground, "true", "--hide", "x", "--deny", "x"), "E1001", "--deny", "also given to --hide")
    (ground.workspace / "x").mkdir()
    receipt = sh(ground, "true", "--deny", "${workspace}/x", "--read", "${workspace}/x/y")
    expect_error(receipt, "E1001", "--read", "is denied, and that wins")


def help(ground):  # noqa: A001
    code, out, _ = run(ground, "--help")
    expect("the exit code", code, 0)
    for option in [option for option, *_ in LIMITS] + ["--read", "--net", "--no-project", "--request", "Limits of one call"]:
        if option not in out:
            raise Failure(f"the help says nothing about {option}")
    page = (HERE.parent.parent / "docs" / "profiles.md").read_text()
    missing = sorted(option for option in set(re.findall(r"--[a-z][a-z-]+", out)) - {"--help"} if f"`{option}" not in page)
    expect("options that docs/profiles.md leaves out", missing, [])


def exits(ground):
    for script, code in (("exit 0", 0), ("exit 7", 7), ("kill -9 $$", 137), ("kill -TERM $$", 143)):
        expect(script, sh(ground, script)["code"], code)
    expect("a timeout", sh(ground, "sleep 1000", "--timeout-ms", "300")["code"], 124)
    (ground.workspace / "text").write_text("no program\n")
    for program, code in (("nothing-of-this-name", 127), ("./text", 126)):
        expect(program, run(ground, "--", program)[0], code)
    expect("no command", run(ground)[0], 125)
    expect("a profile that does not exist", run(ground, "--profile", "nowhere", "--", "true")[0], 125)
    # 128 and the signal that we were sent, also where the program's shell passes on another.
    for number, script in ((signal.SIGINT, "touch started; exec sleep 1000"),
                           (signal.SIGTERM, "touch started; exec sleep 1000"),
                           (signal.SIGHUP, "touch started; sleep 1000; exit $?"),
                           (signal.SIGINT, "trap 'exit 9' TERM; touch started; sleep 1000 & wait")):
        process = ground.run(script)
        ground.started()
        process.send_signal(number)
        process.communicate(timeout=60)
        wait_until("it has ended", lambda p=process: p.poll() is not None)
        expect(f"after {number.name}", process.returncode, 9 if "trap" in script else 128 + number)


CASES = {name: value for name, value in list(globals().items()) if callable(value)}

if __name__ == "__main__":
    sys.exit(run_case(CASES[sys.argv[1]]))
