"""A clock that is off: the node does not own what it would give wrong times, and says by how much."""

import re
import subprocess
from pathlib import Path

import pytest
from machines import create, passing, start

from support.baton import Baton
from support.clients import Rest, stepfunctions, wait_closed
from support.wait import until

SOURCE = Path(__file__).with_name("clock.c")


@pytest.fixture(scope="module")
def shifted(directory):
    """Gives a node's process a clock that is off by seconds."""
    library = directory / "clock.so"
    subprocess.run(["cc", "-shared", "-fPIC", "-O1", "-o", library, SOURCE, "-ldl"], check=True)

    def shift(node, seconds):
        node.process.environment.update({"LD_PRELOAD": str(library), "BATON_TEST_CLOCK_OFF_S": str(seconds)})
        return node

    return shift


@pytest.mark.parametrize("seconds", [120, -3_600])
def test_a_node_with_a_wrong_clock_owns_nothing_and_says_so(own, shifted, directory, kafka, name, seconds):
    node = shifted(own(node="wrong"), seconds)
    node.process.start()
    node.wait_live()

    def said():
        text = Rest(node.url).get("/readyz").text
        return "clock" in text and text

    text = until("the reason", said, 60)
    off_ms = int(re.search(r"(\d+) ms off", text)[1])
    assert "NTP" in text and abs(off_ms - abs(seconds) * 1_000) < 5_000, text
    node.stop()
    # Its clock set right, it serves.
    mended = Baton(directory / f"{name}-wrong", kafka.address, partitions=2, node="wrong", prefix=f"{name}.").start()
    sfn = stepfunctions(mended.url)
    machine = create(sfn, "m", passing())
    assert wait_closed(sfn, start(sfn, machine, "one"))["status"] == "SUCCEEDED"
    mended.stop()


def test_a_clock_off_by_less_than_the_bound_is_borne(own, shifted):
    node = shifted(own(), 10).start()
    sfn = stepfunctions(node.url)
    machine = create(sfn, "m", passing())
    assert wait_closed(sfn, start(sfn, machine, "one"))["status"] == "SUCCEEDED"


def test_time_in_a_history_never_goes_back(own, shifted, directory, kafka, name):
    ahead = shifted(own(), 20).start()
    sfn = stepfunctions(ahead.url)
    machine = create(sfn, "m", passing())
    first = wait_closed(sfn, start(sfn, machine, "ahead"))
    ahead.stop()
    right = Baton(directory / f"{name}-node-1", kafka.address, partitions=2, prefix=f"{name}.").start()
    sfn = stepfunctions(right.url)
    later = [wait_closed(sfn, start(sfn, machine, f"later-{number}")) for number in range(8)]
    here = [one for one in later if one["startDate"] >= first["startDate"]]
    assert here, "the partition of the first goes on from its time"
    right.stop()
