"""`baton dev` as a new user has it: the two example workflows, a second reaction by one file, Ctrl-C and again."""

import os
import shutil
import signal
import socketserver
import threading
from pathlib import Path

import pytest

from dev import on_kafka, users
from support.wait import until


@pytest.fixture(scope="module")
def own_kafka(directory, broker_at):
    """A broker that nobody else uses: the demo's topics have fixed names."""
    broker = broker_at(directory / "dev-kafka").start()
    yield broker
    broker.kill()


def test_dev_runs_both_examples_and_goes_on_where_it_was(directory, own_kafka):
    dev = on_kafka(directory / "dev", own_kafka)
    try:
        dev.line("Baton is ready after")
        # The events that a new demo begins with.
        dev.line("sign-up:demo.users-0-0", "SUCCEEDED")
        dev.line("image-pipeline:demo.uploads-0-0-0", "SUCCEEDED")
        dev.line("onboarding:onboarding-ada", "SUCCEEDED")
        pipeline = dev.outcome("image-pipeline:demo.uploads-0-0-0")
        assert pipeline["output"]["image"]["original"]["width"] == 960
        assert (dev.folder / "buckets" / "photos-small" / "harbour.jpg").stat().st_size > 0
        assert users(dev) == [("ada", "ada@example.com")]
        mails = sorted(path.read_text() for path in (dev.folder / "mail").glob("*.eml"))
        assert len(mails) == 2 and all("To: ada@example.com" in mail for mail in mails)

        # A second reaction to the same event is one file; the first is not touched.
        before = (dev.folder / "bindings" / "sign-up.json").read_bytes()
        shutil.copy(dev.folder / "audit.json", dev.folder / "bindings" / "audit.json")
        dev.send("demo.users", {"user": {"id": "bob", "name": "Bob", "email": "bob@example.com"}})
        dev.line("audit:demo.users-0-1", "SUCCEEDED")
        dev.line("sign-up:demo.users-0-1", "SUCCEEDED")
        dev.line("audit:demo.users-0-0", "SUCCEEDED")
        assert (dev.folder / "bindings" / "sign-up.json").read_bytes() == before
        audited = (dev.folder / "audit.log").read_text()
        assert "Ada <ada@example.com>" in audited and "Bob <bob@example.com>" in audited
        dev.line("onboarding:onboarding-bob", "SUCCEEDED")

        # The same user again: the workflow takes its other way, and no second user is made.
        dev.send("demo.users", {"user": {"id": "bob", "name": "Bob", "email": "bob@example.com"}})
        dev.line("sign-up:demo.users-0-2", "AlreadyKnown")
        assert dev.outcome("sign-up:demo.users-0-2")["status"] == "SUCCEEDED"
        dev.line("audit:demo.users-0-2", "SUCCEEDED")

        dev.interrupt()
        dev.start().line("Baton is ready after")
        dev.send("demo.users", {"user": {"id": "eve", "name": "Eve", "email": "eve@example.com"}})
        dev.line("sign-up:demo.users-0-3")
        assert dev.outcome("sign-up:demo.users-0-3")["status"] == "SUCCEEDED"
        assert "demo.users-0-0" not in dev.printed() and "demo.uploads" not in dev.printed(), "what was done is not done or said again"
        assert [user for user, _ in users(dev)] == ["ada", "bob", "eve"]
        dev.interrupt()
    finally:
        dev.process.kill()


def test_mail_goes_to_a_server_if_one_is_named(directory, own_kafka):
    received = []
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), mail_server(received)) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        url = f"smtp://127.0.0.1:{server.server_address[1]}"
        dev = on_kafka(directory / "dev-smtp", own_kafka, "--prefix", "mailed.", environment={"SMTP_URL": url})
        try:
            dev.line("sign-up:demo.users-0-0", "SUCCEEDED")
            assert any("To: ada@example.com" in mail and "Message-ID: <" in mail for mail in received)
            assert not list((dev.folder / "mail").glob("*.eml"))
            dev.interrupt()
        finally:
            dev.process.kill()
            server.shutdown()


def mail_server(received):
    """A mail server that takes everything (RFC 5321, the commands that a client needs)."""

    class Session(socketserver.StreamRequestHandler):
        """One connection."""

        def handle(self):
            self.say("220 test")
            for line in self.rfile:
                word = line.split(b":")[0].strip().upper().split(b" ")[0]
                if word == b"DATA":
                    self.say("354 go on")
                    received.append(b"".join(iter(self.rfile.readline, b".\r\n")).decode())
                self.say("221 bye" if word == b"QUIT" else "250 ok")

        def say(self, text):
            self.wfile.write(f"{text}\r\n".encode())

    return Session


def test_without_the_demo_there_is_a_node_and_nothing_else(directory, own_kafka):
    dev = on_kafka(directory / "dev-bare", own_kafka, "--no-demo", "--prefix", "bare.")
    try:
        dev.line("Baton is ready after")
        assert dev.rest.get("/v1/state-machines").body["stateMachines"] == []
        assert list((dev.folder / "bindings").iterdir()) == []
        assert not (dev.folder / "worker.log").exists()
        dev.interrupt()
    finally:
        dev.process.kill()


def test_the_example_workers_are_a_process_that_is_started_again(directory, own_kafka):
    dev = on_kafka(directory / "dev-killed", own_kafka, "--prefix", "killed.")
    try:
        dev.line("Baton is ready after")
        first = until("the worker", lambda: children(dev))
        os.kill(first[0], signal.SIGKILL)
        second = until("another worker", lambda: [pid for pid in children(dev) if pid not in first])
        dev.line("onboarding:onboarding-ada", "SUCCEEDED")
        dev.process.kill()
        until("the end of the worker without its node", lambda: not alive(second[0]), 30)
    finally:
        dev.process.kill()


def children(dev):
    """Ids of the child processes."""
    tasks = Path(f"/proc/{dev.process.child.pid}/task")
    # Each is listed by the thread that started it.
    return [int(child) for thread in tasks.iterdir() for child in (thread / "children").read_text().split()]


def alive(pid):
    """Whether a process runs; one that has ended and waits for its parent does not."""
    try:
        with open(f"/proc/{pid}/stat", encoding="ascii") as stat:
            return stat.read().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False
