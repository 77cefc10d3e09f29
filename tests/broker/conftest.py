"""One embedded broker for the session; each test has topics and groups of its own."""

import itertools
import re
import shutil

import pytest

from broker.programs import Java
from support.broker import Broker
from support.paths import RESULTS

_numbers = itertools.count(1)
# Retention and compaction are looked at this often, so that tests need not wait long for them.
HOUSEKEEPING = ["--housekeeping-ms", "200"]


def pytest_addoption(parser):
    """What `./tests/run broker` takes beside pytest's own options."""
    parser.addoption("--full", action="store_true", help="200 kills instead of 10")
    parser.addoption("--seed", type=int, help="repeats the choices of a run of kills")


@pytest.fixture(scope="session")
def directory(request):
    """Where this run keeps data and logs; it stays if something failed, since the logs tell why."""
    made = RESULTS / "broker"
    shutil.rmtree(made, ignore_errors=True)
    made.mkdir(parents=True)
    yield made
    if not request.session.testsfailed:
        shutil.rmtree(made, ignore_errors=True)


@pytest.fixture(scope="session")
def broker(directory):
    """A broker that no test stops."""
    shared = Broker(directory / "shared", HOUSEKEEPING).start()
    yield shared
    assert shared.stop() == 0, shared.process.tail()


@pytest.fixture(scope="session")
def java(directory):
    """Kafka's Java client and tools, compiled for this run."""
    return Java(directory)


@pytest.fixture
def own_broker(directory, unique):
    """A broker that the test may kill."""
    own = Broker(directory / unique("own"), HOUSEKEEPING).start()
    yield own
    own.kill()


@pytest.fixture
def unique(request):
    """Makes names that no other test uses."""
    test = re.sub(r"[^A-Za-z0-9]+", "-", request.node.name).strip("-")[:60]
    return lambda kind: f"{kind}-{test}-{next(_numbers)}"
