"""kill -9 in mid-stream, again and again, with torn writes: nothing acknowledged is lost, moved or out of order.

10 rounds, 200 with `--full`; `--seed N` repeats a run's choices (not its timing). Two producers write numbers without a
pause, one idempotent and one not, a third overwrites keys of a compacted topic, and a consumer commits. After every kill
the end of each log is damaged behind what was acknowledged.
"""

import random
import threading

import pytest
from confluent_kafka import KafkaException, TopicPartition

from broker.clients import consumer, producer
from broker.tearing import tear
from support.broker import Broker
from support.wait import until

ROUNDS, ROUNDS_FULL = 10, 200
# Small segments, so that rolling, retention of none and compaction are in the middle of things too.
SEGMENT = {"segment.bytes": "60000"}
# Only what is behind the last segment is compacted: a segment must be smaller than what the shortest run writes in full batches.
COMPACTED = {"segment.bytes": "10000", "cleanup.policy": "compact", "min.cleanable.dirty.ratio": "0.1"}
KEYS = 50
IN_QUEUE_MAX = 200


class Stream:
    """Numbers for one partition, sent without a pause; remembers which were acknowledged where."""

    def __init__(self, address, topic, key_of=lambda number: None, **settings):
        self.topic, self.key_of = topic, key_of
        self.next, self.acknowledged = 0, {}
        self.lost_connections = 0
        self.sender = producer(address, **{
            "message.timeout.ms": 0, "linger.ms": 0, "batch.num.messages": 20, "retry.backoff.ms": 10, "reconnect.backoff.ms": 10,
            "reconnect.backoff.max.ms": 50, "error_cb": self._lost, **settings,
        })

    def push(self):
        """Keeps the queue filled, takes acknowledgements."""
        while len(self.sender) < IN_QUEUE_MAX:
            self.sender.produce(self.topic, b"%d" % self.next, key=self.key_of(self.next), partition=0, on_delivery=self._told(self.next))
            self.next += 1
        self.sender.poll(0.001)

    def hear_out(self, losses_before):
        """Takes every acknowledgement that reached this side before the connection broke."""
        until("the connection to be lost", lambda: self.sender.poll(0.01) is not None and self.lost_connections > losses_before, every_s=0)
        while self.sender.poll(0):
            pass

    def end(self):
        """The offset after the last that was acknowledged."""
        return max(self.acknowledged.values(), default=-1) + 1

    def _told(self, number):
        def told(error, message):
            assert error is None, f"{self.topic} {number}: {error}"
            assert number not in self.acknowledged, f"{number} was acknowledged twice"
            self.acknowledged[number] = message.offset()

        return told

    def _lost(self, error):
        self.lost_connections += 1


class Committer:
    """Commits ever larger offsets from a thread of its own."""

    def __init__(self, address, group, topic):
        self.group, self.topic, self.address = group, topic, address
        self.tried = self.done = 0
        self._ends = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def stop(self):
        """Ends the thread."""
        self._ends.set()
        self._thread.join(30)
        assert not self._thread.is_alive()

    def check(self):
        """What is committed is the last that was acknowledged, or one that was under way after it."""
        reader = consumer(self.address, self.group)
        try:
            least = self.done
            [found] = until("the committed offset", lambda: reader.committed([TopicPartition(self.topic, 0)], timeout=2))
            assert least <= max(found.offset, 0) <= self.tried, f"{found.offset} is committed; {least} was acknowledged"
        finally:
            reader.close()

    def _run(self):
        reader = consumer(self.address, self.group, **{"reconnect.backoff.ms": 10, "reconnect.backoff.max.ms": 50})
        while not self._ends.is_set():
            self.tried += 1
            try:
                reader.commit(offsets=[TopicPartition(self.topic, 0, self.tried)], asynchronous=False)
                self.done = self.tried
            except KafkaException:  # the broker was killed: not acknowledged
                self._ends.wait(0.01)
        reader.close()


@pytest.fixture
def choices(request):
    """What happens is chosen by this; a failure shows the seed."""
    seed = request.config.getoption("--seed") or random.SystemRandom().randrange(1 << 32)
    print(f"seed {seed}")
    return random.Random(seed)


def test_kills_in_mid_stream(directory, unique, request, choices):
    rounds = ROUNDS_FULL if request.config.getoption("--full") else ROUNDS
    broker = Broker(directory / unique("killed"), ["--housekeeping-ms", "50"]).start()
    try:
        for topic, config in (("exactly", SEGMENT), ("plain", SEGMENT), ("newest", COMPACTED)):
            broker.create_topic(topic, config=config)
        streams = [
            Stream(broker.address, "exactly", **{"enable.idempotence": True}),
            Stream(broker.address, "plain", **{"max.in.flight.requests.per.connection": 1, "acks": "all"}),
            Stream(broker.address, "newest", key_of=lambda number: b"%d" % (number % KEYS), **{"enable.idempotence": True}),
        ]
        committer = Committer(broker.address, "group", "exactly")
        done = {}
        for _ in range(rounds):
            disturb(broker, streams, choices, done)
            committer.check()
        finish(streams)
        committer.stop()
        check_exactly(broker.address, streams[0])
        check_plain(broker.address, streams[1])
        check_newest(broker.address, streams[2])
        counts = ", ".join(f"{len(stream.acknowledged)} in {stream.topic}" for stream in streams)
        print(f"{rounds} kills; acknowledged: {counts}; {committer.done} commits; torn: {done}")
        assert broker.stop() == 0
    finally:
        broker.kill()


def disturb(broker, streams, choices, done):
    """One kill at a random moment, torn writes, and a start that may be killed too."""
    wanted = [len(stream.acknowledged) + choices.randrange(1, 400) for stream in streams]

    def enough():
        for stream in streams:
            stream.push()
        return all(len(stream.acknowledged) >= count for stream, count in zip(streams, wanted))

    until("acknowledgements in mid-stream", enough, every_s=0)
    losses = [stream.lost_connections for stream in streams]
    broker.kill()
    for stream, before in zip(streams, losses):
        stream.hear_out(before)
        how = tear(broker.log_folder / "topics" / stream.topic / "0", stream.end(), choices)
        done[how] = done.get(how, 0) + 1
    tear(broker.log_folder / "state", 1 << 62, choices)
    if choices.randrange(4) == 0:
        broker.process.start()
        threading.Event().wait(choices.uniform(0, 0.03))
        broker.kill()
    broker.restart()


def finish(streams):
    """Waits until everything sent is acknowledged."""
    for stream in streams:
        assert stream.sender.flush(60) == 0, f"{stream.topic}: not everything was acknowledged in the end"
        assert sorted(stream.acknowledged) == list(range(stream.next))


def check_exactly(address, stream):
    """The log is the numbers, each once, in order, each at the offset that was acknowledged."""
    log = whole_log(address, stream.topic)
    assert [int(record.value()) for record in log] == list(range(stream.next))
    assert stream.acknowledged == {number: number for number in range(stream.next)}


def check_plain(address, stream):
    """Each number is where it was acknowledged. Without idempotence some are there twice, but none comes too early."""
    log = whole_log(address, stream.topic)
    assert [record.offset() for record in log] == list(range(len(log)))
    assert {number: int(log[offset].value()) for number, offset in stream.acknowledged.items()} == {n: n for n in range(stream.next)}
    firsts = list(dict.fromkeys(int(record.value()) for record in log))
    assert firsts == list(range(stream.next)), "a number came before an earlier one"


def check_newest(address, stream):
    """Every record left is where it was acknowledged, and the last of each key is left."""
    until("something to be compacted", lambda: len(whole_log(address, stream.topic)) < stream.next)
    log = whole_log(address, stream.topic)
    offsets = {int(record.value()): record.offset() for record in log}
    assert len(offsets) == len(log) and offsets.items() <= stream.acknowledged.items()
    newest = {record.key(): int(record.value()) for record in log}
    assert newest == {b"%d" % (number % KEYS): number for number in range(stream.next - KEYS, stream.next)}


def whole_log(address, topic):
    """All records of partition 0 in the order of their offsets."""
    reader = consumer(address, "looks-only")
    try:
        low, high = reader.get_watermark_offsets(TopicPartition(topic, 0), timeout=10)
        reader.assign([TopicPartition(topic, 0, low)])
        log = []

        def whole():
            for record in reader.consume(1000, 0.2):
                assert record.error() is None, record.error()
                log.append(record)
            return log and log[-1].offset() == high - 1

        until(f"the whole log of {topic}", whole, timeout_s=60, every_s=0)
        offsets = [record.offset() for record in log]
        assert offsets == sorted(set(offsets)), "offsets go up"
        return log
    finally:
        reader.close()
