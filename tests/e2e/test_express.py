"""Express executions, on a real Kafka: synchronous ones once, the others at least once, nothing but logs to see."""

import json
import threading

import pytest
from botocore.exceptions import ClientError
from machines import task

from support.clients import ROLE, machine_arn, stepfunctions
from support.records import OPEN, Tail
from support.wait import until

LOGGING = {"level": "ALL", "includeExecutionData": True,
           "destinations": [{"cloudWatchLogsLogGroup": {"logGroupArn": "arn:aws:logs:us-east-1:000000000000:log-group:any:*"}}]}


def create_express(sfn, name, definition, **more):
    """Creates an Express machine; returns its ARN."""
    return sfn.create_state_machine(name=name, definition=json.dumps(definition), roleArn=ROLE, type="EXPRESS", **more)["stateMachineArn"]


def test_a_synchronous_execution_has_its_tasks_done_by_workers(sfn, worker, name):
    machine = create_express(sfn, name, task(name))
    worker.serve(name, lambda command: {"done": command.value})
    done = sfn.start_sync_execution(stateMachineArn=machine, input='{"a": 1}')
    assert (done["status"], json.loads(done["output"])) == ("SUCCEEDED", {"done": {"a": 1}})
    assert done["executionArn"].split(":")[5:7] == ["express", name]
    assert done["billingDetails"]["billedMemoryUsedInMB"] == 64
    assert done["billingDetails"]["billedDurationInMilliseconds"] % 100 == 0


def test_what_has_no_history_shows_none(sfn, worker, name):
    machine = create_express(sfn, name, task(name))
    worker.serve(name, lambda command: 1)
    arn = sfn.start_execution(stateMachineArn=machine, name="n")["executionArn"]
    assert arn.split(":")[5:8] == ["express", name, "n"]
    for call in (sfn.describe_execution, sfn.get_execution_history, sfn.stop_execution, sfn.redrive_execution):
        with pytest.raises(ClientError) as refused:
            call(executionArn=arn)
        assert refused.value.response["Error"]["Code"] == "InvalidArn"
    with pytest.raises(ClientError) as refused:
        sfn.list_executions(stateMachineArn=machine)
    assert refused.value.response["Error"]["Code"] == "StateMachineTypeNotSupported"


def test_logged_events_have_awss_form(sfn, kafka, worker, name):
    logs = Tail(kafka.address, "baton.execution-logs")
    machine = create_express(sfn, name, task(name), loggingConfiguration=LOGGING)
    worker.serve(name, lambda command: {"ok": True})
    arn = sfn.start_execution(stateMachineArn=machine, input='{"a": 1}')["executionArn"]
    last = logs.find("the end", lambda r: r.key == arn and r.value["type"] == "ExecutionSucceeded").value
    assert {key: last[key] for key in ("id", "previous_event_id", "execution_arn", "redrive_count")} == {
        "id": "7", "previous_event_id": "6", "execution_arn": arn, "redrive_count": "0"}
    assert json.loads(last["details"]["output"]) == {"ok": True}
    shown = [r.value["type"] for r in logs.seen if r.key == arn]
    assert shown == ["ExecutionStarted", "TaskStateEntered", "TaskScheduled", "TaskStarted", "TaskSucceeded", "TaskStateExited", "ExecutionSucceeded"]
    logs.close()


def test_after_kill_9_what_was_accepted_runs_again_and_a_waiting_caller_is_not_answered_twice(sfn, baton, kafka, worker, name):
    logs = Tail(kafka.address, "baton.execution-logs")
    machine = create_express(sfn, name, task(name), loggingConfiguration=LOGGING)
    worker.serve(name, lambda command: OPEN)
    arn = sfn.start_execution(stateMachineArn=machine, input='"async"')["executionArn"]
    answers = []

    def wait_for_it():
        try:
            answers.append(stepfunctions(baton.url).start_sync_execution(stateMachineArn=machine, input='"sync"'))
        except Exception as error:  # noqa: BLE001 - that it fails is what the test wants to see
            answers.append(error)

    caller = threading.Thread(target=wait_for_it)
    caller.start()
    commands = worker.commands[f"baton.commands.{name}"]
    until("both commands", lambda: len(commands) >= 2)
    first = next(c for c in commands if c.value == "async")
    baton.kill()
    caller.join(30)
    assert isinstance(answers[0], Exception)
    baton.start()
    until("the accepted one's command, once more", lambda: sum(c.value == "async" for c in commands) >= 2)
    # What belongs to the run that is gone is not taken for this one's.
    worker.succeed(first, {"of": "the first run"})
    second = [c for c in commands if c.value == "async"][-1]
    assert second.headers["ce_id"] != first.headers["ce_id"]
    worker.succeed(second, {"of": "the second run"})
    last = logs.find("the end", lambda r: r.key == arn and r.value["type"] == "ExecutionSucceeded").value
    assert json.loads(last["details"]["output"]) == {"of": "the second run"}
    assert sum(c.value == "sync" for c in commands) == 1
    logs.close()


def test_what_express_does_not_support_is_refused(sfn, name):
    for resource in ("arn:aws:states:::lambda:invoke.waitForTaskToken", "arn:aws:states:::states:startExecution.sync"):
        definition = {"StartAt": "A", "States": {"A": {"Type": "Task", "Resource": resource, "Parameters": {}, "End": True}}}
        with pytest.raises(ClientError) as refused:
            create_express(sfn, name, definition)
        assert refused.value.response["Error"]["Code"] == "InvalidDefinition"
    standard = sfn.create_state_machine(name=name, definition=json.dumps(task(name)), roleArn=ROLE)["stateMachineArn"]
    with pytest.raises(ClientError) as refused:
        sfn.start_sync_execution(stateMachineArn=standard)
    assert refused.value.response["Error"]["Code"] == "StateMachineTypeNotSupported"
    assert machine_arn(name) == standard
