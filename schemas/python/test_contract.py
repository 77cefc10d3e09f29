"""The contract as Python sees it: examples against the JSON Schemas, and a worker in plain Python against the examples.

Run: `python -m pytest schemas/python` with pytest and jsonschema installed.
"""

import json
from pathlib import Path

import plain_worker
import pytest
from jsonschema import Draft202012Validator

SCHEMAS = Path(__file__).resolve().parents[1]
ABSENT = object()


def load(folder):
    return {path.stem: json.loads(path.read_text(encoding="utf-8")) for path in sorted((SCHEMAS / folder).glob("*.json"))}


VALID, INVALID, GOLDEN = load("examples/valid"), load("examples/invalid"), load("examples/history-v1")
JSON_SCHEMAS = load("json")


def fits(record, part, instance):
    """Whether the schema of this part of a kind of record accepts `instance`; a kind without one accepts all."""
    schema = JSON_SCHEMAS.get(f"{record}.{part}.schema")
    return schema is None or Draft202012Validator(schema).is_valid(instance)


def binary(example):
    """Headers, and the value as JSON if it is there and is JSON."""
    text = example.get("text", json.dumps(example["value"]) if "value" in example else None)
    try:
        headers, text = plain_worker.binary(example["headers"], text)
        return headers, ABSENT if text is None else json.loads(text)
    except json.JSONDecodeError:
        return example["headers"], ABSENT


def validates(example):
    headers, value = binary(example)
    return fits(example["record"], "headers", headers) and (value is ABSENT or fits(example["record"], "value", value))


def test_there_is_something_to_test():
    assert VALID and INVALID and GOLDEN and JSON_SCHEMAS


@pytest.mark.parametrize("name", JSON_SCHEMAS)
def test_schemas_are_schemas(name):
    Draft202012Validator.check_schema(JSON_SCHEMAS[name])


@pytest.mark.parametrize("name", VALID)
def test_valid_examples_fit(name):
    assert validates(VALID[name])


@pytest.mark.parametrize("name", INVALID)
def test_invalid_examples_do_not_fit(name):
    example = INVALID[name]
    assert example["why"]
    assert validates(example) == example.get("beyond_schema", False)


@pytest.mark.parametrize("name", GOLDEN)
def test_golden_history_fits(name):
    assert fits("history", "value", GOLDEN[name])


@pytest.mark.parametrize("name", [name for name, example in VALID.items() if "structured" in name])
def test_structured_records_say_the_same_as_binary_ones(name):
    headers, value = binary(VALID[name])
    expected = VALID[name]["reads_as"]
    # Id and source are the sender's own, and the media type is only said where it is not JSON.
    free = {"ce_id", "ce_source", "content-type"}
    assert {k: v for k, v in headers.items() if k not in free} == {k: v for k, v in expected["headers"].items() if k not in free}
    assert value == expected["value"]


COMMAND = VALID["command"]
READ = plain_worker.read_command(COMMAND["headers"], json.dumps(COMMAND["value"]))


def test_a_command_is_read():
    assert READ["input"] == COMMAND["value"]
    assert READ["execution"] == COMMAND["key"]
    assert READ["reply"] == ("baton.completions", 3)


@pytest.mark.parametrize("outcome", ["succeeded", "failed", "heartbeat"])
def test_a_plain_worker_answers_as_the_examples_do(outcome):
    expected = VALID[f"completion-{outcome}"]
    topic, partition, key, headers, value = plain_worker.completion(READ, expected["headers"], outcome, expected["value"])
    assert (topic, partition, key) == (expected["topic"], 3, expected["key"])
    assert headers == expected["headers"]
    assert json.loads(value) == expected["value"]


@pytest.mark.parametrize(
    ("key", "murmur2"),
    [("21", -973932308), ("foobar", -790332482), ("a-little-bit-long-string", -985981536), ("abc", 479470107)],
)
def test_partitions_are_those_of_java(key, murmur2):
    for partitions in (1, 4, 32, 100):
        assert plain_worker.partition_of(key.encode(), partitions) == (murmur2 & 0x7FFFFFFF) % partitions
