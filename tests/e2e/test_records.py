"""The wire: what a plain Kafka client sees and may send. Header names stand here as literals, on purpose."""

import json
from urllib.parse import quote

import pytest
from machines import chain, create, passing, start, task

from support.clients import execution_arn, wait_closed
from support.records import CLOSED, COMMAND, DEAD, OPEN, STOP, SUCCEEDED, Tail

TRACE = "0af7651916cd43dd8448eb211c80319c"
TRACEPARENT = f"00-{TRACE}-b7ad6b7169203331-01"


@pytest.fixture
def replies(kafka, name):
    """A topic for results, and its tail."""
    topic = f"replies-{name}"
    kafka.create_topic(topic, 2)
    tail = Tail(kafka.address, topic, beginning=True)
    yield tail
    tail.close()


@pytest.fixture
def dead_letters(kafka, baton):
    """What is added to the dead-letter topic during the test."""
    tail = Tail(kafka.address, f"{baton.prefix}dead-letter")
    yield tail
    tail.close()


def reply_to(tail, partition=1):
    """Headers of a request that wants its result in a topic."""
    return {"ce_batonreplytopic": tail.topic, "ce_batonreplypartition": partition}


def test_a_command_says_all_that_a_worker_needs(sfn, worker, name):
    machine = create(sfn, name, task(name, TimeoutSeconds=60, HeartbeatSeconds=20))
    worker.serve(name, lambda command: OPEN)
    arn = start(sfn, machine, name, {"a": [1, 2]})
    command = worker.command(name)
    headers = command.headers
    assert command.key == arn
    assert command.value == {"a": [1, 2]}
    assert headers["ce_specversion"] == "1.0"
    assert headers["ce_type"] == COMMAND
    assert headers["ce_source"] == arn
    assert headers["ce_subject"] == "Work"
    assert headers["ce_batonattempt"] == "0"
    assert headers["ce_batonheartbeat"] == "20"
    assert headers["ce_batonreplytopic"] == "baton.completions"
    assert 0 <= int(headers["ce_batonreplypartition"]) < 4
    assert headers["content-type"] == "application/json"
    # Of RFC 3986's unreserved characters alone, so that it is the same in a URL.
    assert len(headers["ce_id"]) <= 1024 and quote(headers["ce_id"], safe="") == headers["ce_id"]
    assert headers["ce_time"].endswith("Z") and headers["ce_batondeadline"].endswith("Z")
    worker.succeed(command, {})
    assert wait_closed(sfn, arn)["status"] == "SUCCEEDED"


def test_an_execution_is_started_by_a_record_and_reports_back(sfn, sender, baton, replies, name):
    machine = create(sfn, name, passing({"done": 1}))
    arn = execution_arn(name, name)
    for _ in range(2):  # a repeated request is the same start
        sender.start(baton.prefix, machine, arn, {"in": 1}, **reply_to(replies), traceparent=TRACEPARENT)
    closed = replies.find("the result", lambda record: record.key == arn)
    assert closed.partition == 1
    assert closed.type == CLOSED
    assert closed.headers["ce_subject"] == "SUCCEEDED"
    assert closed.value == {"done": 1}
    assert closed.headers["traceparent"].split("-")[1] == TRACE
    described = sfn.describe_execution(executionArn=arn)
    assert (described["status"], json.loads(described["input"])) == ("SUCCEEDED", {"in": 1})


def test_an_execution_is_stopped_by_a_record(sfn, sender, baton, worker, replies, name):
    machine = create(sfn, name, task(name))
    worker.serve(name, lambda command: OPEN)
    arn = execution_arn(name, name)
    sender.start(baton.prefix, machine, arn, {}, **reply_to(replies))
    worker.command(name)
    headers = {"ce_specversion": "1.0", "ce_type": STOP, "ce_id": f"stop-{name}", "ce_source": "tests"}
    sender.send(f"{baton.prefix}requests", arn, {"error": "Enough", "cause": "said so"}, headers)
    closed = replies.find("the result", lambda record: record.key == arn)
    assert closed.headers["ce_subject"] == "ABORTED"
    assert closed.value == {"error": "Enough", "cause": "said so"}
    assert sfn.describe_execution(executionArn=arn)["status"] == "ABORTED"


def test_a_start_for_an_unknown_machine_reports_or_is_dead_lettered(sender, baton, dead_letters, name):
    arn = execution_arn(name, name)
    sender.start(baton.prefix, arn.replace(":execution:", ":stateMachine:").rsplit(":", 1)[0], arn, {})
    dead = dead_letters.find("the start", lambda record: record.key == arn)
    assert dead.type == DEAD
    assert name in dead.headers["ce_batonreason"]


def test_a_completion_counts_once_and_a_late_one_never(sfn, worker, name):
    machine = create(sfn, name, chain(name, 2))
    worker.serve(name, lambda command: OPEN)
    arn = start(sfn, machine, name)
    first = worker.command(name, 1)
    for output in ({"n": 1}, {"n": 2}, {"n": 3}):
        worker.succeed(first, output)
    second = worker.command(name, 2)
    assert second.value == {"n": 1}, "the first completion counts"
    worker.succeed(first, {"n": 4})
    worker.succeed(second, {"n": 5})
    closed = wait_closed(sfn, arn)
    assert json.loads(closed["output"]) == {"n": 5}
    assert len(worker.commands[f"baton.commands.{name}"]) == 2


def test_a_completion_on_another_partition_is_passed_on(sfn, sender, worker, name):
    machine = create(sfn, name, task(name))
    worker.serve(name, lambda command: OPEN)
    arn = start(sfn, machine, name)
    command = worker.command(name)
    headers = {"ce_specversion": "1.0", "ce_type": SUCCEEDED, "ce_batontoken": command.headers["ce_id"]}
    wrong = (int(command.headers["ce_batonreplypartition"]) + 1) % 4
    sender.send("baton.completions", command.headers["ce_id"], {"from": "afar"}, headers, wrong)
    assert json.loads(wait_closed(sfn, arn)["output"]) == {"from": "afar"}


@pytest.mark.parametrize(
    ("topic", "key", "headers", "value", "why"),
    [
        ("completions", "k", {}, b"{}", "ce_type"),
        ("completions", "k", {"ce_type": "baton.task.danced.v1"}, b"{}", "baton.task.danced.v1"),
        ("completions", "nonsense", {"ce_type": SUCCEEDED}, b"{}", "token"),
        ("completions", "k", {"ce_type": SUCCEEDED}, b"{not json", "JSON"),
        ("completions", "t" * 2000, {"ce_type": SUCCEEDED}, b"{}", "token"),
        ("completions", b"\xff\xfe", {"ce_type": b"\xff"}, b"\xff", ""),
        ("requests", "no arn", {"ce_type": "baton.execution.start.v1"}, b"{}", "ARN"),
        ("requests", None, {}, None, ""),
    ],
    ids=["no-type", "type", "token", "json", "long", "bytes", "key", "nothing"],
)
def test_a_record_that_cannot_be_used_is_kept_with_the_reason(
    sfn, sender, baton, dead_letters, name, topic, key, headers, value, why
):
    full = f"{baton.prefix}{topic}"
    partition, offset = sender.send(full, key, value, {"ce_specversion": "1.0", "x-mine": name, **headers}, partition=0)
    dead = dead_letters.find("the bad record", lambda record: record.headers.get("x-mine") == name)
    assert dead.type == DEAD
    assert dead.headers["ce_batonoriginaltopic"] == full
    assert (dead.headers["ce_batonoriginalpartition"], dead.headers["ce_batonoriginaloffset"]) == (str(partition), str(offset))
    assert why.lower() in dead.headers["ce_batonreason"].lower() and dead.headers["ce_batonreason"]
    assert (dead.raw or b"") == (value or b"")
    # The partition goes on.
    machine = create(sfn, name, passing())
    for number in range(8):
        assert wait_closed(sfn, start(sfn, machine, f"{name}-{number}"))["status"] == "SUCCEEDED"


def test_a_trace_goes_from_the_call_through_command_and_completion(sfn, rest, worker, name):
    machine = create(sfn, name, chain(name, 2))
    worker.serve(name, lambda command: {})
    started = rest.post(
        f"/v1/state-machines/{name}/executions", {"name": name, "input": {}}, {"traceparent": TRACEPARENT}
    )
    assert started.status in (200, 201, 202), started.text
    assert machine
    wait_closed(sfn, execution_arn(name, name))
    parents = [worker.command(name, number).headers["traceparent"] for number in (1, 2)]
    assert [parent.split("-")[1] for parent in parents] == [TRACE, TRACE]
    assert len({parent.split("-")[2] for parent in [*parents, TRACEPARENT]}) == 3, "each task is a span of its own"


def test_every_state_change_is_in_the_history_topic_before_its_command(sfn, kafka, baton, worker, name):
    machine = create(sfn, name, chain(name, 2))
    tail = Tail(kafka.address, f"{baton.prefix}history")
    worker.serve(name, lambda command: {})
    arn = start(sfn, machine, name)
    wait_closed(sfn, arn)
    records = [record for record in tail.to_end() if record.key == arn]
    tail.close()
    events = [event for record in records for event in record.value["r"]["transition"]["events"]]
    ids = [event["id"] for event in events if event.get("id")]
    assert ids == list(range(1, len(ids) + 1))
    commands = worker.commands[f"baton.commands.{name}"]
    scheduling = [record for record in records if "TaskScheduled" in record.raw.decode()]
    assert len(scheduling) == len(commands) == 2
    for record, command in zip(scheduling, commands):
        assert record.time_ms <= command.time_ms
