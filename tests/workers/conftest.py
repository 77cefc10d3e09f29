"""A broker and a node for the whole session, and every kind of worker run side by side through the same workflow.

Owns: nothing of the workers; `ways.py` says how each is started.
"""

import shutil
from concurrent.futures import ThreadPoolExecutor

import pytest

from story import Story
from support.baton import Baton
from support.broker import KINDS, made
from support.clients import stepfunctions
from support.paths import RESULTS
from target import Target
from ways import WAYS


def pytest_addoption(parser):
    """What `./tests/run workers` takes beside pytest's own options."""
    parser.addoption("--broker", choices=KINDS, default="embedded", help="which broker the workers run on")


@pytest.fixture(scope="session")
def directory(request):
    """Where this run keeps data and logs; it stays if something failed, since the logs tell why."""
    folder = RESULTS / "workers"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    yield folder
    if not request.session.testsfailed:
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def kafka(request, directory):
    """A broker."""
    broker = made(request.config.getoption("broker"), directory / "kafka").start()
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
def target(directory):
    """A service over HTTP, for the workers that call one."""
    served = Target(directory / "target")
    yield served
    served.close()


@pytest.fixture(scope="session")
def stories(request, directory, kafka, baton, target):
    """What became of each way that is tested, by name; all of them run at the same time, since most of it is waiting."""
    wanted = {item.callspec.params["way"] for item in request.session.items if "way" in getattr(item, "callspec", _None).params}
    ways = [way(directory / way.name, kafka.address, baton.url, target) for way in WAYS if way.name in wanted and not way.missing]
    with ThreadPoolExecutor(max(1, len(ways))) as pool:
        told = {way.name: pool.submit(Story(way).play) for way in ways}
    return told


class _None:
    params = {}
