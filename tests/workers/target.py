"""A service over HTTP that does the steps: what the HTTP and AWS workers call.

Owns: `/step/NAME/ATTEMPT/ITEM`; and the notes by which the test sees what has begun and says what may end.
"""

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from support.wait import until

LONGEST_WAIT_S = 100


class Notes:
    """Files in a directory: the steps' and the test's signs for each other."""

    def __init__(self, directory):
        self.directory = Path(directory)
        self.directory.mkdir(parents=True, exist_ok=True)

    def make(self, name):
        """Gives a sign."""
        (self.directory / name).touch()

    def any(self, prefix):
        """Whether a sign was given whose name begins so."""
        return any(found.name.startswith(prefix) for found in self.directory.iterdir())


class Target:
    """The server, on a thread."""

    def __init__(self, directory):
        self.directory = Path(directory)
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def notes(self, way):
        """The signs of one way."""
        return Notes(self.directory / way)

    def close(self):
        """Ends the server."""
        self.server.shutdown()
        self.server.server_close()


def _handler(target):
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self):
            """`/step/WAY/NAME/ATTEMPT/ITEM`"""
            self.rfile.read(int(self.headers.get("content-length", 0)))
            _, _, way, step, attempt, item = self.path.split("?")[0].split("/")
            notes = target.notes(way)
            notes.make(f"began-{step}-{attempt}-{item}")
            if step == "flaky" and attempt == "0":
                return self.answer(503, {"why": "the first attempt fails"})
            if step in ("slow", "quiet", "long") and attempt == "0":
                try:
                    until(step, lambda: notes.any(step), LONGEST_WAIT_S, 0.05)
                except AssertionError:
                    pass
            self.answer(200, {"step": step, "attempt": int(attempt), "item": item})

        def answer(self, status, body):
            """Sends JSON; who asked may be gone."""
            data = json.dumps(body).encode()
            try:
                self.send_response(status)
                self.send_header("content-type", "application/json")
                self.send_header("content-length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)
            except OSError:
                self.close_connection = True

        def log_message(self, *_):
            """Nothing: the notes tell."""

    return Handler
