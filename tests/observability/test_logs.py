"""Logs: JSON objects with dotted fields where asked for, lines for people otherwise."""

import json
import re

import pytest

from support.baton import Baton
from support.clients import Rest

# docs/operations.md names the fields; these are in the lines of every start.
AT_START = {"node.name", "http.address", "kafka.brokers", "version"}
STANDARD = {"timestamp", "level", "target", "message"}
FIELD = re.compile(r"^[a-z][a-z0-9_]*(\.[a-z][a-z0-9_]*)*$")


@pytest.fixture
def started(directory, kafka, name):
    """Starts a node that logs in a form, asks it one thing, ends it, and gives its lines."""

    def lines(form):
        node = Baton(directory / name, kafka.address, node=name, prefix=f"{name}.",
                     arguments=["--log", form, "--log-filter", "info,baton_api=debug"]).start()
        Rest(node.url).get("/v1/state-machines/nothing")
        node.stop()
        return node.process.read().splitlines()

    return lines


def test_json_logs_parse_and_carry_the_same_dotted_fields(started):
    events = [json.loads(line) for line in started("json")]
    assert len(events) > 5
    for event in events:
        assert STANDARD <= event.keys(), event
        assert event["level"] in ("ERROR", "WARN", "INFO", "DEBUG")
        assert all(FIELD.match(field) for field in event), event
    assert any(AT_START <= event.keys() for event in events)
    asked = [event for event in events if event.get("http.operation") == "DescribeStateMachine"]
    assert asked and asked[0]["http.status"] == 404
    span = asked[0]["span"]
    assert span["name"] == "http.request" and span["http.request_id"] and span["trace.parent"].startswith("00-")


def test_logs_for_people_are_lines_of_text_with_the_same_fields(started):
    lines = started("human")
    assert len(lines) > 5
    for line in lines:
        assert not line.startswith("{") and "\x1b" not in line, line
    assert all(re.match(r"^\d{4}-\d\d-\d\dT\S+Z +(ERROR|WARN|INFO|DEBUG) ", line) for line in lines)
    assert any("starting node.name=" in line and "http.address=" in line for line in lines)
