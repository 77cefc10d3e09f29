"""Watching executions: the stream of events, waiting for a result, `baton watch`, from any node and over a takeover."""

import json
import threading
import urllib.error
import urllib.request

import pytest
from machines import create, passing, start, task

from support.baton import Baton
from support.clients import execution_arn, history, wait_closed
from support.paths import BATON
from support.process import Process
from support.records import OPEN, PlainWorker, TaskError
from support.clients import stepfunctions
from support.wait import until


class Stream:
    """Reads a stream of events on a thread of its own."""

    def __init__(self, url, execution, last=None):
        request = urllib.request.Request(f"{url}/v1/executions/{execution}/events")
        if last is not None:
            request.add_header("Last-Event-ID", str(last))
        self.answer = urllib.request.urlopen(request, timeout=30)
        self.status = self.answer.status
        self.events = []
        self.ended = threading.Event()
        self.thread = threading.Thread(target=self._read, daemon=True)
        self.thread.start()

    def _read(self):
        current = {}
        try:
            for line in self.answer:
                field, _, value = line.decode().rstrip("\n").partition(": ")
                if not field and current:
                    if "data" in current:
                        self.events.append((int(current["id"]), json.loads(current["data"])))
                    current = {}
                else:
                    current[field] = value
        except (OSError, ValueError):
            pass  # the node was killed
        self.ended.set()

    def seen(self, kind, timeout_s=20):
        """Waits for an event of this type."""
        return until(f"{kind} in {[event['type'] for _, event in self.events]}",
                     lambda: any(event["type"] == kind for _, event in self.events), timeout_s)

    def rest(self, timeout_s=30):
        """Waits for the end; returns the ids."""
        assert self.ended.wait(timeout_s), f"the stream did not end: {self.events}"
        return [number for number, _ in self.events]


def test_a_stream_shows_each_event_once_as_the_history_has_it(baton, sfn, worker, name):
    worker_open = []
    machine = create(sfn, name, task(name))
    worker.serve(name, lambda command: worker_open.append(command) or OPEN)
    arn = start(sfn, machine, name, {"a": 1})
    stream = Stream(baton.url, arn)
    assert stream.answer.headers["content-type"] == "text/event-stream"
    stream.seen("TaskScheduled")
    assert not stream.ended.is_set()
    until("the command", lambda: worker_open)
    worker.succeed(worker_open[0], {"b": 2})
    ids = stream.rest()
    events = history(sfn, arn)
    assert ids == [event["id"] for event in events]
    assert [event["type"] for _, event in stream.events] == [event["type"] for event in events]
    last = stream.events[-1][1]
    assert json.loads(last["executionSucceededEventDetails"]["output"]) == {"b": 2}
    behind = Stream(baton.url, arn, last=ids[-3])
    assert behind.rest() == ids[-2:]
    assert Stream(baton.url, arn, last=ids[-1]).status == 204


def test_an_execution_that_is_not_there_has_no_stream(baton):
    with pytest.raises(urllib.error.HTTPError) as refused:
        Stream(baton.url, execution_arn("none", "none"))
    assert refused.value.code == 404
    assert json.loads(refused.value.read())["title"] == "ExecutionDoesNotExist"


def test_a_description_waits_for_the_result(rest, sfn, worker, name):
    machine = create(sfn, name, task(name))
    worker.serve(name, lambda command: OPEN)
    start(sfn, machine, name, {})
    found = []
    waiting = threading.Thread(target=lambda: found.append(rest.get(f"/v1/executions/{name}:{name}?wait=30")))
    waiting.start()
    worker.succeed(worker.command(name), "done")
    waiting.join(20)
    assert found[0].body["status"] == "SUCCEEDED" and found[0].body["output"] == "done"
    assert rest.get(f"/v1/executions/{name}:{name}?wait=0").body["status"] == "SUCCEEDED"


def test_a_stream_goes_on_at_another_node_when_its_owner_is_killed(directory, kafka, name):
    prefix = "watched."
    nodes = [Baton(directory / f"watched-{i}", kafka.address, prefix=prefix, node=f"watched-{i}") for i in (1, 2)]
    for node in nodes:
        node.start()
    worker = PlainWorker(kafka.address, prefix)
    try:
        sfn = stepfunctions(nodes[0].url)
        machine = create(sfn, name, task(name))
        worker.serve(name, lambda command: OPEN)
        # Enough of them that each node owns some.
        arns = [start(sfn, machine, f"{name}-{i}", {"i": i}) for i in range(8)]
        streams = [Stream(nodes[0].url, arn) for arn in arns]
        for stream in streams:
            stream.seen("TaskScheduled")
        nodes[1].kill()
        for number in range(len(arns)):
            worker.succeed(worker.command(name, number + 1), {})
        for arn, stream in zip(arns, streams):
            assert stream.rest(60) == list(range(1, 8)), stream.events
            assert wait_closed(sfn, arn)["status"] == "SUCCEEDED"
    finally:
        worker.close()
        for node in nodes:
            node.kill()


def run(directory, name, *arguments):
    """A command of the program; returns the process."""
    return Process(f"baton {arguments[0]}", [BATON, *arguments], directory / f"{name}.log").start()


def test_watch_prints_what_happens_and_ends_as_the_execution_does(baton, sfn, worker, directory, name):
    machine = create(sfn, name, task(name))

    def fail(command):
        raise TaskError("Card.Declined", "no money")

    worker.serve(name, fail)
    arn = start(sfn, machine, name, {})
    watching = run(directory, name, "watch", f"{name}:{name}", "--endpoint", baton.url)
    assert watching.wait(20) == 3
    lines = watching.read().splitlines()
    assert [line.split(None, 2)[2] for line in lines[:3]] == ["started", "Work", "task failed: Card.Declined: no money"]
    assert lines[-1].split() == ["FAILED", "Card.Declined", "no", "money"]
    listed = run(directory, f"{name}-list", "list", "--machine", name, "--endpoint", baton.url)
    assert listed.wait(20) == 0
    heading, row = (line.split() for line in listed.read().splitlines())
    assert dict(zip(heading, row, strict=True)).items() >= {"STATUS": "FAILED", "EXECUTION": arn}.items()
    shown = run(directory, f"{name}-history", "history", arn, "--endpoint", baton.url)
    assert shown.wait(20) == 0
    assert [line.split()[2] for line in shown.read().splitlines()] == [event["type"] for event in history(sfn, arn)]


def test_start_watches_on_request(baton, sfn, directory, name):
    create(sfn, name, passing())
    started = run(directory, name, "start", name, "--input", '{"a": 1}', "--watch", "--endpoint", baton.url)
    assert started.wait(20) == 0
    assert started.read().splitlines()[-1] == 'SUCCEEDED  {"a":1}'


def test_a_command_says_what_is_wrong(baton, directory, name):
    absent = run(directory, name, "watch", "none:none", "--endpoint", baton.url)
    assert absent.wait(20) == 1
    assert "ExecutionDoesNotExist" in absent.read()
    nobody = run(directory, f"{name}-nobody", "list", "--endpoint", "http://127.0.0.1:9")
    assert nobody.wait(20) == 1
    assert "no node answers at http://127.0.0.1:9" in nobody.read()
    bad = run(directory, f"{name}-bad", "start", "m", "--input", "{", "--endpoint", baton.url)
    assert bad.wait(20) == 1
    assert "the input is not JSON" in bad.read()
