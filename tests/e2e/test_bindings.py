"""Bindings: a record on a topic starts an execution, once, whatever happens in between."""

import json
import os
import signal

import pytest
from machines import passing, task

from support.baton import Baton
from support.clients import Rest, execution_arn
from support.records import DEAD, PlainWorker, Tail
from support.wait import until

PREFIX = "bound."


@pytest.fixture(scope="module")
def folder(directory):
    """The folder of binding files."""
    made = directory / "bindings"
    made.mkdir()
    return made


@pytest.fixture(scope="module")
def node(directory, kafka, folder):
    """A node of its own that reads the folder."""
    made = Baton(directory / "bound", kafka.address, prefix=PREFIX, node="bound", arguments=["--bindings", folder]).start()
    yield made
    made.stop()


@pytest.fixture(scope="module")
def api(node):
    """REST calls to that node."""
    return Rest(node.url)


def bind(folder, name, text):
    """Writes a binding file as an editor does: all at once."""
    text = text if isinstance(text, str) else json.dumps(text)
    (folder / f"{name}.part").write_text(text)
    os.replace(folder / f"{name}.part", folder / f"{name}.json")


def said(node, *words):
    """Waits until one line of the log has all of these words."""
    def found():
        return [line for line in node.process.read().splitlines() if all(word in line for word in words)]

    return until(f"{words} in the log", found, 20)


def outcome(api, machine, name):
    """The execution, when it has closed."""
    def closed():
        answer = api.get(f"/v1/executions/{machine}:{name}?wait=10")
        return answer.status == 200 and answer.body["status"] != "RUNNING" and answer.body

    return until(f"the end of {machine}:{name}", closed, 30)


def test_a_record_starts_an_execution_with_its_json_as_input(kafka, api, node, folder, sender, name):
    kafka.create_topic(name, 2)
    early = sender.send(name, "k", {"n": 0}, partition=1)
    bind(folder, name, {"topic": name, "from": "beginning", "start": name, "definition": passing()})
    late = sender.send(name, "k", b'{"n":   1}', {"traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"}, partition=0)
    first = outcome(api, name, f"{name}-{early[0]}-{early[1]}")
    assert (first["status"], first["input"]) == ("SUCCEEDED", {"n": 0})
    second = outcome(api, name, f"{name}-{late[0]}-{late[1]}")
    assert second["input"] == {"n": 1}
    assert "0af7651916cd43dd8448eb211c80319c" in second["traceparent"]


def test_what_is_no_json_is_a_dead_letter_and_the_next_record_is_taken(kafka, api, node, folder, sender, name):
    kafka.create_topic(name)
    letters = Tail(kafka.address, f"{PREFIX}dead-letter")
    bind(folder, name, {"topic": name, "from": "beginning", "start": name, "definition": passing()})
    bad = [b"{broken", None, b'"' + b"x" * 300_000 + b'"']
    offsets = [sender.send(name, "key", value, {"mine": "kept"})[1] for value in bad]
    _, good = sender.send(name, "key", {"fine": True})
    assert outcome(api, name, f"{name}-0-{good}")["input"] == {"fine": True}
    for value, offset, why in zip(bad, offsets, ("not JSON", "no value", "at most 262144")):
        letter = letters.find(why, lambda record: record.headers.get("ce_batonoriginaloffset") == str(offset)
                              and record.headers["ce_batonoriginaltopic"] == name)
        assert (letter.type, letter.key, letter.raw) == (DEAD, "key", value)
        assert letter.headers["mine"] == "kept"
        assert why in letter.headers["ce_batonreason"] and f"binding {name}" in letter.headers["ce_batonreason"]
    letters.close()


def test_a_binding_from_the_end_leaves_alone_what_is_there(kafka, api, node, folder, sender, name):
    kafka.create_topic(name)
    _, before = sender.send(name, None, {"n": "before"})
    bind(folder, name, {"topic": name, "from": "end", "start": name, "definition": passing()})
    said(node, "bound", f"binding.name={name}")
    group = f"{PREFIX}binding.{name}"
    until("the position of the new group", lambda: committed(kafka, group, name) == before + 1)
    _, after = sender.send(name, None, {"n": "after"})
    assert outcome(api, name, f"{name}-0-{after}")["input"] == {"n": "after"}
    assert api.get(f"/v1/executions/{name}:{name}-0-{before}").status == 404


def committed(kafka, group, topic):
    """The position of a group in partition 0 of a topic."""
    from confluent_kafka import Consumer, TopicPartition

    consumer = Consumer({"bootstrap.servers": kafka.address, "group.id": group, "log_level": 2})
    try:
        return consumer.committed([TopicPartition(topic, 0)], timeout=10)[0].offset
    finally:
        consumer.close()


def test_killed_while_it_reads_every_record_is_one_start(kafka, api, node, folder, sender, name):
    count = 300
    kafka.create_topic(name)
    worker = PlainWorker(kafka.address, PREFIX)
    bind(folder, name, {"topic": name, "from": "beginning", "start": name, "definition": task(name)})
    worker.serve(name, lambda command: command.value)
    for number in range(count):
        sender.send(name, None, {"n": number})
        if number in (100, 200):
            node.kill()
            node.start()
    for number in range(count):
        assert outcome(api, name, f"{name}-0-{number}")["output"] == {"n": number}
    assert sorted(listed(api, name)) == sorted(f"{name}-0-{number}" for number in range(count))
    worker.close()


def listed(api, machine):
    """The names of all executions of a machine, page by page."""
    names, cursor = [], ""
    while True:
        page = api.get(f"/v1/executions?machine={machine}&limit=100{cursor}").body
        names += [execution["name"] for execution in page["executions"]]
        if "nextCursor" not in page:
            return names
        cursor = f"&cursor={page['nextCursor']}"


def test_a_wrong_file_is_said_and_what_was_bound_stays(kafka, api, node, folder, sender, name):
    kafka.create_topic(name)
    good = {"topic": name, "from": "beginning", "start": name, "definition": passing()}
    bind(folder, name, good)
    _, first = sender.send(name, None, {"n": 1})
    outcome(api, name, f"{name}-0-{first}")
    bind(folder, name, {**good, "from": "yesterday"})
    said(node, "`from` is", "yesterday", f"{name}.json")
    other = {**good, "start": f"{name}-other", "definition": {"StartAt": "Nowhere", "States": {"A": {"Type": "Succeed"}}}}
    bind(folder, f"{name}-other", other)
    said(node, f"binding {name}-other", "Nowhere")
    _, second = sender.send(name, None, {"n": 2})
    assert outcome(api, name, f"{name}-0-{second}")["status"] == "SUCCEEDED"
    # Read again on SIGHUP too: then the complaint is said once more.
    before = node.process.read().count("yesterday")
    node.process.signal(signal.SIGHUP)
    until("the same complaint again", lambda: node.process.read().count("yesterday") > before)
    (folder / f"{name}-other.json").unlink()
    bind(folder, name, good)


def test_a_file_that_is_gone_binds_no_more_and_goes_on_when_it_is_back(kafka, api, node, folder, sender, name):
    kafka.create_topic(name)
    text = {"topic": name, "from": "beginning", "start": name, "definition": passing()}
    bind(folder, name, text)
    _, first = sender.send(name, None, {"n": 1})
    outcome(api, name, f"{name}-0-{first}")
    (folder / f"{name}.json").unlink()
    said(node, "unbound", f"binding.name={name}")
    _, missed = sender.send(name, None, {"n": 2})
    bind(folder, name, text)
    assert outcome(api, name, f"{name}-0-{missed}")["input"] == {"n": 2}


def test_a_node_with_a_wrong_file_does_not_start_and_says_all_that_is_wrong(directory, kafka, tmp_path):
    bind(tmp_path, "one", "{")
    bind(tmp_path, "two", {"topic": "t", "from": "end"})
    node = Baton(directory / "wrong", kafka.address, prefix="wrong.", node="wrong", arguments=["--bindings", tmp_path])
    node.process.start()
    assert node.process.wait(20) == 1
    text = node.process.read()
    assert "one.json: EOF" in text and "two.json: `start` is missing" in text


def test_a_binding_of_an_unknown_machine_dead_letters_its_starts(kafka, api, node, folder, sender, name):
    kafka.create_topic(name)
    letters = Tail(kafka.address, f"{PREFIX}dead-letter")
    bind(folder, name, {"topic": name, "from": "beginning", "start": f"{name}-absent"})
    _, offset = sender.send(name, None, {"n": 1})
    arn = execution_arn(f"{name}-absent", f"{name}-0-{offset}")
    letter = letters.find("the refused start", lambda record: record.key == arn)
    assert "does not exist" in letter.headers["ce_batonreason"] and letter.value == {"n": 1}
    letters.close()
    (folder / f"{name}.json").unlink()
