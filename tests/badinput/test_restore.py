"""Backup and restore from the topics alone: a new cluster goes on where the old one was when its topics were copied."""

import itertools
import json
import subprocess
import sys
import threading

import pytest
from confluent_kafka import TopicPartition
from confluent_kafka.admin import OffsetSpec
from machines import chain, create, passing, start, task

from support.baton import Baton
from support.clients import execution_arn, history, stepfunctions, wait_closed
from support.kafka import Kafka
from support.paths import ROOT
from support.records import OPEN, PlainWorker, Tail
from support.wait import until

SCRIPT = ROOT / "deploy" / "backup" / "topics.py"
PARTITIONS = 2


def run(*arguments):
    """Runs the backup script."""
    done = subprocess.run([sys.executable, SCRIPT, *arguments], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def shown(sfn, arn):
    """All that the API says of an execution."""
    described = sfn.describe_execution(executionArn=arn)
    described.pop("ResponseMetadata")
    return described, history(sfn, arn)


@pytest.mark.parametrize("kept_days", [90, 0], ids=["whole", "restated"])
def test_a_new_cluster_goes_on_from_a_copy_of_the_topics(directory, name, kept_days):
    old = Kafka(directory / f"{name}-old").start()
    # Where nothing closed is kept, the copy begins in the middle of the log, at a restatement.
    config = directory / f"{name}.toml"
    config.write_text(f"restate_every_records = {1_000_000 if kept_days else 20}\nclosed_kept_days = {kept_days}\n")
    node = Baton(directory / f"{name}-old-node", old.address, PARTITIONS, arguments=["--config", config]).start()
    sfn = stepfunctions(node.url)
    worker = PlainWorker(old.address)
    machine = create(sfn, name, chain(name, 3))
    worker.serve(name, lambda command: OPEN)
    arns = [start(sfn, machine, f"open-{number}", {"number": number}) for number in range(10)]
    commands = {}
    for number in range(1, 11):
        command = worker.command(name, number)
        commands[command.key] = command
    closing = create(sfn, f"{name}-pass", passing({"done": 1}))
    numbers = itertools.count()
    closed = [start(sfn, closing, f"closed-{number}") for number in range(100)]
    for arn in closed:
        assert wait_closed(sfn, arn)["status"] == "SUCCEEDED"
    if not kept_days:
        until("the deletion of what was restated", lambda: start(sfn, closing, f"more-{next(numbers)}") and begins(old), 60)
    sfn.update_state_machine(stateMachineArn=closing, definition=json.dumps(passing({"done": 2})))
    # One task is completed; the others stay where they are.
    worker.succeed(commands[arns[0]], {"step": 1})
    second = worker.command(name, 11)
    assert second.key == arns[0]
    before = {arn: shown(sfn, arn) for arn in arns}

    # The dump is made of a cluster at work.
    ended = threading.Event()
    meanwhile = []

    def load():
        while not ended.is_set():
            meanwhile.append(start(sfn, closing, f"meanwhile-{len(meanwhile)}"))

    busy = threading.Thread(target=load)
    busy.start()
    backup = directory / f"{name}-backup"
    try:
        run("dump", "--kafka", old.address, "--to", backup)
    finally:
        ended.set()
        busy.join(30)
    assert len(meanwhile) > 3, "the node worked while it was copied"
    worker.close()
    node.kill()
    old.kill()
    manifest = json.loads((backup / "topics.json").read_text())
    lows = {topic["name"]: [part["low"] for part in topic["partitions"]] for topic in manifest["topics"]}

    new = Kafka(directory / f"{name}-new").start()
    run("load", "--kafka", new.address, "--from", backup)
    fresh = Baton(directory / f"{name}-new-node", new.address, PARTITIONS).start()
    sfn = stepfunctions(fresh.url)
    assert {arn: shown(sfn, arn) for arn in arns} == before
    # Every start that the copy has was whole; those begun after it are not known.
    known = [arn for arn in meanwhile if knows(sfn, arn)]
    for arn in known:
        assert wait_closed(sfn, arn)["status"] == "SUCCEEDED"
    # Names of closed executions stay taken as long as they are kept, definitions are the newest.
    if kept_days:
        with pytest.raises(sfn.exceptions.ExecutionAlreadyExists):
            start(sfn, closing, "closed-0")
        assert all(shown(sfn, arn)[0]["status"] == "SUCCEEDED" for arn in closed)
    else:
        assert any(low > 0 for low in lows["baton.history"]), f"the log begins in the middle: {lows}"
    assert json.loads(wait_closed(sfn, start(sfn, closing, "fresh"))["output"]) == {"done": 2}
    # Open tasks are completed with the tokens that they had, by a worker that reads the copied queue.
    worker = PlainWorker(new.address)
    worker.serve(name, lambda command: {"by": "the new cluster"})
    for arn in arns:
        assert wait_closed(sfn, arn, 40)["status"] == "SUCCEEDED"
    worker.close()
    fresh.restart()
    assert stepfunctions(fresh.url).describe_execution(executionArn=arns[0])["status"] == "SUCCEEDED"
    fresh.stop()
    new.kill()


def begins(kafka):
    """The first offset that the first partition of the history still has."""
    wanted = {TopicPartition("baton.history", 0): OffsetSpec.earliest()}
    return next(iter(kafka.admin.list_offsets(wanted).values())).result(10).offset


def knows(sfn, arn):
    """Whether there is such an execution."""
    try:
        return sfn.describe_execution(executionArn=arn)
    except sfn.exceptions.ExecutionDoesNotExist:
        return None


def test_a_load_over_topics_that_exist_is_refused(own, kafka, directory, name):
    node = own().start()
    sfn = stepfunctions(node.url)
    machine = create(sfn, "m", task(name))
    start(sfn, machine, "one")
    backup = directory / f"{name}-backup"
    run("dump", "--kafka", kafka.address, "--prefix", f"{name}.", "--to", backup)
    refused = subprocess.run([sys.executable, SCRIPT, "load", "--kafka", kafka.address, "--from", backup],
                             capture_output=True, text=True, timeout=60)
    assert refused.returncode != 0 and f"{name}.history" in refused.stderr
    tail = Tail(kafka.address, f"{name}.history", beginning=True)
    assert until("the start", lambda: any(record.key == execution_arn("m", "one") for record in tail.poll()))
    tail.close()
