"""`/livez` and `/readyz`: alive as long as the process serves, ready only when caught up and able to write."""

import json
import urllib.error

import pytest

from support.baton import Baton
from support.clients import Rest
from support.kafka import Kafka
from support.wait import until


@pytest.fixture
def alone(directory, name):
    """A broker of the test's own, not started, and a node on it."""
    broker = Kafka(directory / f"{name}-kafka")
    node = Baton(directory / name, broker.address)
    yield broker, node
    node.kill()
    broker.kill()


def asked(node, path):
    """Status and body of a GET."""
    answer = Rest(node.url).get(path)
    return answer.status, json.loads(answer.text)


def test_a_node_without_a_broker_is_alive_and_says_what_it_waits_for(alone):
    broker, node = alone
    node.process.start()
    node.wait_live()
    assert asked(node, "/livez") == (200, {"status": "live"})
    assert asked(node, "/readyz") == (503, {"status": "not ready", "reasons": ["the node is waiting for Kafka"]})
    broker.start()
    node.wait_ready()
    assert asked(node, "/readyz") == (200, {"status": "ready"})


def test_a_node_whose_broker_goes_is_not_ready_until_it_is_back(alone):
    broker, node = alone
    broker.start()
    node.start()
    broker.kill()
    status, body = until("not ready", lambda: asked(node, "/readyz")[0] == 503 and asked(node, "/readyz"), 60)
    assert status == 503 and body["reasons"] == ["the producers do not reach Kafka"]
    assert asked(node, "/livez")[0] == 200
    assert "baton_ready 0" in node.get("/metrics")
    broker.restart()
    node.wait_ready(90)


def test_a_node_that_ends_is_not_ready_first(baton, directory, kafka, name):
    node = Baton(directory / name, kafka.address, node=name, prefix=f"{name}.").start()
    assert asked(node, "/readyz")[0] == 200
    node.stop()
    with pytest.raises(urllib.error.URLError):
        node.get("/livez")
