"""One Kafka, one collector and one Baton that exports to it, for the whole session."""

import itertools
import re
import shutil

import pytest
from collector import Collector

from support.baton import Baton
from support.clients import Rest, stepfunctions
from support.kafka import Kafka
from support.paths import RESULTS

_numbers = itertools.count(1)


@pytest.fixture(scope="session")
def directory(request):
    """Where this run keeps data and logs; it stays if something failed."""
    made = RESULTS / "observability"
    shutil.rmtree(made, ignore_errors=True)
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
def collector():
    """Takes spans."""
    listening = Collector()
    yield listening
    listening.close()


@pytest.fixture(scope="session")
def baton(directory, kafka, collector):
    """A node that exports traces."""
    node = Baton(directory / "baton", kafka.address, arguments=["--otlp-endpoint", collector.url]).start()
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


@pytest.fixture
def name(request):
    """A name nobody else uses."""
    readable = re.sub(r"[^a-z0-9]+", "-", request.node.name.lower()).strip("-")
    return f"{readable[:50]}-{next(_numbers)}"
