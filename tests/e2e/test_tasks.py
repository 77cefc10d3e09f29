"""What can become of a task: done or failed by record or by call, tried again, caught, too late, silent."""

import json
from datetime import datetime, timezone

import pytest
from machines import create, start, task

from support.clients import history, kinds, wait_closed, wait_event
from support.records import OPEN, TaskError
from support.wait import until


def open_task(sfn, worker, name, **fields):
    """An execution whose one task waits for the test; returns its ARN and the task's command."""
    machine = create(sfn, name, task(name, **fields))
    worker.serve(name, lambda command: OPEN)
    arn = start(sfn, machine, name)
    return arn, worker.command(name)


def test_a_task_is_completed_by_a_call(sfn, worker, name):
    arn, command = open_task(sfn, worker, name)
    sfn.send_task_success(taskToken=command.headers["ce_id"], output='{"by": "call"}')
    closed = wait_closed(sfn, arn)
    assert closed["status"] == "SUCCEEDED"
    assert json.loads(closed["output"]) == {"by": "call"}


def test_a_task_is_failed_by_a_call(sfn, worker, name):
    arn, command = open_task(sfn, worker, name)
    sfn.send_task_failure(taskToken=command.headers["ce_id"], error="Card.Declined", cause="no money")
    closed = wait_closed(sfn, arn)
    assert (closed["status"], closed["error"], closed["cause"]) == ("FAILED", "Card.Declined", "no money")
    events = history(sfn, arn)
    assert kinds(events)[-2:] == ["TaskFailed", "ExecutionFailed"]
    assert events[-2]["taskFailedEventDetails"]["error"] == "Card.Declined"


def test_a_task_that_is_done_takes_no_second_answer(sfn, worker, name):
    arn, command = open_task(sfn, worker, name)
    token = command.headers["ce_id"]
    sfn.send_task_success(taskToken=token, output="1")
    for answer in (
        lambda: sfn.send_task_success(taskToken=token, output="2"),
        lambda: sfn.send_task_failure(taskToken=token),
        lambda: sfn.send_task_heartbeat(taskToken=token),
    ):
        with pytest.raises((sfn.exceptions.TaskTimedOut, sfn.exceptions.TaskDoesNotExist)):
            answer()
    assert json.loads(wait_closed(sfn, arn)["output"]) == 1


def test_a_token_that_is_none_is_refused(sfn):
    with pytest.raises(sfn.exceptions.InvalidToken):
        sfn.send_task_success(taskToken="not-a-token", output="{}")


def test_an_output_that_is_not_json_is_refused(sfn, worker, name):
    arn, command = open_task(sfn, worker, name)
    with pytest.raises(sfn.exceptions.InvalidOutput):
        sfn.send_task_success(taskToken=command.headers["ce_id"], output="{")
    sfn.stop_execution(executionArn=arn)


def test_a_failed_task_is_tried_again_as_its_retrier_says(sfn, worker, name):
    machine = create(
        sfn, name,
        task(name, Retry=[{"ErrorEquals": ["Busy"], "IntervalSeconds": 1, "MaxAttempts": 2, "BackoffRate": 1}]),
    )

    def busy_twice(command):
        if int(command.headers["ce_batonattempt"]) < 2:
            raise TaskError("Busy", "later")
        return {"attempt": int(command.headers["ce_batonattempt"])}

    worker.serve(name, busy_twice)
    arn = start(sfn, machine, name)
    assert json.loads(wait_closed(sfn, arn)["output"]) == {"attempt": 2}
    events = history(sfn, arn)
    assert kinds(events) == [
        "ExecutionStarted", "TaskStateEntered",
        "TaskScheduled", "TaskStarted", "TaskFailed",
        "TaskScheduled", "TaskStarted", "TaskFailed",
        "TaskScheduled", "TaskStarted", "TaskSucceeded",
        "TaskStateExited", "ExecutionSucceeded",
    ]
    failed = [event["timestamp"] for event in events if event["type"] == "TaskFailed"]
    scheduled = [event["timestamp"] for event in events if event["type"] == "TaskScheduled"]
    assert (scheduled[1] - failed[0]).total_seconds() >= 1
    tokens = [command.headers["ce_id"] for command in worker.commands[f"baton.commands.{name}"]]
    assert len(set(tokens)) == 3, "each attempt is a task of its own"


def test_retries_end_and_the_error_remains(sfn, worker, name):
    machine = create(
        sfn, name, task(name, Retry=[{"ErrorEquals": ["States.ALL"], "IntervalSeconds": 1, "MaxAttempts": 1}])
    )

    def always(command):
        raise TaskError("Broken", f"attempt {command.headers['ce_batonattempt']}")

    worker.serve(name, always)
    closed = wait_closed(sfn, start(sfn, machine, name))
    assert (closed["status"], closed["error"], closed["cause"]) == ("FAILED", "Broken", "attempt 1")


def test_an_error_is_caught_and_goes_on_elsewhere(sfn, worker, name):
    definition = task(name, Catch=[{"ErrorEquals": ["Image.Broken"], "ResultPath": "$.error", "Next": "Mend"}])
    definition["States"]["Mend"] = {"Type": "Pass", "End": True}
    machine = create(sfn, name, definition)

    def broken(command):
        raise TaskError("Image.Broken", "no header")

    worker.serve(name, broken)
    closed = wait_closed(sfn, start(sfn, machine, name, {"file": "x.jpg"}))
    assert closed["status"] == "SUCCEEDED"
    assert json.loads(closed["output"]) == {"file": "x.jpg", "error": {"Error": "Image.Broken", "Cause": "no header"}}


def test_a_task_without_an_answer_times_out(sfn, worker, name):
    arn, command = open_task(sfn, worker, name, TimeoutSeconds=1)
    assert command.headers["ce_batondeadline"] > command.headers["ce_time"]
    closed = wait_closed(sfn, arn)
    assert (closed["status"], closed["error"]) == ("FAILED", "States.Timeout")
    assert kinds(history(sfn, arn))[-2:] == ["TaskTimedOut", "ExecutionFailed"]
    with pytest.raises((sfn.exceptions.TaskTimedOut, sfn.exceptions.TaskDoesNotExist)):
        sfn.send_task_success(taskToken=command.headers["ce_id"], output="{}")


def test_heartbeats_keep_a_task_alive_and_their_end_ends_it(sfn, worker, name):
    arn, command = open_task(sfn, worker, name, TimeoutSeconds=60, HeartbeatSeconds=2)
    assert command.headers["ce_batonheartbeat"] == "2"
    scheduled = wait_event(sfn, arn, "TaskScheduled")
    assert scheduled["taskScheduledEventDetails"]["heartbeatInSeconds"] == 2
    # Heartbeats, by record and by call, until the task is older than its interval.
    def old_enough():
        worker.heartbeat(command, {"done": "some"})
        sfn.send_task_heartbeat(taskToken=command.headers["ce_id"])
        described = sfn.describe_execution(executionArn=arn)
        assert described["status"] == "RUNNING"
        return _age_s(scheduled["timestamp"]) > 3

    until("the task to outlive its heartbeat interval", old_enough, 20, every_s=0.3)
    closed = wait_closed(sfn, arn)
    # So AWS records it, though its documentation knows States.HeartbeatTimeout too.
    assert (closed["status"], closed["error"]) == ("FAILED", "States.Timeout")
    timed_out = history(sfn, arn)[-2]
    assert timed_out["type"] == "TaskTimedOut"
    assert 4.5 < (timed_out["timestamp"] - scheduled["timestamp"]).total_seconds() < 30, "the heartbeat's end, not the task's"


def test_a_machine_as_a_whole_times_out(sfn, worker, name):
    definition = {**task(name), "TimeoutSeconds": 1}
    machine = create(sfn, name, definition)
    worker.serve(name, lambda command: OPEN)
    arn = start(sfn, machine, name)
    assert wait_closed(sfn, arn)["status"] == "TIMED_OUT"
    assert kinds(history(sfn, arn))[-1] == "ExecutionTimedOut"


def test_a_wait_waits(sfn, name):
    definition = {"StartAt": "Rest", "States": {"Rest": {"Type": "Wait", "Seconds": 1, "End": True}}}
    arn = start(sfn, create(sfn, name, definition), name)
    closed = wait_closed(sfn, arn)
    assert (closed["stopDate"] - closed["startDate"]).total_seconds() >= 1
    assert kinds(history(sfn, arn)) == ["ExecutionStarted", "WaitStateEntered", "WaitStateExited", "ExecutionSucceeded"]


def _age_s(since):
    return (datetime.now(timezone.utc) - since).total_seconds()
