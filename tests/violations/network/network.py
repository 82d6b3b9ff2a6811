#!/usr/bin/env python3
"""network.py [--programs DIR] CASE: what is not reached is in the receipt, by name, with the errno that the program
saw, as often as it was tried; and nothing else is. $MAYFLY is the server.
"""
import json
import os
import shutil
import socket
import sys
import threading
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent.parent / "oneshot"))
from oneshot import Failure, expect, run, run_case, sh  # noqa: E402
sys.path.insert(0, str(HERE.parent.parent / "tier"))
from landlock_tier import Place  # noqa: E402

PROGRAMS = HERE
PYTHON = "/usr/bin/python3"
PRELUDE = """
import errno, os, select, socket, struct, sys, threading
I, I6, TCP, UDP = socket.AF_INET, socket.AF_INET6, socket.SOCK_STREAM, socket.SOCK_DGRAM
def name(call, *args):
    try: call(*args)
    except OSError as error: return errno.errorcode[error.errno]
    return "ok"
def connect(family, kind, host, port): return name(socket.socket(family, kind).connect, (host, port))
def send(family, host, port): return name(socket.socket(family, UDP).sendto, b"x", (host, port))
def bind(family, kind, host, port): return name(socket.socket(family, kind).bind, (host, port))
"""


def python(ground, text, *options):
    """A Python program in a sandbox: the receipt."""
    code, out, err = run(ground, "--json", *options, "--", PYTHON, "-c", PRELUDE + text)
    receipt = json.loads(out)
    if err or code != 0 or receipt.get("exit_code") != 0:
        raise Failure(f"the program failed: {code} {err} {out}")
    return receipt


def told(receipt):
    """Violations as {"operation target": (errno, count)}, all of kind network."""
    found = {}
    for one in receipt["violations"]:
        if one["kind"] != "network":
            raise Failure(f"another kind: {one}")
        found[f"{one['operation']} {one['target']}"] = (one.get("errno"), one["count"])
    return found


def expect_told(receipt, expected):
    expect("what is told", told(receipt), expected)
    expect("the total", receipt["violations_total"], sum(count for _, count in expected.values()))


def addresses(ground):
    """Destinations as they are written, by family, protocol and way of asking."""
    receipt = python(ground, """
print(connect(I, TCP, "192.0.2.1", 443), connect(I, UDP, "192.0.2.1", 53), send(I, "192.0.2.1", 53))
print(connect(I6, TCP, "2001:db8::1", 80), connect(I6, UDP, "2001:db8::1", 53), send(I6, "2001:db8::1", 53))
print(connect(I6, TCP, "::ffff:192.0.2.9", 25), send(I, "224.0.0.251", 5353), send(I, "255.255.255.255", 9))
s = socket.socket(I, TCP); s.setblocking(False)
print(name(s.connect, ("169.254.169.254", 80)), name(s.connect, ("169.254.169.254", 80)))
fast = socket.socket(I, TCP)
print(name(fast.sendto, b"x", socket.MSG_FASTOPEN, ("198.51.100.1", 80)))
""")
    expect("what the program saw", receipt["stdout"].split(), ["ENETUNREACH"] * 12)
    no = "ENETUNREACH"
    expect_told(receipt, {
        "connect 192.0.2.1:443": (no, 1), "connect 192.0.2.1:53/udp": (no, 1), "send 192.0.2.1:53/udp": (no, 1),
        "connect [2001:db8::1]:80": (no, 1), "connect [2001:db8::1]:53/udp": (no, 1),
        "send [2001:db8::1]:53/udp": (no, 1), "connect 192.0.2.9:25": (no, 1), "send 224.0.0.251:5353/udp": (no, 1),
        "send 255.255.255.255:9/udp": (no, 1), "connect 169.254.169.254:80": (no, 2),
        "connect 198.51.100.1:80": (no, 1)})


def binds(ground):
    receipt = python(ground, """
print(bind(I, TCP, "127.0.0.1", 80), bind(I6, TCP, "::", 443), bind(I, UDP, "", 123))
print(bind(I, TCP, "192.0.2.1", 8080), bind(I, UDP, "192.0.2.1", 80))
print(bind(I, TCP, "127.0.0.1", 8080), bind(I, UDP, "224.0.0.251", 5353), bind(I, TCP, "", 0), bind(I6, TCP, "::", 0))
free = socket.socket(I, TCP); free.setsockopt(socket.IPPROTO_IP, 15, 1)   # IP_FREEBIND: any address is fine
print(name(free.bind, ("192.0.2.1", 8081)), free.getsockname()[0])
twice = socket.socket(I, TCP); twice.bind(("127.0.0.1", 0))
print(name(twice.bind, ("127.0.0.1", 0)), name(twice.bind, ("192.0.2.1", 8080)))
""")
    expect("what the program saw", receipt["stdout"].split(),
           "EACCES EACCES EACCES EADDRNOTAVAIL EADDRNOTAVAIL ok ok ok ok ok 192.0.2.1 EINVAL EADDRNOTAVAIL".split())
    expect_told(receipt, {
        "bind port 80": ("EACCES", 1), "bind port 443": ("EACCES", 1), "bind port 123/udp": ("EACCES", 1),
        "bind 192.0.2.1:8080": ("EADDRNOTAVAIL", 2), "bind 192.0.2.1:80/udp": ("EADDRNOTAVAIL", 1)})


def innocents(ground):
    """What works inside, and what only asks, tells nothing."""
    receipt = python(ground, """
for host, family in (("127.0.0.1", I), ("::1", I6), ("0.0.0.0", I), ("::", I6), ("::ffff:127.0.0.1", I6)):
    print(connect(family, TCP, host, 9), connect(family, UDP, host, 9), send(family, host, 9))
print(connect(I, UDP, "192.0.2.1", 0), connect(I6, UDP, "2001:db8::1", 9))     # which address would be mine?
u = socket.socket(I, UDP); u.connect(("127.0.0.1", 9))
libc = __import__("ctypes").CDLL(None, use_errno=True)
print(libc.connect(u.fileno(), bytes(16), 16))                                  # AF_UNSPEC: not connected any more
print(libc.connect(u.fileno(), struct.pack("HH", I, 9), 4), libc.connect(u.fileno(), None, 16))
print(len(socket.getaddrinfo("localhost", 80)) > 0, len(socket.getaddrinfo(socket.gethostname(), 80)) > 0)
print(socket.getnameinfo(("127.0.0.1", 80), 0)[0], socket.getnameinfo(("127.9.9.9", 80), 0)[0])
print(name(socket.getaddrinfo, "192.0.2.1", 443))
""")
    expect("what the program saw", receipt["stdout"].split(),
           ["ECONNREFUSED", "ok", "ok"] * 5 + ["ENETUNREACH"] * 2 + ["0", "-1", "-1", "True", "True"] +
           ["localhost", "127.9.9.9", "ok"])
    expect_told(receipt, {})
    for tool, script in (("git", "git init -q . && git commit -q --allow-empty -m x && git clone -q . copy"),
                         ("curl", "curl -s http://localhost:9/; true"),
                         ("node", "node -e 'const s = require(\"net\").createServer(c => c.end()).listen(0, () => "
                                  "require(\"net\").connect(s.address().port, \"localhost\").on(\"close\", () => "
                                  "s.close()))'")):
        if shutil.which(tool):
            expect(f"violations of {tool}", sh(ground, script, "--observe", "writes")["violations"], [])


NAMES = """
for host in ("Example.ORG", "www.example.org.", "db", "x" * 63 + ".example"):
    try: socket.getaddrinfo(host, 443)
    except socket.gaierror as error: print(error.errno == socket.EAI_NONAME)
"""


def names(ground):
    """Each is told in one spelling; there is an answer at once, so that no time-out decides."""
    receipt = python(ground, NAMES)
    expect("what the program saw", receipt["stdout"].split(), ["True"] * 4)
    found = told(receipt)
    expect("the names", sorted(found), sorted(f"resolve {host}" for host in (
        "example.org", "www.example.org", "db", "x" * 63 + ".example")))
    receipt = sh(ground, "echo 'options timeout:30 attempts:5' > /dev/null; cat /etc/resolv.conf; "
                 "getent hosts example.org; echo $?", "--timeout-ms", "4000")
    if "nameserver 127.0.0.1" not in receipt["stdout"] or not receipt["stdout"].endswith("\n2\n"):
        raise Failure(f"no quick answer: {receipt}")
    if any(one["rule"] == "" for one in receipt["violations"]):
        raise Failure(f"no rule: {receipt}")


def clients(ground):
    """Real programs, and the one thing that each was not allowed."""
    cases = [
        ("curl", "curl -sS https://example.org/", "resolve example.org"),
        ("curl", "curl -sS http://192.0.2.1/", "connect 192.0.2.1:80"),
        ("git", "git clone -q https://example.org/x", "resolve example.org"),
        ("git", "git clone -q git://192.0.2.1/x", "connect 192.0.2.1:9418"),
        ("ssh", "ssh -o BatchMode=yes git@example.org", "resolve example.org"),
        ("ssh", "ssh -o BatchMode=yes -p 2222 git@192.0.2.1", "connect 192.0.2.1:2222"),
        ("node", "node -e 'fetch(\"https://example.org\").catch(() => 0)'", "resolve example.org"),
        ("node", "node -e 'fetch(\"http://192.0.2.1:8080\").catch(() => 0)'", "connect 192.0.2.1:8080"),
        ("perl", "perl -MIO::Socket::INET -e 'IO::Socket::INET->new(\"192.0.2.1:80\")'", "connect 192.0.2.1:80"),
        ("bash", "bash -c 'echo > /dev/tcp/192.0.2.1/80; echo > /dev/udp/192.0.2.1/53; true'", "connect 192.0.2.1:80"),
    ]
    for tool, script, expected in cases:
        if shutil.which(tool, path="/usr/bin:/bin") is None:
            continue
        receipt = sh(ground, f"({script}) > /dev/null 2>&1; true", "--timeout-ms", "60000")
        if expected not in told(receipt):
            raise Failure(f"{expected} is not told of {script}: {receipt['violations']}")


def waiting(ground):
    """connect(2) waits, or does not, as without a sandbox."""
    receipt = python(ground, """
server = socket.socket(I, TCP); server.bind(("127.0.0.1", 8080)); server.listen(0)
port = ("127.0.0.1", 8080)
first = [socket.socket(I, TCP) for _ in range(4)]
for one in first: one.setblocking(False)
print({one.connect_ex(port) for one in first} == {errno.EINPROGRESS})     # some fill the queue
late = socket.socket(I, TCP)
done = []
thread = threading.Thread(target=lambda: done.append(name(late.connect, port)), daemon=True)
thread.start()
select.select([], [], [], 0.3)
print(done)                                                                # it waits
short = socket.socket(I, TCP)
short.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, struct.pack("ll", 0, 200000))
print(name(short.connect, port), name(short.connect, port))                # its own patience
accepted = []
threading.Thread(target=lambda: [accepted.append(server.accept()) for _ in range(9)], daemon=True).start()
thread.join()
print(done, late.getpeername() == port)
poller = select.epoll()
one = socket.socket(I, TCP); one.setblocking(False)
poller.register(one, select.EPOLLOUT)
print(errno.errorcode[one.connect_ex(port)])
while not poller.poll(): pass
print(one.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR), name(one.connect, port), name(late.connect, port))
one.sendall(b"x")
print(os.get_blocking(one.fileno()), os.get_blocking(late.fileno()))
""")
    lines = receipt["stdout"].splitlines()
    expect("what the program saw", lines[:2] + [lines[2].split()[0]] + lines[3:-2],
           ["True", "[]", "EINPROGRESS", "['ok'] True", "EINPROGRESS"])
    # A connect that was not asked after, and is done: the first one says so, the next that it is.
    if lines[-2] not in ("0 ok EISCONN", "0 EISCONN EISCONN") or lines[-1] != "False True":
        raise Failure(f"a socket is not as it was: {lines}")
    expect_told(receipt, {})


def server(ground):
    """A server and its clients, both inside: thousands of connects, and nothing to tell."""
    receipt = python(ground, """
server = socket.create_server(("127.0.0.1", 8080), backlog=512)
def serve():
    while True:
        one, _ = server.accept()
        one.sendall(b"hello"); one.close()
threading.Thread(target=serve, daemon=True).start()
def ask(count):
    for i in range(count):
        one = socket.create_connection(("127.0.0.1", 8080), None if i % 2 else 60)
        heard.append(one.recv(5) == b"hello"); one.close()
heard = []
threads = [threading.Thread(target=ask, args=(1000,)) for _ in range(4)]
for thread in threads: thread.start()
for thread in threads: thread.join()
print(len(heard), all(heard))
""")
    expect("what was heard", receipt["stdout"], "4000 True\n")
    expect_told(receipt, {})


def races_program(ground):
    return shutil.copy(PROGRAMS / "network_races", ground.workspace / "races")


def races(ground):
    """What is told is what happened: as often, and of no other address."""
    races_program(ground)
    receipt = sh(ground, "./races addresses")
    connected, unreachable, other = map(int, receipt["stdout"].split())
    if min(connected, unreachable) < 100 or other != 0:
        raise Failure(f"there was no race: {receipt['stdout']}")
    expect_told(receipt, {"connect 192.0.2.7:8080": ("ENETUNREACH", unreachable)})


def descriptors(ground):
    """A socket that becomes another one meanwhile reaches no socket file of the host."""
    races_program(ground)
    reached = []
    # A path that is short enough for what looks like an Internet address.
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as host:
        here = os.getcwd()
        os.chdir(ground.workspace)
        host.bind("host.s")
        os.chdir(here)
        os.chmod(ground.workspace / "host.s", 0o777)
        host.listen(64)

        def accept():
            try:
                while True:
                    host.accept()[0].close()
                    reached.append(1)
            except OSError:
                pass
        thread = threading.Thread(target=accept, daemon=True)
        thread.start()
        receipt = sh(ground, "./races descriptors host.s")
        host.shutdown(socket.SHUT_RDWR)
        thread.join()
    expect("connections to the host", (len(reached), receipt["stdout"]), (0, "0\n"))


def flood(ground):
    """Very many names: bounded kinds, and a total that is exact."""
    races_program(ground)
    receipt = sh(ground, "./races flood 20000", "--timeout-ms", "500000", "--cpu-ms", "500000")
    asked, answered = map(int, receipt["stdout"].split())
    expect("answers", (asked, answered), (1000000, 1000000))
    expect("the total", receipt["violations_total"], asked)
    expect("the kinds", len(receipt["violations"]), 100)


def malformed(ground):
    """Packets that are no questions, or more than one line: one answer at most, never longer, one line."""
    receipt = python(ground, r"""
import random
random.seed(7)
s = socket.socket(I, UDP); s.connect(("127.0.0.1", 53)); s.settimeout(10)
header = bytes.fromhex("123401000001000000000000")
good = header + b"\7example\3org\0\0\1\0\1"
def ask(packet):
    s.send(packet)
    s.send(b"\xff\xff" + good[2:])          # what comes after it is answered in any case
    answers = []
    while True:
        answer = s.recv(65536)
        if answer[:2] == b"\xff\xff": return answers
        answers.append(answer)
assert ask(b"") == [] and ask(b"x") == [] and ask(header[:11]) == []
assert ask(header[:2] + b"\x81" + header[3:]) == []                       # an answer
assert [a[3] & 15 for a in ask(header)] == [1]                            # a question is missing
assert [a[3] & 15 for a in ask(header[:2] + b"\x11" + good[3:])] == [4]   # another operation
for bad in (b"\xc0\x0c\0\1\0\1", b"\x40" + b"a" * 64 + b"\0\0\1\0\1", (b"\x3f" + b"a" * 63) * 4 + b"\0\0\1\0\1", b"\7exam"):
    assert [a[3] & 15 for a in ask(header + bad)] == [1], bad
evil = b"\x0ba\nb\x1b[31mc d\0\0\1\0\1"
assert [a[3] & 15 for a in ask(header + evil)] == [3]
assert [len(a) for a in ask(good + b"y" * 60000)] == [12]
for _ in range(3000):
    packet = bytearray(good)
    for _ in range(random.randrange(1, 6)): packet[random.randrange(2, len(packet))] = random.randrange(256)
    packet = bytes(packet[:random.randrange(len(packet) + 1)]) if random.randrange(2) else bytes(packet)
    if packet[:2] == b"\xff\xff": continue
    answers = ask(packet)
    assert len(answers) <= 1 and all(len(a) <= len(packet) and a[:2] == packet[:2] for a in answers)
print("done")
""")
    expect("the end", receipt["stdout"], "done\n")
    for one in receipt["violations"]:
        target = one["target"]
        if one["operation"] != "resolve" or len(target) > 253 or any(c not in "abcdefghijklmnopqrstuvwxyz0123456789-_.?" for c in target):
            raise Failure(f"no name: {one}")
    if "resolve a?b??31mc?d" not in told(receipt):
        raise Failure(f"the odd name is not told: {told(receipt)}")


def landlock(_):
    """Where the network is the host's there are no sockets at all, which is told of the call."""
    place = Place()
    try:
        receipt = place.run(PYTHON, "-c", PRELUDE + "print(name(socket.socket, I, TCP))")
    finally:
        place.remove()
    expect("what the program saw", (receipt["tier"], receipt["stdout"]), ("landlock", "EPERM\n"))
    found = [(one["kind"], one["operation"], one["count"]) for one in receipt["violations"]]
    expect("what is told", found, [("syscall", "socket", 1)])


CASES = {case.__name__: case for case in (addresses, binds, innocents, names, clients, waiting, server, races,
                                          descriptors, flood, malformed, landlock)}

if __name__ == "__main__":
    arguments = sys.argv[1:]
    if arguments[:1] == ["--programs"]:
        PROGRAMS = Path(arguments[1])
        del arguments[:2]
    sys.exit(run_case(CASES[arguments[0]]))
