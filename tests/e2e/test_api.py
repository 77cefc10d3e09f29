"""Versions, aliases, tags, activities and synchronous executions through boto3."""

import json
import threading

import pytest
from machines import create, passing

from support.clients import ROLE, execution_arn, history, kinds, machine_arn, wait_closed


def publish(sfn, name, result):
    """Updates the machine to one that gives this result; returns the ARN of the version."""
    definition = {"StartAt": "A", "States": {"A": {"Type": "Pass", "Result": result, "End": True}}}
    updated = sfn.update_state_machine(stateMachineArn=machine_arn(name), definition=json.dumps(definition), publish=True)
    return updated["stateMachineVersionArn"]


def result_of(sfn, machine, **more):
    """Starts an execution; returns its result and its description."""
    started = sfn.start_execution(stateMachineArn=machine, **more)
    described = wait_closed(sfn, started["executionArn"])
    return json.loads(described["output"]), described


def test_a_version_keeps_its_definition_and_an_alias_moves(sfn, name):
    create(sfn, name, passing())
    first, second = publish(sfn, name, 1), publish(sfn, name, 2)
    alias = sfn.create_state_machine_alias(
        name="live", routingConfiguration=[{"stateMachineVersionArn": first, "weight": 100}]
    )["stateMachineAliasArn"]
    assert result_of(sfn, first)[0] == 1
    result, described = result_of(sfn, alias)
    assert result == 1
    assert described["stateMachineAliasArn"] == alias
    assert described["stateMachineVersionArn"] == first
    started = history(sfn, described["executionArn"])[0]["executionStartedEventDetails"]
    assert (started["stateMachineAliasArn"], started["stateMachineVersionArn"]) == (alias, first)
    sfn.update_state_machine_alias(
        stateMachineAliasArn=alias, routingConfiguration=[{"stateMachineVersionArn": second, "weight": 100}]
    )
    assert result_of(sfn, alias)[0] == 2
    listed = sfn.list_executions(stateMachineArn=alias)["executions"]
    assert [execution["stateMachineVersionArn"] for execution in listed] == [second, first]
    assert len(sfn.list_executions(stateMachineArn=first)["executions"]) == 2
    with pytest.raises(sfn.exceptions.ConflictException):
        sfn.delete_state_machine_version(stateMachineVersionArn=second)


def test_an_alias_shares_out_by_weight_and_a_name_always_goes_the_same_way(sfn, name):
    create(sfn, name, passing())
    routes = [{"stateMachineVersionArn": publish(sfn, name, n), "weight": 50} for n in (1, 2)]
    alias = sfn.create_state_machine_alias(name="both", routingConfiguration=routes)["stateMachineAliasArn"]
    results = [result_of(sfn, alias, name=f"e-{n}")[0] for n in range(20)]
    assert set(results) == {1, 2}


def test_versions_tags_and_aliases_survive_a_restart(baton, sfn, name):
    create(sfn, name, passing())
    version = publish(sfn, name, 1)
    sfn.tag_resource(resourceArn=machine_arn(name), tags=[{"key": "team", "value": "blue"}])
    routes = [{"stateMachineVersionArn": version, "weight": 100}]
    alias = sfn.create_state_machine_alias(name="live", routingConfiguration=routes)["stateMachineAliasArn"]
    baton.restart()
    versions = sfn.list_state_machine_versions(stateMachineArn=machine_arn(name))["stateMachineVersions"]
    assert [found["stateMachineVersionArn"] for found in versions] == [version]
    assert sfn.list_tags_for_resource(resourceArn=machine_arn(name))["tags"] == [{"key": "team", "value": "blue"}]
    assert sfn.describe_state_machine_alias(stateMachineAliasArn=alias)["routingConfiguration"] == routes


def activity_machine(sfn, name):
    """An activity and a machine of one state that uses it; returns the activity's ARN."""
    activity = sfn.create_activity(name=name)["activityArn"]
    create(sfn, name, {"StartAt": "A", "States": {
        "A": {"Type": "Task", "Resource": activity, "TimeoutSeconds": 60, "End": True}}})
    return activity


def test_an_activity_is_worked_on_over_http_alone(baton, sfn, name):
    activity = activity_machine(sfn, name)
    poller = _poller(baton)
    started = sfn.start_execution(stateMachineArn=machine_arn(name), name="one", input='{"n": 1}')
    task = poller.get_activity_task(activityArn=activity, workerName="hand")
    assert json.loads(task["input"]) == {"n": 1}
    sfn.send_task_heartbeat(taskToken=task["taskToken"])
    sfn.send_task_success(taskToken=task["taskToken"], output='"done"')
    assert wait_closed(sfn, started["executionArn"])["output"] == '"done"'
    events = history(sfn, started["executionArn"])
    assert "ActivityStarted" in kinds(events)
    begun = next(event for event in events if event["type"] == "ActivityStarted")
    assert begun["activityStartedEventDetails"] == {"workerName": "hand"}
    with pytest.raises(sfn.exceptions.TaskTimedOut):
        sfn.send_task_success(taskToken=task["taskToken"], output="1")


def test_each_task_of_an_activity_goes_to_one_of_those_who_wait(baton, sfn, name):
    activity = activity_machine(sfn, name)
    count, done, failures = 6, [], []

    def work():
        client = _poller(baton)
        try:
            while len(done) < count:
                task = client.get_activity_task(activityArn=activity)
                if task.get("taskToken"):
                    client.send_task_success(taskToken=task["taskToken"], output=task["input"])
                    done.append(task["input"])
        except Exception as error:  # noqa: BLE001 - shown by the assertion below
            failures.append(error)

    workers = [threading.Thread(target=work, daemon=True) for _ in range(3)]
    for worker in workers:
        worker.start()
    for n in range(count):
        sfn.start_execution(stateMachineArn=machine_arn(name), name=f"e-{n}", input=str(n))
    for n in range(count):
        assert wait_closed(sfn, execution_arn(name, f"e-{n}"), 60)["output"] == str(n)
    assert sorted(done) == [str(n) for n in range(count)]
    assert not failures


def test_a_synchronous_execution_answers_with_its_result(sfn, name):
    definition = {"StartAt": "A", "States": {"A": {"Type": "Pass", "End": True}}}
    sfn.create_state_machine(name=name, definition=json.dumps(definition), roleArn=ROLE, type="EXPRESS")
    for _ in range(2):
        done = sfn.start_sync_execution(stateMachineArn=machine_arn(name), name="same", input='{"a": 1}')
        assert (done["status"], json.loads(done["output"]), done["name"]) == ("SUCCEEDED", {"a": 1}, "same")
        assert done["billingDetails"]["billedDurationInMilliseconds"] >= 0
    failing = {"StartAt": "A", "States": {"A": {"Type": "Fail", "Error": "E", "Cause": "c"}}}
    sfn.create_state_machine(name=f"{name}-f", definition=json.dumps(failing), roleArn=ROLE, type="EXPRESS")
    done = sfn.start_sync_execution(stateMachineArn=machine_arn(f"{name}-f"))
    assert (done["status"], done["error"], done["cause"]) == ("FAILED", "E", "c")


def test_what_is_not_there_yet_says_so_in_awss_words(sfn, name):
    create(sfn, name, passing())
    execution = sfn.start_execution(stateMachineArn=machine_arn(name))["executionArn"]
    wait_closed(sfn, execution)
    with pytest.raises(sfn.exceptions.ExecutionNotRedrivable):
        sfn.redrive_execution(executionArn=execution)
    assert sfn.list_map_runs(executionArn=execution)["mapRuns"] == []
    with pytest.raises(sfn.exceptions.ResourceNotFound):
        sfn.describe_map_run(mapRunArn="arn:aws:states:us-east-1:000000000000:mapRun:m/l:1")


def _poller(baton):
    """A client whose answers may take as long as a poll does."""
    from botocore.config import Config
    import boto3

    return boto3.client(
        "stepfunctions", endpoint_url=baton.url, region_name="us-east-1", aws_access_key_id="any",
        aws_secret_access_key="any", config=Config(retries={"total_max_attempts": 1}, read_timeout=60),
    )
