#!/usr/bin/env python3
"""everyday.py CASE: programs that people use every day and that speak over sockets work in a sandbox.

Each case is a script that must end with the exit code 0 and print "fine" last. $MAYFLY is the server.
"""
import shutil
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "victims"))
sys.path.insert(0, str(HERE.parent / "lifetime"))
from attack import Failure, skip  # noqa: E402
from lifetime import Server, receipt_of, run_case  # noqa: E402


def needs(*programs):
    for program in programs:
        if shutil.which(program, path="/usr/bin:/bin") is None:
            skip(program)


def run(ground, script, violations=()):
    receipt = receipt_of(ground.run(script))
    if receipt.get("exit_code") != 0 or not receipt["stdout"].endswith("fine\n"):
        raise Failure(f"{script}\n{receipt}")
    seen = {violation["operation"] for violation in receipt["violations"]}
    if seen - set(violations):
        raise Failure(f"denied on the way: {receipt['violations']}")
    return receipt


def python(ground, text, violations=()):
    (ground.workspace / "case.py").write_text(text)
    return run(ground, "/usr/bin/python3 case.py && echo fine", violations)


def case_python_manager(ground):
    python(ground, """
import multiprocessing as m
def square(n): return n * n
if __name__ == "__main__":
    with m.Manager() as manager:
        shared = manager.dict()
        workers = [m.Process(target=shared.__setitem__, args=(i, i)) for i in range(4)]
        [w.start() for w in workers]; [w.join() for w in workers]
        assert dict(shared) == {i: i for i in range(4)}, shared
    for how in ("fork", "spawn", "forkserver"):
        with m.get_context(how).Pool(3) as pool:
            assert pool.map(square, range(50)) == [n * n for n in range(50)]
    a, b = m.Pipe()
    a.send("over a pair"); assert b.recv() == "over a pair"
""")


def case_server_and_client(ground):
    python(ground, """
import asyncio, os, socket
async def both(path):
    async def hello(reader, writer):
        writer.write(b"echo " + await reader.readline()); await writer.drain(); writer.close()
    server = await asyncio.start_unix_server(hello, path)
    for _ in range(20):
        reader, writer = await asyncio.open_unix_connection(path)
        writer.write(b"hello\\n")
        assert await reader.read() == b"echo hello\\n"
        writer.close()
    server.close()
for path in ("/tmp/s", "s", os.getcwd() + "/t", os.environ["SCRATCH"] + "/s", os.environ["HOME"] + "/s",
             "/dev/shm/s", "\\0abstract"):
    asyncio.run(both(path))
# A path that is too long for an address, by the directory's descriptor; one that nobody listens on.
os.makedirs("d" * 200); directory = os.open("d" * 200, os.O_PATH)
server = socket.socket(socket.AF_UNIX); server.bind(f"/proc/self/fd/{directory}/s"); server.listen()
client = socket.socket(socket.AF_UNIX); client.connect(f"/proc/self/fd/{directory}/s")
try: socket.socket(socket.AF_UNIX).connect("/tmp/s" if os.path.exists("/tmp/s") else "/tmp")
except ConnectionRefusedError: pass
for path, error in (("/nowhere/s", FileNotFoundError), ("/etc/passwd/s", NotADirectoryError)):
    try: socket.socket(socket.AF_UNIX).connect(path)
    except error: continue
    raise SystemExit(f"connected to {path}")
# Who is at the other end.
import struct
peer, _ = server.accept()
pid, uid, gid = struct.unpack("3i", peer.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))
assert (uid, gid) == (os.getuid(), os.getgid()), (uid, gid)
""")


def case_loopback(ground):
    python(ground, """
import asyncio, http.server, os, socket, threading, urllib.request
server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), http.server.SimpleHTTPRequestHandler)
server.RequestHandlerClass.log_message = lambda *_: None
threading.Thread(target=server.serve_forever, daemon=True).start()
for _ in range(10):
    assert urllib.request.urlopen(f"http://127.0.0.1:{server.server_port}/case.py").read()
# Without blocking: the connect goes on, and poll says when it is done.
async def nonblocking():
    reader, writer = await asyncio.open_connection("127.0.0.1", server.server_port)
    writer.write(b"GET / HTTP/1.0\\r\\n\\r\\n"); assert b"200 OK" in await reader.read(); writer.close()
    try: await asyncio.open_connection("127.0.0.1", 1)
    except ConnectionRefusedError: return
    raise SystemExit("nobody listens there")
asyncio.run(nonblocking())
one, two = socket.socket(socket.AF_INET, socket.SOCK_DGRAM), socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
one.bind(("127.0.0.1", 0)); two.connect(one.getsockname()); two.send(b"x"); assert one.recv(1) == b"x"
six = socket.create_server(("::1", 0), family=socket.AF_INET6); socket.create_connection(six.getsockname()[:2])
try: socket.create_connection(("192.0.2.1", 80), 5)
except OSError as error: assert error.errno in (101, 113), error
""", violations={"connect"})


def case_ssh_agent(ground):
    needs("ssh-agent", "ssh-add", "ssh-keygen")
    run(ground, """set -e; eval $(ssh-agent) >&2; ssh-keygen -q -t ed25519 -N '' -f /tmp/key
        ssh-add /tmp/key 2>&1; ssh-add -l | grep -q ED25519; ssh-agent -k >&2; echo fine""")


def case_tmux(ground):
    needs("tmux")
    run(ground, """set -e; tmux new-session -d -s one 'echo inside > made; tmux wait-for -S done; cat'
        tmux wait-for done; grep -q inside made; tmux kill-server; echo fine""",
        violations={"socket"})  # its helper wants to write to the system's log


def case_node(ground):
    needs("node")
    (ground.workspace / "case.js").write_text("""
const net = require("net");
const server = net.createServer(c => c.end("hello")).listen("n.sock", () => {
  let text = "";
  net.connect("n.sock").on("data", d => text += d).on("close", () => {
    server.close();
    const child = require("child_process").fork("child.js");
    child.on("message", m => { if (text == "hello" && m == "up") console.log("fine"); });
  });
});
""")
    (ground.workspace / "child.js").write_text("process.send('up')")
    run(ground, "node case.js")


def case_gpg_agent(ground):
    needs("gpg", "gpg-agent", "gpgconf")
    run(ground, """set -e; mkdir -m 700 $HOME/.gnupg
        gpg --batch --quiet --passphrase '' --quick-generate-key someone@example.org ed25519 2>&1
        echo text | gpg --batch --quiet -s > signed; gpg --verify signed 2>&1; gpgconf --kill gpg-agent; echo fine""")


def case_fallocate(ground):
    python(ground, """
import os
fd = os.open("file", os.O_RDWR | os.O_CREAT)
os.posix_fallocate(fd, 0, 1 << 20); assert os.fstat(fd).st_size == 1 << 20
""")


class Tools(Server):
    def command(self, script, **more):
        return self.checked(self.call(script, **more))

    def stop(self, job):
        return self.checked(self.answer(self.send_call("stop_job", {"job_id": job})))

    @staticmethod
    def checked(answer):
        if answer.get("isError"):
            raise Failure(f"{answer}")
        return answer["structuredContent"]


SERVE = """
import os, socket, sys
for path in ("job.sock", os.environ["SCRATCH"] + "/job.sock"):
    server = socket.socket(socket.AF_UNIX); server.bind(path); server.listen()
    if os.fork() == 0:
        while True: server.accept()[0].send(b"from the job")
print("listening", flush=True)
open("ready", "w").close()
os.wait()
"""
ASK = """
import os, socket
for path in ("job.sock", os.environ["SCRATCH"] + "/job.sock"):
    client = socket.socket(socket.AF_UNIX); client.connect(path); assert client.recv(100) == b"from the job"
print("fine")
"""


def case_job(ground):
    """A job's socket is reached by a later call, in the workspace and in $SCRATCH, until the job ends."""
    (ground.workspace / "serve.py").write_text(SERVE)
    (ground.workspace / "ask.py").write_text(ASK)
    tools = Tools(ground)
    job = tools.command("/usr/bin/python3 serve.py", background=True)["job_id"]
    ask = "until [ -e ready ]; do sleep 0.01; done; /usr/bin/python3 ask.py"
    for _ in range(3):
        answer = tools.command(ask)
        if answer.get("stdout") != "fine\n" or answer.get("violations"):
            raise Failure(f"the job's socket was not reached: {answer}")
    # When the job is gone its socket file answers to nobody.
    tools.stop(job)
    answer = tools.command(ask)
    refused = {violation["target"] for violation in answer.get("violations", [])}
    if answer["exit_code"] == 0 or "ConnectionRefusedError" not in answer["stderr"] or "job.sock" not in refused:
        raise Failure(f"a dead job's socket: {answer}")
    tools.end()


CASES = {name[5:]: function for name, function in list(globals().items()) if name.startswith("case_")}


if __name__ == "__main__":
    sys.exit(run_case(CASES[sys.argv[1]]))
