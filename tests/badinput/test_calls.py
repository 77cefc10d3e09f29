"""Calls that can't be answered: the error says what, where and how to mend it, and nothing is left behind."""

import json

import pytest
from machines import create, passing, start, task

from support.clients import Rest, execution_arn, history, kinds, machine_arn, stepfunctions, wait_closed
from support.records import OPEN

PAYLOAD_MAX = 262_144
BODY_MAX = 4 * 1024 * 1024

# Five mistakes in four states.
WRONG = {
    "StartAt": "Nowhere",
    "States": {
        "A": {"Type": "Pass", "Next": "B"},
        "B": {"Type": "Task", "End": True},
        "D": {"Type": "Choice", "Choices": [{"Variable": "no path", "NumericEquals": 1, "Next": "A"}]},
        "E": {"Type": "Strange", "End": True},
    },
}


def test_all_mistakes_of_a_definition_are_told_at_once_and_where(rest, sfn, name):
    told = rest.post("/v1/validate", {"definition": WRONG})
    assert told.status == 200, told.text
    errors = [finding for finding in told.body["diagnostics"] if finding["severity"] == "ERROR"]
    places = {finding["location"] for finding in errors}
    assert {"/StartAt", "/States/B", "/States/D/Choices[0]/Variable", "/States/E/Type"} <= places, errors  # as AWS writes places
    assert all(finding["message"] and finding["code"] for finding in errors)
    with pytest.raises(sfn.exceptions.InvalidDefinition) as refused:
        create(sfn, name, WRONG)
    message = refused.value.response["Error"]["Message"]
    for mistake in ("Nowhere", "Resource", "Choices[0]", "/States/E/Type"):
        assert mistake in message, message
    stored = rest.get(f"/v1/state-machines/{name}")
    assert stored.status == 404, "a refused definition is not stored"


def test_a_definition_that_is_no_json_says_where(sfn, rest, name):
    with pytest.raises(sfn.exceptions.InvalidDefinition) as refused:
        sfn.create_state_machine(name=name, definition='{"StartAt": "A",\n "States": }', roleArn="arn:aws:iam::000000000000:role/r")
    assert "line: 2" in refused.value.response["Error"]["Message"]
    told = rest.post("/v1/validate", {"definition": '{"StartAt": '})
    assert told.status == 200 and told.body["result"] == "FAIL", told.text


def test_an_unknown_machine_is_named(sfn, rest, name):
    with pytest.raises(sfn.exceptions.StateMachineDoesNotExist) as refused:
        start(sfn, machine_arn(name), name)
    assert name in refused.value.response["Error"]["Message"]
    answer = rest.post(f"/v1/state-machines/{name}/executions", {"input": {}})
    assert (answer.status, answer.type) == (404, "application/problem+json")
    assert name in answer.body["detail"]


def test_an_input_over_the_bound_is_refused_and_one_at_the_bound_taken(sfn, rest, name):
    machine = create(sfn, name, passing())
    largest = json.dumps("x" * (PAYLOAD_MAX - 2))
    assert len(largest) == PAYLOAD_MAX
    arn = sfn.start_execution(stateMachineArn=machine, name="largest", input=largest)["executionArn"]
    assert wait_closed(sfn, arn)["output"] == largest
    with pytest.raises(sfn.exceptions.ClientError) as refused:
        sfn.start_execution(stateMachineArn=machine, name="larger", input=largest[:-1] + 'x"')
    assert refused.value.response["Error"]["Code"] == "ValidationException"
    assert str(PAYLOAD_MAX) in refused.value.response["Error"]["Message"]
    described = rest.get(f"/v1/executions/{execution_arn(name, 'larger')}")
    assert described.status == 404, "a refused start leaves nothing"


def test_a_body_over_the_bound_is_refused(rest, name):
    answer = rest.post("/v1/state-machines", {"name": name, "definition": "x" * BODY_MAX})
    assert answer.status == 413 and answer.body["title"] == "RequestEntityTooLarge"


def test_an_output_over_the_bound_fails_the_task_and_nothing_else(sfn, worker, name):
    machine = create(sfn, name, task(name))
    worker.serve(name, lambda command: OPEN)
    arn = start(sfn, machine, name)
    worker.succeed(worker.command(name), "x" * PAYLOAD_MAX)
    closed = wait_closed(sfn, arn)
    assert (closed["status"], closed["error"]) == ("FAILED", "States.DataLimitExceeded")
    other = start(sfn, machine, f"{name}-other")
    worker.succeed(worker.command(name, 2), {"fits": True})
    assert wait_closed(sfn, other)["status"] == "SUCCEEDED"


def test_a_task_s_result_counts_once_whoever_says_it_how_often(sfn, worker, name):
    machine = create(sfn, name, task(name))
    worker.serve(name, lambda command: OPEN)
    arn = start(sfn, machine, name)
    token = worker.command(name).headers["ce_id"]
    sfn.send_task_success(taskToken=token, output='{"n": 1}')
    for late in (
        lambda: sfn.send_task_success(taskToken=token, output='{"n": 2}'),
        lambda: sfn.send_task_failure(taskToken=token, error="Late"),
        lambda: sfn.send_task_heartbeat(taskToken=token),
    ):
        with pytest.raises(sfn.exceptions.TaskTimedOut):
            late()
    with pytest.raises(sfn.exceptions.InvalidToken):
        sfn.send_task_success(taskToken="made-up", output="{}")
    assert json.loads(wait_closed(sfn, arn)["output"]) == {"n": 1}
    assert kinds(history(sfn, arn)).count("TaskSucceeded") == 1


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b'"x"', b"\xff\xfe", b'{"input": '], ids=range(6))
def test_a_body_that_is_no_json_object_says_so(baton, sfn, name, body):
    import urllib.error
    import urllib.request

    create(sfn, name, passing())
    request = urllib.request.Request(f"{baton.url}/v1/state-machines", data=body, method="POST")
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(request, timeout=10)
    problem = json.loads(refused.value.read())
    assert refused.value.code == 400 and problem["detail"] and problem["title"], problem


def test_clients_of_both_protocols_are_answered_after_all_of_this(baton):
    sfn, rest = stepfunctions(baton.url), Rest(baton.url)
    machine = create(sfn, "after-all", passing({"well": 1}))
    assert wait_closed(sfn, start(sfn, machine, "after-all"))["status"] == "SUCCEEDED"
    assert rest.get("/readyz").status == 200
