"""What the bad-input tests share: one Kafka and one Baton for the session; tests that break them make their own.

A test that leaves the shared node broken fails the next one, so each ends by running an execution through it.
"""

import itertools
import os
import re
import shutil
import sys
from pathlib import Path

import pytest

from support.baton import Baton
from support.clients import Rest, stepfunctions
from support.kafka import Kafka
from support.paths import RESULTS, ROOT
from support.records import PlainWorker, Sender, Tail

# The definitions are those of the end-to-end tests.
sys.path.insert(0, str(Path(ROOT) / "tests" / "e2e"))

_numbers = itertools.count(1)


@pytest.fixture(scope="session")
def directory(request):
    """Where this run keeps data and logs; it stays if something failed, since the logs tell why."""
    made = RESULTS / f"badinput-{os.getpid()}"
    made.mkdir(parents=True)
    yield made
    if not request.session.testsfailed:
        shutil.rmtree(made, ignore_errors=True)


@pytest.fixture(scope="session")
def kafka(directory):
    """A broker."""
    broker = Kafka(directory / "kafka").start()
    yield broker
    broker.kill()


@pytest.fixture(scope="session")
def baton(directory, kafka):
    """A node on it."""
    node = Baton(directory / "baton", kafka.address).start()
    yield node
    node.stop()


@pytest.fixture(scope="session")
def sfn(baton):
    """boto3's client of that node."""
    return stepfunctions(baton.url)


@pytest.fixture(scope="session")
def rest(baton):
    """REST calls to that node."""
    return Rest(baton.url)


@pytest.fixture(scope="session")
def sender(kafka):
    """Produces records."""
    return Sender(kafka.address)


@pytest.fixture(scope="session")
def worker(kafka, baton):
    """A worker that knows nothing but Kafka; tests give it handlers."""
    plain = PlainWorker(kafka.address, baton.prefix)
    yield plain
    plain.close()


@pytest.fixture
def dead_letters(kafka, baton):
    """What is added to the dead-letter topic during the test."""
    tail = Tail(kafka.address, f"{baton.prefix}dead-letter")
    yield tail
    tail.close()


@pytest.fixture
def name(request):
    """A name nobody else uses, for a machine, execution, task queue or topic prefix."""
    readable = re.sub(r"[^a-z0-9]+", "-", request.node.name.lower()).strip("-")
    return f"{readable[:40]}-{next(_numbers)}"


@pytest.fixture
def own(directory, kafka, name):
    """Makes nodes with topics of the test's own on the shared broker; all are ended with the test."""
    nodes = []

    def make(node="node-1", partitions=2, broker=kafka, **options):
        prefix = options.pop("prefix", f"{name}.")
        made = Baton(directory / f"{name}-{node}", broker.address, partitions=partitions, node=node, prefix=prefix, **options)
        nodes.append(made)
        return made

    yield make
    for node in nodes:
        node.kill()


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    """Shows the end of the shared Baton's log beside a failure."""
    outcome = yield
    report = outcome.get_result()
    node = item.funcargs.get("baton") if hasattr(item, "funcargs") else None
    if report.when == "call" and report.failed and node is not None:
        report.sections.append(("baton", node.process.tail(40)))
