"""Checksums: SHA-256 as 64 lowercase hex digits, which sort like the bytes that they stand for."""

import hashlib
import json
from collections.abc import Iterable
from functools import partial
from pathlib import Path
from typing import Any

CHUNK = 2**20  # bytes read at a time; files of checkpoints need not fit into memory


def of_bytes(data: bytes | memoryview) -> str:
    return hashlib.sha256(data).hexdigest()


def of_parts(parts: Iterable[bytes | memoryview]) -> str:
    """SHA-256 of bytes that come one part after the other."""
    digest = hashlib.sha256()
    for part in parts:
        digest.update(part)
    return digest.hexdigest()


def of_file(path: Path) -> str:
    """SHA-256 of a file, read in parts."""
    with path.open("rb") as file:
        return of_parts(iter(partial(file.read, CHUNK), b""))


def of_json(node: Any) -> str:
    """SHA-256 of what JSON can hold, the same for mappings in any order."""
    return of_bytes(json.dumps(node, sort_keys=True).encode())


def md5_of_bytes(data: bytes | memoryview) -> str:
    """MD5 of bytes, 32 hex digits: only to compare with lists that were published so."""
    return hashlib.md5(data, usedforsecurity=False).hexdigest()
