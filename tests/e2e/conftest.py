"""One broker, one Baton and one plain worker for the whole session; each test has names of its own.

The broker is a Kafka, or with `--broker embedded` that of `baton broker`. A test that restarts the shared Baton leaves it running. Tests that need a Baton in another state make their own.
"""

import itertools
import re
import shutil

import pytest

from support.baton import Baton
from support.broker import KINDS, made
from support.clients import Rest, stepfunctions
from support.paths import RESULTS
from support.records import PlainWorker, Sender

_numbers = itertools.count(1)


def pytest_addoption(parser):
    """What `./tests/run e2e` takes beside pytest's own options."""
    parser.addoption("--broker", choices=KINDS, default="kafka", help="which broker the suite runs on")


@pytest.fixture(scope="session")
def directory(request):
    """Where this run keeps data and logs; it stays if something failed, since the logs tell why."""
    folder = RESULTS / "e2e"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    yield folder
    if not request.session.testsfailed:
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def broker_at(request):
    """Makes a broker, not started, that keeps its files in the given folder."""
    kind = request.config.getoption("broker")
    return lambda folder: made(kind, folder)


@pytest.fixture(scope="session")
def kafka(directory, broker_at):
    """The broker of the session."""
    broker = broker_at(directory / "kafka").start()
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
def name(request):
    """A name nobody else uses, for a machine, execution or task queue."""
    readable = re.sub(r"[^a-z0-9]+", "-", request.node.name.lower()).strip("-")
    return f"{readable[:50]}-{next(_numbers)}"


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    """Shows the end of Baton's log beside a failure."""
    outcome = yield
    report = outcome.get_result()
    node = item.funcargs.get("baton") if hasattr(item, "funcargs") else None
    if report.when == "call" and report.failed and node is not None:
        report.sections.append(("baton", node.process.tail(60)))
