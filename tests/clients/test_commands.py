"""The commands of `baton` that work on files or ask a node, as scripts use them."""

import json
import os
import subprocess

import pytest

from support.paths import BATON
from support.wait import until

WAITS = {"StartAt": "W", "States": {"W": {"Type": "Wait", "Seconds": 3600, "End": True}}}
WORKFLOW = """
machine:
  StartAt: Charge
  States:
    Charge: {Type: Task, Resource: 'arn:aws:states:::baton:task.charge', End: true,
             Retry: [{ErrorEquals: [Busy], IntervalSeconds: 86400}]}
tests:
  - name: busy for a day
    mocks: {Charge: [{error: Busy}, {return: 1}]}
    expect: {output: 1, calls: {Charge: 2}}
"""


@pytest.fixture
def baton_command(baton, tmp_path):
    """Runs the program in a folder of its own; returns its exit code and what it printed."""

    def run(*arguments, expected=0):
        environment = {**os.environ, "BATON_ENDPOINT": baton.url, "NO_COLOR": "1"}
        done = subprocess.run([BATON, *arguments], cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=60)
        assert done.returncode == expected, done.stdout + done.stderr
        return done.stdout

    return run


def test_apply_changes_what_differs_and_nothing_else(baton_command, tmp_path):
    (tmp_path / "waits.asl.json").write_text(json.dumps(WAITS))
    assert "+ create waits" in baton_command("apply", ".", "--dry-run", expected=1)
    assert "created waits" in baton_command("apply", ".", "--yes")
    assert "nothing to do" in baton_command("apply", ".", "--yes")
    (tmp_path / "waits.asl.json").write_text(json.dumps(WAITS).replace("3600", "7200"))
    assert '+      "Seconds": 7200' in baton_command("apply", ".", "--dry-run", expected=1)
    # Nobody is there to say yes.
    baton_command("apply", ".", expected=1)
    assert "updated waits" in baton_command("apply", ".", "--yes")
    (tmp_path / "broken.json").write_text('{"StartAt": "A", "States": {}}')
    baton_command("apply", ".", "--yes", expected=1)


def test_an_execution_is_started_described_listed_and_stopped(baton_command, tmp_path):
    (tmp_path / "stops.json").write_text(json.dumps(WAITS))
    baton_command("apply", "stops.json", "--yes")
    execution = baton_command("start", "stops", "--name", "one").strip()

    def listed():
        return json.loads(baton_command("list", "--machine", "stops", "--output", "json"))

    assert until("the execution in the list", listed, 10)[0]["executionArn"] == execution
    assert json.loads(baton_command("describe", "stops:one", "--output", "json"))["status"] == "RUNNING"
    assert "STATUS" in baton_command("list", "--machine", "stops").splitlines()[0]
    baton_command("stop", "stops:one", "--error", "Enough")
    baton_command("watch", "stops:one", expected=5)
    lines = baton_command("list", "--machine", "stops", "--output", "ndjson").splitlines()
    assert [json.loads(line)["status"] for line in lines] == ["ABORTED"]
    assert "\x1b" not in baton_command("describe", "stops:one")
    baton_command("describe", "stops:none", expected=1)
    baton_command("describe", expected=2)


def test_workflows_are_tested_without_a_server(baton_command, tmp_path):
    (tmp_path / "good.yaml").write_text(WORKFLOW)
    said = baton_command("test", "good.yaml")
    assert "1 passed, 0 failed" in said and "86401" not in said and "86400 s" in said
    (tmp_path / "bad.yaml").write_text(WORKFLOW.replace("output: 1", "output: 2"))
    assert "output: expected 2, found 1" in baton_command("test", "bad.yaml", expected=1)
    report = json.loads(baton_command("test", "good.yaml", "--output", "json"))
    assert report["coverage"]["retries"] == {"reached": 1, "all": 1, "notReached": []}


def test_a_definition_is_drawn_and_shells_complete(baton_command, tmp_path):
    (tmp_path / "w.json").write_text(json.dumps(WAITS))
    picture = baton_command("graph", "w.json", "--svg")
    assert picture.startswith("<svg") and 'data-state="W"' in picture
    for shell in ("bash", "zsh", "fish"):
        assert "baton" in baton_command("completion", shell)


def test_a_queue_that_nobody_consumes_is_found(baton_command, tmp_path):
    task = {"Type": "Task", "Resource": "arn:aws:states:::baton:task.lonely", "End": True}
    (tmp_path / "lonely.json").write_text(json.dumps({"StartAt": "T", "States": {"T": task}}))
    baton_command("apply", "lonely.json", "--yes")
    baton_command("start", "lonely", "--name", "one")

    def waits():
        described = json.loads(baton_command("describe", "lonely:one", "--output", "json"))
        found = described.get("waitingFor") or []
        return found and "no consumer group has ever read baton.commands.lonely" in found[0]["reason"]

    until("the reason why nothing happens", waits, 20)
    line = next(line for line in baton_command("queue", "list").splitlines() if line.startswith("lonely"))
    assert line.split()[3:5] == ["0", "1"], line
    said = baton_command("doctor", expected=1)
    assert "1 commands wait and nobody consumes it" in said and "has caught up and can write" in said
