"""One broker that lets nobody in without a password or certificate, with the ACLs of deploy/acls, for the whole session."""

import shutil

import pytest

from support.paths import RESULTS
from support.secure import ORCHESTRATOR, WORKER, SecureKafka


@pytest.fixture(scope="session")
def directory(request):
    """Where this run keeps data and logs; it stays if something failed."""
    made = RESULTS / "security"
    shutil.rmtree(made, ignore_errors=True)
    made.mkdir(parents=True)
    yield made
    if not request.session.testsfailed:
        shutil.rmtree(made, ignore_errors=True)


@pytest.fixture(scope="session")
def kafka(directory):
    """The broker; orchestrator and worker may do what their files say, and nothing else."""
    broker = SecureKafka(directory / "kafka").start()
    broker.allow(ORCHESTRATOR, "orchestrator.txt")
    broker.allow(WORKER, "worker.txt")
    yield broker
    broker.kill()
