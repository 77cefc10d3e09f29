"""Child executions: the distributed Map over a file of the node, and nested starts, with a node that is killed meanwhile."""

import json

import pytest
from machines import create, passing, start, task

from support.baton import Baton
from support.clients import history, stepfunctions, wait_closed
from support.records import PlainWorker, TaskError
from support.wait import until

ITEMS = 1_000


@pytest.fixture(scope="module")
def files(directory):
    """A folder with a file of items, one JSON object a line."""
    folder = directory / "map-files"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "orders.jsonl").write_text("".join(f'{{"order": {number}}}\n' for number in range(ITEMS)))
    return folder


@pytest.fixture(scope="module")
def node(directory, kafka, files):
    """A node that may read the folder."""
    made = Baton(directory / "maps", kafka.address, prefix="maps.", arguments=("--map-files", files)).start()
    yield made
    made.stop()


@pytest.fixture(scope="module")
def maps(node):
    return stepfunctions(node.url)


@pytest.fixture(scope="module")
def helper(kafka, node):
    plain = PlainWorker(kafka.address, node.prefix)
    yield plain
    plain.close()


def distributed(queue, **fields):
    """A machine that works on every line of the file."""
    work = task(queue)["States"]["Work"]
    state = {
        "Type": "Map",
        "Label": "Orders",
        "MaxConcurrency": 50,
        "ItemReader": {
            "Resource": "arn:aws:states:::baton:readFile",
            "Parameters": {"Path": "orders.jsonl"},
            "ReaderConfig": {"InputType": "JSONL"},
        },
        "ItemProcessor": {
            "ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"},
            "StartAt": "Work",
            "States": {"Work": work},
        },
        "End": True,
        **fields,
    }
    return {"StartAt": "Each", "States": {"Each": state}}


def test_a_thousand_items_are_done_though_the_node_is_killed(node, maps, helper, name):
    machine = create(maps, name, distributed(name))
    helper.serve(name, lambda command: command.value["order"])
    arn = start(maps, machine, name)
    done = f"{node.prefix}commands.{name}"
    until("a third of the items", lambda: len(helper.commands[done]) > ITEMS // 3, 60)
    node.kill()
    node.start()
    closed = wait_closed(maps, arn, 120)
    assert closed["status"] == "SUCCEEDED", closed
    assert json.loads(closed["output"]) == list(range(ITEMS))
    types = [event["type"] for event in history(maps, arn)]
    assert types == [
        "ExecutionStarted", "MapStateEntered", "MapStateStarted", "MapRunStarted", "MapRunSucceeded", "MapStateSucceeded",
        "MapStateExited", "ExecutionSucceeded",
    ]
    (run,) = maps.list_map_runs(executionArn=arn)["mapRuns"]
    described = maps.describe_map_run(mapRunArn=run["mapRunArn"])
    assert described["status"] == "SUCCEEDED"
    assert described["itemCounts"]["succeeded"] == described["executionCounts"]["total"] == ITEMS
    page = maps.list_executions(mapRunArn=run["mapRunArn"], maxResults=5)["executions"]
    assert len(page) == 5 and all(child["mapRunArn"] == run["mapRunArn"] for child in page)
    child = maps.describe_execution(executionArn=page[0]["executionArn"])
    assert child["mapRunArn"] == run["mapRunArn"] and "order" in json.loads(child["input"])


def test_results_are_written_to_files_and_failures_are_counted(maps, helper, files, name):
    def fails_sometimes(command):
        if command.value["order"] % 100 == 0:
            raise TaskError("NoLuck")
        return command.value["order"]

    writer = {"Resource": "arn:aws:states:::baton:writeFile", "Parameters": {"Bucket": "", "Prefix": "results"}}
    definition = distributed(name, ToleratedFailurePercentage=5, ResultWriter=writer)
    machine = create(maps, name, definition)
    helper.serve(name, fails_sometimes)
    arn = start(maps, machine, name)
    closed = wait_closed(maps, arn, 120)
    assert closed["status"] == "SUCCEEDED", closed
    manifest = json.loads((files / json.loads(closed["output"])["ResultWriterDetails"]["Key"]).read_text())
    results = {
        kind: [entry for file in listed for entry in json.loads((files / file["Key"]).read_text())]
        for kind, listed in manifest["ResultFiles"].items()
    }
    assert (len(results["SUCCEEDED"]), len(results["FAILED"])) == (ITEMS - 10, 10)
    assert {entry["Status"] for entry in results["FAILED"]} == {"FAILED"}


def test_a_parent_waits_for_its_child_and_stops_it(maps, helper, name):
    child = create(maps, f"{name}-child", passing({"well": "done"}))
    state = {"Type": "Task", "Resource": "arn:aws:states:::states:startExecution.sync:2", "End": True,
             "Parameters": {"StateMachineArn": child, "Input": {"a": 1}}}
    parent = create(maps, name, {"StartAt": "Nest", "States": {"Nest": state}})
    closed = wait_closed(maps, start(maps, parent, name))
    output = json.loads(closed["output"])
    assert (output["Status"], output["Input"], output["Output"]) == ("SUCCEEDED", {"a": 1}, {"well": "done"})

    slow = create(maps, f"{name}-slow", {"StartAt": "Wait", "States": {"Wait": {"Type": "Wait", "Seconds": 600, "End": True}}})
    state["Parameters"] = {"StateMachineArn": slow, "Name": f"{name}-stays"}
    parent = create(maps, f"{name}-stopped", {"StartAt": "Nest", "States": {"Nest": state}})
    arn = start(maps, parent, f"{name}-stopped")
    running = slow.replace(":stateMachine:", ":execution:") + f":{name}-stays"
    until("the child runs", lambda: "TaskSubmitted" in [event["type"] for event in history(maps, arn)])
    maps.stop_execution(executionArn=arn)
    assert wait_closed(maps, running)["status"] == "ABORTED"
