"""What many short executions leave behind while one runs on beside them: is the history bounded?

    python tests/bench/long_run.py [--full] [--json FILE] [--count N]

Short executions of one task run in slices; after each the long-running one, a loop over a task that this program
completes, takes one step. The node states what is open again every few records and keeps nothing that has closed, so its
history must stay within a few restatements however many executions there were. At the end the long-running execution
ends well with its whole history, once the node was killed and its local store deleted.

Prints a JSON line a slice and one at the end, and fails if the history grew with the number of executions.
"""

import argparse
import json
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from confluent_kafka import Consumer, TopicPartition

from common import PARTITIONS, QUEUE, disk_bytes, load, metric, resident_mb
from support.baton import Baton
from support.clients import Rest, history, kinds, stepfunctions, wait_closed
from support.kafka import Kafka
from support.paths import RELEASE
from support.process import Process
from support.records import OPEN, PlainWorker
from support.wait import until

COUNT_SHORT, COUNT_FULL = 20_000, 1_000_000
SLICES = 10
IN_FLIGHT = 1000
# History records of a one-task execution: its start and its completion.
RECORDS_EACH = 2
# Each partition is restated about this often in a slice.
RESTATED_IN_SLICE = 3
# Small beside what is written, so that files can go; the first is the least that Kafka takes.
SEGMENT_BYTES_SHORT, SEGMENT_BYTES_FULL = 1 << 20, 16 << 20
LOOP = "looping"


def main():
    """Runs it and prints what came out."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--full", action="store_true", help=f"{COUNT_FULL} short executions instead of {COUNT_SHORT}")
    parser.add_argument("--count", type=int, help="another number of short executions")
    parser.add_argument("--json", type=Path, help="also write the lines to this file")
    arguments = parser.parse_args()
    count = arguments.count or (COUNT_FULL if arguments.full else COUNT_SHORT)
    with tempfile.TemporaryDirectory(prefix="baton-long-") as directory:
        run = Run(Path(directory), count)
        try:
            lines = run.slices()
            lines.append(run.end(lines))
        finally:
            run.stop()
    print(json.dumps(lines[-1]), flush=True)
    if arguments.json:
        arguments.json.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return 0


class Run:
    """Kafka, a node that restates often, an echo worker, and the long-running execution."""

    def __init__(self, directory, count):
        self.directory, self.count = directory, count
        self.restate_every = count * RECORDS_EACH // PARTITIONS // SLICES // RESTATED_IN_SLICE
        # Kafka looks for files to delete every five minutes, and waits a minute more; here it is what is measured.
        often = {"log.initial.task.delay.ms": 500, "log.retention.check.interval.ms": 500, "log.segment.delete.delay.ms": 500}
        self.kafka = Kafka(directory / "kafka", often).start()
        arguments = ["--queue-partitions", PARTITIONS, "--closed-kept-days", 0, "--restate-every-records", self.restate_every]
        self.node = Baton(directory / "baton", self.kafka.address, PARTITIONS, arguments=arguments).start()
        self.segment_bytes = SEGMENT_BYTES_FULL if count >= COUNT_FULL // 10 else SEGMENT_BYTES_SHORT
        self.kafka.alter_topic("baton.history", {"segment.bytes": str(self.segment_bytes)})
        rest = Rest(self.node.url)
        task = {"Type": "Task", "Resource": f"arn:aws:states:::baton:task.{QUEUE}", "End": True}
        self.short = rest.create_machine("short", {"StartAt": "Work", "States": {"Work": task}})
        command = [RELEASE / "echo", "--kafka", self.kafka.address, QUEUE]
        self.echo = Process("echo worker", command, directory / "worker.log", {"RUST_LOG": "warn"}).start()
        self.worker = PlainWorker(self.kafka.address)
        self.long = self.start_long(rest)
        self.steps = 0
        self.reader = Consumer({"bootstrap.servers": self.kafka.address, "group.id": "looker"})

    def start_long(self, rest):
        """Starts the execution that loops until it is told to end."""
        more = {"Variable": "$.more", "BooleanEquals": True, "Next": "Work"}
        rest.create_machine(LOOP, {"StartAt": "Work", "States": {
            "Work": {"Type": "Task", "Resource": f"arn:aws:states:::baton:task.{LOOP}", "Next": "More"},
            "More": {"Type": "Choice", "Choices": [more], "Default": "End"},
            "End": {"Type": "Succeed"},
        }})
        self.worker.serve(LOOP, lambda command: OPEN)
        return rest.post(f"/v1/state-machines/{LOOP}/executions", {"name": "long", "input": {}}).body["executionArn"]

    def stop(self):
        """Ends everything."""
        self.worker.close()
        self.reader.close()
        self.echo.kill()
        self.node.kill()
        self.kafka.process.kill()

    def slices(self):
        """Runs the short executions; a line a slice."""
        lines = []
        for number in range(1, SLICES + 1):
            rate = load(self.kafka.address, self.short, self.count // SLICES, IN_FLIGHT)["wf_per_s"]
            self.step(more=True)
            lines.append({"bench": "long", "executions": number * self.count // SLICES, "wf_per_s": round(rate), **self.figures()})
            print(json.dumps(lines[-1]), flush=True)
        return lines

    def step(self, more):
        """The long-running execution takes a step."""
        self.steps += 1
        command = self.worker.command(LOOP, self.steps)
        self.worker.succeed(command, {"more": more, "step": self.steps})

    def figures(self):
        """How much there is, once the node is quiet."""
        waiting = ("baton_history_appends_in_flight", "baton_outbox_effects", "baton_store_pending_records")
        until("nothing under way", lambda: not any(metric(self.node, name) for name in waiting), 60)
        marks = [self.reader.get_watermark_offsets(TopicPartition("baton.history", p), timeout=10) for p in range(PARTITIONS)]
        files = list((self.directory / "kafka" / "data").glob("baton.history-*"))
        return {
            "history_first": sum(low for low, _ in marks),
            "history_records": sum(high - low for low, high in marks),
            "history_bytes": disk_bytes(*files),
            "history_segments": sum(len(list(file.glob("*.log"))) for file in files),
            "store_bytes": int(metric(self.node, "baton_store_disk_bytes")),
            "rss_mb": resident_mb(self.node.process.child.pid),
        }

    def end(self, lines):
        """Kills the node, deletes its store, ends the long-running execution; checks that all is as it must be."""
        self.node.kill()
        self.node.forget()
        began = time.monotonic()
        self.node.start(120)
        recovery_s = time.monotonic() - began
        self.step(more=False)
        client = stepfunctions(self.node.url)
        assert wait_closed(client, self.long)["status"] == "SUCCEEDED"
        events = history(client, self.long)
        assert [event["id"] for event in events] == list(range(1, len(events) + 1)), "the history has gaps"
        assert kinds(events).count("TaskSucceeded") == self.steps == SLICES + 1
        last = lines[-1]
        assert last["history_first"] > self.count * RECORDS_EACH / 2, "hardly anything was deleted"
        # What was written since the last base, one restatement that is not complete yet, and claims and marks.
        bound = PARTITIONS * self.restate_every * 3
        assert last["history_records"] <= bound, f"{last['history_records']} records of history, {bound} are too many"
        early, late = (max(line["history_bytes"] for line in half) for half in (lines[:SLICES // 2], lines[SLICES // 2:]))
        # Whole files go: each partition has up to one more than what is kept, and one that waits for its deletion.
        assert late <= 1.5 * early + 2 * PARTITIONS * self.segment_bytes, f"the history grew from {early} to {late} bytes"
        half = lines[SLICES // 2]["rss_mb"]
        assert last["rss_mb"] <= 1.5 * half, f"resident memory grew from {half} to {last['rss_mb']} MB in the second half"
        return {"bench": "long", "executions": self.count, "long_running_steps": self.steps, "long_running_events": len(events),
                "history_bytes_most": max(early, late), "recovery_without_store_s": round(recovery_s, 2),
                "rss_mb_first": lines[0]["rss_mb"], "rss_mb_last": last["rss_mb"]}


if __name__ == "__main__":
    sys.exit(main())
