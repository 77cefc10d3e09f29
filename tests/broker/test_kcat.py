"""kcat: codecs, keys, headers, tombstones, timestamps, positions, groups; skipped where the system does not have it."""

import json
import shutil

import pytest

from broker.clients import send
from broker.programs import kcat, run
from support.wait import until

pytestmark = pytest.mark.skipif(shutil.which("kcat") is None, reason="kcat is not on PATH; Debian's package is kcat")
T0 = 1_700_000_000_000
KEPT = {"retention.ms": "-1"}


@pytest.mark.parametrize("codec", ["none", "gzip", "snappy", "lz4", "zstd"])
def test_every_codec(broker, unique, codec):
    topic = unique("topic")
    broker.create_topic(topic)
    lines = "".join(f"{n} " * 200 + "\n" for n in range(200))
    kcat("-b", broker.address, "-P", "-t", topic, "-z", codec, stdin=lines.encode())
    assert kcat("-b", broker.address, "-C", "-t", topic, "-o", "beginning", "-e") == lines


def test_keys_headers_and_tombstones(broker, unique):
    topic = unique("topic")
    broker.create_topic(topic)
    kcat("-b", broker.address, "-P", "-t", topic, "-K", ":", "-Z", "-H", "a=1", "-H", "b=2", stdin=b"k:v\nk:\n")
    read = kcat("-b", broker.address, "-C", "-t", topic, "-o", "beginning", "-e", "-J").splitlines()
    parts = [(record["key"], record["payload"], record["headers"]) for record in map(json.loads, read)]
    assert parts == [("k", "v", ["a", "1", "b", "2"]), ("k", None, ["a", "1", "b", "2"])]


def test_timestamps_and_positions(broker, unique):
    topic = unique("topic")
    broker.create_topic(topic, config=KEPT)
    send(broker.address, topic, [{"value": b"%d" % n, "timestamp": T0 + n} for n in range(100)])
    read = ["-b", broker.address, "-C", "-t", topic, "-p", "0", "-e", "-f", "%o@%T\n"]
    expected = [f"{n}@{T0 + n}" for n in range(100)]
    assert kcat(*read, "-o", "90").split() == expected[90:]
    assert kcat(*read, "-o", "-3").split() == expected[97:]
    assert kcat(*read, "-o", f"s@{T0 + 42}").split() == expected[42:]
    assert kcat("-b", broker.address, "-Q", "-t", f"{topic}:0:{T0 + 42}").split() == [topic, "[0]", "offset", "42"]


def test_a_group_goes_on_where_it_was(broker, unique):
    topic, group = unique("topic"), unique("group")
    broker.create_topic(topic, partitions=2)
    send(broker.address, topic, [{"value": b"%d" % n, "partition": n % 2} for n in range(20)])
    member = ["-b", broker.address, "-X", "auto.offset.reset=earliest", "-X", "partition.assignment.strategy=cooperative-sticky", "-e", "-G", group, topic]
    assert sorted(map(int, kcat(*member).split())) == list(range(20))
    send(broker.address, topic, [{"value": b"more"}])
    assert kcat(*member).split() == ["more"]


def test_metadata(broker, unique):
    topic = unique("topic")
    broker.create_topic(topic, partitions=3)
    told = json.loads(kcat("-b", broker.address, "-L", "-t", topic, "-J"))
    assert [len(one["partitions"]) for one in told["topics"]] == [3]
    assert [one["name"] for one in told["brokers"]] == [broker.address]


def test_what_was_compacted_and_deleted(broker, unique):
    topic = unique("topic")
    broker.create_topic(topic, config={"cleanup.policy": "compact", "segment.bytes": "2000", "min.cleanable.dirty.ratio": "0.01"})
    for round_ in range(10):
        lines = "".join(f"{key}:{round_}{'x' * 100}\n" for key in range(10))
        kcat("-b", broker.address, "-P", "-t", topic, "-K", ":", "-z", "lz4", stdin=lines.encode())
    kcat("-b", broker.address, "-P", "-t", topic, "-K", ":", stdin=b"last:" + b"y" * 3000)
    read = ["-b", broker.address, "-C", "-t", topic, "-o", "beginning", "-e", "-f", "%o %k %s\n"]
    kept = until("most of the former values to go", lambda: (lambda rows: len(rows) < 60 and rows)(kcat(*read).splitlines()))
    newest = {key: value[0] for _, key, value in (row.split() for row in kept)}
    assert [newest[str(key)] for key in range(10)] == ["9"] * 10


def test_transactions_are_refused(broker, unique):
    topic = unique("topic")
    broker.create_topic(topic)
    said = run([shutil.which("kcat"), "-b", broker.address, "-P", "-t", topic, "-X", f"transactional.id={topic}"], stdin=b"v\n", fails=True)
    assert "authorization failed" in said.lower(), said
