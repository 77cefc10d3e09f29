"""Baton's orchestrator as a process of the tests: start, wait until ready, stop, kill, pause, restart.

Owns: the command line that the tests use. What is asked of the running process goes through `support.clients`.
"""

import json
import shutil
import signal
import urllib.error
import urllib.request
from pathlib import Path

from support.paths import BATON
from support.process import Process, free_port
from support.wait import until

PARTITIONS = 4


class Baton:
    """One node. Its URL, name and data directory stay the same over restarts.

    `kafka` is the address of a broker; with `None` the node starts the embedded one. `broker` is where it is then.
    """

    def __init__(self, directory, kafka, partitions=PARTITIONS, node="node-1", prefix="baton.", arguments=()):
        assert BATON.exists(), f"{BATON} is not built; `./tests/run e2e` builds it"
        directory = Path(directory)
        directory.mkdir(parents=True, exist_ok=True)
        self.node = node
        self.prefix = prefix
        self.partitions = partitions
        self.data = directory / "data"
        port = free_port()
        self.url = f"http://127.0.0.1:{port}"
        self.broker = kafka or f"127.0.0.1:{free_port()}"
        command = [BATON, "serve", "--kafka" if kafka else "--broker", self.broker, "--http", f"127.0.0.1:{port}", "--data", self.data,
                   "--prefix", prefix, "--node", node, "--partitions", partitions, *arguments]
        self.process = Process(f"baton {node}", command, directory / "baton.log", {"RUST_LOG": "info", "NO_COLOR": "1"})

    def start(self, timeout_s=60):
        """Starts the node and waits until it is ready: caught up and able to write."""
        self.process.start()
        return self.wait_ready(timeout_s)

    def wait_live(self, timeout_s=30):
        """Waits until the process listens; returns nothing else."""
        self._wait("/livez", timeout_s)
        return self

    def wait_ready(self, timeout_s=60):
        """Waits until the node says that it is ready."""
        self._wait("/readyz", timeout_s)
        return self

    def restart(self, timeout_s=60):
        """Stops the node in an orderly way and starts it again."""
        self.stop()
        return self.start(timeout_s)

    def stop(self):
        """SIGTERM; a clean stop ends with code 0."""
        code = self.process.stop()
        assert code in (0, None), f"baton ended with code {code}: {self.process.tail()}"

    def kill(self):
        """kill -9."""
        self.process.kill()

    def pause(self):
        """SIGSTOP: the node keeps its connections and does nothing, as in a long pause of the machine."""
        self.process.signal(signal.SIGSTOP)

    def resume(self):
        """SIGCONT."""
        self.process.signal(signal.SIGCONT)

    def forget(self):
        """Deletes the local store of a node that does not run; the log must be enough."""
        assert not self.process.alive(), "the store of a running node must not be deleted"
        shutil.rmtree(self.data, ignore_errors=True)

    def get(self, path, timeout_s=5):
        """GET of a path; returns the text. Raises on anything but 2xx."""
        with urllib.request.urlopen(self.url + path, timeout=timeout_s) as answer:
            return answer.read().decode()

    def log_lines(self):
        """The log as a list: parsed where a line is JSON, text otherwise."""
        return [_parsed(line) for line in self.process.read().splitlines()]

    def _wait(self, path, timeout_s):
        def answers():
            if not self.process.alive():
                raise RuntimeError(f"baton ended: {self.process.tail()}")
            self.get(path, timeout_s=2)
            return True

        try:
            until(f"{self.url}{path}", answers, timeout_s)
        except AssertionError as late:
            raise AssertionError(f"{late}\n{self.process.tail()}") from None


def _parsed(line):
    try:
        return json.loads(line)
    except ValueError:
        return line
