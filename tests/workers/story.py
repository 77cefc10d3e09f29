"""The one workflow, and what happens to each worker while it runs.

Owns: the order of events: an error that is retried, a timeout, kill -9 in the middle with the heartbeat lost, and a
cancellation. Nothing waits for time to pass: each thing is done when the thing before it has been seen.
"""

import json

from support.clients import ROLE, history, stepfunctions, wait_closed
from support.wait import until

ITEMS = ("a", "b", "c")
STEPS = ("flaky", "slow", "quiet", "last")
SLOW_TIMEOUT_S = 2
QUIET_HEARTBEAT_S = 2
LONG_S = 90
# Many stories are told at a time: looking often would be most of the work.
LOOK_EVERY_S = 0.25


class Story:
    """One worker and its executions."""

    def __init__(self, way):
        self.way = way
        self.sfn = stepfunctions(way.url)

    def play(self):
        """Tells the whole story; returns the closed executions of the workflow, each with its history."""
        way, notes = self.way, self.way.notes
        machine = self._create(way.name, self._workflow())
        long = self._create(f"{way.name}-long", self._single("long"))
        last = self._create(f"{way.name}-last", self._single("last"))
        worker = way.start()
        arns = [self._start(machine, item) for item in ITEMS]
        until(f"{way.name}: a timeout of the slow step", lambda: self._any(arns, "slow", "TimedOut"), LONG_S, LOOK_EVERY_S)
        notes.make("slow")
        until(f"{way.name}: the quiet step under way", lambda: notes.any("began-quiet-0-"), LONG_S, LOOK_EVERY_S)
        worker.kill()
        until(f"{way.name}: a lost heartbeat", lambda: self._any(arns, "quiet", "TimedOut"), LONG_S, LOOK_EVERY_S)
        notes.make("quiet")
        way.start()
        closed = [wait_closed(self.sfn, arn, LONG_S) | {"events": history(self.sfn, arn)} for arn in arns]
        cancelled = self._cancel(long)
        after = wait_closed(self.sfn, self._start(last, "after"), LONG_S)
        way.stop()
        return {"closed": closed, "cancelled": cancelled, "after": after}

    def _cancel(self, machine):
        arn = self._start(machine, "cancelled")
        until(f"{self.way.name}: the long step under way", lambda: self.way.notes.any("began-long-0-cancelled"), LONG_S, LOOK_EVERY_S)
        self.sfn.stop_execution(executionArn=arn, error="Enough", cause="the test wants no more")
        if not self.way.hears_cancellations:
            self.way.notes.make("long")
        return wait_closed(self.sfn, arn, LONG_S)

    def _workflow(self):
        states = {}
        for number, step in enumerate(STEPS):
            following = STEPS[number + 1] if number + 1 < len(STEPS) else None
            states[step] = self._state(step, following)
        return {"StartAt": STEPS[0], "States": states}

    def _single(self, step):
        return {"StartAt": step, "States": {step: self._state(step, None)}}

    def _state(self, step, following):
        errors = ["States.Timeout", *([self.way.error] if step == "flaky" else [])]
        state = {
            "Type": "Task", **self.way.task(step), "ResultPath": f"$.{step}",
            "Retry": [{"ErrorEquals": errors, "IntervalSeconds": 1, "MaxAttempts": 30, "BackoffRate": 1.0}],
        }
        if step == "slow":
            state["TimeoutSeconds"] = SLOW_TIMEOUT_S
        if step == "quiet":
            state["HeartbeatSeconds"] = QUIET_HEARTBEAT_S
        return state | ({"Next": following} if following else {"End": True})

    def _create(self, name, definition):
        made = self.sfn.create_state_machine(name=name, definition=json.dumps(definition), roleArn=ROLE)
        return made["stateMachineArn"]

    def _start(self, machine, item):
        name = f"{item}-1"
        started = self.sfn.start_execution(stateMachineArn=machine, name=name, input=json.dumps({"item": item}))
        return started["executionArn"]

    def _any(self, arns, step, kind):
        """Whether a task of `step` ended so in one of the executions."""
        return any(kind in ends_of(history(self.sfn, arn), step) for arn in arns)


def ends_of(events, step):
    """How the tasks of a state ended: Succeeded, Failed, TimedOut, in order."""
    ends, state = [], None
    for event in events:
        if event["type"].endswith("StateEntered"):
            state = event["stateEnteredEventDetails"]["name"]
        for kind in ("Task", "LambdaFunction", "Activity"):
            end = event["type"].removeprefix(kind)
            if state == step and event["type"].startswith(kind) and end in ("Succeeded", "Failed", "TimedOut"):
                ends.append(end)
    return ends
