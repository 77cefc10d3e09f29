"""Damage as a crash of the machine leaves it: the end of a partition's log, behind what was acknowledged, is not what was
written.

Owns: the layout of batches and checkpoints, as far as that takes. A kill -9 alone loses nothing that was written, so
torn writes are made here, while no broker runs. What a client was told is durable, or a checkpoint says is, is never
touched: a disk that loses that is broken.
"""

import json
import struct

HEADER_BYTES = 61


def tear(partition, acknowledged_end, random):
    """Damages the tail of a partition's directory; answers what was done. `acknowledged_end`: the offset after the last
    record that a client knows to be durable."""
    last = max(partition.glob("*.log"))
    content = bytearray(last.read_bytes())
    safe = safe_bytes(partition, last, content, acknowledged_end)
    how = random.choice(["nothing", "cut", "zeros", "flip", "half a batch", "garbage", "a longer file"])
    if how == "cut" and len(content) > safe:
        del content[random.randrange(safe, len(content)):]
    elif how == "zeros" and len(content) > safe:
        begin = random.randrange(safe, len(content))
        content[begin:] = bytes(len(content) - begin)
    elif how == "flip" and len(content) > safe:
        content[random.randrange(safe, len(content))] ^= 1 << random.randrange(8)
    elif how == "half a batch":
        content += copied_batch(content, random)
    elif how == "garbage":
        content += random.randbytes(random.randrange(1, 500))
    elif how == "a longer file":
        content += bytes(random.randrange(1, 8192))
    else:
        how = "nothing"
    last.write_bytes(content)
    return how


def batches(content):
    """(position, size, base offset, offset after the last) of the whole batches at the beginning of a segment."""
    position = 0
    while position + HEADER_BYTES <= len(content):
        base, length = struct.unpack_from(">qi", content, position)
        size = length + 12
        (last_delta,) = struct.unpack_from(">i", content, position + 23)
        if length < HEADER_BYTES - 12 or position + size > len(content):
            return
        yield position, size, base, base + last_delta + 1
        position += size


def safe_bytes(partition, segment, content, acknowledged_end):
    """How much of a segment must stay as it is."""
    safe = max((position + size for position, size, _, end in batches(content) if end <= acknowledged_end), default=0)
    checkpoint = partition / "checkpoint"
    if checkpoint.exists():
        at = json.loads(checkpoint.read_bytes().split(b"\n", 1)[1])["at"]
        if at["segment"] == int(segment.stem):
            safe = max(safe, at["bytes"])
    return safe


def copied_batch(content, random):
    """Part of the last batch again, with the offset that the next would have: all but its end is right."""
    whole = list(batches(content))
    if not whole:
        return b""
    position, size, _, end = whole[-1]
    copy = bytearray(content[position:position + size])
    struct.pack_into(">q", copy, 0, end)
    return copy[: random.randrange(1, size)]
