"""The 5-step workflow on Baton beside the raw floor, on the same broker in the same run, alternating.

    python tests/bench/bench.py [--full] [--json FILE] [--in-flight 1,100,1000]

Prints a JSON line a measurement and a table of medians. The floor is the engine-less driver in ../shared/peers/floor,
built from where it lies; without it only Baton is measured, and the output says so.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from common import PARTITIONS, QUEUE, cpu, create_machine, disk_bytes, load, resident_mb
from support.baton import Baton
from support.kafka import Kafka
from support.paths import RELEASE, ROOT
from support.process import Process
from support.wait import until

FLOOR_SOURCE = ROOT.parent / "shared" / "peers" / "floor"
# Executions measured, by number in flight.
SHORT = {1: 30, 100: 1000, 1000: 3000}
FULL = {1: 400, 100: 15000, 1000: 60000}
REPEATS_FULL = 3
FINAL_TOTAL = 100_000


def main():
    """Measures every cell and prints what came out."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--full", action="store_true", help="the stated counts, three times, alternating")
    parser.add_argument("--json", type=Path, help="also append the lines to this file")
    parser.add_argument("--in-flight", default="1,100,1000", help="which numbers of executions in flight")
    arguments = parser.parse_args()
    counts = FULL if arguments.full else SHORT
    wanted = [int(n) for n in arguments.in_flight.split(",")]
    lines = []
    with tempfile.TemporaryDirectory(prefix="baton-bench-") as directory:
        bench = Bench(Path(directory))
        try:
            for in_flight in wanted:
                for _ in range(REPEATS_FULL if arguments.full else 1):
                    for measure in (bench.floor, bench.baton):
                        line = measure(counts[in_flight], in_flight)
                        if line:
                            lines.append(line)
                            print(json.dumps(line), flush=True)
            if arguments.full:
                lines.append(bench.resident())
                print(json.dumps(lines[-1]), flush=True)
        finally:
            bench.stop()
    if arguments.json:
        arguments.json.write_text("".join(json.dumps(line) + "\n" for line in lines))
    table(lines, wanted)
    return 0


class Bench:
    """Kafka, Baton, its worker and the floor's worker, all running; one load at a time."""

    def __init__(self, directory, broker=None, has_floor=True):
        self.directory = directory
        self.kafka = (broker or Kafka(directory / "kafka")).start()
        self.floor_binary = build_floor() if has_floor else None
        self.floor_worker = self.start_floor() if self.floor_binary else None
        # As many partitions as the floor has; the default for a queue is 8.
        arguments = ["--queue-partitions", PARTITIONS]
        self.node = Baton(directory / "baton", self.kafka.address, partitions=PARTITIONS, arguments=arguments).start()
        self.machine = create_machine(self.node.url)
        command = [RELEASE / "echo", "--kafka", self.kafka.address, QUEUE]
        self.worker = Process("echo worker", command, directory / "worker.log", {"RUST_LOG": "warn"}).start()
        self.total = 0

    def stop(self):
        """Ends everything."""
        for process in (self.floor_worker, self.worker):
            if process:
                process.kill()
        self.node.stop()
        self.kafka.stop()

    def start_floor(self):
        """The floor's topics and echo worker."""
        subprocess.run([self.floor_binary, "setup", str(PARTITIONS)], env=self.floor_env(), check=True, capture_output=True)
        log = self.directory / "floor-worker.log"
        worker = Process("floor worker", [self.floor_binary, "worker", PARTITIONS, 0], log, self.floor_env()).start()
        until("the floor's worker", lambda: "READY" in worker.read(), 60)
        return worker

    def floor_env(self):
        """One produce request in flight, as Baton has it."""
        return {**os.environ, "BROKERS": self.kafka.address, "MIF": "1"}

    def floor(self, count, in_flight):
        """Raw Kafka: four records a step, no engine."""
        if not self.floor_binary:
            return None
        before = self.disk()
        command = [self.floor_binary, "orch", str(PARTITIONS), "0", str(count), str(in_flight), "1"]
        done = subprocess.run(command, env=self.floor_env(), capture_output=True, text=True, timeout=600)
        if done.returncode:
            raise RuntimeError(f"the floor failed: {done.stderr[-2000:]}")
        result = json.loads(done.stdout.strip().splitlines()[-1])
        cpu_s = result["orch_cpu_s"]
        return cell("floor", in_flight, result, cpu_s, count, None, self.disk() - before)

    def baton(self, count, in_flight):
        """The same five steps through Baton, everything on."""
        pid = self.node.process.child.pid
        before, cpu_before = self.disk(), cpu(pid)
        result = self.load(count, in_flight)
        cpu_s = cpu(pid) - cpu_before
        return cell("baton", in_flight, result, cpu_s, count, resident_mb(pid), self.disk() - before)

    def load(self, count, in_flight):
        """Runs the load driver."""
        try:
            result = load(self.kafka.address, self.machine, count, in_flight)
        except RuntimeError as failed:
            raise RuntimeError(f"{failed}\n{self.node.process.tail()}") from None
        self.total += count
        return result

    def resident(self):
        """Resident memory once 100,000 workflows have gone through."""
        if self.total < FINAL_TOTAL:
            self.load(FINAL_TOTAL - self.total, 1000)
        rss_mb = resident_mb(self.node.process.child.pid)
        return {"bench": "resident", "engine": "baton", "broker": "kafka", "workflows": self.total, "rss_mb": rss_mb}

    def disk(self):
        """Bytes on disk: Kafka's logs and Baton's data."""
        return disk_bytes(self.kafka.directory, self.directory / "baton")


def build_floor():
    """Builds the floor from where it lies; `None` where it is absent."""
    source = FLOOR_SOURCE / "src" / "main.rs"
    if not source.exists():
        print(f"the raw floor is not here ({FLOOR_SOURCE.name} is absent): only Baton is measured", flush=True)
        return None
    package = ROOT / "target" / "floor"
    package.mkdir(parents=True, exist_ok=True)
    manifest = (FLOOR_SOURCE / "Cargo.toml").read_text()
    manifest += f"\n[[bin]]\nname = \"floor\"\npath = \"{source}\"\n"
    (package / "Cargo.toml").write_text(manifest)
    subprocess.run(["cargo", "build", "--release", "--quiet"], cwd=package, check=True,
                   env={**os.environ, "CARGO_TARGET_DIR": str(package / "target")})
    return package / "target" / "release" / "floor"


def cell(engine, in_flight, result, cpu_s, count, rss_mb, disk):
    """A line of the output."""
    return {
        "bench": "5-step",
        "engine": engine,
        "broker": "kafka",
        "in_flight": in_flight,
        "wf_per_s": round(result["wf_per_s"], 1),
        "p50_ms": round(result["p50_ms"], 2),
        "p99_ms": round(result["p99_ms"], 2),
        "cpu_s_per_1000": round(cpu_s * 1000 / count, 3),
        "rss_mb": rss_mb,
        "disk_bytes_per_wf": round(disk / count),
    }


def table(lines, wanted):
    """Medians and ratios."""
    print(f"\n{'in flight':>9} {'floor wf/s':>11} {'baton wf/s':>11} {'ratio':>6} {'floor p50':>10} {'baton p50':>10} {'ratio':>6}")
    for in_flight in wanted:
        def median(engine, field):
            values = [x[field] for x in lines if x.get("engine") == engine and x.get("in_flight") == in_flight]
            return statistics.median(values) if values else float("nan")

        rates = median("floor", "wf_per_s"), median("baton", "wf_per_s")
        p50s = median("floor", "p50_ms"), median("baton", "p50_ms")
        print(f"{in_flight:>9} {rates[0]:>11.0f} {rates[1]:>11.0f} {rates[1] / rates[0]:>6.2f} "
              f"{p50s[0]:>10.2f} {p50s[1]:>10.2f} {p50s[1] / p50s[0]:>6.2f}")


if __name__ == "__main__":
    sys.exit(main())
