"""A running `baton dev`, and what its demo leaves on disk."""

import json
import re
import signal
import sqlite3

from support.clients import Rest
from support.paths import BATON
from support.process import Process, free_port
from support.wait import until


def on_kafka(directory, kafka, *arguments, environment=None):
    """Starts one on a broker, on a port of its own."""
    http = f"127.0.0.1:{free_port()}"
    arguments = ["--kafka", kafka.address, "--http", http, "--node", "dev", *arguments]
    dev = Dev(directory, directory / "baton-dev", arguments, environment).start()
    dev.rest, dev.kafka = Rest(f"http://{http}"), kafka.address
    return dev


class Dev:
    """One that keeps everything in `folder`. What it printed before its last start is not looked at."""

    def __init__(self, directory, folder, arguments, environment=None):
        directory.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self.rest = self.kafka = None
        self.process = Process("baton dev", [BATON, "dev", *arguments], directory / "dev.log", environment, cwd=directory)
        self.before = 0

    def start(self):
        """Starts it, again perhaps."""
        self.before = len(self.process.read())
        self.process.start()
        return self

    def printed(self):
        """What is on the screen since the last start."""
        return self.process.read()[self.before:]

    def line(self, *words, timeout_s=60):
        """Waits for a line with all of these words."""
        def found():
            assert self.process.alive(), self.process.tail()
            return [line for line in self.printed().splitlines() if all(word in line for word in words)]

        return until(f"{words} on the screen\n{self.process.tail()}", found, timeout_s)[0]

    def read_addresses(self):
        """Takes the addresses of API and broker from the screen."""
        self.line("Every change of state is a line from here on")
        self.rest = Rest(re.search(r"http://[\d.]+:\d+", self.line("  API "))[0])
        self.kafka = re.search(r"[\d.]+:\d+", self.line("  Kafka "))[0]
        return self

    def send(self, topic, value):
        """`baton send`, as the screen says."""
        sending = Process("baton send", [BATON, "send", topic, json.dumps(value), "--kafka", self.kafka], self.folder / "send.log")
        sending.start()
        assert sending.wait(30) == 0, sending.read()

    def interrupt(self):
        """Ctrl-C."""
        self.process.signal(signal.SIGINT)
        assert self.process.wait(60) == 0, self.process.tail()

    def outcome(self, execution):
        """The execution, when it has closed."""
        answer = self.rest.get(f"/v1/executions/{execution}?wait=30")
        assert answer.status == 200, answer.text
        return answer.body


def users(dev):
    """Id and address of the users in the demo's database, in the order of their ids."""
    with sqlite3.connect(f"file:{dev.folder / 'users.db'}?mode=ro", uri=True) as database:
        return database.execute("SELECT id, email FROM users ORDER BY id").fetchall()
