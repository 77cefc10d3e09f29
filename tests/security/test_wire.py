"""Workflows over SASL_SSL (SCRAM) and over mTLS, with the least that orchestrator and worker must be allowed."""

import json

import pytest
from confluent_kafka import Consumer, KafkaError, KafkaException, Producer
from confluent_kafka.admin import AdminClient

from support import workers
from support.baton import Baton
from support.clients import Rest, execution_arn, stepfunctions, wait_closed
from support.paths import ROOT
from support.secure import ACLS, ORCHESTRATOR, WORKER, read_acls
from support.wait import until

DOORS = ("sasl", "mtls")


def door(kafka, kind):
    """Address of a listener, and what gives a user's properties for it."""
    return (kafka.sasl_address, kafka.sasl) if kind == "sasl" else (kafka.address, kafka.mtls)


def configuration(file, properties):
    """A configuration file of Baton with these properties in `[kafka]`."""
    file.write_text("[kafka]\n" + "".join(f'"{name}" = "{value}"\n' for name, value in properties.items()))
    return file


def secured(worker, file, properties):
    """The same worker, with librdkafka's properties from a file."""
    file.write_text("".join(f"{name}={value}\n" for name, value in properties.items()))
    worker.environment |= {"BATON_KAFKA_PROPERTIES": str(file)}
    return worker


@pytest.fixture(scope="module", params=DOORS)
def node(request, directory, kafka):
    """A node that comes in by one of the doors; the second finds the first one's topics."""
    address, properties = door(kafka, request.param)
    file = configuration(directory / f"{request.param}.toml", properties(ORCHESTRATOR))
    baton = Baton(directory / request.param, address, arguments=["--config", file, "--restate-every-records", "20"])
    baton.kind = request.param
    baton.start()
    yield baton
    baton.stop()


@pytest.mark.parametrize("language", ["rust", "python"])
def test_a_workflow_runs_end_to_end(directory, kafka, node, language):
    address, properties = door(kafka, node.kind)
    make = workers.images_in_rust if language == "rust" else workers.images_in_python
    name = f"hello-{node.kind}-{language}"
    place = directory / name
    place.mkdir()
    worker = secured(make(place, address, "notify"), place / "worker.properties", properties(WORKER)).start()
    try:
        state = {"Type": "Task", "Resource": "arn:aws:states:::baton:task.notify", "End": True}
        Rest(node.url).create_machine(name, {"StartAt": "Hello", "States": {"Hello": state}})
        started = Rest(node.url).post(f"/v1/state-machines/{name}/executions", {"name": "e", "input": {"message": "hello"}})
        assert started.status == 201, started.text
        closed = wait_closed(stepfunctions(node.url), execution_arn(name, "e"), 60)
        assert closed["status"] == "SUCCEEDED" and json.loads(closed["output"]) == {"notified": "hello"}
    finally:
        worker.stop()
    assert "uthorization" not in worker.read(), worker.tail()


def test_the_owner_may_do_all_it_has_to(node):
    """History is restated, and nothing that the node did was refused."""
    rest = Rest(node.url)
    rest.create_machine(f"short-{node.kind}", {"StartAt": "Only", "States": {"Only": {"Type": "Pass", "End": True}}})
    for number in range(60):
        assert rest.post(f"/v1/state-machines/short-{node.kind}/executions", {"name": f"e{number}"}).status == 201
    assert "uthorization" not in node.process.read(), node.process.tail()


@pytest.mark.parametrize("kind", DOORS)
@pytest.mark.parametrize("topic", ["baton.history", "baton.registry", "baton.requests", "baton.nodes", "baton.commands.notify"])
def test_a_worker_can_not_write_what_only_orchestrators_write(kafka, node, topic, kind):
    address, properties = door(kafka, kind)
    errors = []
    producer = Producer({"bootstrap.servers": address, "log_level": 2, **properties(WORKER)})
    producer.produce(topic, b'{"forged": true}', on_delivery=lambda error, _: errors.append(error))
    producer.flush(30)
    assert [error and error.code() for error in errors] == [KafkaError.TOPIC_AUTHORIZATION_FAILED]


def test_a_worker_can_not_read_the_history(kafka, node):
    settings = {"bootstrap.servers": kafka.address, "group.id": "baton.worker.spy", "log_level": 2, **kafka.mtls(WORKER)}
    consumer = Consumer({**settings, "auto.offset.reset": "earliest"})
    consumer.subscribe(["baton.history"])
    # A message with an error is false, since it is empty.
    (message,) = until("an answer", lambda: [message for message in [consumer.poll(1)] if message is not None], 30)
    assert message.error() and message.error().code() == KafkaError.TOPIC_AUTHORIZATION_FAILED
    consumer.close()


def test_nobody_gets_in_without_password_or_certificate(kafka, node):
    stranger = {"security.protocol": "ssl", "ssl.ca.location": str(kafka.certificates.authority)}
    wrong = kafka.sasl(WORKER, "a wrong password")
    for address, properties in ((kafka.address, stranger), (kafka.sasl_address, wrong), (kafka.sasl_address, {})):
        admin = AdminClient({"bootstrap.servers": address, "log_level": 0, **properties})
        with pytest.raises(KafkaException):
            admin.list_topics(timeout=5)


def test_a_node_with_a_wrong_password_says_so(directory, kafka):
    file = configuration(directory / "wrong.toml", kafka.sasl(ORCHESTRATOR, "a wrong password"))
    baton = Baton(directory / "wrong", kafka.sasl_address, node="wrong", arguments=["--config", file])
    baton.process.start()
    until("the reason in the log", lambda: "Authentication failure" in baton.process.read(), 30)
    assert Rest(baton.url).get("/readyz").status == 503
    baton.kill()


def test_the_acls_are_documented_as_they_were_tried():
    document = (ROOT / "docs" / "operations.md").read_text()
    for file in sorted(ACLS.glob("*.txt")):
        assert list(read_acls(file.name, "any")), file
        assert f"```\n{file.read_text()}```\n" in document, f"docs/operations.md does not have {file.name} as it is"
