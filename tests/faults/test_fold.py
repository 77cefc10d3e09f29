"""The checker itself: it accepts what is right and names each thing that is wrong."""

from fold import Fold

CLAIM = {"v": 1, "r": {"claim": {"node": "a", "now": 1}}}
BEGIN = [
    {"id": 1, "e": {"ExecutionStarted": {}}},
    {"id": 2, "e": {"StateEntered": {"state": "Task", "name": "A"}}},
    {"id": 3, "prev": 2, "e": {"TaskScheduled": {}}},
    {"id": 4, "prev": 3, "e": {"TaskStarted": {}}},
]
DONE = {"id": 5, "prev": 4, "e": {"TaskSucceeded": {}}}
END = {"id": 6, "prev": 5, "e": "ExecutionSucceeded"}


def step(epoch, seq, cause, *events):
    """A transition of execution `x`."""
    body = {"epoch": epoch, "seq": seq, "cause": cause, "now": 1, "execution": "x", "events": list(events)}
    return {"v": 1, "r": {"transition": body}}


def folded(*records):
    """A fold of records at offsets 0, 1, 2, ..."""
    fold = Fold(0)
    for offset, record in enumerate(records):
        fold.read(offset, 1000 + offset, record)
    return fold


def test_a_whole_execution_over_two_owners_is_fine():
    fold = folded(
        CLAIM, step(0, 1, {"requests": 0}, *BEGIN), CLAIM, step(0, 2, {"completions": 7}, DONE),
        step(2, 1, {"completions": 7}, DONE), step(2, 2, {"completions": 8}, END),
    )
    assert fold.problems == []
    assert fold.applied_twice == 0
    assert fold.ignored == 1, "the zombie's step"
    assert fold.executions["x"].end == "ExecutionSucceeded"
    assert [kind for kind in fold.executions["x"].kinds if kind.startswith("Task")] == [
        "TaskStateEntered", "TaskScheduled", "TaskStarted", "TaskSucceeded"
    ]


def test_records_before_a_claim_or_out_of_sequence_do_not_count():
    fold = folded(step(0, 1, "timer", *BEGIN), CLAIM, step(1, 2, "timer", *BEGIN), step(0, 1, "timer", *BEGIN))
    assert fold.ignored == 3
    assert not fold.executions


def test_an_input_applied_twice_is_found():
    fold = folded(CLAIM, step(0, 1, {"requests": 0}, *BEGIN), step(0, 2, {"completions": 7}, DONE), step(0, 3, {"completions": 7}))
    assert fold.applied_twice == 1


def test_a_task_closed_twice_is_found():
    again = {"id": 6, "prev": 4, "e": {"TaskSucceeded": {}}}
    fold = folded(CLAIM, step(0, 1, {"requests": 0}, *BEGIN), step(0, 2, "timer", DONE), step(0, 3, "timer", again))
    assert fold.applied_twice == 1


def test_a_gap_and_events_after_the_end_are_found():
    fold = folded(CLAIM, step(0, 1, {"requests": 0}, *BEGIN), step(0, 2, "timer", DONE, {**END, "id": 7}), step(0, 3, "timer", {**END, "id": 8}))
    assert len(fold.problems) == 2
    assert "event 7 after 5" in fold.problems[0]
    assert "after ExecutionSucceeded" in fold.problems[1]
