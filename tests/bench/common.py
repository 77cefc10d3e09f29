"""What the benchmarks share: the 5-step workflow, its load, and what a process uses.

Owns: the command line of the load driver (`baton-bench`) and how resident memory, CPU and disk are read from the system.
Must not: decide what is measured.
"""

import json
import os
import subprocess
import uuid
from pathlib import Path

from support.clients import Rest
from support.paths import RELEASE

PARTITIONS = 4
QUEUE = "bench"
STEPS = 5
TICKS_PER_S = os.sysconf("SC_CLK_TCK")


def create_machine(url):
    """Five Task states in a row; returns the machine's ARN."""
    def state(i):
        after = {"End": True} if i == STEPS else {"Next": f"Step{i + 1}"}
        return {"Type": "Task", "Resource": f"arn:aws:states:::baton:task.{QUEUE}", **after}

    definition = {"StartAt": "Step1", "States": {f"Step{i}": state(i) for i in range(1, STEPS + 1)}}
    return Rest(url).create_machine("bench", definition)


def load(kafka, machine, count, in_flight, prefix="baton."):
    """Runs `count` executions, `in_flight` at a time, after a few to warm up; returns what the load driver says."""
    command = [RELEASE / "baton-bench", "--kafka", kafka, "--machine", machine, "--partitions", PARTITIONS, "--prefix",
               prefix, "--count", count, "--in-flight", in_flight, "--run", uuid.uuid4().hex[:12]]
    done = subprocess.run([str(c) for c in command], capture_output=True, text=True, timeout=1800)
    if done.returncode:
        raise RuntimeError(f"the load driver failed: {done.stderr[-2000:]}")
    return json.loads(done.stdout.strip().splitlines()[-1])


def cpu(pid):
    """Seconds of CPU a process has used."""
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / TICKS_PER_S


def resident_mb(pid):
    """Resident memory of a process in MB."""
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return round(pages * os.sysconf("SC_PAGE_SIZE") / 1e6, 1)


def disk_bytes(*directories):
    """Bytes that the files in these directories really take on disk."""
    return sum(_blocks(file) for directory in directories for file in Path(directory).rglob("*"))


def metric(node, name):
    """The value of a metric of a node, over all its labels; 0 if it is not there."""
    lines = (line for line in node.get("/metrics").splitlines() if not line.startswith("#"))
    return sum(float(line.rsplit(" ", 1)[1]) for line in lines if line.split("{")[0].split(" ")[0] == name)


def _blocks(path):
    """Bytes that a file takes on disk; 0 if it has just gone."""
    try:
        return path.stat().st_blocks * 512 if path.is_file() else 0
    except FileNotFoundError:
        return 0
