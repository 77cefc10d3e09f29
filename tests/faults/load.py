"""Load: executions asked for by records, a fixed number in flight, each of which reports its end to a topic.

Owns: what counts as accepted (Kafka acknowledged the request) and completed (its result came back).
"""

import threading

from confluent_kafka import Consumer, Producer, TopicPartition

from support.clients import execution_arn, machine_arn
from support.records import START
from support.wait import until

IN_FLIGHT = 100


class Load:
    """Runs in a thread of its own until `finish`."""

    def __init__(self, kafka, prefix, machine, replies, in_flight=IN_FLIGHT):
        self.prefix = prefix
        self.machine = machine
        self.replies = replies
        self.in_flight = in_flight
        self.accepted = set()
        self.completed = {}  # ARN -> status
        self.repeated = 0  # results that came again
        self.refused = []  # requests that Kafka did not take
        self.asked = 0
        self.problem = None
        self.starting = True
        self.ended = threading.Event()
        self.producer = Producer(
            {"bootstrap.servers": kafka, "partitioner": "murmur2_random", "enable.idempotence": True,
             "message.timeout.ms": 120_000, "retry.backoff.max.ms": 200, "reconnect.backoff.max.ms": 200, "log_level": 2}
        )
        self.consumer = Consumer(
            {"bootstrap.servers": kafka, "group.id": "faults", "enable.auto.commit": False,
             "reconnect.backoff.max.ms": 200, "fetch.wait.max.ms": 50, "log_level": 2}
        )
        self.consumer.assign([TopicPartition(replies, 0, 0)])
        self.thread = threading.Thread(target=self._run, daemon=True)

    def start(self):
        """Begins."""
        self.thread.start()
        return self

    def advance(self, number, timeout_s=120):
        """Waits until `number` more executions have completed."""
        goal = len(self.completed) + number
        until(
            f"{number} more executions to complete ({len(self.completed)} of {len(self.accepted)} have)",
            lambda: self._check() and len(self.completed) >= goal, timeout_s,
        )

    def finish(self, timeout_s=120):
        """Starts nothing more and waits for what was accepted; does not fail if something is missing."""
        self.starting = False
        try:
            until("the last executions", lambda: self._check() and self._all_done(), timeout_s)
        except AssertionError as late:
            print(f"{late}; missing: {sorted(self.accepted - self.completed.keys())[:5]}", flush=True)
        self.ended.set()
        self.thread.join(20)
        self.consumer.close()

    def _all_done(self):
        return self.asked == len(self.accepted) + len(self.refused) and self.accepted <= self.completed.keys()

    def _check(self):
        if self.problem:
            raise SystemExit(f"the load driver ended: {self.problem!r}")
        return True

    def _run(self):
        try:
            while not self.ended.is_set():
                while self.starting and self.asked - len(self.refused) - len(self.completed) < self.in_flight:
                    self._ask()
                self.producer.poll(0)
                for message in self.consumer.consume(self.in_flight, 0.005):
                    if not message.error():
                        self._closed(message)
        except Exception as problem:  # shown by the thread that waits
            self.problem = problem

    def _ask(self):
        self.asked += 1
        name = f"n{self.asked}"
        arn = execution_arn(self.machine, name)
        headers = {"ce_specversion": "1.0", "ce_id": arn, "ce_type": START, "ce_source": "faults", "ce_subject": name,
                   "ce_batonstatemachine": machine_arn(self.machine), "ce_batonreplytopic": self.replies,
                   "ce_batonreplypartition": "0", "content-type": "application/json"}
        self.producer.produce(
            f"{self.prefix}requests", f'{{"n":{self.asked}}}', arn, headers=list(headers.items()),
            on_delivery=lambda error, message: self.refused.append((arn, error)) if error else self.accepted.add(arn),
        )

    def _closed(self, message):
        arn = message.key().decode()
        if arn in self.completed:
            self.repeated += 1
        headers = dict(message.headers())
        self.completed[arn] = headers["ce_subject"].decode()
