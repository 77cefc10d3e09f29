"""State machines through boto3: create, describe, list, update, delete, and what is refused."""

import json

import pytest
from machines import chain, create, passing, task

from support.clients import ROLE, machine_arn


def test_a_machine_is_described_as_it_was_created(sfn, name):
    definition = json.dumps(task(name), indent=2)
    created = sfn.create_state_machine(name=name, definition=definition, roleArn=ROLE)
    described = sfn.describe_state_machine(stateMachineArn=created["stateMachineArn"])
    assert created["stateMachineArn"] == machine_arn(name)
    assert described["definition"] == definition, "the text itself, spaces and all"
    assert described["name"] == name
    assert described["roleArn"] == ROLE
    assert described["status"] == "ACTIVE"
    assert described["type"] == "STANDARD"
    assert described["creationDate"] == created["creationDate"]


def test_creating_the_same_machine_again_is_the_same_machine(sfn, name):
    definition = json.dumps(passing())
    first = sfn.create_state_machine(name=name, definition=definition, roleArn=ROLE)
    again = sfn.create_state_machine(name=name, definition=definition, roleArn=ROLE)
    assert again["stateMachineArn"] == first["stateMachineArn"]
    assert again["creationDate"] == first["creationDate"]


def test_a_name_is_not_taken_twice(sfn, name):
    create(sfn, name, passing())
    with pytest.raises(sfn.exceptions.StateMachineAlreadyExists):
        create(sfn, name, chain(name, 2))


@pytest.mark.parametrize(
    ("definition", "expected"),
    [
        ("{", "JSON"),
        ('{"States": {}}', "StartAt"),
        ('{"StartAt": "A", "States": {"A": {"Type": "Pass"}}}', "A"),
        ('{"StartAt": "A", "States": {"A": {"Type": "Pass", "Next": "Nowhere"}}}', "Nowhere"),
        ('{"StartAt": "A", "States": {"A": {"Type": "Task", "End": true}}}', "Resource"),
        ('{"StartAt": "A", "States": {"A": {"Type": "Strange", "End": true}}}', "/States/A/Type"),
    ],
    ids=["json", "start", "end", "next", "resource", "type"],
)
def test_a_definition_with_a_mistake_is_refused_and_named(sfn, name, definition, expected):
    with pytest.raises(sfn.exceptions.InvalidDefinition) as refused:
        sfn.create_state_machine(name=name, definition=definition, roleArn=ROLE)
    assert expected in refused.value.response["Error"]["Message"]


def test_a_name_with_forbidden_characters_is_refused(sfn):
    with pytest.raises(sfn.exceptions.InvalidName):
        sfn.create_state_machine(name="not a name", definition=json.dumps(passing()), roleArn=ROLE)


def test_unknown_machines_and_wrong_arns_are_told_apart(sfn, name):
    with pytest.raises(sfn.exceptions.StateMachineDoesNotExist):
        sfn.describe_state_machine(stateMachineArn=machine_arn(name))
    with pytest.raises(sfn.exceptions.StateMachineDoesNotExist):
        sfn.start_execution(stateMachineArn=machine_arn(name), input="{}")
    with pytest.raises(sfn.exceptions.InvalidArn):
        sfn.describe_state_machine(stateMachineArn="not:an:arn")


def test_an_unknown_operation_says_so(baton, rest):
    answer = rest.call("POST", "/", {}, {"x-amz-target": "AWSStepFunctions.Dance", "content-type": "application/x-amz-json-1.0"})
    assert answer.status == 400
    assert answer.body["__type"].endswith("UnknownOperationException")


def test_machines_are_listed(sfn, name):
    arn = create(sfn, name, passing())
    listed = [machine for page in sfn.get_paginator("list_state_machines").paginate() for machine in page["stateMachines"]]
    mine = [machine for machine in listed if machine["stateMachineArn"] == arn]
    assert len(mine) == 1
    assert mine[0]["name"] == name
    assert mine[0]["type"] == "STANDARD"
