"""Queues image-metadata and notify with Kafka's usual client alone; takes the Rust worker's place (docs/workers.md)."""
import json, os, signal, struct, sys
from datetime import datetime, timezone
from confluent_kafka import Consumer, KafkaError, KafkaException, Producer
from tracing import task_span

PREFIX = os.environ.get("BATON_PREFIX", "baton.")
BROKERS = {"bootstrap.servers": os.environ.get("BATON_KAFKA", "127.0.0.1:9092")}
if "BATON_KAFKA_PROPERTIES" in os.environ:  # librdkafka's, name=value a line
    with open(os.environ["BATON_KAFKA_PROPERTIES"]) as lines:
        BROKERS |= dict(line.strip().split("=", 1) for line in lines if "=" in line)


class Failure(Exception):
    """A failure that the workflow can name: Failure("Error.Name", "what happened")."""


def metadata(task):
    """What an image file is, from its header: {"source": path} -> format, width, height, bytes."""
    path = task["source"]
    with open(path, "rb") as file:
        data = file.read()
    if data[:8] == b"\x89PNG\r\n\x1a\n" and len(data) >= 24:
        kind, (width, height) = "png", struct.unpack(">II", data[16:24])
    elif data[:2] == b"\xff\xd8":
        kind, (width, height) = "jpeg", jpeg_size(path, data)
    else:
        raise Failure("Image.Broken", f"{path}: neither PNG nor JPEG")
    return {"format": kind, "width": width, "height": height, "bytes": len(data)}


def jpeg_size(path, data):
    """Walks the segments (ITU T.81, annex B) to the frame header, which has the size."""
    at = 2
    while at + 9 <= len(data) and data[at] == 0xFF:
        if 0xC0 <= data[at + 1] <= 0xCF and data[at + 1] not in (0xC4, 0xC8, 0xCC):
            return struct.unpack(">HH", data[at + 5 : at + 9])[::-1]
        at += 2 + struct.unpack(">H", data[at + 2 : at + 4])[0]
    raise Failure("Image.Broken", f"{path}: no frame header")


def notify(task):
    print(task["message"], flush=True)
    return {"notified": task["message"]}


def complete(command):
    """Runs one command; gives the completion's type and value."""
    handler = HANDLERS[command.topic()]
    try:
        return "baton.task.succeeded.v1", handler(json.loads(command.value() or "{}"))
    except Failure as failure:
        error, cause = failure.args
    except OSError as failure:
        error, cause = "Image.Io", str(failure)
    except Exception as failure:  # whatever it is, the workflow is told
        error, cause = type(failure).__name__, str(failure)
    return "baton.task.failed.v1", {"error": error, "cause": cause}


def answer(producer, command):
    """Sends the completion of a command where its headers say, and waits until it is durable."""
    headers = {name: (value or b"").decode() for name, value in command.headers() or []}
    deadline = headers.get("ce_batondeadline")
    if deadline and datetime.fromisoformat(deadline.replace("Z", "+00:00")) <= datetime.now(timezone.utc):
        return  # the workflow has given up on it
    with task_span(command.topic().removeprefix(f"{PREFIX}commands."), headers) as (span, traceparent):
        kind, value = complete(command)
        if span and kind == "baton.task.failed.v1":
            span.set_attribute("error.type", value["error"])
    reply = {"ce_specversion": "1.0", "ce_type": kind, "ce_batontoken": headers["ce_id"], "content-type": "application/json"}
    if traceparent:
        reply["traceparent"] = traceparent
    topic, partition = headers["ce_batonreplytopic"], int(headers["ce_batonreplypartition"])
    producer.produce(topic, json.dumps(value), headers["ce_id"], partition, headers=list(reply.items()))
    if producer.flush(60) > 0:
        sys.exit("completion not delivered; the command comes again")


def topic(queue):
    return f"{PREFIX}commands.{queue}"


def main(queues):
    producer = Producer(BROKERS | {"enable.idempotence": True, "linger.ms": 0})
    settings = BROKERS | {"enable.auto.commit": False, "auto.offset.reset": "earliest"}
    settings |= {"partition.assignment.strategy": "cooperative-sticky", "topic.metadata.refresh.interval.ms": 1000}
    settings |= {"session.timeout.ms": 10_000}  # so long the tasks of a killed worker wait for another; the default is 45 s
    consumers = [Consumer(settings | {"group.id": f"{PREFIX}worker.{queue}"}) for queue in queues]  # a group each
    for consumer, queue in zip(consumers, queues):
        consumer.subscribe([topic(queue)])
    running = [True]
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: running.clear())
    while running:
        for consumer in consumers:
            message = consumer.poll(0.1 / len(consumers))
            if message is not None and message.error() is None:
                answer(producer, message)
                try:
                    consumer.commit(message, asynchronous=False)  # only now: a crash before means doing it again
                except KafkaException as lost:  # the partition is another's, or the broker was away: it comes again
                    print(lost, file=sys.stderr)
            elif message is not None and message.error().code() != KafkaError.UNKNOWN_TOPIC_OR_PART:
                print(message.error(), file=sys.stderr)
    for consumer in consumers:
        consumer.close()


HANDLERS = {topic("image-metadata"): metadata, topic("notify"): notify}
if __name__ == "__main__":
    main(sys.argv[1:] or ["image-metadata", "notify"])
