"""Definitions that the end-to-end tests use, and how they are created."""

import json

from support.clients import ROLE, execution_arn


def task(queue, **fields):
    """A machine of one task on a queue."""
    state = {"Type": "Task", "Resource": f"arn:aws:states:::baton:task.{queue}", **fields}
    if "Next" not in state:
        state["End"] = True
    return {"StartAt": "Work", "States": {"Work": state}}


def chain(queue, steps):
    """A machine of `steps` tasks one after the other, all on one queue."""
    states = {
        f"Step{number}": {
            "Type": "Task",
            "Resource": f"arn:aws:states:::baton:task.{queue}",
            **({"Next": f"Step{number + 1}"} if number < steps else {"End": True}),
        }
        for number in range(1, steps + 1)
    }
    return {"StartAt": "Step1", "States": states}


def passing(result=None):
    """A machine that ends at once."""
    state = {"Type": "Pass", "End": True, **({"Result": result} if result is not None else {})}
    return {"StartAt": "Only", "States": {"Only": state}}


def create(sfn, name, definition):
    """Creates a machine; returns its ARN."""
    return sfn.create_state_machine(name=name, definition=json.dumps(definition), roleArn=ROLE)["stateMachineArn"]


def start(sfn, machine, name, value=None):
    """Starts an execution; returns its ARN."""
    return sfn.start_execution(stateMachineArn=machine, name=name, input=json.dumps(value if value is not None else {}))["executionArn"]


def start_surely(sfn, machine, name):
    """One try of a start that is tried until it succeeds; returns the execution's ARN.

    An earlier try may have been taken although its answer was lost (503, or nobody there). Once the execution has closed,
    the same start is refused, as AWS refuses it, and that tells as much.
    """
    try:
        return start(sfn, machine, name)
    except sfn.exceptions.ExecutionAlreadyExists:
        return execution_arn(machine.rsplit(":", 1)[1], name)
