"""What remains when processes and stores do not."""

import json
import time

import pytest
from machines import chain, create, passing, start, start_surely, task

from support.baton import Baton
from support.clients import execution_arn, history, stepfunctions, wait_closed
from support.records import OPEN
from support.wait import until


def everything(sfn, machine):
    """All that the API says of a machine's executions."""
    listed = [execution for page in sfn.get_paginator("list_executions").paginate(stateMachineArn=machine) for execution in page["executions"]]
    arns = [execution["executionArn"] for execution in listed]
    described = {}
    for arn in arns:
        described[arn] = sfn.describe_execution(executionArn=arn)
        described[arn].pop("ResponseMetadata")
    return listed, described, {arn: history(sfn, arn) for arn in arns}


def some_of_each(sfn, worker, name):
    """A machine with executions that succeeded, failed, were stopped and are open; returns it and the open one."""
    machine = create(sfn, name, task(name))
    worker.serve(name, lambda command: OPEN if command.value.get("stay") else {"done": command.value})
    for number in range(3):
        wait_closed(sfn, start(sfn, machine, f"{name}-{number}", {"number": number}))
    stopped = start(sfn, machine, f"{name}-stopped", {"stay": True})
    sfn.stop_execution(executionArn=stopped, error="Enough")
    opened = start(sfn, machine, f"{name}-open", {"stay": True})
    until("the open command", lambda: [c for c in worker.commands[f"baton.commands.{name}"] if c.key == opened])
    return machine, opened


def test_open_executions_go_on_after_a_restart(sfn, baton, worker, name):
    machine, opened = some_of_each(sfn, worker, name)
    before = everything(sfn, machine)
    baton.restart()
    assert everything(sfn, machine) == before
    command = next(c for c in worker.commands[f"baton.commands.{name}"] if c.key == opened)
    worker.succeed(command, {"after": "restart"})
    closed = wait_closed(sfn, opened)
    assert (closed["status"], json.loads(closed["output"])) == ("SUCCEEDED", {"after": "restart"})


def test_a_completion_sent_while_nobody_is_there_counts(sfn, baton, worker, name):
    machine = create(sfn, name, chain(name, 2))
    worker.serve(name, lambda command: OPEN)
    arn = start(sfn, machine, name)
    command = worker.command(name)
    baton.kill()
    worker.succeed(command, {"while": "away"})
    baton.start()
    second = worker.command(name, 2)
    if second.headers["ce_id"] == command.headers["ce_id"]:  # the first command again, with the same id
        second = worker.command(name, 3)
    assert second.value == {"while": "away"}
    worker.succeed(second, {"end": True})
    assert json.loads(wait_closed(sfn, arn)["output"]) == {"end": True}


def test_a_timer_due_while_nobody_was_there_fires(sfn, baton, worker, name):
    machine = create(sfn, name, task(name, TimeoutSeconds=2))
    worker.serve(name, lambda command: OPEN)
    arn = start(sfn, machine, name)
    worker.command(name)
    baton.kill()
    baton.start()
    closed = wait_closed(sfn, arn)
    assert (closed["status"], closed["error"]) == ("FAILED", "States.Timeout")
    assert (closed["stopDate"] - closed["startDate"]).total_seconds() >= 2


def test_the_store_is_folded_again_from_the_log(sfn, baton, worker, name):
    machine, opened = some_of_each(sfn, worker, name)
    before = everything(sfn, machine)
    baton.stop()
    baton.forget()
    baton.start()
    assert everything(sfn, machine) == before
    described = sfn.describe_state_machine(stateMachineArn=machine)
    assert json.loads(described["definition"]) == task(name)
    sfn.stop_execution(executionArn=opened)
    # Names of closed executions stay taken.
    with pytest.raises(sfn.exceptions.ExecutionAlreadyExists):
        start(sfn, machine, f"{name}-0", {"number": 0})


def test_topics_with_another_number_of_partitions_are_refused(directory, kafka, name):
    prefix = f"{name}."
    kafka.create_topic(f"{prefix}history", 3)
    node = Baton(directory / name, kafka.address, prefix=prefix, partitions=4)
    node.process.start()
    code = node.process.wait(60)
    assert code not in (0, None)
    said = node.process.read()
    assert f"{prefix}history" in said
    assert "3" in said and "4" in said and "partition" in said


def test_the_number_of_partitions_is_fixed_at_creation(directory, kafka, name):
    prefix = f"{name}."
    Baton(directory / f"{name}-1", kafka.address, prefix=prefix, partitions=2).start().stop()
    node = Baton(directory / f"{name}-2", kafka.address, prefix=prefix, partitions=4)
    node.process.start()
    assert node.process.wait(60) not in (0, None)
    assert "partition" in node.process.read()


def test_a_broker_that_is_not_there_yet_is_waited_for(directory, broker_at, name):
    late = broker_at(directory / f"{name}-kafka")
    node = Baton(directory / name, late.address, partitions=2)
    node.process.start()
    # Alive, and honest: not ready.
    node.wait_live()
    with pytest.raises(OSError):
        node.get("/readyz")
    late.start()
    node.wait_ready(60)
    sfn = stepfunctions(node.url)
    machine = create(sfn, name, passing({"ready": True}))
    assert wait_closed(sfn, start(sfn, machine, name))["status"] == "SUCCEEDED"
    node.stop()
    late.kill()


def test_a_broker_that_goes_away_is_waited_for(directory, broker_at, name):
    broker = broker_at(directory / f"{name}-kafka").start()
    node = Baton(directory / name, broker.address, partitions=2).start()
    sfn = stepfunctions(node.url)
    machine = create(sfn, name, passing())
    broker.kill()
    began = time.monotonic()
    broker.restart()

    what = f"a start after the broker's return ({time.monotonic() - began:.1f} s)"
    arn = until(what, lambda: start_surely(sfn, machine, name), 60)
    assert arn == execution_arn(name, name)
    assert wait_closed(sfn, arn)["status"] == "SUCCEEDED"
    node.stop()
    broker.kill()


def test_a_second_node_shares_the_work_and_takes_over(directory, kafka, name):
    prefix = f"{name}."
    first = Baton(directory / f"{name}-1", kafka.address, prefix=prefix, node="first").start()
    sfn = stepfunctions(first.url)
    machine = create(sfn, name, passing({"ok": 1}))
    second = Baton(directory / f"{name}-2", kafka.address, prefix=prefix, node="second").start()
    other = stepfunctions(second.url)
    # Whoever owns the partition, either node answers.
    for number in range(12):
        client = (sfn, other)[number % 2]
        arn = until("a start", lambda: start_surely(client, machine, f"{name}-{number}"), 30)
        assert wait_closed((other, sfn)[number % 2], arn)["status"] == "SUCCEEDED"
    first.stop()
    for number in range(12, 18):
        arn = until("a start on the node that is left", lambda: start_surely(other, machine, f"{name}-{number}"), 60)
        assert wait_closed(other, arn)["status"] == "SUCCEEDED"
    for number in range(18):
        arn = execution_arn(name, f"{name}-{number}")
        until(f"{arn} on the node that is left", lambda: other.describe_execution(executionArn=arn)["status"] == "SUCCEEDED")
    second.stop()
