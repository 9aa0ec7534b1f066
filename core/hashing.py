"""Checksums: the one module that names things by what they hold."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

CHUNK = 2**20  # bytes read at a time; files of checkpoints need not fit into memory


def of_bytes(data: bytes | memoryview) -> str:
    """SHA-256 of bytes, 64 hex digits."""
    return hashlib.sha256(data).hexdigest()


def of_parts(parts: Iterable[bytes | memoryview]) -> str:
    """SHA-256 of bytes that follow one another, 64 hex digits."""
    checksum = hashlib.sha256()
    for part in parts:
        checksum.update(part)
    return checksum.hexdigest()


def of_file(path: Path) -> str:
    """SHA-256 of a file, 64 hex digits, read in parts."""
    with path.open("rb") as file:
        return of_parts(iter(lambda: file.read(CHUNK), b""))


def of_json(node: Any) -> str:
    """SHA-256 of what JSON can hold, the same for mappings in any order."""
    return of_bytes(json.dumps(node, sort_keys=True).encode())
