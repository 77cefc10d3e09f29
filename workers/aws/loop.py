"""Kafka's side of the worker, by confluent-kafka alone: commands in, completions out, offsets behind them.

Owns: at most `concurrency` tasks at a time; an offset is committed when everything before it is answered and the answer is
acknowledged; heartbeats; cancellations; an orderly end. Knows nothing of AWS.
"""

import datetime
import json
import logging
import threading
import time
from concurrent.futures import ThreadPoolExecutor

from confluent_kafka import Consumer, KafkaError, Producer, TopicPartition

LOOK_FOR_QUEUES_S = 10
COMMIT_EVERY_S = 0.5
DRAIN_S = 25
CAUSE_LENGTH_MAX = 32768


class TaskError(Exception):
    """A failure that the workflow sees: error name and cause."""

    def __init__(self, error, cause=""):
        super().__init__(f"{error}: {cause}")
        self.error, self.cause = error, cause


class Submitted:
    """A first answer; the task goes on and somebody else ends it."""

    def __init__(self, output):
        self.output = output


class Task:
    """A command and how to answer it."""

    def __init__(self, message, producer):
        self.producer = producer
        self.headers = {name: (value or b"").decode() for name, value in message.headers() or []}
        self.value = message.value()
        self.at = (message.topic(), message.partition(), message.offset())
        self.token = self.headers["ce_id"]
        self.resource = self.headers.get("ce_batonresource", "")
        self.unwanted = threading.Event()
        beat = float(self.headers.get("ce_batonheartbeat", 0))
        self.beat_every = beat / 3 if beat else None
        self.beat_at = time.monotonic() + (self.beat_every or 0)
        deadline = self.headers.get("ce_batondeadline")
        self.deadline = datetime.datetime.fromisoformat(deadline.replace("Z", "+00:00")).timestamp() if deadline else None

    def submitted(self, output):
        """Tells that the task goes on."""
        self.send("submitted", output)

    def send(self, outcome, value, on_delivery=None):
        """Produces a completion record where the command says."""
        headers = {"ce_specversion": "1.0", "ce_type": f"baton.task.{outcome}.v1", "ce_id": f"{self.token}/{outcome}",
                   "ce_source": "urn:baton:worker", "ce_batontoken": self.token, "content-type": "application/json"}
        if "traceparent" in self.headers:
            headers["traceparent"] = self.headers["traceparent"]
        body = None if value is None else json.dumps(value)
        topic, partition = self.headers["ce_batonreplytopic"], int(self.headers["ce_batonreplypartition"])
        while True:
            try:
                return self.producer.produce(topic, body, self.token, partition, on_delivery, headers=list(headers.items()))
            except BufferError:
                self.producer.poll(0.1)


class Loop:
    """Polls, hands out, answers, commits."""

    def __init__(self, options, handler, not_ours=()):
        self.handler, self.not_ours, self.prefix = handler, not_ours, options.prefix
        self.services, self.concurrency = options.services, options.concurrency
        kafka = {"bootstrap.servers": options.kafka, **dict(item.split("=", 1) for item in options.kafka_config)}
        settings = {"enable.auto.commit": False, "auto.offset.reset": "earliest", "session.timeout.ms": 10000,
                    "partition.assignment.strategy": "cooperative-sticky", "topic.metadata.refresh.interval.ms": 1000}
        if options.instance:
            settings["group.instance.id"] = options.instance
        self.consumer = Consumer(kafka | settings | {"group.id": f"{self.prefix}worker.aws"})
        self.control = Consumer(kafka | {"group.id": f"{self.prefix}worker.aws.control", "enable.auto.commit": False})
        self.producer = Producer(kafka | {"enable.idempotence": True, "linger.ms": 0})
        self.stopping = threading.Event()
        self.lock = threading.Lock()
        self.running, self.waiting = {}, []
        self.offsets = {}
        self.paused, self.queues = False, None
        self.looked, self.committed = float("-inf"), time.monotonic()

    def stop(self):
        """Ends `run` in an orderly way."""
        self.stopping.set()

    def run(self):
        """Serves until stopped."""
        threading.Thread(target=self._hear_cancellations, daemon=True).start()
        with ThreadPoolExecutor(self.concurrency) as pool:
            while not self.stopping.is_set():
                self._subscribe()
                self._poll(pool)
                self._keep_house()
            self._drain()

    def _subscribe(self):
        """Follows the queues named, or all there are; a queue's topic is made when a definition first names it."""
        if time.monotonic() - self.looked < LOOK_FOR_QUEUES_S:
            return
        self.looked = time.monotonic()
        base = f"{self.prefix}commands.aws-sdk."
        if self.services:
            wanted = sorted(base + service for service in self.services)
        else:
            found = (topic for topic in self.consumer.list_topics(timeout=10).topics if topic.startswith(base))
            wanted = sorted(topic for topic in found if topic.removeprefix(base) not in self.not_ours)
        if wanted != self.queues and wanted:
            logging.info("serving %s", ", ".join(wanted))
            self.consumer.subscribe(wanted, on_revoke=self._revoked, on_lost=self._revoked)
            self.queues = wanted

    def _poll(self, pool):
        is_full = len(self.running) >= self.concurrency
        if is_full != self.paused:
            assigned = self.consumer.assignment()
            (self.consumer.pause if is_full else self.consumer.resume)(assigned)
            self.paused = is_full
        message = self.consumer.poll(0.05)
        if message is None:
            return
        if message.error():
            if message.error().code() != KafkaError.UNKNOWN_TOPIC_OR_PART:
                logging.warning("%s", message.error())
            return
        place = message.topic(), message.partition()
        with self.lock:
            self.offsets.setdefault(place, {})[message.offset()] = False
        try:
            task = Task(message, self.producer)
        except (KeyError, ValueError) as wrong:
            logging.error("%s at %s is no command: %r", *place, wrong)
            return self._settle((*place, message.offset()))
        with self.lock:
            self.running[task.at] = task
        pool.submit(self._do, task)

    def _do(self, task):
        try:
            output = self.handler(task)
            outcome, value = ("submitted", output.output) if isinstance(output, Submitted) else ("succeeded", output)
        except TaskError as failure:
            outcome, value = "failed", {"error": failure.error, "cause": failure.cause[:CAUSE_LENGTH_MAX]}
        except Exception as failure:  # whatever it is, the workflow is told
            logging.exception("a bug in this worker, or an answer that it does not know")
            outcome, value = "failed", {"error": type(failure).__name__, "cause": str(failure)[:CAUSE_LENGTH_MAX]}
        fields = (task.headers.get("ce_source"), task.headers.get("ce_subject"), task.resource, outcome)
        logging.info("execution.id=%s state.name=%s resource=%s outcome=%s", *fields)
        self._answer(task, outcome, value)

    def _answer(self, task, outcome, value):
        def delivered(error, _):
            if error is None:
                self._settle(task.at)
            elif error.code() == KafkaError.MSG_SIZE_TOO_LARGE:
                self._too_large(task)
            else:  # not settled: the command comes again
                logging.error("completion not delivered: %s", error)
                self.stop()

        try:
            task.send(outcome, value, delivered)
        except Exception as refused:  # too large for the client already
            logging.error("%s", refused)
            self._too_large(task)

    def _too_large(self, task):
        cause = "The answer is larger than a Kafka record may be."
        self._answer(task, "failed", {"error": "States.DataLimitExceeded", "cause": cause})

    def _settle(self, at):
        topic, partition, offset = at
        with self.lock:
            self.running.pop(at, None)
            if offset in self.offsets.get((topic, partition), {}):
                self.offsets[topic, partition][offset] = True

    def _keep_house(self):
        self.producer.poll(0)
        now = time.monotonic()
        for task in list(self.running.values()):
            if task.deadline and time.time() > task.deadline:
                task.unwanted.set()
            elif task.beat_every and now >= task.beat_at:
                task.beat_at = now + task.beat_every
                task.send("heartbeat", None)
        if now - self.committed >= COMMIT_EVERY_S:
            self.committed = now
            self._commit(asynchronous=True)

    def _commit(self, asynchronous):
        done = []
        with self.lock:
            for (topic, partition), offsets in self.offsets.items():
                # Offsets are in the order in which they were read; up to the first unanswered one all are done.
                last = None
                for offset in list(offsets):
                    if not offsets[offset]:
                        break
                    last = offset
                    del offsets[offset]
                if last is not None:
                    done.append(TopicPartition(topic, partition, last + 1))
        if done:
            try:
                self.consumer.commit(offsets=done, asynchronous=asynchronous)
            except Exception as error:
                logging.warning("not committed; those commands may come again: %s", error)

    def _revoked(self, _, partitions):
        self._commit(asynchronous=False)
        with self.lock:
            for partition in partitions:
                self.offsets.pop((partition.topic, partition.partition), None)

    def _drain(self):
        until = time.monotonic() + DRAIN_S
        while self.running and time.monotonic() < until:
            self._keep_house()
            self.consumer.poll(0.05) if self.paused else time.sleep(0.05)
        for task in list(self.running.values()):
            logging.warning("given up: the command comes again")
        self.producer.flush(5)
        self._commit(asynchronous=False)
        self.consumer.close()
        if self.running:
            import os

            os._exit(0)  # threads that wait for jobs must not hold the process; their commands come again

    def _hear_cancellations(self):
        topic = f"{self.prefix}control"
        while not self.stopping.is_set():
            if self.control.list_topics(topic, timeout=10).topics[topic].partitions:
                break
            self.stopping.wait(1)
        self.control.assign([TopicPartition(topic, 0, -1)])
        while not self.stopping.is_set():
            message = self.control.poll(0.5)
            if message is None or message.error() or not message.key():
                continue
            token = message.key().decode()
            for task in list(self.running.values()):
                if task.token == token:
                    task.unwanted.set()
