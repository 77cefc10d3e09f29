"""The embedded broker beside Kafka 4.1 in one run: `./tests/run bench broker [--full] [--json FILE]`.

Each broker alone on the machine, one after the other, in each repeat: start-up, records of 300 bytes in and out, one
record at a time around, resident memory; then the 5-step workflow on each. Prints a JSON line a measurement and a table of
medians. Kafka writes to the kernel's memory and never syncs by itself, so `embedded, no fsync` is its equal.
"""

import argparse
import json
import socket
import statistics
import struct
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import bench
from common import resident_mb

from support.broker import Broker
from support.kafka import Kafka
from support.paths import RELEASE
from support.wait import until

PARTITIONS = 4
SHORT = {"produce": 200_000, "around": 500, "repeats": 1, "in_flight": {1: 30, 100: 500}}
FULL = {"produce": 2_000_000, "around": 5_000, "repeats": 3, "in_flight": {1: 400, 100: 15_000, 1000: 30_000}}
BROKERS = {
    "kafka": Kafka,
    "embedded": lambda directory: Broker(directory, ["--no-auto-create"]),
    "embedded, no fsync": lambda directory: Broker(directory, ["--no-auto-create", "--fsync", "false"]),
}
ROWS = {
    "start_ms": "start to first answer, ms",
    "rss_idle_mb": "resident after the start, MB",
    "produce_per_s": "produce, records/s",
    "consume_per_s": "consume, records/s",
    "around_p50_ms": "round trip p50, ms",
    "around_p99_ms": "round trip p99, ms",
    "rss_mb": "resident after all that, MB",
}


def main():
    """Measures every broker and prints what came out."""
    parser = argparse.ArgumentParser(prog="./tests/run bench broker", description=__doc__.splitlines()[0])
    parser.add_argument("--full", action="store_true", help="the stated counts, three times, in turn")
    parser.add_argument("--json", type=Path, help="also write the lines to this file")
    parser.add_argument("--no-workflows", action="store_true", help="leave the 5-step workflow out")
    parser.add_argument("--repeats", type=int, help="how often everything is measured")
    options = parser.parse_args()
    counts = FULL if options.full else SHORT
    counts["repeats"] = options.repeats or counts["repeats"]
    lines = []

    def told(line):
        lines.append(line)
        print(json.dumps(line), flush=True)

    for _ in range(counts["repeats"]):
        for name, make in BROKERS.items():
            with tempfile.TemporaryDirectory(prefix="baton-bench-") as directory:
                told({"bench": "broker", "broker": name, **alone(make(Path(directory)), counts)})
    if not options.no_workflows:
        for _ in range(counts["repeats"]):
            for name, make in BROKERS.items():
                for line in workflows(name, make, counts["in_flight"]):
                    told(line)
    if options.json:
        options.json.write_text("".join(json.dumps(line) + "\n" for line in lines))
    table(lines, counts)
    return 0


def alone(broker, counts):
    """Everything about one broker, which is not started yet."""
    start_ms = started(broker)
    try:
        broker.wait_ready()
        pid = broker.process.child.pid
        measured = {"start_ms": round(start_ms, 1), "rss_idle_mb": resident_mb(pid)}
        broker.create_topic("many", PARTITIONS)
        broker.create_topic("warm", PARTITIONS)
        broker.create_topic("one")
        # A virtual machine that has just started is slow until it has compiled what it does.
        load("produce", broker, "warm", PARTITIONS, counts["produce"] // 4)
        load("consume", broker, "warm", PARTITIONS, counts["produce"] // 4)
        load("around", broker, "one", 1, counts["around"])
        around = load("around", broker, "one", 1, counts["around"])
        produced = load("produce", broker, "many", PARTITIONS, counts["produce"])
        consumed = load("consume", broker, "many", PARTITIONS, counts["produce"])
        return {
            **measured,
            "produce_per_s": round(produced["records_per_s"]),
            "consume_per_s": round(consumed["records_per_s"]),
            "around_p50_ms": round(around["p50_ms"], 3),
            "around_p99_ms": round(around["p99_ms"], 3),
            "rss_mb": resident_mb(pid),
        }
    finally:
        broker.kill()


def started(broker):
    """Starts it; milliseconds until it answers a first request, ApiVersions."""
    host, port = broker.address.split(":")
    # Length; api key 18, version 0, correlation id 1, no client id.
    request = struct.pack(">ihhih", 10, 18, 0, 1, -1)
    begun = time.monotonic()
    broker.process.start()

    def answers():
        assert broker.process.alive(), broker.process.tail()
        with socket.create_connection((host, int(port)), 1) as connection:
            connection.sendall(request)
            return connection.recv(4)

    until(f"the broker on {broker.address}", answers, 60, every_s=0.001)
    return (time.monotonic() - begun) * 1000


def load(what, broker, topic, partitions, count):
    """Runs the load driver."""
    command = [RELEASE / "broker-load", what, "--kafka", broker.address, "--topic", topic, "--partitions", partitions,
               "--count", count]
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True, timeout=600)
    if done.returncode:
        raise RuntimeError(f"the load driver failed: {done.stderr[-2000:]}\n{broker.process.tail()}")
    return json.loads(done.stdout.strip().splitlines()[-1])


def workflows(name, make, in_flight):
    """The 5-step workflow through Baton on one broker."""
    with tempfile.TemporaryDirectory(prefix="baton-bench-") as directory:
        run = bench.Bench(Path(directory), broker=make(Path(directory) / "broker"), has_floor=False)
        try:
            for number, count in in_flight.items():
                yield {**run.baton(count, number), "broker": name}
        finally:
            run.stop()


def table(lines, counts):
    """Medians."""
    def median(field, **wanted):
        values = [line[field] for line in lines if all(line.get(key) == value for key, value in wanted.items())]
        return statistics.median(values) if values else float("nan")

    print(f"\n{'':36}" + "".join(f"{name:>20}" for name in BROKERS))
    for field, words in ROWS.items():
        row = [median(field, bench="broker", broker=name) for name in BROKERS]
        print(f"{words:36}" + "".join(f"{value:>20,.{0 if value >= 100 else 2}f}" for value in row))
    for number in counts["in_flight"]:
        for field, words in (("wf_per_s", "workflows/s"), ("p50_ms", "p50, ms")):
            row = [median(field, bench="5-step", broker=name, in_flight=number) for name in BROKERS]
            words = f"5-step, {number} in flight: {words}"
            print(f"{words:36}" + "".join(f"{value:>20,.{0 if value >= 100 else 2}f}" for value in row))


if __name__ == "__main__":
    sys.exit(main())
