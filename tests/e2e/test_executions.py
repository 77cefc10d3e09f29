"""Executions through boto3: start, describe, history, list, stop, and the errors of each."""

import json
from datetime import datetime, timedelta, timezone

import pytest
from machines import chain, create, passing, start, task

from support.clients import execution_arn, history, kinds, wait_closed
from support.records import OPEN

STEP = ["TaskStateEntered", "TaskScheduled", "TaskStarted", "TaskSucceeded", "TaskStateExited"]


def test_a_chain_of_tasks_runs_to_its_end(sfn, worker, name):
    machine = create(sfn, name, chain(name, 3))
    worker.serve(name, lambda command: {"n": command.value["n"] + 1})
    arn = start(sfn, machine, name, {"n": 1})
    assert arn == execution_arn(name, name)
    closed = wait_closed(sfn, arn)
    assert closed["status"] == "SUCCEEDED"
    assert json.loads(closed["output"]) == {"n": 4}
    assert json.loads(closed["input"]) == {"n": 1}
    assert closed["stateMachineArn"] == machine
    assert closed["name"] == name
    assert closed["startDate"] <= closed["stopDate"]
    assert datetime.now(timezone.utc) - closed["startDate"] < timedelta(minutes=5)


def test_the_history_is_what_aws_records(sfn, worker, name):
    machine = create(sfn, name, chain(name, 2))
    worker.serve(name, lambda command: command.value)
    arn = start(sfn, machine, name, {"a": 1})
    wait_closed(sfn, arn)
    events = history(sfn, arn)
    assert kinds(events) == ["ExecutionStarted", *STEP, *STEP, "ExecutionSucceeded"]
    assert [event["id"] for event in events] == list(range(1, len(events) + 1))
    # The state after the start is entered "before anything": AWS writes 0 there, as for the start itself.
    assert [event["previousEventId"] for event in events] == [0, 0, *range(2, len(events))]
    assert [event["timestamp"] for event in events] == sorted(event["timestamp"] for event in events)
    started, entered, scheduled = events[:3]
    assert json.loads(started["executionStartedEventDetails"]["input"]) == {"a": 1}
    assert entered["stateEnteredEventDetails"]["name"] == "Step1"
    assert scheduled["taskScheduledEventDetails"]["resourceType"] == "baton"
    assert scheduled["taskScheduledEventDetails"]["resource"] == f"task.{name}"
    assert json.loads(scheduled["taskScheduledEventDetails"]["parameters"]) == {"a": 1}
    assert json.loads(events[-1]["executionSucceededEventDetails"]["output"]) == {"a": 1}


def test_the_history_comes_in_pages_and_backwards(sfn, worker, name):
    machine = create(sfn, name, chain(name, 2))
    worker.serve(name, lambda command: command.value)
    arn = start(sfn, machine, name)
    wait_closed(sfn, arn)
    whole = history(sfn, arn)
    first = sfn.get_execution_history(executionArn=arn, maxResults=5)
    assert [event["id"] for event in first["events"]] == [1, 2, 3, 4, 5]
    second = sfn.get_execution_history(executionArn=arn, maxResults=5, nextToken=first["nextToken"])
    assert [event["id"] for event in second["events"]] == [6, 7, 8, 9, 10]
    last = sfn.get_execution_history(executionArn=arn, maxResults=5, nextToken=second["nextToken"])
    assert "nextToken" not in last
    assert first["events"] + second["events"] + last["events"] == whole
    backwards = history(sfn, arn, reverseOrder=True, PaginationConfig={"PageSize": 5})
    assert backwards == whole[::-1]
    bare = sfn.get_execution_history(executionArn=arn, includeExecutionData=False)["events"]
    assert "input" not in bare[0]["executionStartedEventDetails"]


def test_a_start_with_the_same_name_and_input_is_one_start(sfn, worker, name):
    machine = create(sfn, name, task(name))
    worker.serve(name, lambda command: OPEN)
    text = json.dumps({"a": 1})
    first = sfn.start_execution(stateMachineArn=machine, name=name, input=text)
    again = sfn.start_execution(stateMachineArn=machine, name=name, input=text)
    assert (again["executionArn"], again["startDate"]) == (first["executionArn"], first["startDate"])
    with pytest.raises(sfn.exceptions.ExecutionAlreadyExists):
        sfn.start_execution(stateMachineArn=machine, name=name, input=json.dumps({"a": 2}))
    worker.succeed(worker.command(name), {})
    wait_closed(sfn, first["executionArn"])
    assert len(worker.commands[f"baton.commands.{name}"]) == 1
    # AWS: the name of a closed execution stays taken, whatever the input.
    with pytest.raises(sfn.exceptions.ExecutionAlreadyExists):
        sfn.start_execution(stateMachineArn=machine, name=name, input=text)


def test_a_start_without_a_name_gets_one(sfn, name):
    machine = create(sfn, name, passing({"done": True}))
    first = sfn.start_execution(stateMachineArn=machine)["executionArn"]
    second = sfn.start_execution(stateMachineArn=machine)["executionArn"]
    assert first != second
    assert wait_closed(sfn, first)["status"] == "SUCCEEDED"
    assert json.loads(wait_closed(sfn, second)["output"]) == {"done": True}


@pytest.mark.parametrize("text", ["{", "", "nonsense"])
def test_an_input_that_is_not_json_is_refused(sfn, name, text):
    machine = create(sfn, name, passing())
    with pytest.raises(sfn.exceptions.InvalidExecutionInput):
        sfn.start_execution(stateMachineArn=machine, input=text)


def test_an_execution_that_is_stopped_is_aborted_and_stays_so(sfn, worker, name):
    machine = create(sfn, name, task(name))
    worker.serve(name, lambda command: OPEN)
    arn = start(sfn, machine, name)
    command = worker.command(name)
    stopped = sfn.stop_execution(executionArn=arn, error="Why", cause="because")
    closed = wait_closed(sfn, arn)
    assert (closed["status"], closed["error"], closed["cause"]) == ("ABORTED", "Why", "because")
    assert closed["stopDate"] == stopped["stopDate"]
    assert history(sfn, arn)[-1]["executionAbortedEventDetails"] == {"error": "Why", "cause": "because"}
    before = history(sfn, arn)
    with pytest.raises(sfn.exceptions.TaskTimedOut):
        sfn.send_task_success(taskToken=command.headers["ce_id"], output="{}")
    assert history(sfn, arn) == before
    assert sfn.stop_execution(executionArn=arn)["stopDate"] == stopped["stopDate"], "stopping again changes nothing"


def test_executions_are_listed_by_machine_and_status_newest_first(sfn, worker, name):
    machine = create(sfn, name, task(name))
    worker.serve(name, lambda command: OPEN if command.value.get("stay") else {})
    done = [start(sfn, machine, f"{name}-{number}") for number in range(3)]
    for arn in done:
        wait_closed(sfn, arn)
    stays = start(sfn, machine, f"{name}-stays", {"stay": True})

    def listed(**options):
        pages = sfn.get_paginator("list_executions").paginate(stateMachineArn=machine, **options)
        return [execution["executionArn"] for page in pages for execution in page["executions"]]

    assert listed() == [stays, *done[::-1]]
    assert listed(statusFilter="SUCCEEDED") == done[::-1]
    assert listed(statusFilter="RUNNING") == [stays]
    assert listed(statusFilter="FAILED") == []
    assert listed(PaginationConfig={"PageSize": 2}) == [stays, *done[::-1]]
    sfn.stop_execution(executionArn=stays)


def test_unknown_executions_and_wrong_arns_are_told_apart(sfn, name):
    nobody = execution_arn(name, "nobody")
    for call in (sfn.describe_execution, sfn.get_execution_history, sfn.stop_execution):
        with pytest.raises(sfn.exceptions.ExecutionDoesNotExist):
            call(executionArn=nobody)
        with pytest.raises(sfn.exceptions.InvalidArn):
            call(executionArn="not:an:arn")
    create(sfn, name, passing())
    with pytest.raises(sfn.exceptions.InvalidName):
        sfn.start_execution(stateMachineArn=f"arn:aws:states:us-east-1:000000000000:stateMachine:{name}", name="a name")
