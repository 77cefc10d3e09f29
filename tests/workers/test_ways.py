"""Every way to be a worker runs the same workflow through an error, a timeout, kill -9, a lost heartbeat and a cancellation."""

import json

import pytest

from story import ITEMS, STEPS, ends_of
from ways import WAYS

pytestmark = pytest.mark.parametrize("way", [way.name for way in WAYS])
KINDS = {way.name: way for way in WAYS}


@pytest.fixture
def told(way, stories):
    """What became of it; its exception, if it did not come to its end."""
    if KINDS[way].missing:
        pytest.skip(KINDS[way].missing)
    return stories[way].result()


def test_nothing_is_lost(way, told):
    assert len(told["closed"]) == len(ITEMS)
    for item, execution in zip(ITEMS, told["closed"]):
        assert execution["status"] == "SUCCEEDED", execution
        output = json.loads(execution["output"])
        assert output["item"] == item
        assert set(STEPS) <= set(output), output
        for step in STEPS:
            done = KINDS[way].output(output[step])
            assert done is None or (done["step"], done["item"]) == (step, item), done


def test_an_error_is_retried(way, told):
    for execution in told["closed"]:
        ends = ends_of(execution["events"], "flaky")
        assert "Failed" in ends and ends[-1] == "Succeeded", ends
        errors = [details["error"] for event in execution["events"] for name, details in event.items()
                  if name.endswith("FailedEventDetails")]
        assert KINDS[way].error in errors, errors


def test_timeouts_and_lost_heartbeats_are_seen_and_retried(way, told):
    for step in ("slow", "quiet"):
        ends = [ends_of(execution["events"], step) for execution in told["closed"]]
        assert any("TimedOut" in each for each in ends), ends
        assert all(each[-1] == "Succeeded" for each in ends), ends


def test_a_cancellation_frees_the_worker(way, told):
    assert told["cancelled"]["status"] == "ABORTED", told["cancelled"]
    assert told["after"]["status"] == "SUCCEEDED", told["after"]
