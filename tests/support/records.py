"""Records of Kafka as a plain client sees them: produce, tail, and a worker without any library of ours.

Owns: header names and topic names as the tests write them down, on purpose a second time: a change of the wire contract
must break a test.
"""

import json
import queue
import threading
from collections import defaultdict

from confluent_kafka import Consumer, KafkaException, Producer, TopicPartition

from support.wait import until

COMMAND = "baton.task.command.v1"
SUCCEEDED = "baton.task.succeeded.v1"
FAILED = "baton.task.failed.v1"
HEARTBEAT = "baton.task.heartbeat.v1"
START = "baton.execution.start.v1"
STOP = "baton.execution.stop.v1"
CLOSED = "baton.execution.closed.v1"
DEAD = "baton.deadletter.v1"

OPEN = object()
"""What a handler returns to leave its task open; the test answers later."""


class TaskError(Exception):
    """Raised by a handler: the task fails with this error and cause."""

    def __init__(self, error, cause=""):
        super().__init__(error, cause)
        self.error = error
        self.cause = cause


class Record:
    """A consumed record with its headers as a dictionary of text."""

    def __init__(self, message):
        self.topic = message.topic()
        self.partition = message.partition()
        self.offset = message.offset()
        self.time_ms = message.timestamp()[1]
        self.key = _text(message.key())
        self.raw = message.value()
        self.headers = {name: _text(value) for name, value in message.headers() or []}

    @property
    def type(self):
        """`ce_type`"""
        return self.headers.get("ce_type")

    @property
    def value(self):
        """The value as JSON."""
        return json.loads(self.raw) if self.raw else None

    def __repr__(self):
        return f"{self.topic}[{self.partition}]@{self.offset} {self.type} {self.key} {self.raw!r:.300}"


class Tail:
    """Reads a topic by itself, without a group: from its beginning, or from the end as it was when this was made."""

    def __init__(self, kafka, topic, beginning=False):
        self.topic = topic
        self.seen = []
        self.consumer = _consumer(kafka, "tests.tail")
        begin = _positions(self.consumer, topic, beginning)
        # A consumer has no position before its first record.
        self.next = {partition.partition: partition.offset for partition in begin}
        self.consumer.assign(begin)

    def poll(self, timeout_s=0.1):
        """Takes what is there; returns all records seen so far."""
        for message in self.consumer.consume(1000, timeout_s):
            if message.error():
                raise KafkaException(message.error())
            self.seen.append(Record(message))
        return self.seen

    def find(self, what, wanted, timeout_s=20):
        """Waits for a record for which `wanted` is true."""
        return until(
            f"a record in {self.topic}: {what}; seen {len(self.seen)}",
            lambda: next((record for record in self.poll() if wanted(record)), None),
            timeout_s,
        )

    def to_end(self, timeout_s=60):
        """Reads up to the end as it is now; returns all records seen."""
        ends = {p.partition: self.consumer.get_watermark_offsets(p, timeout=10)[1] for p in self.consumer.assignment()}

        def there():
            self.poll()
            for position in self.consumer.position(self.consumer.assignment()):
                self.next[position.partition] = max(self.next[position.partition], position.offset)
            return all(self.next[partition] >= end for partition, end in ends.items())

        until(f"the end of {self.topic}", there, timeout_s)
        return self.seen

    def close(self):
        """Ends the consumer."""
        self.consumer.close()


class Sender:
    """Produces records and waits for their acknowledgement."""

    def __init__(self, kafka):
        self.producer = Producer(
            {"bootstrap.servers": kafka, "partitioner": "murmur2_random", "enable.idempotence": True, "log_level": 2}
        )

    def send(self, topic, key=None, value=b"", headers=None, partition=-1):
        """Produces one record; returns (partition, offset)."""
        done = []
        value = value if isinstance(value, (bytes, type(None))) else json.dumps(value).encode()
        self.producer.produce(
            topic, value, key, partition, on_delivery=lambda error, message: done.append((error, message)),
            headers=[(name, text if isinstance(text, bytes) else str(text).encode()) for name, text in (headers or {}).items()],
        )
        until(f"the acknowledgement of a record to {topic}", lambda: self.producer.poll(0.01) is not None and done, 20)
        error, message = done[0]
        if error:
            raise KafkaException(error)
        return message.partition(), message.offset()

    def start(self, prefix, machine_arn, execution_arn, value, **extra):
        """Asks for an execution by a record."""
        headers = {"ce_specversion": "1.0", "ce_type": START, "ce_id": execution_arn, "ce_source": "tests",
                   "ce_subject": execution_arn.rsplit(":", 1)[1], "ce_batonstatemachine": machine_arn,
                   "content-type": "application/json", **extra}
        return self.send(f"{prefix}requests", execution_arn, value, headers)


class PlainWorker:
    """Serves task queues with handlers of the test, by nothing but consuming and producing.

    A handler gets the command (a `Record`) and returns the output, raises `TaskError`, or returns `OPEN`. It follows
    topics by hand rather than in a group, so a queue is served at once; every command seen is kept in `commands`.
    """

    def __init__(self, kafka, prefix="baton."):
        self.prefix = prefix
        self.kafka = kafka
        self.commands = defaultdict(list)
        self.handlers = {}
        self.sender = Sender(kafka)
        self.consumer = _consumer(kafka, "tests.worker")
        self.looker = _consumer(kafka, "tests.worker.look")
        self.changes = queue.SimpleQueue()
        self.ended = threading.Event()
        self.problem = None
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()

    def serve(self, name, handler):
        """Serves the queue `name` from its beginning; its topic exists once a definition that names it is stored."""
        topic = f"{self.prefix}commands.{name}"
        positions = until(f"the topic {topic}", lambda: _positions(self.looker, topic, True), 20)
        self.handlers[topic] = handler
        self.changes.put(lambda: self.consumer.incremental_assign(positions))

    def leave(self, name):
        """Stops serving the queue `name`."""
        topic = f"{self.prefix}commands.{name}"
        self.handlers.pop(topic)
        self.changes.put(
            lambda: self.consumer.incremental_unassign([p for p in self.consumer.assignment() if p.topic == topic])
        )

    def command(self, name, number=1, timeout_s=20):
        """Waits for the `number`th command (from 1) of a queue; returns it."""
        topic = f"{self.prefix}commands.{name}"
        until(f"command {number} on {topic}", lambda: self._check() and len(self.commands[topic]) >= number, timeout_s)
        return self.commands[topic][number - 1]

    def succeed(self, command, output, **extra):
        """Completes a task."""
        return self._reply(command, SUCCEEDED, output, extra)

    def fail(self, command, error, cause="", **extra):
        """Fails a task."""
        return self._reply(command, FAILED, {"error": error, "cause": cause}, extra)

    def heartbeat(self, command, detail=None):
        """Says that a task goes on."""
        return self._reply(command, HEARTBEAT, detail if detail is not None else b"", {})

    def close(self):
        """Ends the worker."""
        self.ended.set()
        self.thread.join(20)
        self.consumer.close()
        self.looker.close()
        self._check()

    def _reply(self, command, kind, value, extra):
        headers = {"ce_specversion": "1.0", "ce_type": kind, "ce_id": f"{command.headers['ce_id']}/{kind}",
                   "ce_source": "tests", "ce_batontoken": command.headers["ce_id"],
                   "content-type": "application/json", **extra}
        if "traceparent" in command.headers:
            headers.setdefault("traceparent", command.headers["traceparent"])
        return self.sender.send(
            command.headers["ce_batonreplytopic"], command.headers["ce_id"], value, headers,
            int(command.headers["ce_batonreplypartition"]),
        )

    def _run(self):
        try:
            while not self.ended.is_set():
                while not self.changes.empty():
                    self.changes.get()()
                for message in self.consumer.consume(100, 0.02):
                    if not message.error():
                        self._handle(Record(message))
        except Exception as problem:  # kept for the test's own thread, which raises it
            self.problem = problem

    def _handle(self, command):
        self.commands[command.topic].append(command)
        handler = self.handlers.get(command.topic)
        if handler is None:
            return
        try:
            output = handler(command)
            if output is not OPEN:
                self.succeed(command, output)
        except TaskError as error:
            self.fail(command, error.error, error.cause)

    def _check(self):
        if self.problem:
            raise RuntimeError("the test's worker ended") from self.problem
        return True


def _consumer(kafka, group):
    return Consumer(
        {"bootstrap.servers": kafka, "group.id": group, "enable.auto.commit": False, "auto.offset.reset": "earliest",
         "enable.partition.eof": False, "fetch.wait.max.ms": 50, "log_level": 2}
    )


def _positions(consumer, topic, beginning):
    """Where to read each partition of a topic from; empty if there is no such topic."""
    found = consumer.list_topics(topic, timeout=10).topics[topic]
    if found.error:
        return []
    partitions = [TopicPartition(topic, number) for number in found.partitions]
    for partition in partitions:
        low, high = consumer.get_watermark_offsets(partition, timeout=10)
        partition.offset = low if beginning else high
    return partitions


def _text(value):
    return value.decode("utf-8", "replace") if value is not None else None
