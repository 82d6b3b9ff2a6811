"""An MCP client for Mayfly over stdio, with the Python standard library only.

    with Mayfly("build/mayfly", workspace="/path/to/project") as mayfly:
        receipt = mayfly.call("run_command", command="make test")
        print(receipt["exit_code"], receipt["stdout"])

It speaks the revision 2026-07-28 of the protocol, which has no handshake: each request says in
`_meta` which revision it is written in, and stands on its own.
"""

import json
import subprocess
import threading

PROTOCOL = "2026-07-28"
META = {
    "io.modelcontextprotocol/protocolVersion": PROTOCOL,
    "io.modelcontextprotocol/clientInfo": {"name": "mayfly-python-example", "version": "1.0.0"},
    "io.modelcontextprotocol/clientCapabilities": {},
}


class ProtocolError(Exception):
    """The server refused the request itself: unknown tool, unknown method, malformed message."""

    def __init__(self, error):
        super().__init__(f"{error['message']} ({error['code']})")
        self.code = error["code"]
        self.data = error.get("data")


class ToolError(Exception):
    """The tool did nothing: a refused argument, or a sandbox that could not be set up."""


class Mayfly:
    """One server process. Calls may be made from several threads; they run at the same time."""

    def __init__(self, binary, workspace, *options):
        self._process = subprocess.Popen(
            [binary, "serve", "--workspace", workspace, *options],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, encoding="utf-8")
        self._lock = threading.Lock()
        self._last_id = 0
        self._waiting = {}  # request id -> [event, answer]
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    @property
    def pid(self):
        return self._process.pid

    def close(self):
        """Closing its input ends the server, and with it whatever still runs."""
        self._process.stdin.close()
        code = self._process.wait(timeout=10)
        self._reader.join()
        self._process.stdout.close()
        return code

    def request(self, method, **params):
        """Sends one request and returns the whole result."""
        answered = threading.Event()
        with self._lock:
            self._last_id += 1
            request_id = self._last_id
            self._waiting[request_id] = slot = [answered, None]
            message = {"jsonrpc": "2.0", "id": request_id, "method": method,
                       "params": {**params, "_meta": META}}
            self._process.stdin.write(json.dumps(message) + "\n")
            self._process.stdin.flush()
        answered.wait()
        answer = slot[1]
        if answer is None:
            raise ConnectionError("the server went away without an answer")
        if "error" in answer:
            raise ProtocolError(answer["error"])
        return answer["result"]

    def discover(self):
        """Who the server is, what it speaks, and its instructions for a model."""
        return self.request("server/discover")

    def tools(self):
        return self.request("tools/list")["tools"]

    def call(self, tool, **arguments):
        """Runs a tool. Returns the structured form of the result, a receipt; of the file tools, which
        have none, the list of content blocks: text, or one image."""
        result = self.request("tools/call", name=tool, arguments=arguments)
        if result.get("isError"):
            raise ToolError("\n".join(block["text"] for block in result["content"]))
        return result.get("structuredContent", result["content"])

    def _read(self):
        for line in self._process.stdout:
            message = json.loads(line)
            with self._lock:
                slot = self._waiting.pop(message.get("id"), None)
            if slot:  # else a notification, of which this client wants none
                slot[1] = message
                slot[0].set()
        with self._lock:
            abandoned, self._waiting = self._waiting, {}
        for slot in abandoned.values():
            slot[0].set()
