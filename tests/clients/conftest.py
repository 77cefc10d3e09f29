"""One broker and one Baton for all clients: the embedded broker, since clients see no difference."""

import shutil

import pytest
from drivers import DRIVERS

from support.baton import Baton
from support.broker import made
from support.paths import RESULTS


@pytest.fixture(scope="session")
def directory(request):
    """Where this run keeps data and logs; it stays if something failed, since the logs tell why."""
    folder = RESULTS / "clients"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    yield folder
    if not request.session.testsfailed:
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def kafka(directory):
    """A broker."""
    broker = made("embedded", directory / "kafka").start()
    yield broker
    broker.kill()


@pytest.fixture(scope="session")
def baton(directory, kafka):
    """A node on it."""
    node = Baton(directory / "baton", kafka.address).start()
    yield node
    node.stop()


@pytest.fixture(params=DRIVERS)
def driver(request, baton):
    """Each client in turn."""
    client = DRIVERS[request.param](baton.url)
    yield client
    client.close()
