"""Records that no well-behaved client writes: header names that are not UTF-8.

Kafka takes any bytes; Python's client only takes text. So this calls the librdkafka inside that client directly.
"""

import ctypes
from pathlib import Path

import confluent_kafka

_PRODUCER = 0
_MSG_COPY = 2
_VTYPE = {"end": 0, "topic": 1, "partition": 3, "value": 4, "key": 5, "msgflags": 7, "headers": 10}


def send(kafka, topic, partition, key, value, headers):
    """Produces one record whose header names and values are bytes, and waits until the broker has it."""
    library = _library()
    error = ctypes.create_string_buffer(512)
    conf = ctypes.c_void_p(library.rd_kafka_conf_new())
    assert library.rd_kafka_conf_set(conf, b"bootstrap.servers", kafka.encode(), error, 512) == 0, error.value
    producer = library.rd_kafka_new(_PRODUCER, conf, error, 512)
    assert producer, error.value
    made = library.rd_kafka_headers_new(len(headers))
    for name, content in headers:
        assert library.rd_kafka_header_add(ctypes.c_void_p(made), name, len(name), content, len(content)) == 0
    code = library.rd_kafka_producev(
        ctypes.c_void_p(producer),
        _VTYPE["topic"], topic.encode(),
        _VTYPE["partition"], ctypes.c_int32(partition),
        _VTYPE["msgflags"], ctypes.c_int(_MSG_COPY),
        _VTYPE["key"], key, ctypes.c_size_t(len(key)),
        _VTYPE["value"], value, ctypes.c_size_t(len(value)),
        _VTYPE["headers"], ctypes.c_void_p(made),
        _VTYPE["end"],
    )
    assert code == 0, f"rd_kafka_producev: {code}"
    assert library.rd_kafka_flush(ctypes.c_void_p(producer), 20_000) == 0, "not acknowledged"
    library.rd_kafka_destroy(ctypes.c_void_p(producer))


def _library():
    beside = Path(confluent_kafka.__file__).parent.parent / "confluent_kafka.libs"
    found = sorted(beside.glob("librdkafka*.so*"))
    assert found, f"no librdkafka in {beside}"
    library = ctypes.CDLL(str(found[0]))
    for name in ("rd_kafka_conf_new", "rd_kafka_new", "rd_kafka_headers_new"):
        getattr(library, name).restype = ctypes.c_void_p
    library.rd_kafka_headers_new.argtypes = [ctypes.c_size_t]
    library.rd_kafka_header_add.argtypes = [
        ctypes.c_void_p, ctypes.c_char_p, ctypes.c_ssize_t, ctypes.c_char_p, ctypes.c_ssize_t,
    ]
    return library
