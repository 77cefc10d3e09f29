"""What the broker removes: by DeleteRecords, by retention, by compaction; and what it keeps over a crash."""

import itertools

import pytest
from confluent_kafka import KafkaError, KafkaException, TopicPartition
from confluent_kafka.admin import ConfigResource, NewPartitions

from broker.clients import consumer, producer, read, read_from, send
from support.wait import until


def watermarks(address, topic):
    """First offset kept, and the next one."""
    reader = consumer(address, "looks-only")
    try:
        return reader.get_watermark_offsets(TopicPartition(topic, 0), timeout=10)
    finally:
        reader.close()


def test_delete_records(broker, unique):
    topic = unique("topic")
    broker.create_topic(topic)
    send(broker.address, topic, [{"value": b"%d" % n} for n in range(10)])
    deleted = broker.admin.delete_records([TopicPartition(topic, 0, 7)])
    assert [future.result(10).low_watermark for future in deleted.values()] == [7]
    assert watermarks(broker.address, topic) == (7, 10)
    assert [record.offset() for record in read_from(broker.address, topic, 0, 7, 3)] == [7, 8, 9]


def test_retention_by_size_removes_whole_segments(broker, unique):
    topic = unique("topic")
    broker.create_topic(topic, config={"segment.bytes": "20000", "retention.bytes": "40000"})
    for _ in range(20):
        send(broker.address, topic, [{"value": b"x" * 5_000}])
    start, end = until("the oldest segments to go", lambda: (lambda low, high: low > 0 and (low, high))(*watermarks(broker.address, topic)))
    assert end == 20
    assert [record.offset() for record in read_from(broker.address, topic, 0, start, end - start)] == list(range(start, end))


def test_retention_by_time(broker, unique):
    topic = unique("topic")
    broker.create_topic(topic, config={"retention.ms": "500", "segment.ms": "100"})
    send(broker.address, topic, [{"value": b"old"}])
    until("the record to be too old", lambda: watermarks(broker.address, topic) == (1, 1))
    send(broker.address, topic, [{"value": b"new"}])


def test_compaction_keeps_the_last_of_each_key(broker, unique):
    topic = unique("topic")
    broker.create_topic(topic, config={"cleanup.policy": "compact", "segment.bytes": "4000", "min.cleanable.dirty.ratio": "0.01",
                                       "delete.retention.ms": "100"})
    for round_ in range(10):
        send(broker.address, topic, [{"key": b"%d" % key, "value": b"%d" % round_ + b"x" * 100} for key in range(10)])
    send(broker.address, topic, [{"key": b"last", "value": b"y" * 4_000}])

    def compacted():
        reader = consumer(broker.address, unique("group"))
        try:
            reader.assign([TopicPartition(topic, 0, 0)])
            records = []
            while not records or records[-1].offset() < 100:
                records.extend(read(reader, 1))
            return len(records) < 60 and records
        finally:
            reader.close()

    records = until("most of the former values to go", compacted)
    newest = {record.key(): record.value() for record in records}
    assert all(newest[b"%d" % key].startswith(b"9") for key in range(10))
    offsets = [record.offset() for record in records]
    assert offsets == sorted(offsets)


def test_a_compacted_topic_takes_no_record_without_a_key(broker, unique):
    topic = unique("topic")
    broker.create_topic(topic, config={"cleanup.policy": "compact"})
    errors = []
    sender = producer(broker.address)
    sender.produce(topic, b"v", on_delivery=lambda error, _: errors.append(error))
    sender.flush(20)
    assert [error.code() for error in errors] == [KafkaError.INVALID_RECORD]


def test_settings_and_partitions_through_the_admin_client(broker, unique):
    topic = unique("topic")
    broker.create_topic(topic)
    broker.alter_topic(topic, {"retention.ms": "12345"})
    resource = ConfigResource(ConfigResource.Type.TOPIC, topic)
    described = broker.admin.describe_configs([resource])[resource].result(10)
    assert described["retention.ms"].value == "12345"
    assert described["unclean.leader.election.enable"].value == "false"
    broker.admin.create_partitions([NewPartitions(topic, 3)])[topic].result(10)
    until("three partitions", lambda: len(broker.admin.list_topics(topic, timeout=5).topics[topic].partitions) == 3)
    with pytest.raises(KafkaException) as refused:
        broker.alter_topic(topic, {"retention.ms": "soon"})
    assert refused.value.args[0].code() == KafkaError.INVALID_CONFIG
    node = ConfigResource(ConfigResource.Type.BROKER, "1")
    assert broker.admin.describe_configs([node])[node].result(10)["min.insync.replicas"].value == "1"
    broker.delete_topic(topic)


def test_acknowledged_records_survive_a_kill(own_broker, unique):
    topic = unique("topic")
    own_broker.create_topic(topic)
    acknowledged = []
    sender = producer(own_broker.address, **{"linger.ms": 0})

    def delivered(error, message):
        if error is None:
            acknowledged.append((message.offset(), message.value()))

    numbers = itertools.count()

    def enough():
        for _ in range(100):
            sender.produce(topic, b"%d" % next(numbers), on_delivery=delivered)
        sender.poll(0.01)
        return len(acknowledged) > 500

    until("some acknowledgements in mid-stream", enough, every_s=0)
    own_broker.kill()
    kept = list(acknowledged)
    own_broker.restart()
    read_back = {record.offset(): record.value() for record in read_from(own_broker.address, topic, 0, 0, kept[-1][0] + 1)}
    assert [(offset, read_back[offset]) for offset, _ in kept] == kept
    sender.purge()
    sender.flush(10)


def test_users(directory, unique):
    from support.broker import Broker

    sasl = {"security.protocol": "SASL_PLAINTEXT", "sasl.mechanism": "PLAIN", "sasl.username": "ada"}
    good = {**sasl, "sasl.password": "secret"}
    guarded = Broker(directory / unique("users"), ["--user", "ada:secret"], good).start()
    try:
        guarded.create_topic("topic")
        assert send(guarded.address, "topic", [{"value": b"v"}], **good) == [(0, 0)]
        errors = []
        stranger = producer(guarded.address, error_cb=errors.append, **{**sasl, "sasl.password": "guess"})
        until("the refusal", lambda: stranger.poll(0.1) is not None and any(error.code() == KafkaError._AUTHENTICATION for error in errors))
    finally:
        guarded.kill()
