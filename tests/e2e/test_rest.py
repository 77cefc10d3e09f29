"""The REST API, as somebody with curl uses it, and what operators look at."""

import json
import re

from machines import passing, task

from support.clients import execution_arn, machine_arn
from support.records import OPEN, TaskError
from support.wait import until


def closed(rest, arn):
    """Waits for the end of an execution; returns what the API says of it."""
    path = f"/v1/executions/{rest.escape(arn)}"
    return until(f"the end of {arn}", lambda: (got := rest.get(path).body)["status"] != "RUNNING" and got)


def test_a_workflow_from_definition_to_history(rest, worker, name):
    assert rest.create_machine(name, task(name)) == machine_arn(name)
    worker.serve(name, lambda command: {"seen": command.value})
    started = rest.post(f"/v1/state-machines/{name}/executions", {"name": "first", "input": {"a": 1}})
    assert started.status in (200, 201, 202), started.text
    arn = started.body["executionArn"]
    assert arn == execution_arn(name, "first")
    done = closed(rest, arn)
    assert done["status"] == "SUCCEEDED"
    assert done["output"] == {"seen": {"a": 1}} or json.loads(done["output"]) == {"seen": {"a": 1}}
    events = rest.get(f"/v1/executions/{rest.escape(arn)}/history").body["events"]
    assert [event["id"] for event in events] == list(range(1, len(events) + 1))
    assert events[-1]["type"] == "ExecutionSucceeded"


def test_machines_and_executions_are_listed(rest, name):
    rest.create_machine(name, passing())
    arn = rest.post(f"/v1/state-machines/{name}/executions", {"name": "one", "input": {}}).body["executionArn"]
    closed(rest, arn)
    machine = rest.get(f"/v1/state-machines/{name}")
    assert machine.status == 200
    assert machine.body["name"] == name
    assert name in rest.get("/v1/state-machines").text
    listed = rest.get(f"/v1/executions?stateMachine={name}").body["executions"]
    assert [execution["executionArn"] for execution in listed] == [arn]


def test_an_execution_is_stopped(rest, worker, name):
    rest.create_machine(name, task(name))
    worker.serve(name, lambda command: OPEN)
    arn = rest.post(f"/v1/state-machines/{name}/executions", {"name": "one", "input": {}}).body["executionArn"]
    worker.command(name)
    answer = rest.post(f"/v1/executions/{rest.escape(arn)}/stop", {"error": "Enough", "cause": "said so"})
    assert answer.status in (200, 202, 204), answer.text
    assert closed(rest, arn)["status"] == "ABORTED"


def test_tasks_are_answered_over_http(rest, worker, name):
    rest.create_machine(name, task(name, HeartbeatSeconds=60))
    worker.serve(name, lambda command: OPEN)
    expected = {"one": "SUCCEEDED", "two": "FAILED"}
    for number, execution in enumerate(expected, 1):
        arn = rest.post(f"/v1/state-machines/{name}/executions", {"name": execution, "input": {}}).body["executionArn"]
        token = worker.command(name, number).headers["ce_id"]
        assert rest.post(f"/v1/tasks/{token}/heartbeat", {}).status in (200, 202, 204)
        if expected[execution] == "SUCCEEDED":
            answer = rest.post(f"/v1/tasks/{token}/success", {"output": {"ok": True}})
        else:
            answer = rest.post(f"/v1/tasks/{token}/failure", {"error": "No", "cause": "way"})
        assert answer.status in (200, 202, 204), answer.text
        assert closed(rest, arn)["status"] == expected[execution]


def test_mistakes_are_problem_details(rest, name):
    for answer, status in (
        (rest.get(f"/v1/state-machines/{name}"), 404),
        (rest.get(f"/v1/executions/{rest.escape(execution_arn(name, 'nobody'))}"), 404),
        (rest.post("/v1/state-machines", {"name": name, "definition": {"StartAt": "A"}}), 400),
        (rest.post("/v1/state-machines", {"definition": passing()}), (400, 422)),
    ):
        assert answer.status in (status if isinstance(status, tuple) else (status,)), answer.text
        assert answer.type == "application/problem+json"
        assert answer.body["title"] and answer.body["detail"]
        assert answer.body["status"] == answer.status


def test_a_start_is_refused_when_its_name_is_taken(rest, worker, name):
    rest.create_machine(name, task(name))
    worker.serve(name, lambda command: OPEN)
    path = f"/v1/state-machines/{name}/executions"
    first = rest.post(path, {"name": "one", "input": {"a": 1}})
    assert rest.post(path, {"name": "one", "input": {"a": 1}}).body["executionArn"] == first.body["executionArn"]
    refused = rest.post(path, {"name": "one", "input": {"a": 2}})
    assert (refused.status, refused.type) == (409, "application/problem+json")
    rest.post(f"/v1/executions/{rest.escape(first.body['executionArn'])}/stop", {})


def test_health_and_metrics(rest, worker, name):
    assert rest.get("/livez").status == 200
    assert rest.get("/readyz").status == 200

    def fails(command):
        raise TaskError("No")

    # A queue is a label, a machine or an execution never is: so they have different names here.
    rest.create_machine(name, task("metered"))
    worker.serve("metered", fails)
    closed(rest, rest.post(f"/v1/state-machines/{name}/executions", {"name": "one", "input": {}}).body["executionArn"])
    metrics = rest.get("/metrics")
    assert metrics.type == "text/plain"
    lines = [line for line in metrics.text.splitlines() if line and not line.startswith("#")]
    assert lines
    for line in lines:
        assert re.fullmatch(r"(baton|process)_[a-z0-9_]+(\{[^}]*\})? -?[0-9.e+-]+", line), line
        assert name not in line, "no ids as labels"
