"""The embedded broker alone, `baton broker`, as a process: start, kill -9, restart on the same directory and port.

It has the same methods as `support.kafka.Kafka`, so that a test can take either; `made` takes the one that is asked for.
"""

import signal
from pathlib import Path

from confluent_kafka.admin import AdminClient

from support.kafka import Kafka
from support.paths import BATON
from support.process import Process, free_port
from support.topics import Topics
from support.wait import until

# What a suite may run on.
KINDS = ("kafka", "embedded")


def made(kind, directory):
    """A broker of that kind that has not been started; topics are made only when that is asked for."""
    return Kafka(directory) if kind == "kafka" else Broker(directory, ["--no-auto-create"])


class Broker(Topics):
    """One broker. `address` stays the same over restarts."""

    def __init__(self, directory, arguments=(), client=None):
        assert BATON.exists(), f"{BATON} is not built; `./tests/run broker` builds it"
        self.directory = Path(directory)
        self.directory.mkdir(parents=True, exist_ok=True)
        # Where the records are; `baton serve --data` of the same folder finds them.
        self.data = self.directory / "data"
        self.log_folder = self.data / "broker"
        self.address = f"127.0.0.1:{free_port()}"
        self.admin = AdminClient({"bootstrap.servers": self.address, "log_level": 0, **(client or {})})
        command = [BATON, "broker", "--data", self.data, "--listen", self.address, *arguments]
        self.process = Process("broker", command, self.directory / "broker.log", {"NO_COLOR": "1"})

    def start(self, timeout_s=20):
        """Starts the broker and waits until it answers."""
        self.process.start()
        return self.wait_ready(timeout_s)

    def wait_ready(self, timeout_s=20):
        """Waits until a client gets the cluster's metadata."""

        def answers():
            assert self.process.alive(), self.process.tail()
            return self.admin.list_topics(timeout=1).brokers

        until(f"the broker on {self.address}", answers, timeout_s)
        return self

    def kill(self):
        """kill -9."""
        self.process.kill()

    def restart(self, timeout_s=20):
        """Starts the broker again on the same directory and port."""
        return self.start(timeout_s)

    def stop(self):
        """Stops the broker in an orderly way."""
        return self.process.stop(20)

    def pause(self):
        """SIGSTOP: the broker no longer answers, its connections stay open."""
        self.process.signal(signal.SIGSTOP)

    def resume(self):
        """SIGCONT."""
        self.process.signal(signal.SIGCONT)
