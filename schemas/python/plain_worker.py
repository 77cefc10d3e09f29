"""All that a worker in plain Python needs of the wire contract: read a command, build a completion, find a partition.

Owns: nothing; a copy of it may live in any worker. Works on headers as a dictionary of text and values as text, which every
Kafka client has in some form. docs/wire-contract.md says what it does in words.
"""

import base64
import json

STRUCTURED = "application/cloudevents+json"


def binary(headers, value):
    """A record in structured mode as it would be in binary mode; any other record as it is."""
    if not headers.get("content-type", "").lower().startswith(STRUCTURED):
        return headers, value
    envelope = json.loads(value)
    data = envelope.pop("data_base64", None)
    value = base64.b64decode(data).decode() if data else json.dumps(envelope.pop("data")) if "data" in envelope else None
    plain = {"datacontenttype": "content-type", "traceparent": "traceparent"}
    return {plain.get(name, f"ce_{name}"): str(text) for name, text in envelope.items() if text is not None}, value


def read_command(headers, value):
    """What a worker wants to know of a command."""
    assert headers["ce_type"] == "baton.task.command.v1", headers["ce_type"]
    return {
        "token": headers["ce_id"],
        "execution": headers["ce_source"],
        "state": headers["ce_subject"],
        "attempt": int(headers.get("ce_batonattempt", 0)),
        "deadline": headers.get("ce_batondeadline"),
        "reply": (headers["ce_batonreplytopic"], int(headers["ce_batonreplypartition"])),
        "input": json.loads(value) if value else {},
    }


def completion(command, headers, outcome, value):
    """Topic, partition, key, headers and value of the answer; `outcome` is succeeded, failed or heartbeat."""
    topic, partition = command["reply"]
    answer = {
        "ce_specversion": "1.0",
        "ce_type": f"baton.task.{outcome}.v1",
        "ce_id": command["token"],
        "ce_source": "urn:baton:worker",
        "ce_batontoken": command["token"],
        "content-type": "application/json",
    }
    if "traceparent" in headers:
        answer["traceparent"] = headers["traceparent"]
    return topic, partition, command["token"], answer, json.dumps(value)


def partition_of(key, partitions):
    """The partition of `key` (bytes) as Java's clients choose it: murmur2. For starts and stops."""
    m, mask = 0x5BD1E995, 0xFFFFFFFF
    h = 0x9747B28C ^ len(key)
    whole = len(key) & ~3
    for i in range(0, whole, 4):
        k = int.from_bytes(key[i : i + 4], "little") * m & mask
        h = (h * m & mask) ^ ((k ^ k >> 24) * m & mask)
    if tail := key[whole:]:
        h = (h ^ int.from_bytes(tail, "little")) * m & mask
    h = (h ^ h >> 13) * m & mask
    return ((h ^ h >> 15) & 0x7FFFFFFF) % partitions
