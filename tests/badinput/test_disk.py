"""The local store's disk: full, or with bytes flipped. The log is the truth, so nothing is lost and somebody is told."""

import json
import os
import random
import shutil
import subprocess
from pathlib import Path

import pytest
from machines import create, passing, start, task

from support.baton import Baton
from support.clients import Rest, execution_arn, history, stepfunctions, wait_closed
from support.records import PlainWorker
from support.wait import until

# A store makes files of 64 MiB at once; this is room for some and not for many.
DISK_MB = 200
PAYLOAD = "x" * 100_000
FLIPS = 40


def namespaces():
    """Whether this process may make a mount namespace, for a small disk."""
    return subprocess.run(["unshare", "-rm", "mount", "-t", "tmpfs", "none", "/mnt"], capture_output=True).returncode == 0


needs_mount = pytest.mark.skipif(not namespaces(), reason="needs a mount namespace (unshare -rm) for a disk that fills up")


class SmallDisk:
    """A node whose data directory is a disk of its own that can be filled."""

    def __init__(self, node, size_mb):
        self.node = node
        self.command = node.process.command
        mount = f'mount -t tmpfs -o size={size_mb}m none "$0" && exec "$@"'
        node.data.mkdir(parents=True, exist_ok=True)
        # The store is beneath the mount, so that what is set aside has a place beside it.
        data = str(node.data)
        within = [f"{data}/store" if part == data else part for part in self.command]
        node.process.command = ["unshare", "-rm", "sh", "-c", mount, data, *within]

    def seen(self, name):
        """A path on the disk, from outside."""
        return Path(f"/proc/{self.node.process.child.pid}/root{self.node.data.resolve()}") / name

    def fill(self):
        """Takes all room that is left."""
        with open(self.seen("filler"), "wb", buffering=0) as filler:
            try:
                while True:
                    filler.write(bytes(1 << 16))
            except OSError:
                pass
        return self

    def empty(self):
        """Gives the room back."""
        os.truncate(self.seen("filler"), 0)


@needs_mount
def test_a_disk_that_fills_up_stops_queries_and_nothing_else(own, kafka, name):
    node = own()
    disk = SmallDisk(node, DISK_MB)
    node.start()
    sfn, rest = stepfunctions(node.url), Rest(node.url)
    machine = create(sfn, "m", task(name, TimeoutSeconds=600))
    worker = PlainWorker(kafka.address, f"{name}.")
    worker.serve(name, lambda command: {"done": command.value["n"]})
    assert wait_closed(sfn, start(sfn, machine, "before", {"n": 0}))["status"] == "SUCCEEDED"
    disk.fill()
    accepted = []

    def fills():
        accepted.append(start(sfn, machine, f"full-{len(accepted)}", {"n": len(accepted), "data": PAYLOAD}))
        answer = rest.get("/readyz")
        return answer.status == 503 and answer.text

    said = until("the node to say that its disk is full", fills, 120, every_s=0)
    assert "local store" in said
    # Starts are taken and tasks done; what the store can't tell is not told, rather than denied.
    more = [start(sfn, machine, f"more-{number}", {"n": number}) for number in range(20)]
    topic = f"{name}.commands.{name}"
    until("the commands of all starts", lambda: {c.key for c in worker.commands[topic]} >= {*accepted, *more}, 60)
    answer = rest.get(f"/v1/executions/{more[0]}")
    assert answer.status == 503 and "free disk space" in answer.body["detail"], answer.text
    assert "free disk space" in node.process.read()
    # With room, a restart has everything.
    node.kill()
    node.process.command = disk.command
    node.start()
    for arn in [execution_arn("m", "before"), *accepted, *more]:
        assert wait_closed(sfn, arn, 60)["status"] == "SUCCEEDED"
    worker.close()


def files(directory):
    """Files with content, largest first."""
    found = [path for path in Path(directory).rglob("*") if path.is_file() and path.stat().st_size]
    return sorted(found, key=lambda path: -path.stat().st_size)


@pytest.mark.parametrize("where", ["everywhere", "largest", "head"])
def test_a_store_with_flipped_bytes_is_folded_again(own, kafka, name, where):
    node = own().start()
    sfn = stepfunctions(node.url)
    machine = create(sfn, "m", passing())
    arns = [start(sfn, machine, f"e-{number}", {"data": f"{number}" * 2_000}) for number in range(300)]
    before = {arn: (wait_closed(sfn, arn)["output"], history(sfn, arn)) for arn in arns[::20]}
    node.stop()
    chance = random.Random(name)
    for path in files(node.data) if where != "largest" else files(node.data)[:1]:
        content = bytearray(path.read_bytes())
        # Journals are made at their full size: flip where something is written.
        used = len(content.rstrip(b"\0")) or 1
        spots = range(min(8, used)) if where == "head" else [chance.randrange(used) for _ in range(FLIPS)]
        for spot in spots:
            content[spot] ^= 1 << chance.randrange(8)
        path.write_bytes(content)
    node.start()
    shown = {}

    def all_there():
        for arn in before:
            shown[arn] = (sfn.describe_execution(executionArn=arn)["output"], history(sfn, arn))
        return shown == before

    try:
        until("the same executions as before", all_there, 20)
    except AssertionError:
        # Found broken only while it was read: noted, and the next start begins anew.
        assert "the next start sets it aside" in node.process.read()
        node.restart()
        until("the same executions as before, after another start", all_there, 20)
    assert wait_closed(sfn, start(sfn, machine, "after"))["status"] == "SUCCEEDED"
    node.stop()


def test_a_store_that_is_no_store_is_set_aside_with_a_line_that_says_so(own, name):
    node = own()
    node.data.mkdir(parents=True)
    (node.data / "notes.txt").write_text("not a database")
    node.start()
    assert "set aside" in node.process.read() and (node.data.parent / f"{node.data.name}.set-aside-1" / "notes.txt").exists()
    sfn = stepfunctions(node.url)
    machine = create(sfn, "m", passing())
    assert wait_closed(sfn, start(sfn, machine, "one"))["status"] == "SUCCEEDED"
    node.stop()
    shutil.rmtree(node.data.parent / f"{node.data.name}.set-aside-1")


def test_two_processes_with_one_store_are_refused(own, kafka, directory, name):
    first = own().start()
    second = Baton(directory / f"{name}-node-1", kafka.address, partitions=2, node="other", prefix=f"{name}.")
    second.process.log = directory / f"{name}-second.log"
    second.process.start()
    assert second.process.wait(30) not in (0, None)
    assert "in use by another process" in second.process.read()
    sfn = stepfunctions(first.url)
    assert wait_closed(sfn, start(sfn, create(sfn, "m", passing()), "one"))["status"] == "SUCCEEDED"
    assert json.loads(first.get("/readyz"))["status"] == "ready"
