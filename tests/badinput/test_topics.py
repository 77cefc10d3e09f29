"""Topics that can't be used: the node says which, what is wrong and the command that mends it, and does not start."""

import pytest
from machines import create, passing, start, task

from support.clients import stepfunctions, wait_closed
from support.kafka import Kafka
from support.records import Tail
from support.wait import until


def refused(node):
    """What a node says that does not start."""
    node.process.start()
    assert node.process.wait(60) not in (0, None), node.process.tail()
    return node.process.read()


def started(node):
    """A machine and an execution that has run on a node."""
    sfn = stepfunctions(node.url)
    machine = create(sfn, "m", passing())
    assert wait_closed(sfn, start(sfn, machine, "first"))["status"] == "SUCCEEDED"
    return sfn, machine


def test_a_missing_topic_is_named_with_the_command_that_makes_it(own, name):
    said = refused(own(arguments=["--create-topics", "false"]))
    assert "kafka-topics.sh --create" in said and f"{name}.registry" in said


@pytest.mark.parametrize(
    ("setting", "bad"),
    [
        ("retention.ms", "604800000"),
        ("cleanup.policy", "compact"),
        ("message.timestamp.type", "CreateTime"),
        ("max.message.bytes", "1048588"),
        ("unclean.leader.election.enable", "true"),
    ],
)
def test_a_history_that_could_lose_records_is_refused(own, kafka, name, setting, bad):
    good = {"retention.ms": "-1", "cleanup.policy": "delete", "message.timestamp.type": "LogAppendTime",
            "max.message.bytes": "9000000", "unclean.leader.election.enable": "false"}
    kafka.create_topic(f"{name}.history", 2, {**good, setting: bad})
    said = refused(own())
    assert f"{name}.history" in said and setting in said and bad in said and "kafka-configs.sh --alter" in said
    kafka.alter_topic(f"{name}.history", {setting: good[setting]})
    started(own(node="mended").start())


def test_a_broker_s_unsafe_default_is_found(own, directory, name):
    unsafe = Kafka(directory / f"{name}-kafka", {"unclean.leader.election.enable": "true"}).start()
    unsafe.create_topic(f"{name}.history", 2, {"retention.ms": "-1", "message.timestamp.type": "LogAppendTime",
                                               "max.message.bytes": "9000000"})
    said = refused(own(broker=unsafe))
    assert "unclean.leader.election.enable" in said
    unsafe.kill()


def test_wrong_numbers_of_partitions_are_refused(own, kafka, name):
    kafka.create_topic(f"{name}.completions", 5)
    said = refused(own(partitions=2))
    assert f"{name}.completions" in said and "5" in said and "2" in said


def test_inputs_that_were_deleted_halt_the_partition_and_are_never_skipped(own, kafka, name):
    node = own(partitions=1).start()
    sfn = stepfunctions(node.url)
    machine = create(sfn, "m", task(name))
    arn = start(sfn, machine, "open")
    commands = Tail(kafka.address, f"{name}.commands.{name}", beginning=True)
    command = commands.find("the command", lambda record: record.key == arn)
    sfn.send_task_heartbeat(taskToken=command.headers["ce_id"])
    from support.records import HEARTBEAT, Sender

    sender = Sender(kafka.address)
    for _ in range(3):
        sender.send(f"{name}.completions", command.headers["ce_id"], b"",
                    {"ce_type": HEARTBEAT, "ce_batontoken": command.headers["ce_id"]}, 0)
    # Its position is in the history once the node ends in order.
    node.stop()
    kafka.delete_topic(f"{name}.completions")
    kafka.create_topic(f"{name}.completions", 1)
    node.process.start()
    node.wait_live()

    def halted():
        answer = rest_readiness(node)
        return "halted" in answer and "completions" in answer and answer

    said = until("the partition to halt", halted, 40)
    assert "offset" in said or "position" in said, said


def rest_readiness(node):
    """The text of /readyz, whatever its status."""
    from support.clients import Rest

    return Rest(node.url).get("/readyz").text


def test_a_queue_without_its_topic_fails_the_task_or_gets_it_back(own, kafka, name):
    node = own().start()
    sfn = stepfunctions(node.url)
    machine = create(sfn, "m", task(name, TimeoutSeconds=300))
    kafka.delete_topic(f"{name}.commands.{name}")
    arn = start(sfn, machine, "without")

    def told():
        described = sfn.describe_execution(executionArn=arn)
        if described["status"] == "FAILED":
            return described["error"] == "Baton.CommandNotSent" and described["cause"]
        try:
            tail = Tail(kafka.address, f"{name}.commands.{name}", beginning=True)
            return any(record.key == arn for record in tail.to_end(5))
        except KeyError:
            return False

    assert until("the task's failure or its command", told, 60)
    other = create(sfn, "other", passing())
    assert wait_closed(sfn, start(sfn, other, "other"))["status"] == "SUCCEEDED"
