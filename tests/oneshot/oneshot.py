"""For tests of `mayfly run`: starting it, and looking at what it answers. $MAYFLY is the program."""
import json
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "victims"))
sys.path.insert(0, str(HERE.parent / "lifetime"))
from attack import Failure  # noqa: E402
from lifetime import expect, run_case  # noqa: E402

__all__ = ["Failure", "expect", "run_case", "sh", "run", "ask", "limit_of", "expect_error", "said"]


def run(ground, *arguments, data=None):
    """`mayfly run ARGUMENTS`: its exit code, stdout and stderr."""
    pipes = {} if data is None else {"stdin": subprocess.PIPE}
    process = ground.start("run", "--workspace", str(ground.workspace), *arguments, stderr=subprocess.PIPE, **pipes)
    out, err = process.communicate(data, timeout=110)
    return process.returncode, out, err


def sh(ground, script, *options):
    """A script in a sandbox: the receipt."""
    code, out, err = run(ground, "--json", *options, "--", "/bin/sh", "-c", script)
    receipt = json.loads(out)
    receipt["code"] = code
    if err:
        raise Failure(f"with --json stderr has {err}")
    return receipt


def ask(ground, request, *options):
    """The one answer to a request, an object or a text."""
    text = request if isinstance(request, str) else json.dumps(request)
    code, out, err = run(ground, "--request", "-", *options, data=text)
    if err or not out.endswith("\n") or out.count("\n") != 1:
        raise Failure(f"not one answer to {text[:200]}: {out} {err}")
    answer = json.loads(out)
    answer["code"] = code
    return answer


def limit_of(receipt, name):
    found = [use["limit"] for use in receipt.get("limits", []) if use["name"] == name]
    if not found:
        raise Failure(f"no limit {name} in {receipt}")
    return found[0]


def said(receipt):
    """stdout of a script that came to its end."""
    if receipt.get("exit_code") != 0:
        raise Failure(f"it did not end well: {receipt}")
    return receipt["stdout"]


def expect_error(receipt, code, field=None, text=""):
    error = receipt.get("error")
    if error is None or error["code"] != code or (field is not None and error.get("field") != field):
        raise Failure(f"not refused by {code} for {field}: {receipt}")
    if text not in error["message"] + error.get("remedy", ""):
        raise Failure(f"{text!r} is not in {error}")
    expect("the exit code", receipt["code"], 125)
