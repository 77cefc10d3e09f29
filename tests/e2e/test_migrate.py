"""`baton migrate`: what runs on the embedded broker goes on on a Kafka, with nothing lost, done twice or forgotten."""

import json

from confluent_kafka import Consumer, Producer, TopicPartition
from confluent_kafka.admin import ConfigResource
from machines import chain, create, passing, start

from support.baton import Baton
from support.broker import Broker
from support.clients import execution_arn, history, stepfunctions, wait_closed
from support.kafka import Kafka
from support.paths import BATON
from support.process import Process
from support.records import OPEN, PlainWorker
from support.wait import until

OPENED = 10


def migrate(directory, *arguments):
    """Runs it to its end; returns its exit code and what it printed."""
    moving = Process("baton migrate", [BATON, "migrate", *arguments], directory / "migrate.log")
    said = len(moving.read())
    moving.start()
    return moving.wait(120), moving.read()[said:]


def shown(sfn, arn):
    """All that the API says of an execution."""
    described = sfn.describe_execution(executionArn=arn)
    described.pop("ResponseMetadata")
    return described, history(sfn, arn)


def test_open_executions_go_on_on_a_kafka(directory, name):
    # Where nothing closed is kept, the history begins in the middle: its first offsets are gone.
    config = directory / f"{name}.toml"
    config.write_text("restate_every_records = 20\nclosed_kept_days = 0\n")
    node = Baton(directory / name, None, arguments=["--config", config]).start()
    sfn = stepfunctions(node.url)
    worker = PlainWorker(node.broker)
    machine = create(sfn, name, chain(name, 3))
    worker.serve(name, lambda command: OPEN)
    arns = [start(sfn, machine, f"open-{number}", {"number": number}) for number in range(OPENED)]
    commands = {}
    for number in range(1, OPENED + 1):
        command = worker.command(name, number)
        commands[command.key] = command
    closing = create(sfn, f"{name}-pass", passing({"done": 1}))
    for number in range(100):
        assert wait_closed(sfn, start(sfn, closing, f"closed-{number}"))["status"] == "SUCCEEDED"
    first = until("the deletion of what was restated", lambda: begins(node.broker), 60)
    # One task has gone a step further; the others stay where they are.
    worker.succeed(commands[arns[0]], {"step": 1})
    assert worker.command(name, OPENED + 1).key == arns[0]
    commit(node.broker, f"{name}.readers", f"baton.commands.{name}", 3)
    before = {arn: shown(sfn, arn) for arn in arns}
    worker.close()

    kafka = Kafka(directory / f"{name}-kafka").start()
    code, said = migrate(directory, "--to", kafka.address, "--data", node.data)
    assert code != 0 and "in use" in said, "a node that runs still owns the folder"
    node.stop()
    code, said = migrate(directory, "--to", kafka.address, "--data", node.data, "--json", directory / f"{name}.map")
    assert code == 0, said
    assert f"baton serve --kafka {kafka.address}" in said
    lines = [json.loads(line) for line in (directory / f"{name}.map").read_text().splitlines()]
    history_map = {line["partition"]: line for line in lines if line["topic"] == "baton.history"}
    assert len(history_map) == 4 and all(line["source"] == line["target"] for line in lines)
    assert history_map[first["partition"]]["source"]["first"] >= first["offset"] > 0

    # Neither does the source go on by mistake, nor is the target filled twice.
    node.process.start()
    assert node.process.wait(30) != 0 and f"moved to the Kafka at {kafka.address}" in node.process.tail(3)
    (node.data / "moved-to").unlink()
    code, said = migrate(directory, "--to", kafka.address, "--data", node.data)
    assert code != 0 and "baton.history" in said and "already" in said

    fresh = Baton(directory / f"{name}-fresh", kafka.address).start()
    sfn = stepfunctions(fresh.url)
    assert {arn: shown(sfn, arn) for arn in arns} == before
    settings = topic_settings(kafka, "baton.history")
    assert (settings["retention.ms"], settings["message.timestamp.type"]) == ("-1", "LogAppendTime")
    assert committed(kafka.address, f"{name}.readers", f"baton.commands.{name}") == 3
    # Open tasks are completed with the tokens that they had.
    worker = PlainWorker(kafka.address)
    worker.serve(name, lambda command: {"by": "the Kafka"})
    for arn in arns:
        assert json.loads(wait_closed(sfn, arn, 40)["output"]) == {"by": "the Kafka"}
    worker.close()
    assert execution_arn(name, "open-0") == arns[0]
    assert wait_closed(sfn, start(sfn, closing, "fresh"))["status"] == "SUCCEEDED"
    fresh.restart()
    assert stepfunctions(fresh.url).describe_execution(executionArn=arns[0])["status"] == "SUCCEEDED"
    fresh.stop()
    kafka.kill()


def test_a_running_broker_whose_readers_still_work_is_not_copied(directory, broker_at, name):
    target = broker_at(directory / f"{name}-to").start()
    source = Broker(directory / f"{name}-from", ["--housekeeping-ms", "50"]).start()
    source.create_topic("kept", config={"cleanup.policy": "compact", "segment.bytes": "1000", "min.cleanable.dirty.ratio": "0"})
    producer = Producer({"bootstrap.servers": source.address})
    for number in range(400):
        producer.produce("kept", f"value {number}".encode() * 10, key=f"key {number % 7}", headers=[("n", b""), ("n", None)])
        producer.flush()
    reader = Consumer({"bootstrap.servers": source.address, "group.id": "readers", "auto.offset.reset": "earliest"})
    reader.subscribe(["kept"])
    until("the reader", lambda: reader.poll(1))
    code, said = migrate(directory, "--to", target.address, "--from", source.address)
    assert code != 0 and "readers has 1 members" in said, said
    reader.close()
    # Kafka takes no segments as small as these.
    source.alter_topic("kept", {"min.cleanable.dirty.ratio": "1", "segment.bytes": str(1 << 20)})
    assert target.admin.list_topics(timeout=10).topics.keys() == set()
    code, said = migrate(directory, "--to", target.address, "--from", source.address)
    assert code == 0 and "tombstones where records had been compacted away" in said, said
    old, new = contents(source.address), contents(target.address)
    assert {offset: record for offset, record in new.items() if record[0] != b"baton.migrate.filler"} == old
    assert sorted(new) == list(range(min(new), 400)), "every offset is there"
    assert topic_settings(target, "kept")["cleanup.policy"] == "compact"
    source.kill()
    target.kill()


def begins(address):
    """A partition of the history whose first records are gone, and the first that it has."""
    reader = Consumer({"bootstrap.servers": address, "group.id": "looker"})
    try:
        for partition in range(4):
            low, _ = reader.get_watermark_offsets(TopicPartition("baton.history", partition), timeout=10)
            if low > 0:
                return {"partition": partition, "offset": low}
        return None
    finally:
        reader.close()


def commit(address, group, topic, offset):
    """Sets the position of a group without members."""
    member = Consumer({"bootstrap.servers": address, "group.id": group})
    member.commit(offsets=[TopicPartition(topic, 0, offset)], asynchronous=False)
    member.close()


def committed(address, group, topic):
    """The position of a group."""
    member = Consumer({"bootstrap.servers": address, "group.id": group})
    try:
        return member.committed([TopicPartition(topic, 0)], timeout=10)[0].offset
    finally:
        member.close()


def contents(address):
    """Key, value, headers and time of the records of the topic `kept`, by offset."""
    reader = Consumer({"bootstrap.servers": address, "group.id": "contents", "enable.partition.eof": True})
    reader.assign([TopicPartition("kept", 0, 0)])
    records = {}
    while not (message := until("a record", lambda: reader.poll(1))).error():
        records[message.offset()] = (message.key(), message.value(), message.headers(), message.timestamp())
    reader.close()
    return records


def topic_settings(broker, topic):
    """Settings of a topic."""
    resource = ConfigResource(ConfigResource.Type.TOPIC, topic)
    entries = broker.admin.describe_configs([resource])[resource].result(20)
    return {name: entry.value for name, entry in entries.items()}
