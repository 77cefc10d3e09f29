"""An independent reader of the history topic: folds it by the two rules of `ARCHITECTURE.md` and checks what comes out.

Owns: the check that nothing was applied twice, lost or reordered. Shares no code with Baton on purpose.

A *claim* begins an epoch, which is its offset. Any other record counts only if it carries the epoch of the last claim
and the next sequence number (from 1). Everything before the first claim, and everything that does not count, is
ignored.
"""

from collections import Counter, defaultdict

ENDS = {"ExecutionSucceeded", "ExecutionFailed", "ExecutionAborted", "ExecutionTimedOut"}
TASK_ENDS = {"TaskSucceeded", "TaskFailed", "TaskTimedOut"}


class Execution:
    """What the history says of one execution."""

    def __init__(self):
        self.last_id = 0
        self.kinds = []
        self.end = None
        self.scheduled_by = {}  # TaskStarted's id -> TaskScheduled's id
        self.task_ends = Counter()  # by TaskScheduled's id


class Fold:
    """One partition."""

    def __init__(self, partition):
        self.partition = partition
        self.epoch = None
        self.seq = 0
        self.positions = {}
        self.executions = defaultdict(Execution)
        self.claims = []  # (milliseconds, epoch, node)
        self.steps = []  # (milliseconds, epoch, cause) of each transition that counts
        self.ignored = 0
        self.applied_twice = 0
        self.problems = []

    def read(self, offset, time_ms, record):
        """Takes the next record, in offset order."""
        ((kind, body),) = record["r"].items()
        if kind == "claim":
            self.epoch, self.seq = offset, 0
            self.claims.append((time_ms, offset, body["node"]))
        elif self.epoch is None or body["epoch"] != self.epoch or body["seq"] != self.seq + 1:
            self.ignored += 1
        else:
            self.seq += 1
            if kind == "transition":
                self._transition(offset, time_ms, body)

    def _transition(self, offset, time_ms, body):
        cause = body["cause"]
        topic, position = next(iter(cause.items())) if isinstance(cause, dict) else (cause, None)
        if topic in ("completions", "requests"):
            if position <= self.positions.get(topic, -1):
                self.applied_twice += 1
                self.problems.append(f"offset {offset}: input {topic}@{position} is applied again or out of order")
            self.positions[topic] = max(position, self.positions.get(topic, -1))
        self.steps.append((time_ms, self.epoch, topic))
        for event in body.get("events", []):
            self._event(offset, body["execution"], event)

    def _event(self, offset, arn, event):
        number = event.get("id", 0)
        if not number:
            return
        execution = self.executions[arn]
        kind = event["e"] if isinstance(event["e"], str) else next(iter(event["e"]))
        if number != execution.last_id + 1:
            self.problems.append(f"offset {offset}: {arn} has event {number} after {execution.last_id}")
        if execution.end:
            self.problems.append(f"offset {offset}: {arn} has {kind} after {execution.end}")
        execution.last_id = number
        execution.kinds.append(kind if kind not in ("StateEntered", "StateExited") else "Task" + kind)
        if kind == "TaskStarted":
            execution.scheduled_by[number] = event.get("prev", 0)
        elif kind in TASK_ENDS:
            task = execution.scheduled_by.get(event.get("prev", 0), event.get("prev", 0))
            execution.task_ends[task] += 1
            if execution.task_ends[task] > 1:
                self.applied_twice += 1
                self.problems.append(f"offset {offset}: {arn} closes task {task} again")
        elif kind in ENDS:
            execution.end = kind


def fold(records, partitions):
    """Folds records of the history topic (`support.records.Record`), each partition in offset order."""
    folds = [Fold(partition) for partition in range(partitions)]
    for record in sorted(records, key=lambda record: (record.partition, record.offset)):
        folds[record.partition].read(record.offset, record.time_ms, record.value)
    return folds
