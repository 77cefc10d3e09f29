"""What open executions cost: memory, throughput beside them, and the time until a killed node works again.

    python tests/bench/open_executions.py [--full] [--json FILE] [--open 1000,10000,100000] [--kind wait|callback]

For each number of open executions a node of its own, on one broker, has them started by records and waits until they
are there. Then, in this order: its resident memory; the 5-step load on it, in turn with the same load on a node that has
none open; kill -9 and a new start; kill -9, the local store deleted, and a new start. Recovery ends when the node is
ready and a one-task execution that was asked for while it was down has been reported.

Prints a JSON line a number, and at the end bytes of resident memory for each execution beyond the first number.
"""

import argparse
import json
import statistics
import sys
import tempfile
import time
import uuid
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from confluent_kafka import Producer

from common import PARTITIONS, QUEUE, create_machine, load, metric, resident_mb
from support.baton import Baton
from support.clients import Rest
from support.kafka import Kafka
from support.paths import RELEASE
from support.process import Process
from support.records import START, Sender, Tail
from support.wait import until

SHORT = [200, 1000]
FULL = [1000, 10_000, 100_000]
# Executions of one load, and how often it is run on each node in turn.
LOAD_SHORT, REPEATS_SHORT = 1000, 1
LOAD_FULL, REPEATS_FULL = 20_000, 3
IN_FLIGHT = 1000
PAYLOAD_BYTES = 300
RESULTS = "open.results"
TIMEOUT_S = 300
MONTH_S = 30 * 24 * 3600
KINDS = {
    "wait": {"Type": "Wait", "Seconds": MONTH_S, "End": True},
    # Nobody serves this queue: the command lies there and the task waits for its token.
    "callback": {
        "Type": "Task", "Resource": "arn:aws:states:::lambda:invoke.waitForTaskToken", "End": True,
        "Parameters": {"FunctionName": "nobody", "Payload": {"token.$": "$$.Task.Token", "input.$": "$"}},
    },
}


def main():
    """Measures each number and prints what came out."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--full", action="store_true", help=f"{FULL} open executions instead of {SHORT}")
    parser.add_argument("--json", type=Path, help="also write the lines to this file")
    parser.add_argument("--open", help="other numbers of open executions, comma-separated")
    parser.add_argument("--kind", choices=KINDS, default="wait", help="what they wait for")
    parser.add_argument("--no-load", action="store_true", help="leave the throughput out")
    arguments = parser.parse_args()
    numbers = [int(n) for n in arguments.open.split(",")] if arguments.open else FULL if arguments.full else SHORT
    loads = (0, 0) if arguments.no_load else (LOAD_FULL, REPEATS_FULL) if arguments.full else (LOAD_SHORT, REPEATS_SHORT)
    lines = []
    with tempfile.TemporaryDirectory(prefix="baton-open-") as directory:
        kafka = Kafka(Path(directory) / "kafka").start()
        try:
            kafka.create_topic(RESULTS)
            empty = Node(Path(directory), kafka, "empty.", arguments.kind)
            for number in numbers:
                node = Node(Path(directory), kafka, f"open{number}.", arguments.kind)
                lines.append(measure(node, empty, number, *loads))
                print(json.dumps(lines[-1]), flush=True)
                node.stop()
            empty.stop()
        finally:
            kafka.process.kill()
    if arguments.json:
        arguments.json.write_text("".join(json.dumps(line) + "\n" for line in lines))
    per_execution(lines)
    return 0


def measure(node, empty, number, count, repeats):
    """One line."""
    began = time.monotonic()
    node.open(number)
    opened_s = time.monotonic() - began
    rss_mb = node.rss_mb()
    rates = {node: [], empty: []}
    for turn in range(repeats):
        # Whoever comes second finds a warmer broker: take turns at that too.
        for which in (node, empty) if turn % 2 else (empty, node):
            rates[which].append(which.load(count))
    wf_per_s, beside_none = (statistics.median(rates[n]) if rates[n] else None for n in (node, empty))
    recovery_s = node.recover()
    rss_recovered_mb = node.rss_mb()
    without_store_s = node.recover(forget=True)
    rss_folded_mb = node.rss_mb()
    assert node.count() == number, f"{node.count()} of {number} executions are open after two kills"
    return {
        "bench": "open", "kind": node.kind, "open": number, "rss_mb": rss_mb, "wf_per_s": wf_per_s,
        "wf_per_s_none_open": beside_none, "recovery_s": round(recovery_s, 2),
        "recovery_without_store_s": round(without_store_s, 2), "rss_recovered_mb": rss_recovered_mb,
        "rss_folded_mb": rss_folded_mb, "opened_s": round(opened_s, 2),
    }


def per_execution(lines):
    """Resident bytes for each open execution beyond those of the first line."""
    for line in lines[1:]:
        more = line["open"] - lines[0]["open"]
        for moment in ("rss_mb", "rss_recovered_mb", "rss_folded_mb"):
            each = (line[moment] - lines[0][moment]) * 1e6 / more
            print(f"{line['open']:>7} open, {moment:>16}: {each:6.0f} bytes an execution beyond the first {lines[0]['open']}")


class Node:
    """One orchestrator with topics of its own, its echo worker and three machines."""

    def __init__(self, directory, kafka, prefix, kind):
        self.kafka, self.prefix, self.kind = kafka.address, prefix, kind
        directory = directory / prefix.rstrip(".")
        self.baton = Baton(directory, self.kafka, PARTITIONS, f"node-{prefix}", prefix, ["--queue-partitions", PARTITIONS])
        self.baton.start()
        self.five_steps = create_machine(self.baton.url)
        rest = Rest(self.baton.url)
        self.waiting = rest.create_machine("waiting", {"StartAt": "W", "States": {"W": KINDS[kind]}})
        task = {"Type": "Task", "Resource": f"arn:aws:states:::baton:task.{QUEUE}", "End": True}
        self.probing = rest.create_machine("probing", {"StartAt": "T", "States": {"T": task}})
        command = [RELEASE / "echo", "--kafka", self.kafka, "--prefix", prefix, QUEUE]
        self.worker = Process("echo worker", command, directory / "worker.log", {"RUST_LOG": "warn"}).start()
        self.results = Tail(self.kafka, RESULTS)
        self.sender = Sender(self.kafka)
        self.probe()

    def stop(self):
        """Ends node and worker."""
        self.baton.kill()
        self.worker.kill()
        self.results.close()

    def open(self, number):
        """Starts executions that stay open, by records, and waits until all are and nothing is under way."""
        producer = Producer({"bootstrap.servers": self.kafka, "partitioner": "murmur2_random", "enable.idempotence": True,
                             "linger.ms": 5, "queue.buffering.max.messages": 200_000})
        for i in range(number):
            execution = self.waiting.replace(":stateMachine:", ":execution:") + f":open-{i:06}-{uuid.uuid4().hex[:20]}"
            producer.produce(f"{self.prefix}requests", payload(i), execution, headers=self.headers(self.waiting, execution))
            producer.poll(0)
        assert producer.flush(TIMEOUT_S) == 0, "the requests are not all acknowledged"
        until(f"{number} open executions", lambda: self.count() >= number, TIMEOUT_S)
        self.wait_quiet()

    def wait_quiet(self):
        """Waits until what is open is acknowledged, sent and written to the views."""
        waiting = ("baton_history_appends_in_flight", "baton_outbox_effects", "baton_store_pending_records")
        until("nothing under way", lambda: not any(metric(self.baton, name) for name in waiting), TIMEOUT_S)

    def count(self):
        """Open executions by the node's own count."""
        return int(metric(self.baton, "baton_open_executions"))

    def rss_mb(self):
        """Resident memory."""
        self.wait_quiet()
        return resident_mb(self.baton.process.child.pid)

    def load(self, count):
        """5-step workflows a second."""
        return round(load(self.kafka, self.five_steps, count, IN_FLIGHT, self.prefix)["wf_per_s"], 1)

    def recover(self, forget=False):
        """kill -9, start: seconds from the start of the process until it is ready and has done a step."""
        self.baton.kill()
        if forget:
            self.baton.forget()
        execution = self.ask()
        began = time.monotonic()
        self.baton.process.start()
        self.baton.wait_ready(TIMEOUT_S)
        self.wait_result(execution)
        return time.monotonic() - began

    def probe(self):
        """A one-task execution, from its request to its result."""
        self.wait_result(self.ask())

    def ask(self):
        """Requests a one-task execution."""
        execution = self.probing.replace(":stateMachine:", ":execution:") + f":{uuid.uuid4().hex}"
        reply_to = {"ce_batonreplytopic": RESULTS, "ce_batonreplypartition": "0"}
        self.sender.send(f"{self.prefix}requests", execution, payload(0), self.headers(self.probing, execution) | reply_to)
        return execution

    def wait_result(self, execution):
        """Waits for the report of an execution."""
        record = self.results.find(f"the result of {execution}", lambda record: record.key == execution, TIMEOUT_S)
        assert record.headers["ce_subject"] == "SUCCEEDED", record

    def headers(self, machine, execution):
        """Of a request to start."""
        return {"ce_specversion": "1.0", "ce_type": START, "ce_id": execution, "ce_source": "bench",
                "ce_subject": execution.rsplit(":", 1)[1], "ce_batonstatemachine": machine, "content-type": "application/json"}


def payload(i):
    """An input of about 300 bytes that compresses no better than real data."""
    noise = "".join(uuid.uuid4().hex for _ in range(PAYLOAD_BYTES // 32))
    return json.dumps({"n": i, "data": noise[:PAYLOAD_BYTES - 20]})


if __name__ == "__main__":
    sys.exit(main())
