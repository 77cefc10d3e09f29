"""A child process whose output goes to a file: start, wait, signal, kill.

Owns: the list of everything started here, so that nothing survives the test run (also not one that was stopped with
SIGSTOP). Ends only what it started itself, by process id.
"""

import atexit
import os
import signal
import socket
import subprocess
import time

_running = set()


class Process:
    """One program; may be started again after it ended, with the same arguments and the same log file."""

    def __init__(self, name, command, log, environment=None, cwd=None):
        self.name = name
        self.command = [str(part) for part in command]
        self.log = log
        self.environment = environment or {}
        self.cwd = cwd
        self.child = None
        self.started = None

    def start(self):
        """Starts the program; its output is appended to the log file."""
        assert not self.alive(), f"{self.name} runs already"
        with open(self.log, "ab") as log:
            self.child = subprocess.Popen(
                self.command,
                cwd=self.cwd,
                env={**os.environ, **self.environment},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        self.started = time.time()
        _running.add(self)
        return self

    def alive(self):
        """Whether the program runs (a stopped one does)."""
        return self.child is not None and self.child.poll() is None

    def signal(self, number):
        """Sends a signal."""
        assert self.alive(), f"{self.name} is not running: {self.tail()}"
        self.child.send_signal(number)

    def kill(self):
        """kill -9, and waits until it is gone."""
        if self.alive():
            self.child.kill()
        self.wait(20)

    def stop(self, timeout_s=40):
        """SIGTERM, and waits for the program to end by itself; returns the exit code."""
        if self.alive():
            self.child.send_signal(signal.SIGCONT)
            self.child.terminate()
        return self.wait(timeout_s)

    def wait(self, timeout_s):
        """Waits for the end; a program that does not end is killed and that is an error."""
        if self.child is None:
            return None
        try:
            code = self.child.wait(timeout_s)
        except subprocess.TimeoutExpired:
            self.child.kill()
            self.child.wait(20)
            raise AssertionError(f"{self.name} did not end within {timeout_s} s: {self.tail()}") from None
        _running.discard(self)
        return code

    def tail(self, lines=30):
        """The last lines of the log, for messages."""
        return f"last lines of {self.log}:\n" + "\n".join(self.read().splitlines()[-lines:])

    def read(self):
        """The whole log."""
        try:
            with open(self.log, encoding="utf-8", errors="replace") as log:
                return log.read()
        except FileNotFoundError:
            return ""


def free_port():
    """A loopback port that nobody uses at the moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@atexit.register
def _end_all():
    for process in list(_running):
        if process.alive():
            process.child.kill()
            process.child.wait(20)


def _on_terminate(number, frame):
    raise SystemExit(128 + number)


# A terminated test run ends its children too: SystemExit runs what atexit knows.
signal.signal(signal.SIGTERM, _on_terminate)
