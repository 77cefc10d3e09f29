"""`baton dev` and `baton serve` on a machine without Kafka: the broker is in the program. The same on either `--broker`."""

import contextlib
import json
import socket
import time

from dev import Dev, users
from machines import create, start, task

from support.baton import Baton
from support.clients import stepfunctions, wait_closed
from support.paths import BATON
from support.process import Process
from support.records import PlainWorker

# From the start of the process to the end of the first example execution.
FIRST_EXECUTION_S = 5
DEFAULTS = {"API": ("127.0.0.1", 7070), "Kafka": ("127.0.0.1", 9092)}


@contextlib.contextmanager
def taken_defaults():
    """Listens on the default ports, as another program would; whose they are already does not matter."""
    with contextlib.ExitStack() as kept:
        for address in DEFAULTS.values():
            listener = kept.enter_context(socket.socket())
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            with contextlib.suppress(OSError):
                listener.bind(address)
                listener.listen()
        yield


def test_dev_needs_no_kafka_and_goes_on_where_it_was(directory, name):
    place = directory / name
    dev = Dev(place, place / "baton-data", [])
    with taken_defaults():
        began = time.monotonic()
        dev.start()
        try:
            dev.line("sign-up:demo.users-0-0", "SUCCEEDED")
            took = time.monotonic() - began
            assert took < FIRST_EXECUTION_S, f"the first execution had ended after {took:.1f} s"
            dev.line("127.0.0.1:7070 is taken: HTTP is on port")
            dev.line("127.0.0.1:9092 is taken: the embedded broker is on 127.0.0.1:")
            dev.read_addresses()
            dev.line("onboarding:onboarding-ada", "SUCCEEDED")
            dev.line("image-pipeline:demo.uploads-0-0-0", "SUCCEEDED")
            dev.interrupt()
            assert "WARN" not in dev.printed() and "ERROR" not in dev.printed(), dev.printed()

            # Again, with what a kill -9 leaves behind: nothing is done twice, nothing is forgotten.
            for user, offset, end in (("bob", 1, dev.process.kill), ("eve", 2, dev.interrupt)):
                dev.start().read_addresses()
                dev.send("demo.users", {"user": {"id": user, "name": user, "email": f"{user}@example.com"}})
                dev.line(f"sign-up:demo.users-0-{offset}", "SUCCEEDED")
                assert dev.outcome("sign-up:demo.users-0-0")["status"] == "SUCCEEDED"
                assert "demo.users-0-0" not in dev.printed() and "demo.uploads" not in dev.printed()
                end()
            assert [user for user, _ in users(dev)] == ["ada", "bob", "eve"]
        finally:
            dev.process.kill()


def test_a_second_one_in_the_same_folder_is_told_what_to_do(directory, name):
    place = directory / name
    dev = Dev(place, place / "baton-data", ["--no-demo"]).start()
    try:
        dev.read_addresses()
        second = Process("second", [BATON, "dev", "--no-demo"], place / "second.log", cwd=place)
        second.start()
        assert second.wait(30) not in (0, None)
        assert "in use" in second.read() and "--data" in second.read()
        dev.interrupt()
    finally:
        dev.process.kill()


def test_what_is_ephemeral_is_gone_at_the_end(directory, name):
    place = directory / name
    dev = Dev(place, place, ["--ephemeral"], {"TMPDIR": str(place)}).start()
    try:
        dev.line("sign-up:demo.users-0-0", "SUCCEEDED")
        dev.line("is removed at the end")
        assert len(folders(place)) == 1
        dev.interrupt()
        assert folders(place) == []
    finally:
        dev.process.kill()


def folders(place):
    """Names of the folders there."""
    return [entry.name for entry in place.iterdir() if entry.is_dir()]


def test_any_kafka_client_is_a_worker_of_serve_without_a_kafka(directory, name):
    node = Baton(directory / name, None).start()
    sfn = stepfunctions(node.url)
    machine = create(sfn, name, task(name))
    arn = start(sfn, machine, "one")
    worker = PlainWorker(node.broker)
    worker.serve(name, lambda command: {"by": "a plain client"})
    assert json.loads(wait_closed(sfn, arn)["output"]) == {"by": "a plain client"}
    # kill -9 takes the broker with the node; what was acknowledged is there when both are back.
    worker.leave(name)
    arns = [start(sfn, machine, f"killed-{number}") for number in range(20)]
    node.kill()
    node.start()
    worker.serve(name, lambda command: {"by": "the same client"})
    for arn in arns:
        assert json.loads(wait_closed(sfn, arn, 60)["output"]) == {"by": "the same client"}
    worker.close()
    node.stop()
