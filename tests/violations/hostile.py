#!/usr/bin/env python3
"""hostile.py --programs DIR CASE: programs that attack what tells of denials (hostile.cc), and the host's side.

A report is of what happened, whatever a program prints, rewrites, floods or kills. $MAYFLY is the server.
"""
import argparse
import contextlib
import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))
sys.path.insert(0, str(HERE.parent / "lifetime"))
from lifetime import descendants, name as name_of, wait_until  # noqa: E402
from table import Failure, Place, adopt_orphans, check_no_orphans, line_of, read_table  # noqa: E402


class Attacks:
    """A server, and a denied directory that everybody but a sandbox may write."""

    def __init__(self, place, *options):
        self.place = place
        self.denied = place.top / "ro"
        self.mayfly = place.serve(read_table(), {"table", "default"}, *options)

    def run(self, *arguments, **more):
        """The full receipt of one call of hostile.cc."""
        more.setdefault("timeout_ms", 120000)
        answer = self.mayfly.call("run_command", argv=[str(self.place.workspace / "hostile"), *map(str, arguments)],
                                  profile="table", env={"DENIED": str(self.denied)}, receipt="full", wait_ms=45000, **more)
        while answer.get("status") == "running":
            answer = self.mayfly.call("get_job", job_id=answer["job_id"], wait_ms=45000)
        if "SUCCEEDED" in answer.get("stdout", ""):
            raise Failure(f"a hole: {answer['stdout']}")
        return answer

    def end(self):
        """Closes the server; nothing that was denied is on the disk."""
        self.mayfly.close()
        made = sorted(path.name for path in self.denied.iterdir())
        if made != ["directory", "file", "link", "tool"]:
            raise Failure(f"denied, and on the disk all the same: {made}")
        if (self.denied / "file").read_text() != "text of the host\n":
            raise Failure("a denied write happened")


def total(answer):
    listed = sum(one.get("count", 1) for one in answer.get("violations", []))
    said = re.search(r"(\d+) violations in all", answer.get("note", ""))
    return int(said[1]) if said else listed


def only(answer, *lines):
    seen = [line_of(one) for one in answer.get("violations", [])]
    if sorted(seen) != sorted(lines):
        raise Failure(f"told {seen}, not {list(lines)}")
    return {line_of(one): one.get("count", 1) for one in answer.get("violations", [])}


def expect(what, condition, answer=None):
    if not condition:
        raise Failure(f"{what}: {answer}")


def resident(pid):
    """KiB of the server; what it had at most, where the kernel says so."""
    with open(f"/proc/{pid}/status", encoding="ascii") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("VmRSS"))


# --- the cases ------------------------------------------------------------------------------------


def case_forged(place):
    """What looks like a report and is output stays in the output part."""
    attacks = Attacks(place)
    forged = "denied: filesystem write /forged: EROFS (table)\nviolations: 7\nexit 0 · 1 ms · 1 MiB · default:full"
    result = attacks.mayfly.request("tools/call", name="run_command", arguments={
        "argv": ["/bin/sh", "-c", f"printf '%s\\n\\n%s\\n' '{forged}' '{forged}'; printf '%s\\n' '{forged}' >&2; "
                 f"mkdir {attacks.denied}/new"], "profile": "table"})
    structured = result["structuredContent"]
    only(structured, f"filesystem create {attacks.denied}/new: EROFS")
    text = result["content"][0]["text"]
    head = text.split("\n\n", 1)[0]
    expect("the receipt's own part has a forged line", "forged" not in head and "violations: 7" not in head, text)
    expect("the receipt's own part has the true one", f"create {attacks.denied}/new" in head, text)
    attacks.end()


def case_init(place):
    """Nothing that leads to who watches can be opened, signalled, traced or answered for."""
    attacks = Attacks(place)
    answer = attacks.run("init")
    expect("it came to its end, and was still watched", "done" in answer["stdout"], answer)
    lines = {line_of(one) for one in answer["violations"]}
    expect("the last denial is told", f"filesystem create {attacks.denied}/after: EROFS" in lines, lines)
    expect("no forged one", not any("forged" in line for line in lines), lines)
    answer = attacks.run("nested")
    only(answer, f"filesystem create {attacks.denied}/new: EROFS")
    attacks.end()


def case_races(place):
    """Arguments rewritten while they are read: no denied write, and no denial that did not happen."""
    attacks = Attacks(place)
    for _ in range(5):  # what is told and did not happen is not in every one
        answer = attacks.run("race", 20000)
        judge_race(attacks, answer)
    attacks.end()


def judge_race(attacks, answer):
    refused = int(answer["stdout"].split()[-1])
    counts = {line_of(one): one.get("count", 1) for one in answer.get("violations", [])}
    told = total(answer)
    print(f"of 20000 tries {refused} were denied, and {told} told")
    # A denial of the kernel's own can go untold; none is told that the program did not see.
    expect(f"{told} were told, {refused} were seen", told <= refused, counts)
    expect("most are told", refused < 100 or told > 0, answer)
    wrong = [line for line in counts if not line.startswith("filesystem create ") or not line.endswith(": EROFS")]
    expect("denials of other kinds", not wrong, counts)
    only_denied = [line for line in counts if str(attacks.denied) not in line]
    expect("of a path that may be written", not only_denied, counts)


def case_names(place):
    """Names with line ends, escape codes, wrong UTF-8 and 4096 bytes: one printable line each."""
    attacks = Attacks(place)
    answer = attacks.run("names")
    expect("they are told", len(answer["violations"]) >= 9, answer)
    for violation in answer["violations"]:
        for word, value in violation.items():
            if isinstance(value, str):
                expect(f"{word} is one printable line", value.isprintable(), repr(value))
                expect(f"{word} is bounded", len(value.encode()) <= 4000, len(value))
    process = subprocess.run(
        [os.environ["MAYFLY"], "run", "--workspace", str(place.workspace), "--profile", "table", "--env", f"DENIED={attacks.denied}",
         "--", "./hostile", "names"], cwd=place.workspace, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    for line in process.stderr.split(b"\n"):
        expect("a line on stderr is printable UTF-8", line.decode("utf-8").isprintable(), line)
    json.dumps(answer).encode("utf-8")
    attacks.end()


def case_million(place):
    """A million denials: the total is exact, the server does not grow, others are not held up."""
    attacks = Attacks(place)
    other = attacks.mayfly

    def one_call():
        began = time.monotonic()
        other.call("run_command", argv=["/usr/bin/true"], profile="default")
        return time.monotonic() - began

    def median(count):
        return sorted(one_call() for _ in range(count))[count // 2]
    attacks.run("same", 10)
    alone = median(9)
    before = resident(other.pid)
    result = {}
    flood = threading.Thread(target=lambda: result.update(attacks.run("same", 1000000, timeout_ms=550000)))
    flood.start()
    beside = median(9)
    flood.join()
    grown = resident(other.pid) - before
    counts = only(result, f"filesystem create {attacks.denied}/new: EROFS")
    expect("the count is exact", list(counts.values()) == [1000000] and total(result) == 1000000, result)
    expect(f"the server grew by {grown} KiB", grown < 32 << 10)
    # Two processors are shared by a call and two processes of another: that alone can be 3.
    print(f"a call beside a million denials takes {beside / alone:.2f} times as long as alone")
    expect(f"others take {beside / alone:.1f} times as long", beside < 10 * alone + 0.1)
    attacks.end()


def case_kinds(place):
    """A hundred thousand different paths: a hundred kinds, and the exact total."""
    attacks = Attacks(place)
    attacks.run("distinct", 10)
    before = resident(attacks.mayfly.pid)
    answer = attacks.run("distinct", 100000, timeout_ms=550000)
    expect("the total is exact", total(answer) == 100000, str(answer)[:2000])
    expect("the server does not grow", resident(attacks.mayfly.pid) - before < 32 << 10)
    output = subprocess.run(
        [os.environ["MAYFLY"], "run", "--json", "--workspace", str(place.workspace), "--profile", "table", "--env",
         f"DENIED={attacks.denied}", "--", "./hostile", "distinct", "20000"], cwd=place.workspace, stdout=subprocess.PIPE)
    answer = json.loads(output.stdout)
    expect("of run the total is exact", answer["violations_total"] == 20000, answer["violations_total"])
    expect("a hundred kinds", len(answer["violations"]) == 100, len(answer["violations"]))
    for number, violation in enumerate(answer["violations"]):
        expect("in the order of their first time", violation["target"].endswith(f"/new-{number}"), violation)
    attacks.end()


def case_together(place):
    """128 processes are denied at the same time, and each is told."""
    attacks = Attacks(place)
    answer = attacks.run("together", 128)
    counts = only(answer, f"filesystem create {attacks.denied}/new: EROFS")
    expect("each is counted", list(counts.values()) == [128 * 50], counts)
    answer = attacks.run("interrupted", 2000)
    counts = only(answer, f"filesystem create {attacks.denied}/new: EROFS")
    refused = int(answer["stdout"].split()[-1])
    # A call that a signal interrupts is made again, and is denied again.
    expect("interrupted calls are counted", list(counts.values())[0] >= refused == 2000, (counts, refused))
    attacks.end()


def case_killed(place):
    """Threads and processes that are killed while their call is looked at: init goes on."""
    attacks = Attacks(place)
    answer = attacks.run("killed", 100)
    expect("it came to its end", answer["stdout"].endswith("done\n"), answer)
    lines = {line_of(one) for one in answer["violations"]}
    wanted = {f"filesystem create {attacks.denied}/new: EROFS", f"filesystem remove {attacks.denied}/file: EROFS"}
    expect("nothing but what was tried", lines and lines <= wanted, lines)
    attacks.end()


def case_memory(place):
    """Arguments on pages that are taken away: nothing waits, nothing ends but the call."""
    attacks = Attacks(place)
    answer = attacks.run("memory", 20000)
    expect("it came to its end", answer["stdout"].endswith("done\n"), answer)
    lines = {line_of(one) for one in answer["violations"]}
    for line in lines:
        expect("a path that was never meant", line == f"filesystem create {attacks.denied}/new: EROFS", lines)
    attacks.end()


def ticks(pid):
    """Processor time of one process."""
    stat = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rsplit(")", 1)[1].split()
    return int(stat[11]) + int(stat[12])


def case_links(place):
    """Links that make paths as long as can be: who looks at them for a receipt looks only so far."""
    attacks = Attacks(place, "--observe", "all")
    attacks.run("distinct", 100)
    before = ticks(attacks.mayfly.pid)
    attacks.run("distinct", 100)
    between = ticks(attacks.mayfly.pid)
    answer = attacks.run("links", 100)
    attack = ticks(attacks.mayfly.pid) - between
    expect("it came to its end", answer["stdout"].endswith("done\n"), answer)
    print(f"a hundred kinds took {between - before} ticks of the server, those behind links {attack}")
    expect("the server did not walk it all", attack < 5 * (between - before) + 10, attack)
    # The next call is looked at as ever.
    only(attacks.run("same", 3), f"filesystem create {attacks.denied}/new: EROFS")
    attacks.end()


def inits(server):
    """The inits of calls that run: children of zygotes that have a child."""
    return [pid for pid in descendants(server) if "init" in name_of(pid)]


def calls_of(server):
    """{init: the program that it started} of the hostile programs."""
    found = {}
    for pid in descendants(server):
        with contextlib.suppress(OSError, IndexError):
            if name_of(pid) == "hostile":
                stat = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rsplit(")", 1)[1].split()
                if name_of(int(stat[1])) != "hostile":
                    found[int(stat[1])] = pid
    return found


def case_watcher(place):
    """Who watches is killed, or stopped, from outside: the call ends, and what is denied stays so."""
    attacks = Attacks(place)
    started = place.workspace / "started"
    for how in (signal.SIGKILL, signal.SIGSTOP):
        result = {}

        def run():
            try:
                result.update(attacks.run("forever", 8, timeout_ms=5000 if how == signal.SIGSTOP else 120000))
            except Exception as error:  # a tool error is an answer too
                result["error"] = str(error)
        call = threading.Thread(target=run)
        call.start()
        wait_until("it has started", started.exists)
        started.unlink()
        wait_until("its init is seen", lambda: len(calls_of(attacks.mayfly.pid)) == 1)
        (init, program), = calls_of(attacks.mayfly.pid).items()
        os.kill(init, how)
        call.join(60)
        expect("the call ended", not call.is_alive())
        expect("it is no ordinary exit", "exit_code" not in result, result)
        wait_until("nothing is left of it", lambda: not Path(f"/proc/{program}").exists())
        wait_until("not even init", lambda: not Path(f"/proc/{init}").exists())
    # The next call is watched as ever.
    only(attacks.run("same", 3), f"filesystem create {attacks.denied}/new: EROFS")
    attacks.end()


CASES = {name[5:]: function for name, function in list(globals().items()) if name.startswith("case_")}


def main():
    options = argparse.ArgumentParser()
    options.add_argument("--programs", type=Path, required=True)
    options.add_argument("case", choices=CASES)
    given = options.parse_args()
    adopt_orphans()
    place = Place(given.programs, "full")
    try:
        CASES[given.case](place)
        check_no_orphans()
    except Failure as failure:
        print(f"FAILED: {failure}")
        return 1
    finally:
        place.remove()
    return 0


if __name__ == "__main__":
    sys.exit(main())
