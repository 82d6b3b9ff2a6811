#!/usr/bin/env python3
"""requests.py CASE: `mayfly run --request`: one JSON object is asked, one is answered, and nothing gets wider."""
import base64
import datetime
import json
import os
import random
import subprocess
import sys

from oneshot import Failure, ask, expect, expect_error, limit_of, run, run_case, said
from lifetime import MAYFLY
from tiny_schema import faults

MIB = 1 << 20


def schemas():
    text = subprocess.run([MAYFLY, "run", "--request-schema"], capture_output=True, text=True, check=True, timeout=60)
    return json.loads(text.stdout)


def members(ground):
    (ground.workspace / "below").mkdir()
    answer = ask(ground, {"command": "echo $K; pwd; cat; exit 3", "environment": {"K": "v"}, "stdin": "in\n",
                          "working_directory": "below"})
    expect("exit code", (answer["exit_code"], answer["code"], answer["status"]), (3, 3, "exited"))
    expect("stdout", answer["stdout"], f"v\n{ground.workspace}/below\nin\n")
    expect("a program", said(ask(ground, {"command": ["/bin/echo", "a b", "$K", ""]})), "a b $K \n")
    expect("without stdin", said(ask(ground, {"command": "cat; echo end"})), "end\n")
    expect("where it starts", said(ask(ground, {"command": "pwd"})), f"{ground.workspace}\n")
    expect("--cwd", said(ask(ground, {"command": "pwd"}, "--cwd", "below")), f"{ground.workspace}/below\n")
    expect("an absolute path", said(ask(ground, {"command": "pwd", "working_directory": "/usr"})), "/usr\n")
    times = [datetime.datetime.fromisoformat(answer["timestamps"][name].replace("Z", "+00:00"))
             for name in ("started", "ended")]
    if times[0] > times[1] or not answer["timestamps"]["ended"].endswith("Z"):
        raise Failure(f"the times are {answer['timestamps']}")
    for name in ("call_id", "usage", "limits", "violations", "layers", "profile", "ended_by", "policy_digest"):
        if name not in answer:
            raise Failure(f"{name} is not in {answer}")


def streams(ground):
    answer = ask(ground, {"command": r"printf 'caf\351 au lait, and more of it'; printf '\000\377\001\002' >&2"})
    expect("a text", (answer["stdout"], answer["stdout_encoding"]), ("caf\ufffd au lait, and more of it", "repaired"))
    expect("no text", (answer["stderr"], answer["stderr_encoding"]),
           (base64.b64encode(b"\x00\xff\x01\x02").decode(), "base64"))
    answer = ask(ground, {"command": r"printf 'caf\303\251\033[1m'"})
    expect("UTF-8", (answer["stdout"], "stdout_encoding" in answer), ("caf\u00e9\x1b[1m", False))


def limits(ground):
    wanted = {"memory_bytes": 256 * MIB, "processes": 40, "open_files": 50, "file_bytes": 3 * MIB, "output_bytes": 70000,
              "tmp_bytes": 4 * MIB, "disk_bytes": 50 * MIB, "cpu_ms": 9000}
    answer = ask(ground, {"command": "ulimit -n", "limits": wanted, "timeout_ms": 15000})
    expect("open files", said(answer), "50\n")
    for name, figure in {**wanted, "wall_ms": 15000}.items():
        expect(name, limit_of(answer, name), figure)
    options = ["--memory", "256M", "--pids", "40", "--open-files", "50", "--file-size", "3M", "--max-output-bytes", "70000",
               "--tmp", "4M", "--disk", "50M", "--cpu-ms", "9000", "--timeout-ms", "15000"]
    expect("all that is given", ask(ground, {"command": "true", "limits": wanted, "timeout_ms": 15000}, *options)["code"], 0)
    for name, figure in wanted.items():
        expect_error(ask(ground, {"command": "true", "limits": {name: figure + 1}}, *options), "E2003", f"limits.{name}")
    expect_error(ask(ground, {"command": "true", "timeout_ms": 15001}, *options), "E2003", "timeout_ms", "--timeout-ms")
    answer = ask(ground, {"command": "sleep 1000", "timeout_ms": 200})
    expect("a timeout", (answer["ended_by"], answer["code"]), ("timeout", 124))


def files(ground):
    (ground.workspace / "keep").mkdir()
    (ground.workspace / "secret").write_text("secret\n")
    (ground.workspace / "other").write_text("other\n")
    look = "cat secret other 2>/dev/null; (echo > keep/new) 2>/dev/null && echo wrote; true"
    expect("without", said(ask(ground, {"command": look})), "secret\nother\nwrote\n")
    answer = ask(ground, {"command": look, "filesystem": {
        "read_only": ["${workspace}/keep"], "hide": ["${workspace}/sec*"], "deny": [f"{ground.workspace}/other"]}})
    expect("with", said(answer), "")
    expect("read-only", said(ask(ground, {"command": look, "filesystem": {"workspace": "read-only"}})), "secret\nother\n")
    os.symlink("keep", ground.workspace / "link")
    for path, code, text in (("${workspace}/absent", "E5001", "is not there"), ("${workspace}/link", "E5001", "symbolic link"),
                             ("${workspace}/link/new", "E5001", "symbolic link"), ("keep", "E5001", "not absolute"),
                             ("${workspace}/*", "E5001", "pattern"), ("${workspace}", "E5001", "is the workspace"),
                             ("/nowhere", "E2003", "not visible"), (str(ground.home), "E2003", "not visible")):
        answer = ask(ground, {"command": "true", "filesystem": {"read_only": [path]}})
        expect_error(answer, code, "filesystem.read_only[0]", text)
    for name in ("hide", "deny"):
        answer = ask(ground, {"command": "true", "filesystem": {name: ["/usr/share", "x"]}})
        expect_error(answer, "E5001", f"filesystem.{name}[1]", "not absolute")


def profiles(ground):
    def profile(name, *options):
        return ask(ground, {"command": "true", "profile": name}, *options)
    expect("a narrower one", profile("readonly")["profile"], "readonly")
    expect("the default one", profile("default")["profile"], "default")
    expect_error(profile("build"), "E2003", "profile", "--profile default,build")
    expect("one that is offered", profile("build", "--profile", "default,build")["profile"], "build")
    expect_error(profile("readonly", "--profile", "default,build"), "E1002", "profile", "default, build")
    expect_error(profile("readonyl"), "E1002", None, "readonly")
    (ground.workspace / "own.toml").write_text('extends = "default"\n')
    for name in ("own.toml", "./own.toml", str(ground.workspace / "own.toml"), "../default", "", "a,b"):
        expect_error(profile(name), "E5001", "profile")


def settable(ground):
    mine = ground.home / ".config" / "mayfly" / "profiles"
    mine.mkdir(parents=True)
    (mine / "mine.toml").write_text('extends = "default"\n[environment]\nsettable = ["CI", "APP_*"]\n')
    options = ("--profile", "mine")
    answer = ask(ground, {"command": "echo $CI $APP_X", "environment": {"CI": "1", "APP_X": "2"}}, *options)
    expect("what may be set", said(answer), "1 2\n")
    for name in ("LD_PRELOAD", "APP", "C", "PATH"):
        answer = ask(ground, {"command": "true", "environment": {"CI": "1", name: "x"}}, *options)
        expect_error(answer, "E2003", "environment", "settable")
        expect("the name", answer["error"]["value"], name)


def widening(ground):
    """Each thing that somebody could try to get back, or to get at all."""
    (ground.workspace / "hidden").mkdir()
    (ground.workspace / "hidden" / "x").write_text("secret\n")
    (ground.workspace / "closed").mkdir()
    for option, path in (("--hide", "hidden"), ("--deny", "hidden")):
        for wanted in ("${workspace}/hidden", "${workspace}/hidden/x"):
            expect_error(ask(ground, {"command": "cat hidden/x", "filesystem": {"read_only": [wanted]}}, option, path),
                         "E2003", "filesystem.read_only[0]")
    answer = ask(ground, {"command": "cat hidden/x", "filesystem": {"hide": ["${workspace}/hidden"]}}, "--deny", "hidden")
    if "secret" in answer.get("stdout", ""):
        raise Failure(f"hiding shows what is denied: {answer}")
    # What a workspace's own file takes stays taken.
    (ground.workspace / ".mayfly").mkdir()
    (ground.workspace / ".mayfly" / "profile.toml").write_text(
        '[filesystem]\nhide = ["${workspace}/hidden"]\n[limits]\nprocesses = 50\n[environment]\nsettable = ["CI"]\n')
    expect_error(ask(ground, {"command": "true", "filesystem": {"read_only": ["${workspace}/hidden/x"]}}), "E2003")
    expect_error(ask(ground, {"command": "true", "limits": {"processes": 51}}), "E2003", "limits.processes")
    expect_error(ask(ground, {"command": "true", "environment": {"A": "1"}}), "E2003", "environment")
    expect("within it", ask(ground, {"command": "true", "environment": {"CI": "1"}})["code"], 0)


# Texts, and what is said about them.
MALFORMED = [
    ("", "request", ""), ("{", "request", ""), ("[]", "request", "must be object"), ("null", "request", ""),
    ('{"command":"true"} {}', "request", ""), ('{"command":"a","command":"b"}', "request", ""),
    ("{}", "command", "is required"), ('{"command":7}', "command", "must be"), ('{"command":[]}', "command", "at least 1"),
    ('{"command":[""]}', "command", "no program"), ('{"command":["a",7]}', "command[1]", "must be string"),
    ('{"command":"a\\u0000b"}', "command", "NUL"), ('{"command":null}', "command", "must be"),
    ('{"comand":"true","command":"true"}', "comand", 'use "command"'),
    ('{"command":"true","env":{}}', "env", ""), ('{"command":"true","environment":{"A":1}}', "environment.A", "must be string"),
    ('{"command":"true","environment":{"A-B":"1"}}', "environment", "is no name"),
    ('{"command":"true","environment":{"A":"\\u0000"}}', "environment.A", "NUL"),
    ('{"command":"true","timeout_ms":0}', "timeout_ms", "at least 1"), ('{"command":"true","timeout_ms":1.5}', "timeout_ms", "integer"),
    ('{"command":"true","timeout_ms":-9223372036854775808}', "timeout_ms", "at least 1"),
    ('{"command":"true","timeout_ms":"5"}', "timeout_ms", "integer"), ('{"command":"true","timeout_ms":1e300}', "timeout_ms", ""),
    ('{"command":"true","timeout_ms":18446744073709551615}', "timeout_ms", ""),
    ('{"command":"true","limits":{"memory":1}}', "limits.memory", "memory_bytes"),
    ('{"command":"true","limits":{"memory_bytes":1}}', "limits.memory_bytes", "at least"),
    ('{"command":"true","limits":{"cpu_ms":0}}', "limits.cpu_ms", "at least 1"), ('{"command":"true","limits":[]}', "limits", "object"),
    ('{"command":"true","filesystem":{"write":["/"]}}', "filesystem.write", ""),
    ('{"command":"true","filesystem":{"workspace":"read-write"}}', "filesystem.workspace", "read-only"),
    ('{"command":"true","filesystem":{"hide":"/usr"}}', "filesystem.hide", "array"),
    ('{"command":"true","filesystem":{"hide":["/proc/1"]}}', "filesystem.hide[0]", "own"),
    ('{"command":"true","filesystem":{"hide":["/a/../b"]}}', "filesystem.hide[0]", ".."),
    ('{"command":"true","working_directory":"a\\u0000"}', "working_directory", "NUL"),
    ('{"command":"true","stdin":["a"]}', "stdin", "string"), ('{"command":"true","profile":7}', "profile", "string"),
]


def malformed(ground):
    for text, field, words in MALFORMED:
        expect_error(ask(ground, text), "E5001", field, words)
    answer = ask(ground, {"command": 1, "stdin": 2, "x": 3})
    expect("each fault", len(answer["error"]["problems"]), 3)
    # Bytes that are no text, nesting, size.
    for data in (b'{"command":"\xff"}', b"\x00", b'{"command":' + b"[" * 5000, b'{"command":"' + b"x" * (4 * MIB) + b'"}'):
        process = subprocess.run([MAYFLY, "run", "--workspace", str(ground.workspace), "--request", "-"], input=data,
                                 capture_output=True, timeout=60, env={"PATH": "/usr/bin:/bin", "HOME": str(ground.home)})
        answer = {**json.loads(process.stdout), "code": process.returncode}
        expect_error(answer, "E5001", "request", "4 MiB" if len(data) > MIB else "")
    large = "x" * (3 * MIB)
    expect("what is not too large", said(ask(ground, {"command": "wc -c", "stdin": large})), f"{len(large)}\n")


def sources(ground):
    file = ground.top / "request.json"
    file.write_text('{"command":"echo from a file; cat"}')
    code, out, _ = run(ground, "--request", str(file))
    expect("a file", (code, json.loads(out)["stdout"]), (0, "from a file\n"))
    for name in (str(ground.top / "nowhere"), str(ground.top)):
        code, out, _ = run(ground, f"--request={name}")
        expect_error({**json.loads(out), "code": code}, "E1001", "--request", "cannot be read")
    expect_error(ask(ground, {"command": "true"}, "--", "true"), "E1001", "command line", "--request")
    expect_error(ask(ground, {"command": "true"}, "--memory", "lots"), "E1001", "--memory")
    expect("with --json", ask(ground, {"command": "exit 4"}, "--json", "-q")["code"], 4)


def exits(ground):
    for command, code, ended_by in (("exit 0", 0, "exit"), ("exit 9", 9, "exit"), ("kill -9 $$", 137, "signal"),
                                    (["nothing-of-this-name"], 127, "setup"), (["/etc/hostname"], 126, "setup")):
        answer = ask(ground, {"command": command})
        expect(str(command), (answer["code"], answer["ended_by"]), (code, ended_by))
        if code >= 126 and code < 128:
            expect("the error", answer["error"]["code"], "E3001")


def schema(ground):
    published = schemas()
    good = {"command": ["true"], "environment": {"A": "b"}, "timeout_ms": 1000, "limits": {"processes": 9, "cpu_ms": 100},
            "filesystem": {"workspace": "read-only", "hide": ["/usr/share"], "deny": [], "read_only": []},
            "working_directory": "", "stdin": "", "profile": "default"}
    expect("a good request", faults(good, published["request"]), [])
    for text, _, _ in MALFORMED:
        try:
            value = json.loads(text)
        except ValueError:
            continue
        answer = ask(ground, text)
        expect(f"the answer to {text}", faults({k: v for k, v in answer.items() if k != "code"}, published["answer"]), [])
        if faults(value, published["request"]) and "error" not in answer:
            raise Failure(f"the schema refuses what is run: {text}")
    for request in (good, {"command": "kill -9 $$"}, {"command": ["nothing-of-this-name"]},
                    {"command": r"printf '\000\377'"}, {"command": "sleep 1000", "timeout_ms": 200}):
        answer = ask(ground, request)
        expect(f"the answer to {request}", faults({k: v for k, v in answer.items() if k != "code"}, published["answer"]), [])


def mutated(source, text):
    """One of many ways to spoil a request."""
    data = bytearray(text.encode())
    for _ in range(source.randint(1, 4)):
        at = source.randrange(len(data) + 1)
        kind = source.randrange(5)
        if kind == 0:
            data[at:at] = source.choice([b'"', b"{", b"}", b"[", b"]", b",", b":", b"null", b"-1", b"1e999", b"\\u0000",
                                         b"\\ud800", b"\xff", b"\x00", b'"command":', b"true", b"${workspace}", b"/../"])
        elif kind == 1:
            del data[at:at + source.randint(1, 12)]
        elif kind == 2 and at < len(data):
            data[at] = source.randrange(256)
        elif kind == 3:
            end = min(len(data), at + source.randint(1, 30))
            data[at:at] = data[at:end]
        else:
            data = data[:at]
    return bytes(data)


def fuzz(ground):
    source = random.Random(4)
    good = json.dumps({"command": ["true"], "environment": {"A": "b"}, "timeout_ms": 10000,
                       "limits": {"processes": 90, "cpu_ms": 10000}, "stdin": "x", "profile": "readonly",
                       "filesystem": {"workspace": "read-only", "hide": ["/usr/share"], "read_only": ["/usr/lib"]}})
    refused = 0
    for _ in range(150):
        data = mutated(source, good)
        process = subprocess.run([MAYFLY, "run", "--workspace", str(ground.workspace), "--request", "-"], input=data,
                                 capture_output=True, timeout=60, env={"PATH": "/usr/bin:/bin", "HOME": str(ground.home)})
        try:
            answer = json.loads(process.stdout)
        except ValueError:
            raise Failure(f"{data} was answered {process.stdout} {process.stderr} {process.returncode}") from None
        not_run = answer.get("error", {}).get("code") not in (None, "E3001")
        if process.returncode < 0 or process.stderr or not_run != (process.returncode == 125):
            raise Failure(f"{data} was answered {answer} {process.stderr} {process.returncode}")
        refused += "error" in answer
    if not 50 < refused:
        raise Failure(f"only {refused} were refused: nothing was tried")


CASES = {name: value for name, value in list(globals().items()) if callable(value)}

if __name__ == "__main__":
    sys.exit(run_case(CASES[sys.argv[1]]))
