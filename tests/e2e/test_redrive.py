"""Redrive, pause and resume, on a real Kafka, with kill -9 in between."""

import json

import pytest
from machines import chain, create, start, task

from support.clients import history, kinds, wait_closed, wait_event
from support.records import OPEN, TaskError
from support.wait import until


def failing_once(fails):
    """A handler whose tasks fail as long as `fails` holds something."""

    def handle(command):
        if fails:
            fails.pop()
            raise TaskError("Boom", "not yet")
        return {"done": command.value}

    return handle


def test_a_failed_execution_goes_on_where_it_failed(sfn, worker, name):
    machine = create(sfn, name, chain(name, 2))
    outcomes = iter([{"first": 1}, TaskError("Boom"), {"second": 2}])

    def handle(command):
        outcome = next(outcomes)
        if isinstance(outcome, TaskError):
            raise outcome
        return outcome

    worker.serve(name, handle)
    arn = start(sfn, machine, name, {"n": 1})
    failed = wait_closed(sfn, arn)
    assert (failed["status"], failed["redriveStatus"], failed["redriveCount"]) == ("FAILED", "REDRIVABLE", 0)
    before = len(history(sfn, arn))
    answer = sfn.redrive_execution(executionArn=arn, clientToken="one")
    again = sfn.redrive_execution(executionArn=arn, clientToken="one")
    assert answer["redriveDate"] == again["redriveDate"]
    done = wait_closed(sfn, arn)
    assert (done["status"], json.loads(done["output"])) == ("SUCCEEDED", {"second": 2})
    assert (done["redriveCount"], done["redriveDate"]) == (1, answer["redriveDate"])
    assert (done["redriveStatus"], done["redriveStatusReason"]) == ("NOT_REDRIVABLE", "Execution is SUCCEEDED and cannot be redriven")
    events = history(sfn, arn)
    assert kinds(events)[before:] == ["ExecutionRedriven", "TaskScheduled", "TaskStarted", "TaskSucceeded", "TaskStateExited", "ExecutionSucceeded"]
    assert events[before]["executionRedrivenEventDetails"] == {"redriveCount": 1}
    assert [event["id"] for event in events] == list(range(1, len(events) + 1))
    listed = sfn.list_executions(stateMachineArn=machine, redriveFilter="REDRIVEN")["executions"]
    assert [(e["executionArn"], e["redriveCount"]) for e in listed] == [(arn, 1)]
    assert not sfn.list_executions(stateMachineArn=machine, redriveFilter="NOT_REDRIVEN")["executions"]
    with pytest.raises(sfn.exceptions.ExecutionNotRedrivable):
        sfn.redrive_execution(executionArn=arn)


def test_a_redriven_execution_survives_kill_9_and_the_loss_of_the_store(sfn, baton, worker, name):
    machine = create(sfn, name, task(name))
    fails = [True, True]
    worker.serve(name, lambda command: failing_once(fails)(command) if fails else OPEN)
    arn = start(sfn, machine, name)
    assert wait_closed(sfn, arn)["status"] == "FAILED"
    # Without a store: the history comes from the log.
    baton.kill()
    baton.forget()
    baton.start()
    sfn.redrive_execution(executionArn=arn)
    assert wait_closed(sfn, arn)["status"] == "FAILED"
    sfn.redrive_execution(executionArn=arn)
    wait_event(sfn, arn, "TaskStarted", count=3)
    command = worker.command(name, 3)
    baton.kill()
    baton.start()
    described = sfn.describe_execution(executionArn=arn)
    assert (described["status"], described["redriveCount"]) == ("RUNNING", 2)
    worker.succeed(command, {"end": True})
    assert json.loads(wait_closed(sfn, arn)["output"]) == {"end": True}
    assert kinds(history(sfn, arn)).count("ExecutionRedriven") == 2


def test_only_what_failed_of_a_parallel_runs_again(sfn, worker, name):
    branch = lambda state: {"StartAt": state, "States": {state: {"Type": "Task", "Resource": f"arn:aws:states:::baton:task.{name}", "Parameters": {"of": state}, "End": True}}}
    definition = {"StartAt": "P", "States": {"P": {"Type": "Parallel", "Branches": [branch("A"), branch("B")], "End": True}}}
    machine = create(sfn, name, definition)
    fails, ran = [True], []

    def handle(command):
        ran.append(command.value["of"])
        if command.value["of"] == "B":
            return failing_once(fails)(command)
        return "a"

    worker.serve(name, handle)
    arn = start(sfn, machine, name)
    first = wait_closed(sfn, arn)
    assert first["status"] == "FAILED"
    sfn.redrive_execution(executionArn=arn)
    assert wait_closed(sfn, arn)["status"] == "SUCCEEDED"
    assert ran.count("B") == 2
    # A was done, or was cut off by B's failure and ran again.
    succeeded = [e for e in history(sfn, arn) if e["type"] == "TaskSucceeded"]
    assert len(succeeded) == 2


def test_a_paused_execution_stands_still_and_survives_a_kill(sfn, rest, baton, worker, name):
    machine = create(sfn, name, chain(name, 2))
    worker.serve(name, lambda command: OPEN)
    arn = start(sfn, machine, name)
    command = worker.command(name)
    path = f"/v1/executions/{rest.escape(arn)}"
    assert rest.post(f"{path}/pause").body["paused"] is True
    baton.kill()
    baton.start()
    assert rest.get(path).body["paused"] is True
    worker.succeed(command, {"first": True})
    assert rest.post(f"{path}/pause").body["paused"] is True
    assert "TaskSucceeded" not in kinds(history(sfn, arn))
    assert rest.post(f"{path}/resume").body == {"paused": False}
    wait_event(sfn, arn, "TaskScheduled", count=2)
    others = lambda: [c for c in worker.commands[f"baton.commands.{name}"] if c.headers["ce_id"] != command.headers["ce_id"]]
    newest = until("the second command", others)[-1]
    worker.succeed(newest, {"second": True})
    assert json.loads(wait_closed(sfn, arn)["output"]) == {"second": True}
    closed = rest.post(f"{path}/pause")
    assert (closed.status, closed.body["title"]) == (409, "ExecutionClosed")
