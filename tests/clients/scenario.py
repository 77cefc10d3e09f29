"""One scenario with every operation of Step Functions, for any client.

Owns: what is called in which order, and what must come of it. It knows a client only by `call` and `pages`.
"""

import json

import pytest
from drivers import Refused

from support.wait import until

ROLE = "arn:aws:iam::000000000000:role/any"
MISSING = "arn:aws:states:us-east-1:000000000000:stateMachine:is-not-there"
DEADLINE_S = 40


class Client:
    """A driver that notes which operations were called."""

    def __init__(self, driver):
        self.driver = driver
        self.called = set()

    def __call__(self, operation, **arguments):
        self.called.add(operation)
        return self.driver.call(operation, **arguments)

    def pages(self, operation, key, size, **arguments):
        self.called.add(operation)
        return self.driver.pages(operation, key, size, **arguments)

    def refused(self, expected, operation, **arguments):
        """The call must be refused with this error, of a class of its own where the client has one."""
        with pytest.raises(Refused) as caught:
            self(operation, **arguments)
        assert caught.value.name == expected, caught.value
        assert caught.value.is_typed, f"{expected} is not an error of its own class"
        return caught.value


def definition(**states):
    """A definition whose first state is the first one given."""
    return json.dumps({"StartAt": next(iter(states)), "States": states})


def run(client, name):
    """Everything, once at least."""
    machine, versions = machines(client, name)
    aliases(client, versions)
    executions(client, machine)
    synchronous(client, f"{name}-express")
    stopped(client, f"{name}-waits")
    activities(client, f"{name}-work")
    map_runs(client, machine)
    tags(client, machine)
    client("DeleteStateMachineVersion", stateMachineVersionArn=versions[0])
    client("DeleteStateMachine", stateMachineArn=machine)
    client.refused("StateMachineDoesNotExist", "DescribeStateMachine", stateMachineArn=machine)


def machines(client, name):
    """Create, describe, update, validate, test, list; returns the ARN and those of two versions."""
    one = definition(A={"Type": "Pass", "Result": 1, "End": True})
    two = definition(A={"Type": "Pass", "Result": 2, "End": True})
    created = client("CreateStateMachine", name=name, definition=one, roleArn=ROLE, publish=True)
    machine = created["stateMachineArn"]
    client.refused("StateMachineAlreadyExists", "CreateStateMachine", name=name, definition=two, roleArn=ROLE)
    error = client.refused("InvalidDefinition", "CreateStateMachine", name=f"{name}-bad", definition="{}", roleArn=ROLE)
    assert "SCHEMA_VALIDATION_FAILED" in error.message
    assert client("DescribeStateMachine", stateMachineArn=machine)["definition"] == one
    updated = client("UpdateStateMachine", stateMachineArn=machine, definition=two)
    assert updated["revisionId"]
    published = client("PublishStateMachineVersion", stateMachineArn=machine, description="two")
    listed = client("ListStateMachineVersions", stateMachineArn=machine)["stateMachineVersions"]
    versions = [found["stateMachineVersionArn"] for found in listed]
    assert versions == [published["stateMachineVersionArn"], created["stateMachineVersionArn"]]
    assert machine in [found["stateMachineArn"] for found in client("ListStateMachines")["stateMachines"]]
    assert client("ValidateStateMachineDefinition", definition=one)["result"] == "OK"
    tested = client("TestState", definition=json.dumps({"Type": "Pass", "Result": {"a": 1}, "End": True}), input="{}")
    assert tested["status"] == "SUCCEEDED" and json.loads(tested["output"]) == {"a": 1}
    return machine, versions


def aliases(client, versions):
    """An alias moves from one version to the other."""
    route = [{"stateMachineVersionArn": versions[0], "weight": 100}]
    alias = client("CreateStateMachineAlias", name="live", routingConfiguration=route)["stateMachineAliasArn"]
    moved = [{"stateMachineVersionArn": version, "weight": 50} for version in versions]
    client("UpdateStateMachineAlias", stateMachineAliasArn=alias, routingConfiguration=moved)
    assert client("DescribeStateMachineAlias", stateMachineAliasArn=alias)["routingConfiguration"] == moved
    machine = versions[0].rsplit(":", 1)[0]
    assert len(client("ListStateMachineAliases", stateMachineArn=machine)["stateMachineAliases"]) == 1
    client.refused("ConflictException", "DeleteStateMachineVersion", stateMachineVersionArn=versions[0])
    client("DeleteStateMachineAlias", stateMachineAliasArn=alias)
    client.refused("ResourceNotFound", "DescribeStateMachineAlias", stateMachineAliasArn=alias)


def executions(client, machine):
    """Start, poll, history and list by pages, errors by type."""
    arns = [client("StartExecution", stateMachineArn=machine, name=f"e-{n}")["executionArn"] for n in range(3)]
    for arn in arns:
        described = closed(client, arn)
        assert (described["status"], described["output"]) == ("SUCCEEDED", "2"), described
    client.refused("StateMachineDoesNotExist", "StartExecution", stateMachineArn=MISSING)
    client.refused("ExecutionAlreadyExists", "StartExecution", stateMachineArn=machine, name="e-0", input="[]")
    client.refused("InvalidArn", "StartExecution", stateMachineArn="no-arn")
    client.refused("ExecutionDoesNotExist", "DescribeExecution", executionArn=f"{arns[0]}-not")
    client.refused("ExecutionNotRedrivable", "RedriveExecution", executionArn=arns[0])
    events = client.pages("GetExecutionHistory", "events", 1, executionArn=arns[0])
    assert [event["type"] for event in events] == ["ExecutionStarted", "PassStateEntered", "PassStateExited", "ExecutionSucceeded"]
    listed = client.pages("ListExecutions", "executions", 2, stateMachineArn=machine)
    assert [found["executionArn"] for found in listed] == arns[::-1]
    of_execution = client("DescribeStateMachineForExecution", executionArn=arns[0])
    assert of_execution["stateMachineArn"] == machine


def synchronous(client, name):
    """StartSyncExecution of an EXPRESS machine; without `sync-` before the host."""
    failing = definition(A={"Type": "Fail", "Error": "Bad", "Cause": "no"})
    machine = client("CreateStateMachine", name=name, definition=failing, roleArn=ROLE, type="EXPRESS")["stateMachineArn"]
    done = client("StartSyncExecution", stateMachineArn=machine, input='{"a": 1}')
    assert (done["status"], done["error"], done["cause"]) == ("FAILED", "Bad", "no")


def stopped(client, name):
    """StopExecution of one that waits."""
    waits = definition(A={"Type": "Wait", "Seconds": 3600, "End": True})
    machine = client("CreateStateMachine", name=name, definition=waits, roleArn=ROLE)["stateMachineArn"]
    arn = client("StartExecution", stateMachineArn=machine)["executionArn"]
    client("StopExecution", executionArn=arn, error="Enough", cause="tired")
    described = closed(client, arn)
    assert (described["status"], described["error"], described["cause"]) == ("ABORTED", "Enough", "tired")


def activities(client, name):
    """An activity's tasks: one succeeds after a heartbeat, one fails."""
    activity = client("CreateActivity", name=name)["activityArn"]
    assert client("DescribeActivity", activityArn=activity)["name"] == name
    assert activity in [found["activityArn"] for found in client("ListActivities")["activities"]]
    works = definition(A={"Type": "Task", "Resource": activity, "End": True})
    machine = client("CreateStateMachine", name=name, definition=works, roleArn=ROLE)["stateMachineArn"]
    good, bad = (client("StartExecution", stateMachineArn=machine, name=end, input=f'"{end}"')["executionArn"] for end in ("good", "bad"))
    for _ in range(2):
        task = client("GetActivityTask", activityArn=activity, workerName="w")
        token = task["taskToken"]
        if task["input"] == '"good"':
            client("SendTaskHeartbeat", taskToken=token)
            client("SendTaskSuccess", taskToken=token, output="7")
            client.refused("TaskTimedOut", "SendTaskSuccess", taskToken=token, output="8")
        else:
            client("SendTaskFailure", taskToken=token, error="Broken", cause="it fell")
    assert closed(client, good)["output"] == "7"
    assert closed(client, bad)["error"] == "Broken"
    client.refused("InvalidToken", "SendTaskHeartbeat", taskToken="not-a-token")
    client("DeleteActivity", activityArn=activity)
    client.refused("ActivityDoesNotExist", "DescribeActivity", activityArn=activity)


def map_runs(client, machine):
    """There are none: an empty list, and ResourceNotFound."""
    arn = machine.replace(":stateMachine:", ":mapRun:") + "/each:0"
    client.refused("ResourceNotFound", "DescribeMapRun", mapRunArn=arn)
    client.refused("ResourceNotFound", "UpdateMapRun", mapRunArn=arn, maxConcurrency=1)
    execution = machine.replace(":stateMachine:", ":execution:") + ":e-0"
    assert client("ListMapRuns", executionArn=execution)["mapRuns"] == []


def tags(client, machine):
    """Tag, list, untag."""
    client("TagResource", resourceArn=machine, tags=[{"key": "team", "value": "blue"}, {"key": "x", "value": ""}])
    client("UntagResource", resourceArn=machine, tagKeys=["x"])
    assert client("ListTagsForResource", resourceArn=machine)["tags"] == [{"key": "team", "value": "blue"}]


def closed(client, arn):
    """Polls as every client must: no SDK has waiters for Step Functions."""

    def ended():
        described = client("DescribeExecution", executionArn=arn)
        return described["status"] != "RUNNING" and described

    return until(f"the end of {arn}", ended, DEADLINE_S)
