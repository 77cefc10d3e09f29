"""One trace for an execution: from the caller through orchestrator and workers, in the right order, over a crash too."""

import json

from support import workers
from support.clients import execution_arn, wait_closed
from support.paths import EXAMPLES
from support.wait import until

SERVER, PRODUCER, CONSUMER = 2, 4, 5
IMAGE = str(EXAMPLES / "images" / "icon.png")
CALLER = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


def task(queue, **fields):
    """A Task state on a queue."""
    return {"Type": "Task", "Resource": f"arn:aws:states:::baton:task.{queue}", **fields}


def two_languages():
    """A machine whose first task is worked on in Rust and whose second in Python."""
    return {
        "StartAt": "Tell",
        "States": {
            "Tell": task("notify", Parameters={"message": "hello"}, ResultPath=None, Next="Look"),
            "Look": task("image-metadata", Parameters={"source": IMAGE}, End=True),
        },
    }


def exporting(worker, collector, service):
    """The same worker, exporting as OpenTelemetry's variables say."""
    worker.environment |= {"OTEL_EXPORTER_OTLP_ENDPOINT": collector.url, "OTEL_SERVICE_NAME": service,
                           "OTEL_BSP_SCHEDULE_DELAY": "200"}
    return worker.start()


def by_name(spans):
    """Spans by their names, of which there is one each."""
    names = sorted(span.name for span in spans)
    assert len(names) == len(set(names)), names
    return {span.name: span for span in spans}


def whole(collector, arn, count):
    """Waits until all spans of an execution are there."""
    return until(f"{count} spans of {arn}", lambda: len(collector.of_execution(arn)) >= count and collector.of_execution(arn), 30)


def test_one_trace_across_orchestrator_rust_and_python(directory, kafka, collector, rest, sfn, name):
    rust = exporting(workers.images_in_rust(directory, kafka.address, "notify"), collector, "rust-worker")
    python = exporting(workers.images_in_python(directory, kafka.address, "image-metadata"), collector, "python-worker")
    try:
        rest.create_machine(name, two_languages())
        rest.post(f"/v1/state-machines/{name}/executions", {"name": "e"}, {"traceparent": CALLER})
        arn = execution_arn(name, "e")
        assert wait_closed(sfn, arn)["status"] == "SUCCEEDED"
        spans = by_name(whole(collector, arn, 7))
    finally:
        rust.stop()
        python.stop()
    assert {span.trace for span in spans.values()} == {CALLER.split("-")[1]}
    parents = {
        name: CALLER.split("-")[2],
        "Tell": spans[name].id, "notify send": spans["Tell"].id, "notify process": spans["notify send"].id,
        "Look": spans[name].id, "image-metadata send": spans["Look"].id, "image-metadata process": spans["image-metadata send"].id,
    }
    assert {span.name: span.parent for span in spans.values()} == parents
    services = {span.name: span.service for span in spans.values()}
    assert services["notify process"] == "rust-worker" and services["image-metadata process"] == "python-worker"
    assert all(service == "baton" for span, service in services.items() if "process" not in span)
    kinds = [spans[span].kind for span in (name, "notify send", "notify process", "image-metadata process")]
    assert kinds == [SERVER, PRODUCER, CONSUMER, CONSUMER]
    for child in spans.values():
        assert child.begun <= child.ended and child.failed == ""
    for span in ("notify", "image-metadata"):
        # The orchestrator's times are whole milliseconds.
        assert spans[f"{span} process"].ended <= spans[f"{span} send"].ended + 1_000_000
        assert spans[f"{span} process"]["task.attempt"] == 0
    assert spans["Tell"].ended <= spans["Look"].begun <= spans["Look"].ended <= spans[name].ended
    assert spans[name]["execution.status"] == "SUCCEEDED"


def test_a_trace_that_begins_here_has_one_root_and_a_failure_says_why(collector, rest, sfn, name):
    definition = {"StartAt": "Stop", "States": {"Stop": {"Type": "Fail", "Error": "Broken", "Cause": "on purpose"}}}
    rest.create_machine(name, definition)
    rest.post(f"/v1/state-machines/{name}/executions", {"name": "e"})
    arn = execution_arn(name, "e")
    assert wait_closed(sfn, arn)["status"] == "FAILED"
    spans = by_name(whole(collector, arn, 2))
    assert spans[name].parent == "" and spans["Stop"].parent == spans[name].id
    assert spans[name].failed == spans["Stop"].failed == "Broken"
    described = rest.get(f"/v1/executions/{rest.escape(arn)}").body
    assert described["traceparent"].split("-")[1:3] == [spans[name].trace, spans[name].id]


def test_a_trace_that_the_caller_does_not_record_is_not_exported(collector, rest, sfn, name):
    rest.create_machine(name, {"StartAt": "Only", "States": {"Only": {"Type": "Pass", "End": True}}})
    for execution, flags in (("quiet", "00"), ("told", "01")):
        trace = f"00-{'%032x' % (77 + int(flags))}-b7ad6b7169203331-{flags}"
        rest.post(f"/v1/state-machines/{name}/executions", {"name": execution}, {"traceparent": trace})
        wait_closed(sfn, execution_arn(name, execution))
    whole(collector, execution_arn(name, "told"), 2)
    assert not collector.of_execution(execution_arn(name, "quiet"))


def test_a_node_that_is_killed_loses_no_span_and_doubles_none(directory, baton, kafka, collector, rest, sfn, name):
    definition = {
        "StartAt": "Before",
        "States": {
            "Before": {"Type": "Pass", "Next": "Both"},
            "Both": {"Type": "Parallel", "End": True, "Branches": [
                {"StartAt": "Left", "States": {"Left": task(name, End=True)}},
                {"StartAt": "Right", "States": {"Right": {"Type": "Pass", "End": True}}},
            ]},
        },
    }
    rest.create_machine(name, definition)
    rest.post(f"/v1/state-machines/{name}/executions", {"name": "e"})
    arn = execution_arn(name, "e")
    until("the task", lambda: "TaskStarted" in json.dumps(sfn.get_execution_history(executionArn=arn)["events"], default=str), 20)
    # Before its spans were sent, and with nothing to remember by but the log.
    baton.kill()
    baton.forget()
    baton.start()
    echo = workers.echo(directory, kafka.address, name).start()
    try:
        assert wait_closed(sfn, arn)["status"] == "SUCCEEDED"
    finally:
        echo.stop()
    spans = by_name(whole(collector, arn, 6))
    root, both = spans[name].id, spans["Both"].id
    assert {span.name: span.parent for span in spans.values()} == {
        name: "", "Before": root, "Both": root, "Left": both, f"{name} send": spans["Left"].id, "Right": both,
    }


def test_a_collector_that_is_away_holds_up_nothing_and_is_asked_again(baton, collector, rest, sfn, name):
    rest.create_machine(name, {"StartAt": "Only", "States": {"Only": {"Type": "Pass", "End": True}}})
    collector.close()
    rest.post(f"/v1/state-machines/{name}/executions", {"name": "e"})
    arn = execution_arn(name, "e")
    assert wait_closed(sfn, arn)["status"] == "SUCCEEDED"
    until("the log line", lambda: "the trace collector takes no spans" in baton.process.read(), 30)
    collector.listen(collector.port)
    assert by_name(whole(collector, arn, 2)).keys() == {"Only", name}
