"""Records in and out through librdkafka: codecs, keys, headers, tombstones, timestamps, positions."""

import logging

import pytest
from confluent_kafka import OFFSET_BEGINNING, OFFSET_END, TIMESTAMP_CREATE_TIME, TIMESTAMP_LOG_APPEND_TIME
from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition

from broker.clients import consumer, producer, read, read_from, send
from support.wait import until

# Timestamps of long ago would let the default retention remove the records while a test looks at them.
KEPT = {"retention.ms": "-1"}
CODECS = ["none", "gzip", "snappy", "lz4", "zstd"]


@pytest.mark.parametrize("codec", CODECS)
def test_every_codec_comes_back_as_it_was(broker, unique, codec):
    topic = unique("topic")
    broker.create_topic(topic)
    values = [f"{number} ".encode() * 200 for number in range(500)]
    placed = send(broker.address, topic, [{"value": value} for value in values], **{"compression.type": codec})
    assert placed == [(0, offset) for offset in range(500)]
    assert [record.value() for record in read_from(broker.address, topic, 0, 0, 500)] == values


def test_keys_headers_tombstones_and_timestamps(broker, unique):
    topic = unique("topic")
    broker.create_topic(topic, config=KEPT)
    sent = [
        {"key": b"k", "value": b"v", "headers": [("a", b"1"), ("a", b"2"), ("none", None)], "timestamp": 1_600_000_000_123},
        {"key": b"k", "value": None, "timestamp": 1_600_000_000_456},
        {"key": None, "value": b"", "timestamp": 1_600_000_000_789},
    ]
    send(broker.address, topic, sent)
    first, tombstone, empty = read_from(broker.address, topic, 0, 0, 3)
    assert (first.key(), first.value(), first.headers()) == (b"k", b"v", [("a", b"1"), ("a", b"2"), ("none", None)])
    assert first.timestamp() == (TIMESTAMP_CREATE_TIME, 1_600_000_000_123)
    assert (tombstone.key(), tombstone.value()) == (b"k", None)
    assert (empty.key(), empty.value() or b"") == (None, b"")


def test_the_broker_stamps_records_where_the_topic_says_so(broker, unique):
    topic = unique("topic")
    broker.create_topic(topic, config={"message.timestamp.type": "LogAppendTime"})
    send(broker.address, topic, [{"value": b"v", "timestamp": 1_000}])
    kind, at_ms = read_from(broker.address, topic, 0, 0, 1)[0].timestamp()
    assert kind == TIMESTAMP_LOG_APPEND_TIME
    assert at_ms > 1_600_000_000_000


def test_assign_and_seek(broker, unique):
    topic = unique("topic")
    broker.create_topic(topic, partitions=2, config=KEPT)
    for partition in (0, 1):
        send(broker.address, topic, [{"value": b"%d" % n, "partition": partition, "timestamp": 1_700_000_000_000 + n} for n in range(100)])
    reader = consumer(broker.address, unique("group"))
    try:
        reader.assign([TopicPartition(topic, 1, 90)])
        assert [record.offset() for record in read(reader, 10)] == list(range(90, 100))
        reader.seek(TopicPartition(topic, 1, 5))
        assert read(reader, 1)[0].offset() == 5
        assert reader.get_watermark_offsets(TopicPartition(topic, 0), timeout=10) == (0, 100)
        by_time = reader.offsets_for_times([TopicPartition(topic, 0, 1_700_000_000_042), TopicPartition(topic, 1, 1_800_000_000_000)], timeout=10)
        assert [found.offset for found in by_time] == [42, OFFSET_END]
        reader.assign([TopicPartition(topic, 0, OFFSET_BEGINNING)])
        assert read(reader, 1)[0].offset() == 0
    finally:
        reader.close()


def test_idempotent_producers_keep_the_order(broker, unique):
    topic = unique("topic")
    broker.create_topic(topic)
    placed = send(broker.address, topic, [{"value": b"%d" % n} for n in range(5_000)],
                  **{"enable.idempotence": True, "linger.ms": 0, "batch.num.messages": 10})
    assert placed == [(0, n) for n in range(5_000)]
    assert [record.value() for record in read_from(broker.address, topic, 0, 0, 5_000)] == [b"%d" % n for n in range(5_000)]


def test_what_is_too_large_is_told(broker, unique):
    topic = unique("topic")
    broker.create_topic(topic, config={"max.message.bytes": "1000"})
    errors = []
    sender = producer(broker.address)
    sender.produce(topic, b"x" * 5_000, on_delivery=lambda error, _: errors.append(error))
    sender.flush(20)
    assert [error.code() for error in errors] == [KafkaError.MSG_SIZE_TOO_LARGE]


def test_transactions_are_refused_cleanly(broker, unique):
    sender = producer(broker.address, **{"transactional.id": unique("tx")})
    with pytest.raises(KafkaException) as refused:
        sender.init_transactions(20)
    assert refused.value.args[0].code() == KafkaError.TRANSACTIONAL_ID_AUTHORIZATION_FAILED


def test_the_new_group_protocol_is_refused_cleanly(broker, unique):
    """librdkafka sees from ApiVersions that it is not there, says so, and asks for nothing that would be half done."""
    topic, said = unique("topic"), []
    broker.create_topic(topic)
    log = logging.getLogger(topic)
    log.setLevel(logging.DEBUG)
    log.propagate = False
    handler = logging.Handler()
    handler.emit = lambda record: said.append(record.getMessage())
    log.addHandler(handler)
    reader = Consumer({"bootstrap.servers": broker.address, "group.id": unique("group"), "group.protocol": "consumer",
                       "debug": "cgrp"}, logger=log)
    try:
        reader.subscribe([topic])
        until("the client to say so", lambda: reader.poll(0.1) or any("ConsumerGroupHeartbeatRequest not supported" in line for line in said))
    finally:
        reader.close()
