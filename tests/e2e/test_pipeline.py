"""The image pipeline with its real workers on real files: through HTTP, with a broken file, and with one worker replaced
by another in another language while it runs."""

import json

import pytest
from machines import create, start

from support.clients import execution_arn, history, kinds, wait_closed
from support.paths import EXAMPLES
from support.records import SUCCEEDED, Tail
from support.wait import until
from support.workers import images_in_python, images_in_rust

IMAGES = EXAMPLES / "images"
DEFINITION = EXAMPLES / "image-pipeline.asl.json"
TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"


@pytest.fixture(scope="module")
def pipeline(sfn):
    """ARN of the example's state machine; its queues' topics exist from here on."""
    return create(sfn, "image-pipeline", json.loads(DEFINITION.read_text()))


@pytest.fixture(scope="module")
def folder(directory):
    """Where the workers of this module log to, and the small copies go to."""
    made = directory / "pipeline"
    made.mkdir()
    return made


@pytest.fixture(scope="module")
def workers(pipeline, kafka, folder):
    """The Rust worker, all three queues."""
    process = images_in_rust(folder, kafka.address).start()
    yield process
    process.stop()


def job(folder, image, name, width=320):
    """The pipeline's input."""
    return {"source": str(IMAGES / image), "target": str(folder / f"{name}-{image}"), "width": width}


@pytest.mark.parametrize(
    ("image", "original", "says"),
    [("harbour.jpg", ("jpeg", 960, 640), "photo "), ("chart.png", ("png", 640, 400), "picture ")],
)
def test_an_image_goes_through(rest, sfn, workers, folder, name, image, original, says):
    task = job(folder, image, name)
    started = rest.post("/v1/state-machines/image-pipeline/executions", {"name": name, "input": task})
    assert started.status in (200, 201, 202), started.text
    closed = wait_closed(sfn, execution_arn("image-pipeline", name))
    assert closed["status"] == "SUCCEEDED", closed
    output = json.loads(closed["output"])
    found = output["image"]["original"]
    assert (found["format"], found["width"], found["height"]) == original
    copy = output["image"]["copy"]
    assert (copy["target"], copy["width"]) == (task["target"], 320)
    assert (folder / f"{name}-{image}").stat().st_size == copy["bytes"] > 0
    assert output["notified"]["notified"].startswith(says)
    assert output["notified"]["notified"] in workers.read()


def test_the_history_shows_both_branches(sfn, pipeline, workers, folder, name):
    arn = start(sfn, pipeline, name, job(folder, "icon.png", name))
    assert wait_closed(sfn, arn)["status"] == "SUCCEEDED"
    events = history(sfn, arn)
    assert [event["id"] for event in events] == list(range(1, len(events) + 1))
    happened = kinds(events)
    assert happened[:3] == ["ExecutionStarted", "ParallelStateEntered", "ParallelStateStarted"]
    assert happened.count("TaskSucceeded") == happened.count("TaskScheduled") == 3
    assert happened.index("ParallelStateSucceeded") > max(i for i, kind in enumerate(happened[:-6]) if kind == "TaskSucceeded")
    entered = [event["stateEnteredEventDetails"]["name"] for event in events if "stateEnteredEventDetails" in event]
    assert set(entered) >= {"Process", "Resize", "Metadata", "Kind", "Notify"}


def test_a_broken_image_takes_the_other_way(sfn, pipeline, workers, folder, name):
    arn = start(sfn, pipeline, name, job(folder, "broken.jpg", name))
    closed = wait_closed(sfn, arn)
    assert closed["status"] == "SUCCEEDED"
    output = json.loads(closed["output"])
    assert output["problem"]["Error"] == "Image.Broken"
    assert "is broken" in output["notified"]["notified"]
    entered = [event["stateEnteredEventDetails"]["name"] for event in history(sfn, arn) if "stateEnteredEventDetails" in event]
    assert "DescribeBroken" in entered and "DescribePhoto" not in entered
    assert not (folder / f"{name}-broken.jpg").exists()


def test_completions_of_the_worker_continue_the_trace(rest, sfn, kafka, pipeline, workers, folder, name):
    tail = Tail(kafka.address, "baton.completions")
    rest.post(
        "/v1/state-machines/image-pipeline/executions", {"name": name, "input": job(folder, "icon.png", name)},
        {"traceparent": f"00-{TRACE}-00f067aa0ba902b7-01"},
    )
    assert wait_closed(sfn, execution_arn("image-pipeline", name))["status"] == "SUCCEEDED"
    traced = [record for record in tail.to_end() if TRACE in record.headers.get("traceparent", "")]
    tail.close()
    assert len([record for record in traced if record.type == SUCCEEDED]) == 3
    # Heartbeats of a task are from the same span as its completion.
    spans = {(record.headers["ce_batontoken"], record.headers["traceparent"].split("-")[2]) for record in traced}
    assert len({token for token, _ in spans}) == len({span for _, span in spans}) == len(spans) == 3, "each task is a span of its own"


def test_a_worker_is_replaced_by_one_in_another_language(sfn, kafka, pipeline, folder, workers, name):
    workers.stop()
    mine = folder / name
    mine.mkdir()
    (mine / "resize").mkdir()
    resize = images_in_rust(mine / "resize", kafka.address, "image-resize").start()
    rust = images_in_rust(mine, kafka.address, "image-metadata", "notify").start()
    arns = []

    def begin(count):
        for _ in range(count):
            number = len(arns)
            arns.append(start(sfn, pipeline, f"{name}-{number}", job(mine, "icon.png", number)))

    def notices(worker):
        return worker.read().count("picture ") + worker.read().count("is smaller than")

    python = images_in_python(mine, kafka.address)
    try:
        begin(10)
        until("the Rust worker's first notices", lambda: notices(rust) >= 3, 60)
        begin(10)
        rust.stop()
        begin(10)  # nobody serves two of the queues; nothing is lost
        python.start()
        for arn in arns:
            assert wait_closed(sfn, arn, 60)["status"] == "SUCCEEDED"
    finally:
        for process in (resize, rust, python):
            process.stop()
        workers.start()
    assert notices(rust) >= 3
    assert notices(python) >= 10
    assert notices(rust) + notices(python) >= len(arns)
