"""confluent-kafka's clients as the tests of the broker use them: send and be sure, read until there is enough."""

import threading

from confluent_kafka import Consumer, KafkaError, Producer, TopicPartition

from support.wait import until

SESSION_MS = 2000


def producer(address, **settings):
    """A producer that reports its errors instead of printing them."""
    return Producer({"bootstrap.servers": address, "log_level": 0, **settings})


def send(address, topic, records, **settings):
    """Sends records, each a dict of `produce`'s arguments, and answers their (partition, offset) in order."""
    sender = producer(address, **settings)
    done = {}

    def delivered(number):
        def report(error, message):
            assert error is None, error
            done[number] = (message.partition(), message.offset())

        return report

    for number, record in enumerate(records):
        sender.produce(topic, **record, on_delivery=delivered(number))
    assert sender.flush(30) == 0, "not everything was delivered"
    return [done[number] for number in range(len(records))]


def consumer(address, group, **settings):
    """A consumer of a group that begins at the beginning and commits only when it is told to."""
    return Consumer({
        "bootstrap.servers": address, "group.id": group, "log_level": 0, "auto.offset.reset": "earliest",
        "enable.auto.commit": False, "session.timeout.ms": SESSION_MS, "heartbeat.interval.ms": 200, **settings,
    })


def read(reader, count, timeout_s=30):
    """Reads exactly this many records."""
    records = []

    def enough():
        message = reader.poll(0.2)
        if message is not None:
            assert message.error() is None, message.error()
            records.append(message)
        return len(records) >= count

    until(f"{count} records", enough, timeout_s, every_s=0)
    return records


def read_from(address, topic, partition, offset, count):
    """Reads by hand, without a group's assignment."""
    reader = consumer(address, "by-hand")
    try:
        reader.assign([TopicPartition(topic, partition, offset)])
        return read(reader, count)
    finally:
        reader.close()


class Member:
    """A member of a group in a thread of its own: polls, and remembers what it has and what it read."""

    def __init__(self, address, group, topics, strategy, **settings):
        self.reader = consumer(address, group, **{"partition.assignment.strategy": strategy, **settings})
        self.topics = topics
        self.records = []
        self.held = set()
        self.revocations = 0
        self._ends = threading.Event()
        self._failure = None
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def leave(self):
        """Ends in an orderly way."""
        self._ends.set()
        self._thread.join(30)
        assert not self._thread.is_alive()
        assert self._failure is None, self._failure

    def _run(self):
        try:
            self.reader.subscribe(self.topics, on_revoke=self._on_revoke)
            while not self._ends.is_set():
                message = self.reader.poll(0.1)
                self.held = {partition.partition for partition in self.reader.assignment()}
                if message is None:
                    continue
                if message.error() is not None:
                    assert message.error().code() == KafkaError._PARTITION_EOF, message.error()
                    continue
                self.records.append((message.partition(), message.offset()))
            self.held = set()
            self.reader.close()
        except Exception as failure:  # told to the test by leave()
            self._failure = failure

    def _on_revoke(self, reader, partitions):
        self.revocations += 1
