"""Records that can't be used, on every topic: kept with the reason or counted, and what comes behind them goes on."""

import json
import re

import pytest
import rawrecords
from machines import chain, create, passing, start, start_surely, task

from support import workers
from support.clients import execution_arn, history, kinds, stepfunctions, wait_closed
from support.records import DEAD, FAILED, OPEN, START, STOP, SUCCEEDED, Sender, Tail
from support.wait import until

RANDOM = bytes(range(256)) * 4


def goes_on(sfn, machine, name, count=8):
    """Executions on all partitions run through."""
    for number in range(count):
        assert wait_closed(sfn, start(sfn, machine, f"{name}-on-{number}"))["status"] == "SUCCEEDED"


def metric(node, wanted):
    """The value of a metric without labels."""
    found = re.search(rf"^{wanted} (\S+)$", node.get("/metrics"), re.MULTILINE)
    return found and float(found[1])


@pytest.mark.parametrize(
    ("topic", "key", "headers", "value", "why"),
    [
        ("completions", b"k", {"ce_type": FAILED}, b'["not", "an object"]', "object"),
        ("completions", b"k", {"ce_type": SUCCEEDED}, RANDOM, "JSON"),
        ("completions", b"k", {"ce_type": SUCCEEDED}, b"[" * 100_000, ""),
        ("completions", b"k", {"ce_type": SUCCEEDED}, b'{"n": 1e999}', ""),
        ("completions", None, {"content-type": "application/cloudevents+json"}, b"{}", "type"),
        ("completions", b"k", {"content-type": "application/cloudevents+json"}, b"{", "JSON"),
        ("requests", b"arn:aws:states:us-east-1:000000000000:execution:m:e", {"ce_type": START}, b"{}", "ce_"),
        ("requests", b"arn:aws:states:us-east-1:000000000000:execution:m:e",
         {"ce_type": START, "ce_subject": "other", "ce_batonstatemachine": "arn:aws:states:us-east-1:000000000000:stateMachine:m"},
         b"{}", ""),
        ("requests", b"arn:aws:states:us-east-1:000000000000:stateMachine:m", {"ce_type": STOP}, b"{}", "ARN"),
        ("requests", RANDOM, {"ce_type": STOP}, RANDOM, ""),
        ("requests", b"k", {"ce_type": RANDOM}, RANDOM, "ARN"),
    ],
    ids=["failure", "bytes", "deep", "number", "structured", "structured-json", "start", "name", "stop", "key", "type"],
)
def test_an_input_that_cannot_be_read_is_kept_with_the_reason(
    sfn, sender, baton, dead_letters, name, topic, key, headers, value, why
):
    full = f"{baton.prefix}{topic}"
    for partition in range(baton.partitions):
        sender.send(full, key, value, {"ce_specversion": "1.0", "x-mine": name, **headers}, partition=partition)
    found = []

    def all_of_them():
        found[:] = [record for record in dead_letters.poll() if record.headers.get("x-mine") == name]
        return len(found) >= baton.partitions

    until("a dead letter from each partition", all_of_them)
    for dead in found:
        assert dead.type == DEAD and dead.raw == value
        assert dead.headers["ce_batonreason"] and why.lower() in dead.headers["ce_batonreason"].lower()
    assert {dead.headers["ce_batonoriginalpartition"] for dead in found} == {str(p) for p in range(baton.partitions)}
    goes_on(sfn, create(sfn, name, passing()), name)


def test_a_header_name_that_is_not_text_does_no_harm_even_after_a_restart(sfn, kafka, baton, dead_letters, name):
    machine = create(sfn, name, passing())
    for topic, key in (("completions", b"k"), ("requests", b"k")):
        headers = [(b"\xff\xfe", b"v"), (b"ce_type", b"baton.task.succeeded.v1"), (b"x-mine", name.encode())]
        rawrecords.send(kafka.address, f"{baton.prefix}{topic}", 0, key, json.dumps(name).encode(), headers)
    wanted = json.dumps(name).encode()
    until("both dead letters", lambda: len([r for r in dead_letters.poll() if r.raw == wanted]) >= 2)
    goes_on(sfn, machine, name)
    # What was rejected and not yet marked is read again from its topic after a crash.
    rawrecords.send(kafka.address, f"{baton.prefix}completions", 0, b"k", wanted, [(b"\xff", b"v")])
    until("the third", lambda: len([r for r in dead_letters.poll() if r.raw == wanted]) >= 3)
    baton.kill()
    baton.start()
    goes_on(sfn, machine, f"{name}-again")


def test_a_completion_for_what_never_was_is_kept_and_never_applied(sfn, sender, worker, baton, dead_letters, name):
    machine = create(sfn, name, task(name))
    worker.serve(name, lambda command: OPEN)
    arn = start(sfn, machine, name)
    command = worker.command(name)
    worker.succeed(command, {"n": 1})
    assert wait_closed(sfn, arn)["status"] == "SUCCEEDED"
    before = history(sfn, arn)
    worker.succeed(command, {"n": 2}, **{"x-mine": name})
    dead = dead_letters.find("the completion of a closed execution", lambda record: record.headers.get("x-mine") == name)
    assert "closed" in dead.headers["ce_batonreason"] and dead.value == {"n": 2}
    worker.heartbeat(command)
    # A token that is well-formed and was never given out: another task of the same execution, and of none.
    assert history(sfn, arn) == before


def test_late_answers_in_an_open_execution_are_recorded_and_never_applied(sfn, worker, kafka, baton, name):
    machine = create(sfn, name, chain(name, 2))
    worker.serve(name, lambda command: OPEN)
    arn = start(sfn, machine, name)
    first = worker.command(name, 1)
    worker.succeed(first, {"n": 1})
    second = worker.command(name, 2)
    worker.succeed(first, {"n": 2})
    worker.fail(first, "Late", "much")
    worker.heartbeat(first)
    worker.succeed(second, {"n": 3})
    closed = wait_closed(sfn, arn)
    assert json.loads(closed["output"]) == {"n": 3}
    assert kinds(history(sfn, arn)).count("TaskSucceeded") == 2 and "TaskFailed" not in kinds(history(sfn, arn))
    tail = Tail(kafka.address, f"{baton.prefix}history", beginning=True)
    ignored = [
        event["e"]["CompletionIgnored"]
        for record in tail.to_end()
        if record.key == arn
        for event in record.value["r"].get("transition", {}).get("events", [])
        if isinstance(event["e"], dict) and "CompletionIgnored" in event["e"]
    ]
    tail.close()
    assert len(ignored) == 3 and all(one["reason"] for one in ignored), ignored


@pytest.mark.parametrize("value", [b"", b"{", b"\xff\x00", b'{"v": 1, "r": {"strange": {}}}', b'{"v": 1, "r": {"mark": {"epoch": 0, "seq": 1, "upto": 9}}}'],
                         ids=["nothing", "half", "bytes", "kind", "forged"])
def test_a_foreign_record_in_the_history_changes_nothing(sfn, sender, baton, name, value):
    machine = create(sfn, name, passing({"ok": name}))
    goes_on(sfn, machine, f"{name}-before")
    for partition in range(baton.partitions):
        sender.send(f"{baton.prefix}history", b"k", value, partition=partition)
    goes_on(sfn, machine, f"{name}-after")
    # The same to a node that folds it, with its store and without.
    for forget in (False, True):
        baton.kill()
        if forget:
            baton.forget()
        baton.start()
        goes_on(sfn, machine, f"{name}-{forget}", 4)
        arn = execution_arn(name, f"{name}-before-on-0")
        assert sfn.describe_execution(executionArn=arn)["status"] == "SUCCEEDED"


def test_foreign_records_in_the_registry_are_counted_and_passed_over(sfn, sender, baton, name):
    machine = create(sfn, name, passing())
    before = metric(baton, "baton_unusable_records_total")
    for value in (b"", RANDOM, b'{"v": 1}', b"[]"):
        sender.send(f"{baton.prefix}registry", b"k", value)
    # A change that is based on an old revision does not count.
    stale = {"v": 1, "arn": machine, "based_on": None, "attempt": "tests/1", "time_ms": 0, "body": {"state_machine": {
        "name": name, "definition": "{}", "role_arn": "r", "kind": "STANDARD", "created_ms": 0, "settings": {}}}}
    sender.send(f"{baton.prefix}registry", machine, stale)
    until("the count", lambda: metric(baton, "baton_unusable_records_total") == before + 4)
    sfn.update_state_machine(stateMachineArn=machine, definition=json.dumps(passing({"new": 1})))
    assert json.loads(wait_closed(sfn, start(sfn, machine, name))["output"]) == {"new": 1}
    baton.restart()
    assert json.loads(wait_closed(sfn, start(sfn, machine, f"{name}-2"))["output"]) == {"new": 1}


def test_a_lie_about_who_owns_what_misleads_for_seconds_only(own, kafka, name):
    first = own(node="first", partitions=4).start()
    second = own(node="second", partitions=4).start()
    sender = Sender(kafka.address)
    liar = {"epoch": 1 << 62, "url": "http://127.0.0.1:9", "node": "liar", "time_ms": 0}
    for partition in range(4):
        sender.send(f"{name}.nodes", str(partition), {"partition": partition, **liar})
    for value in (b"", RANDOM, b'{"partition": 99, "epoch": 1, "url": "u", "node": "n", "time_ms": 0}',
                  b'{"partition": -1, "epoch": 1, "url": "u", "node": "n", "time_ms": 0}'):
        sender.send(f"{name}.nodes", b"k", value)
    clients = [stepfunctions(first.url), stepfunctions(second.url)]
    machine = create(clients[0], name, passing())
    for number in range(8):
        for client in clients:
            arn = execution_arn(name, f"{name}-{number}")
            until(f"{arn}", lambda: start_surely(client, machine, f"{name}-{number}"), 60)
            assert wait_closed(client, arn)["status"] == "SUCCEEDED"
    assert metric(first, "baton_unusable_records_total") == 4
    assert metric(second, "baton_unusable_records_total") == 4


def test_a_worker_dead_letters_what_is_no_command_and_ignores_foreign_cancellations(sfn, kafka, baton, sender, directory, dead_letters, name):
    machine = create(sfn, name, task(name))
    echo = workers.echo(directory, kafka.address, name)
    echo.start()
    assert wait_closed(sfn, start(sfn, machine, f"{name}-0", {"n": 0}), 60)["status"] == "SUCCEEDED"
    bad = [
        ({}, b"{}"),
        ({"ce_type": "baton.task.danced.v1"}, b"{}"),
        ({"ce_type": "baton.task.command.v1"}, b"{}"),
        ({"ce_type": "baton.task.command.v1", "ce_id": "t" * 5000}, b"{}"),
        ({"ce_type": b"\xff"}, RANDOM),
    ]
    for headers, value in bad:
        for partition in range(8):
            sender.send(f"{baton.prefix}commands.{name}", b"k", value, {"x-mine": name, **headers}, partition)
    rawrecords.send(kafka.address, f"{baton.prefix}commands.{name}", 0, b"k", name.encode(), [(b"\xff", b"v")])
    for value in (b"", RANDOM):
        sender.send(f"{baton.prefix}control", RANDOM, value, {"ce_type": "baton.task.cancelled.v1"})
        sender.send(f"{baton.prefix}control", b"k", value, {})
    until(
        "a dead letter for each",
        lambda: len([r for r in dead_letters.poll() if r.headers.get("x-mine") == name or r.raw == name.encode()]) >= 8 * len(bad) + 1,
        40,
    )
    for number in range(1, 6):
        closed = wait_closed(sfn, start(sfn, machine, f"{name}-{number}", {"n": number}), 40)
        assert json.loads(closed["output"]) == {"n": number}
    echo.stop()


def test_a_queue_that_nobody_can_write_to_stops_nobody_else(sfn, worker, kafka, baton, name):
    blocked = create(sfn, f"{name}-blocked", task(f"{name}-blocked"))
    free = create(sfn, f"{name}-free", task(f"{name}-free"))
    topic = f"{baton.prefix}commands.{name}-blocked"
    # Two replicas have to have a record, and there is one broker.
    kafka.alter_topic(topic, {"min.insync.replicas": "2"})
    arns = [start(sfn, blocked, f"b-{number}") for number in range(50)]
    worker.serve(f"{name}-free", lambda command: {"free": True})
    for number in range(20):
        assert wait_closed(sfn, start(sfn, free, f"f-{number}"))["status"] == "SUCCEEDED"
    assert all(sfn.describe_execution(executionArn=arn)["status"] == "RUNNING" for arn in arns)
    kafka.alter_topic(topic, {"min.insync.replicas": "1"})
    worker.serve(f"{name}-blocked", lambda command: {"late": True})
    for arn in arns:
        assert wait_closed(sfn, arn, 60)["status"] == "SUCCEEDED"
