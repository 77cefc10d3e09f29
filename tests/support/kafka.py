"""A real Kafka 4.1 broker on loopback, in KRaft combined mode, from the jars in .cache/kafka.

Owns: the broker's settings, its start, kill -9 and restart on the same directory and ports. Must not know anything of
Baton. `python -m support.kafka DIR` runs one by hand until it is stopped.
"""

import signal
import subprocess
import sys
import uuid
from base64 import urlsafe_b64encode
from pathlib import Path

from confluent_kafka.admin import AdminClient

from support.paths import KAFKA_LIBS
from support.process import Process, free_port
from support.topics import Topics
from support.wait import until

# Small enough to stand beside everything else on a test machine, large enough for 1,000 workflows in flight.
HEAP = ["-Xms256m", "-Xmx512m"]
JVM = ["-XX:+UseG1GC", "-XX:-UsePerfData", "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn",
       "-Dorg.slf4j.simpleLogger.showDateTime=true", "-Dorg.slf4j.simpleLogger.dateTimeFormat=HH:mm:ss.SSS"]
# A broker that was killed may come back as soon as the controller has forgotten its former life. Kafka's default is
# 9 s; with broker and controller in one process that died together, that is nothing but waiting.
SESSION_MS = 2000


class Kafka(Topics):
    """One broker. `address` stays the same over restarts.

    `settings` override those below; `client` is what the admin client needs to get in, `format_arguments` what the log
    directory is formatted with (see `support.secure`).
    """

    def __init__(self, directory, settings=None, client=None, format_arguments=()):
        self.directory = Path(directory)
        self.directory.mkdir(parents=True, exist_ok=True)
        self.port = free_port()
        self.controller_port = free_port()
        self.address = f"127.0.0.1:{self.port}"
        self.properties = self.directory / "server.properties"
        self.settings = settings or {}
        self.admin = AdminClient({"bootstrap.servers": self.address, "log_level": 0, **(client or {})})
        self._format(format_arguments)
        self.process = Process("kafka", [*self._java(), "kafka.Kafka", self.properties], self.directory / "kafka.log")

    def start(self, timeout_s=60):
        """Starts the broker and waits until it answers."""
        self.process.start()
        return self.wait_ready(timeout_s)

    def wait_ready(self, timeout_s=60):
        """Waits until a client gets the cluster's metadata with this broker in it."""

        def answers():
            assert self.process.alive(), self.process.tail()
            return self.admin.list_topics(timeout=1).brokers

        until(f"Kafka on {self.address}", answers, timeout_s)
        return self

    def kill(self):
        """kill -9."""
        self.process.kill()

    def restart(self, timeout_s=60):
        """Starts the broker again on the same directory and ports."""
        return self.start(timeout_s)

    def stop(self):
        """Stops the broker in an orderly way."""
        return self.process.stop(60)

    def pause(self):
        """SIGSTOP: the broker no longer answers, its connections stay open."""
        self.process.signal(signal.SIGSTOP)

    def resume(self):
        """SIGCONT."""
        self.process.signal(signal.SIGCONT)

    def _java(self):
        return ["java", *HEAP, *JVM, "-cp", f"{KAFKA_LIBS}/*"]

    def _format(self, arguments):
        listeners = f"PLAINTEXT://{self.address},CONTROLLER://127.0.0.1:{self.controller_port}"
        settings = {
            "process.roles": "broker,controller",
            "node.id": 1,
            "controller.quorum.voters": f"1@127.0.0.1:{self.controller_port}",
            "listeners": listeners,
            "advertised.listeners": f"PLAINTEXT://{self.address}",
            "controller.listener.names": "CONTROLLER",
            "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT",
            "log.dirs": self.directory / "data",
            "auto.create.topics.enable": "false",
            "unclean.leader.election.enable": "false",
            "group.initial.rebalance.delay.ms": 0,
            "offsets.topic.replication.factor": 1,
            "offsets.topic.num.partitions": 4,
            "transaction.state.log.replication.factor": 1,
            "transaction.state.log.min.isr": 1,
            "transaction.state.log.num.partitions": 4,
            "share.coordinator.state.topic.replication.factor": 1,
            "share.coordinator.state.topic.min.isr": 1,
            "broker.session.timeout.ms": SESSION_MS,
            "broker.heartbeat.interval.ms": 200,
            "log.cleaner.enable": "true",
            "log.cleaner.dedupe.buffer.size": 4 * 1024 * 1024,
            **self.settings,
        }
        self.properties.write_text("".join(f"{name}={value}\n" for name, value in settings.items()))
        cluster = urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")
        run = subprocess.run(
            [*self._java(), "kafka.tools.StorageTool", "format", f"--cluster-id={cluster}", "-c", str(self.properties),
             *arguments],
            capture_output=True,
            text=True,
        )
        assert run.returncode == 0, f"kafka-storage format failed: {run.stdout}{run.stderr}"


def main():
    """Runs a broker in the directory given until this process is stopped; for trying things by hand."""
    kafka = Kafka(sys.argv[1]).start()
    print(kafka.address, flush=True)
    try:
        kafka.process.child.wait()
    except (KeyboardInterrupt, SystemExit):
        kafka.stop()


if __name__ == "__main__":
    main()
