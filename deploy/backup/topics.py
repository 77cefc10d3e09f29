#!/usr/bin/env python3
"""Copies Baton's topics to files and back, offset by offset: a backup that a new cluster can go on from.

    topics.py dump --kafka HOST:PORT [--prefix baton.] --to DIR      nodes may run meanwhile
    topics.py load --kafka HOST:PORT --from DIR                      into a cluster without these topics; no node runs

Needs Python 3.9 and `confluent-kafka`. Other settings of the client: `--set security.protocol=SASL_SSL`, repeated.

Why not any copy tool: offsets mean something here. An owner's epoch is the offset of its claim, a definition's revision
is its offset in the registry, and the history holds the offsets of the inputs that were applied. So every record must
come back at its offset. What the source has deleted below is filled with empty records and deleted again.

The order of a dump makes it consistent while nodes run: what a record of the history refers to (definitions, commands
that went out, inputs that were applied) was there before that record, so the history is copied first and the rest after
it. Positions of consumer groups come before everything: whatever a worker has committed has been completed.
"""

import argparse
import json
import struct
import sys
from pathlib import Path

from confluent_kafka import Consumer, KafkaError, KafkaException, Producer, TopicPartition
from confluent_kafka import ConsumerGroupTopicPartitions as GroupPositions
from confluent_kafka.admin import AdminClient, ConfigResource, NewTopic

# Announcements and cancellations are of use for minutes; those of the old cluster only mislead.
SKIPPED = ("nodes", "control")
# Copied in this order; whatever is not named comes after these.
ORDER = ("history", "registry")
MANIFEST = "topics.json"
TIMEOUT_S = 30
# What a producer may hold; past it, this waits.
BUFFERED_MAX = 50_000


def main():
    options = arguments()
    client = {"bootstrap.servers": options.kafka, **dict(pair.split("=", 1) for pair in options.set)}
    if options.command == "dump":
        dump(client, options.prefix, Path(options.to))
    else:
        load(client, Path(getattr(options, "from")))


def dump(client, prefix, to):
    """Writes all topics of `prefix` and the positions of the groups that read them to the directory `to`."""
    to.mkdir(parents=True)
    admin = AdminClient(client)
    names = [name for name in admin.list_topics(timeout=TIMEOUT_S).topics if name.startswith(prefix)]
    names = [name for name in names if name[len(prefix):] not in SKIPPED]
    if f"{prefix}history" not in names:
        sys.exit(f"there is no topic {prefix}history: is --prefix right?")
    names.sort(key=lambda name: (rank(name[len(prefix):]), name))
    manifest = {"prefix": prefix, "groups": positions_of_groups(admin, names), "topics": []}
    for name in names:
        parts = [dump_partition(client, name, number, to) for number in partitions_of(admin, name)]
        manifest["topics"].append({"name": name, "config": settings_of(admin, name), "partitions": parts})
        print(f"{name}: {sum(part['records'] for part in parts)} records in {len(parts)} partitions", flush=True)
    (to / MANIFEST).write_text(json.dumps(manifest, indent=1), encoding="utf-8")


def load(client, source):
    """Makes the topics of a dump and fills them, each record at its offset; then sets the groups' positions."""
    manifest = json.loads((source / MANIFEST).read_text(encoding="utf-8"))
    admin = AdminClient(client)
    there = set(admin.list_topics(timeout=TIMEOUT_S).topics)
    taken = [topic["name"] for topic in manifest["topics"] if topic["name"] in there]
    if taken:
        sys.exit(f"these topics exist already, and a load needs them not to: {', '.join(taken)}")
    new = [NewTopic(topic["name"], len(topic["partitions"]), config=topic["config"]) for topic in manifest["topics"]]
    for made in admin.create_topics(new).values():
        made.result(TIMEOUT_S)
    for topic in manifest["topics"]:
        for number, part in enumerate(topic["partitions"]):
            load_partition(client, topic["name"], number, part["low"], part["end"], file_of(source, topic["name"], number))
        low = [TopicPartition(topic["name"], number, part["low"]) for number, part in enumerate(topic["partitions"]) if part["low"]]
        if low:
            for deleted in admin.delete_records(low).values():
                deleted.result(TIMEOUT_S)
        print(f"{topic['name']}: loaded", flush=True)
    for group, positions in manifest["groups"].items():
        wanted = [TopicPartition(name, number, offset) for name, number, offset in positions]
        for set_to in admin.alter_consumer_group_offsets([GroupPositions(group, wanted)]).values():
            set_to.result(TIMEOUT_S)


def rank(name):
    """Place of a topic in the order of a dump."""
    return ORDER.index(name) if name in ORDER else len(ORDER)


def partitions_of(admin, name):
    return sorted(admin.list_topics(name, timeout=TIMEOUT_S).topics[name].partitions)


def settings_of(admin, name):
    """Settings that the topic has of its own."""
    resource = ConfigResource(ConfigResource.Type.TOPIC, name)
    entries = admin.describe_configs([resource])[resource].result(TIMEOUT_S).values()
    # 1: set on the topic itself; all else comes from the broker.
    return {entry.name: entry.value for entry in entries if entry.source == 1}


def positions_of_groups(admin, names):
    """`{group: [[topic, partition, offset]]}` of the groups that read these topics."""
    positions = {}
    for listed in admin.list_consumer_groups().result(TIMEOUT_S).valid:
        asked = admin.list_consumer_group_offsets([GroupPositions(listed.group_id)])
        found = asked[listed.group_id].result(TIMEOUT_S).topic_partitions
        kept = [[p.topic, p.partition, p.offset] for p in found if p.topic in names and p.offset >= 0]
        if kept:
            positions[listed.group_id] = kept
    return positions


def dump_partition(client, name, number, to):
    """Writes one partition as it is now; returns where it begins and ends. Begins anew when an owner deletes what was
    about to be read."""
    while True:
        try:
            return dump_once(client, name, number, file_of(to, name, number))
        except KafkaException as problem:
            if problem.args[0].code() not in (KafkaError._AUTO_OFFSET_RESET, KafkaError.OFFSET_OUT_OF_RANGE):
                raise


def dump_once(client, name, number, path):
    path.parent.mkdir(parents=True, exist_ok=True)
    consumer = Consumer({**client, "group.id": "baton.backup", "enable.auto.commit": False, "auto.offset.reset": "error",
                         "isolation.level": "read_committed", "enable.partition.eof": True})
    try:
        low, end = consumer.get_watermark_offsets(TopicPartition(name, number), timeout=TIMEOUT_S)
        consumer.assign([TopicPartition(name, number, low)])
        count, at = 0, low
        with open(path, "wb") as file:
            while at < end:
                for message in consumer.consume(1000, 1.0):
                    if message.error():
                        if message.error().code() != KafkaError._PARTITION_EOF:
                            raise KafkaException(message.error())
                        at = max(at, message.offset())
                    elif message.offset() < end:
                        file.write(packed(message))
                        count, at = count + 1, message.offset() + 1
                    else:
                        at = end
        return {"low": low, "end": end, "records": count}
    finally:
        consumer.close()


def load_partition(client, name, number, low, end, path):
    """Produces a partition's records, each at the offset that it had."""
    problems = []
    producer = Producer({**client, "enable.idempotence": True, "linger.ms": 20, "compression.type": "lz4"})

    def produce(expected, key, value, headers, time_ms):
        def delivered(error, message):
            if error or message.offset() != expected:
                problems.append(f"{name}[{number}]: record {expected} is at {message.offset()}: {error or 'somebody else writes'}")

        while len(producer) > BUFFERED_MAX:
            producer.poll(0.1)
        producer.produce(name, value, key, number, on_delivery=delivered, timestamp=time_ms, headers=headers)
        producer.poll(0)

    at = 0
    for offset, time_ms, key, value, headers in unpacked(path):
        for missing in range(at, offset):
            produce(missing, None, None, [], time_ms)
        produce(offset, key, value, headers, time_ms)
        at = offset + 1
        if problems:
            break
    for missing in range(at, end):
        produce(missing, None, None, [], 0)
    producer.flush(600)
    if problems or len(producer):
        sys.exit("\n".join(problems[:10]) or f"{name}[{number}]: not everything was acknowledged")


def file_of(directory, name, number):
    return directory / name / f"{number}.records"


def packed(message):
    """One record as bytes: offset, time, key, value, headers; -1 is the length of what is absent."""
    parts = [struct.pack(">qq", message.offset(), message.timestamp()[1]), field(message.key()), field(message.value())]
    headers = message.headers() or []
    parts.append(struct.pack(">i", len(headers)))
    for name, value in headers:
        parts += [field(name.encode()), field(value)]
    return b"".join(parts)


def field(content):
    return struct.pack(">i", -1) if content is None else struct.pack(">i", len(content)) + content


def unpacked(path):
    """The records of a file, as `packed` wrote them."""
    with open(path, "rb") as file:
        def read():
            (length,) = struct.unpack(">i", file.read(4))
            return None if length < 0 else file.read(length)

        while head := file.read(16):
            offset, time_ms = struct.unpack(">qq", head)
            key, value = read(), read()
            (count,) = struct.unpack(">i", file.read(4))
            headers = [(read().decode(), read()) for _ in range(count)]
            yield offset, time_ms, key, value, headers


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    commands = parser.add_subparsers(dest="command", required=True)
    dumping = commands.add_parser("dump", help="topics to files")
    dumping.add_argument("--prefix", default="baton.", help="of the topics (default: baton.)")
    dumping.add_argument("--to", required=True, metavar="DIR", help="a directory that does not exist yet")
    loading = commands.add_parser("load", help="files to topics")
    loading.add_argument("--from", required=True, metavar="DIR", help="what a dump wrote")
    for command in (dumping, loading):
        command.add_argument("--kafka", required=True, metavar="HOST:PORT")
        command.add_argument("--set", action="append", default=[], metavar="NAME=VALUE", help="a setting of the Kafka client")
    return parser.parse_args()


if __name__ == "__main__":
    main()
