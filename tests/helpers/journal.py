"""Reads the file that W&B writes offline, with W&B's own messages.

The file is a LevelDB log: seven bytes that say what it is, then blocks of 32 KiB with chunks, each
of a checksum (4 bytes), a length (2), a kind (1) and data. A message may go over several chunks.
"""

import json
import struct

from wandb.proto import wandb_internal_pb2 as messages

IDENTITY = b":W&B" + struct.pack("<H", 0xBEE1)
BLOCK, HEAD = 2**15, 7
FULL, FIRST, MIDDLE, LAST = 1, 2, 3, 4


def chunks(data):
    at = HEAD
    while at + HEAD <= len(data):
        left = BLOCK - at % BLOCK
        if left < HEAD:  # too little for a chunk
            at += left
            continue
        _, length, kind = struct.unpack("<IHB", data[at : at + HEAD])
        if not kind:
            return
        yield kind, data[at + HEAD : at + HEAD + length]
        at += HEAD + length


def records(path):
    """The messages of a file in their order."""
    data = path.read_bytes()
    assert data.startswith(IDENTITY)
    held = b""
    for kind, part in chunks(data):
        held = part if kind in (FULL, FIRST) else held + part
        if kind in (FULL, LAST):
            record = messages.Record()
            record.ParseFromString(held)
            yield record


def told(items):
    """What a list of keys with JSON values says."""
    return {item.key or ".".join(item.nested_key): json.loads(item.value_json) for item in items}


def read(path):
    """Run, configuration, history (a list of rows) and summary of a file."""
    made = {"run": None, "config": {}, "history": [], "summary": {}, "exit": None}
    for record in records(path):
        kind = record.WhichOneof("record_type")
        if kind == "run":
            made["run"] = record.run
            made["config"] |= told(record.run.config.update)
        elif kind == "config":
            made["config"] |= told(record.config.update)
        elif kind == "history":
            made["history"].append(told(record.history.item))
        elif kind == "summary":
            made["summary"] |= told(record.summary.update)
        elif kind == "exit":
            made["exit"] = record.exit.exit_code
    return made
