#!/usr/bin/env python3
"""publish.py CASE: a port of a job that the profile publishes is reached by later calls, at their own
loopback, and by nobody else; and nothing else of it is. $MAYFLY is the server.
"""
import contextlib
import shutil
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
for folder in ("victims", "lifetime", "everyday"):
    sys.path.insert(0, str(HERE.parent / folder))
from attack import Failure, skip  # noqa: E402
from everyday import Tools  # noqa: E402
from lifetime import expect, open_files, run_case, wait_until  # noqa: E402

PORT = 3000
PUBLISH = ("--publish", str(PORT))
PYTHON = "/usr/bin/python3"

# For servers of jobs: one thread a connection, and a file that says when it listens.
SERVE = """
import hashlib, os, socket, sys, threading
def serve(handler, port=3000, host="127.0.0.1", backlog=128, ready="ready"):
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    server = socket.create_server((host, port), family=family, backlog=backlog)
    open(ready, "w").close()
    while True:
        connection, _ = server.accept()
        threading.Thread(target=handler, args=(connection,), daemon=True).start()
def read_all(connection):
    parts = []
    while part := connection.recv(65536): parts.append(part)
    return b"".join(parts)
"""
ECHO_AT_END = SERVE + """
def handler(connection):
    with connection:
        text = read_all(connection)
        connection.sendall(b"%d %s\\n" % (len(text), hashlib.sha256(text).hexdigest().encode()))
"""
ASK = """
import hashlib, os, socket, sys, time, threading
def connect(host="127.0.0.1", port=3000): return socket.create_connection((host, port), 60)
def ask(text=b"x", host="127.0.0.1", port=3000):
    with connect(host, port) as connection:
        connection.sendall(text)
        connection.shutdown(socket.SHUT_WR)
        parts = []
        while part := connection.recv(65536): parts.append(part)
        return b"".join(parts)
def refused(host="127.0.0.1", port=3000):
    try: connect(host, port).close()
    except ConnectionRefusedError: return True
    return False
def ones(size=1): return b"%d %s\\n" % (size, hashlib.sha256(b"x" * size).hexdigest().encode())
"""


class Talk:
    """A server with the port published, jobs and later calls."""

    def __init__(self, ground, *options):
        self.ground = ground
        self.tools = Tools(ground, *(options or PUBLISH))
        self.count = 0

    def job(self, text, ready="ready"):
        """Starts a script as a job and waits until it listens."""
        self.count += 1
        script = self.ground.workspace / f"job{self.count}.py"
        script.write_text(text)
        (self.ground.workspace / ready).unlink(missing_ok=True)
        job = self.tools.command(f"{PYTHON} {script.name}", background=True)["job_id"]
        wait_until("the job listens", (self.ground.workspace / ready).exists)
        return job

    def run(self, command, denied=(), **more):
        """A later call, which must do well, and be denied nothing but connects to `denied`."""
        answer = self.tools.command(command, **more)
        found = [(one["operation"], one["target"]) for one in answer.get("violations", [])]
        if answer.get("exit_code") != 0 or found != [("connect", target) for target in denied]:
            raise Failure(f"{command}\n{answer}")
        return answer["stdout"]

    def ask(self, text, denied=()):
        script = self.ground.workspace / "ask.py"
        script.write_text(ASK + text)
        return self.run(f"{PYTHON} ask.py", denied)

    def end(self):
        self.tools.end()


def case_http_server(ground):
    """What everybody does first."""
    talk = Talk(ground)
    (ground.workspace / "page.html").write_text("the page\n")
    job = talk.tools.command(f"{PYTHON} -u -m http.server {PORT} --bind 127.0.0.1 2>&1",
                             background=True)["job_id"]
    fetch = (f"import sys, urllib.request\n"
             f"sys.stdout.write(urllib.request.urlopen('http://' + sys.argv[1] + ':{PORT}/page.html').read().decode())")
    (ground.workspace / "fetch.py").write_text(fetch)
    wait_until("the job listens",
               lambda: talk.tools.command(f"{PYTHON} fetch.py 127.0.0.1").get("exit_code") == 0)
    for _ in range(3):
        for host in ("127.0.0.1", "localhost"):
            expect(host, talk.run(f"{PYTHON} fetch.py {host}"), "the page\n")
            if shutil.which("curl", path="/usr/bin:/bin"):
                expect("curl", talk.run(f"curl -sS --noproxy '*' http://{host}:{PORT}/page.html"), "the page\n")
    talk.tools.stop(job)
    talk.ask("assert refused() and refused('::1')")
    talk.end()


def case_large_body(ground):
    """50 MiB each way, whole."""
    talk = Talk(ground)
    talk.job(SERVE + """
body = bytes(range(256)) * (50 << 12)
def handler(connection):
    with connection:
        sent = hashlib.sha256(read_all(connection)).hexdigest().encode()
        connection.sendall(sent + hashlib.sha256(body).hexdigest().encode() + body)
serve(handler)
""")
    talk.ask("""
body = bytes(range(255, -1, -1)) * (50 << 12)
answer = ask(body)
assert len(answer) == 128 + (50 << 20), len(answer)
assert answer[:64].decode() == hashlib.sha256(body).hexdigest(), "what was sent"
assert answer[64:128].decode() == hashlib.sha256(answer[128:]).hexdigest(), "what came back"
""")
    talk.end()


def case_ipv6_only(ground):
    """As servers of node are that listen on "localhost"."""
    if not Path("/proc/net/if_inet6").exists():
        skip("IPv6")
    talk = Talk(ground)
    talk.job(ECHO_AT_END + "serve(handler, host='::1')")
    talk.ask("assert ask(host='127.0.0.1') == ask(host='::1') == ask(host='localhost') == ones()")
    talk.end()


def case_every_address(ground):
    talk = Talk(ground)
    talk.job(ECHO_AT_END + "serve(handler, host='0.0.0.0')")
    talk.ask("assert ask() == ask(host='localhost') == ones()")
    talk.end()


def case_many_at_once(ground):
    """Ten connections, of which none ends before all are served."""
    talk = Talk(ground)
    talk.job(SERVE + """
together = threading.Barrier(10)
def handler(connection):
    with connection:
        text = connection.recv(100)
        together.wait()
        connection.sendall(b"all " + text)
serve(handler)
""")
    talk.ask("""
all = [connect() for _ in range(10)]
for number, each in enumerate(all): each.sendall(b"%d" % number)
for number, each in enumerate(all): assert each.recv(100) == b"all %d" % number
""")
    talk.end()


def case_half_close(ground):
    """A client that has sent everything is answered after that."""
    talk = Talk(ground)
    job = talk.job(ECHO_AT_END + "serve(handler)")
    talk.ask("assert ask(b'x' * 300000) == ones(300000)")
    talk.tools.stop(job)
    # And the other way round: the server ends first, and goes on reading.
    talk.job(SERVE + """
def handler(connection):
    connection.sendall(b"go on")
    connection.shutdown(socket.SHUT_WR)
    open("got", "wb").write(read_all(connection))
    os.rename("got", "all")
serve(handler, ready="second")
""", ready="second")
    talk.ask("""
with connect() as c:
    assert c.recv(100, socket.MSG_WAITALL) == b"go on"
    c.sendall(b"y" * 200000)
    c.shutdown(socket.SHUT_WR)
    while not os.path.exists("all"): time.sleep(0.01)
assert open("all", "rb").read() == b"y" * 200000
""")
    talk.end()


def case_newest(ground):
    """Of two jobs that listen the later one answers, and when it ends, the earlier one."""
    talk = Talk(ground)
    answer = SERVE + """
open("{0} is there", "w").close()
while not os.path.exists("go"): time.sleep(0.01)
def handler(c): c.sendall(b"{0}"); c.close()
serve(handler, ready="{0}")
"""
    talk.job("import time\n" + answer.format("first"), ready="first is there")
    later = talk.job("import time\n" + answer.format("later"), ready="later is there")
    (ground.workspace / "go").write_text("")
    for each in ("first", "later"):
        wait_until(f"{each} listens", (ground.workspace / each).exists)
    talk.ask("assert ask(b'') == b'later'")
    talk.tools.stop(later)
    talk.ask("""
assert ask(b"") == b"first"
# As on one machine: while the job listens, nobody else can.
try: socket.create_server(("127.0.0.1", 3000))
except OSError as error: assert error.errno == 98, error
else: raise SystemExit("the port is free")
""")
    talk.end()


def case_nothing_else(ground):
    """A port that is not published is refused, and a call has no other new reach."""
    talk = Talk(ground)
    talk.job(ECHO_AT_END + """
threading.Thread(target=serve, args=(handler, 3001), kwargs={"ready": "other"}, daemon=True).start()
while not os.path.exists("other"): pass
serve(handler)
""")
    talk.ask("""
assert ask() == ones()
assert refused(port=3001) and refused("::1", 3001)
# Not on all addresses, and nobody's loopback but the call's own.
assert refused("127.0.0.2")
assert [name for _, name in socket.if_nameindex()] == ["lo"]
assert open("/proc/net/route").read().count("\\n") == 1
for address in ("192.0.2.1", "10.0.0.1", "169.254.169.254"):
    try: socket.create_connection((address, 80), 5)
    except OSError as error: assert error.errno in (101, 113), error
    else: raise SystemExit(address)
# The listener is init's, and no descriptor of it comes along.
assert sorted(os.listdir("/proc/self/fd"))[:3] == ["0", "1", "2"]
for fd in os.listdir("/proc/self/fd"):
    try: assert not os.readlink(f"/proc/self/fd/{fd}").startswith("socket:"), fd
    except FileNotFoundError: pass
""", denied=("192.0.2.1:80", "10.0.0.1:80", "169.254.169.254:80"))
    talk.end()


def case_not_published(ground):
    """Without the key a job keeps its ports to itself."""
    talk = Talk(ground, "--publish", "8080")
    talk.job(ECHO_AT_END + "serve(handler)")
    talk.ask("assert refused() and refused('::1')")
    talk.end()


def case_no_longer(ground):
    """A job that has stopped listening, or was stopped, is not reached any more, in later calls and in running ones."""
    talk = Talk(ground)
    job = talk.job(SERVE + """
server = socket.create_server(("127.0.0.1", 3000))
open("ready", "w").close()
server.accept()[0].sendall(b"last")
server.close()
open("closed", "w").close()
threading.Event().wait()
""")
    talk.ask("""
assert ask(b"") == b"last"
while not os.path.exists("closed"): time.sleep(0.01)
# Somebody takes the connection, and finds that nobody is behind it.
try: assert ask() == b""
except OSError: pass
""")
    talk.ask("assert refused()")
    talk.tools.stop(job)
    talk.ask("assert refused()")

    job = talk.job(ECHO_AT_END + "serve(handler)")
    (ground.workspace / "ask.py").write_text(ASK + """
open_one = connect()
assert ask() == ones()
open("asked", "w").close()
try: assert open_one.recv(1) == b""
except ConnectionError: pass
while not refused(): time.sleep(0.01)
# The port is the call's own again.
socket.create_server(("127.0.0.1", 3000))
""")
    running = talk.tools.send(f"{PYTHON} ask.py")
    wait_until("the call has asked", (ground.workspace / "asked").exists)
    talk.tools.stop(job)
    answer = talk.tools.checked(talk.tools.answer(running))
    if answer.get("exit_code") != 0:
        raise Failure(f"a running call: {answer}")
    talk.end()


def case_no_chain(ground):
    """A call that reaches a job's port does not count as one that serves it."""
    talk = Talk(ground)
    job = talk.job(ECHO_AT_END + "serve(handler)")
    between = talk.job(ASK + "assert ask() == ones()\nopen('between', 'w').close()\ntime.sleep(1000)", ready="between")
    talk.ask("assert ask() == ones()")
    talk.tools.stop(job)
    talk.ask("assert refused()")
    talk.tools.stop(between)
    talk.end()


def case_narrowed(ground):
    """A project can take no port for itself that the operator has not published."""
    (ground.workspace / ".mayfly").mkdir()
    (ground.workspace / ".mayfly" / "profile.toml").write_text(f"[network]\npublish = [{PORT}]\n")
    tools = Tools(ground, "--publish", "8080")
    answer = tools.call("true")
    if not answer.get("isError") or "network.publish 3000" not in str(answer):
        raise Failure(f"not refused: {answer}")
    tools.end()


def case_flood(ground):
    """A call that connects without end leaves the server responsive, and nothing open."""
    talk = Talk(ground)
    # One server reads and never answers, and its backlog is soon full.
    job = talk.job(SERVE + """
server = socket.create_server(("127.0.0.1", 3000), backlog=1)
open("ready", "w").close()
held = [server.accept() for _ in range(3)]
threading.Event().wait()
""")
    talk.ask("connect().close()")  # what is made once is made now
    server = talk.tools.process.pid
    before = open_files(server)
    (ground.workspace / "flood.py").write_text("""
import os, socket, threading
held = []
def flood():
    count = 0
    while True:
        try:
            one = socket.socket(); one.setblocking(False)
            one.connect_ex(("127.0.0.1", 3000))
            try: one.send(b"x" * 100000)
            except OSError: pass
            if count % 2: held.append(one)
            if len(held) > 500: held.clear()
        except OSError: held.clear()
        count += 1
        if count == 2000: open("flooding", "w").close()
for _ in range(4): threading.Thread(target=flood, daemon=True).start()
threading.Event().wait()
""")
    flood = talk.tools.command(f"{PYTHON} flood.py", background=True)["job_id"]
    wait_until("the flood is there", (ground.workspace / "flooding").exists)
    for _ in range(10):
        expect("another call", talk.run("echo fine"), "fine\n")
        sockets = open_files(server)["socket"] - before["socket"]
        if sockets > 200:
            raise Failure(f"{sockets} sockets are open in the server")
    talk.tools.stop(flood)
    # A descriptor may still be on its way out when the answer is.
    with contextlib.suppress(Failure):
        wait_until("all is as before", lambda: open_files(server) == before)
    expect("open files of the server", open_files(server), before)
    talk.tools.stop(job)
    talk.job(ECHO_AT_END + "serve(handler, ready='again')", ready="again")
    talk.ask("assert ask() == ones()")
    talk.end()


CASES = {name[5:]: function for name, function in list(globals().items()) if name.startswith("case_")}


if __name__ == "__main__":
    sys.exit(run_case(CASES[sys.argv[1]]))
