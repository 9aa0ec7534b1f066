"""Rows that are made once, in parts from any row on: pictures, and what networks see in them, by
head. :class:`OnDisk` writes parts as they come and reads them as memory-mapped files, so that they
need not fit into memory, and goes on where a killed run ended.
"""

import json
import os
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import torch

from benchmarks.harness.io.locks import alone
from core import atomic, hashing
from core.errors import UserError
from core.paths import cache_folder

Rows = dict[str, np.ndarray]
Key = Callable[[], dict[str, Any]]
Make = Callable[[int], Iterable[Rows]]  # parts of the rows from one on, in order
SECONDS_BETWEEN_NOTES = 2.0  # of what a kill cannot take any more; a note waits for the disk
META = "rows.json"
DIGITS = 24  # of the key's checksum in the name of a folder: 96 bits never meet by chance


class InMemory:
    """Holds everything while the run lasts."""

    on_disk = False

    def get(self, key: Key, make: Make) -> Rows:
        """The rows of a key, which is asked for where it is needed; made if they are not there."""
        parts: dict[str, list[np.ndarray]] = {}
        for part in make(0):
            for head, values in part.items():
                parts.setdefault(head, []).append(values)
        return {head: np.concatenate(values) for head, values in parts.items()}


class OnDisk:
    """Keeps rows in a folder (``bank`` in the cache without a name), which may go at any time."""

    on_disk = True

    def __init__(self, *, folder: str) -> None:
        self.folder = Path(folder).expanduser() if folder else cache_folder() / "bank"

    def get(self, key: Key, make: Make) -> Rows:
        """Memory-mapped rows; what is missing of them is made and written first."""
        about = key()
        place = self.folder / hashing.of_json(about)[:DIGITS]
        with alone(place):
            meta = read_meta(place)
            if not meta.get("complete"):
                meta = write(place, {**meta, "key": about}, make)
            return {head: mapped(place, head, meta) for head in meta["heads"]}


FeatureStore = InMemory | OnDisk  # ``on_disk``: pictures are read again rather than held


def of(name: str) -> FeatureStore:
    """The store that an evaluation asks for: ``memory``, or ``disk`` beside the optional files."""
    if name not in ("memory", "disk"):
        raise UserError(f"eval.keep={name} must be memory or disk.")
    return OnDisk(folder="") if name == "disk" else InMemory()


def read_meta(place: Path) -> dict[str, Any]:
    """What a folder says of its rows; nothing of them where that cannot be read."""
    try:
        meta: dict[str, Any] = json.loads((place / META).read_text(encoding="utf-8"))
        sizes = {h: meta["rows"] * row_bytes(about) for h, about in meta["heads"].items()}
        if all((place / f"{h}.rows").stat().st_size >= size for h, size in sizes.items()):
            return meta
    except (OSError, ValueError, KeyError, TypeError):
        pass
    return {"rows": 0, "heads": {}}


def row_bytes(about: dict[str, Any]) -> int:
    return int(np.dtype(about["dtype"]).itemsize * np.prod(about["shape"], dtype=np.int64))


def write(place: Path, meta: dict[str, Any], make: Make) -> dict[str, Any]:
    """Append the rows that are missing; what was written down before a kill is kept."""
    done, noted = int(meta["rows"]), time.monotonic()
    heads: dict[str, Any] = dict(meta["heads"])
    with ExitStack() as stack:
        files: dict[str, BinaryIO] = {}

        def write_meta(complete: bool) -> dict[str, Any]:
            for file in files.values():  # rows reach the disk before the note that counts them
                file.flush()
                os.fsync(file.fileno())
            now = {**meta, "rows": done, "heads": heads, "complete": complete}
            atomic.write(place / META, json.dumps(now, indent=1).encode())
            return now

        for part in make(done):
            for head, values in part.items():
                about = {"dtype": str(values.dtype), "shape": list(values.shape[1:])}
                if heads.setdefault(head, about) != about:
                    raise ValueError(f"rows of {head} change from {heads[head]} to {about}")
                if head not in files:
                    files[head] = stack.enter_context((place / f"{head}.rows").open("ab"))
                    files[head].truncate(done * row_bytes(about))
                files[head].write(np.ascontiguousarray(values).tobytes())
            done += len(next(iter(part.values())))
            if time.monotonic() - noted > SECONDS_BETWEEN_NOTES:
                write_meta(complete=False)
                noted = time.monotonic()
        return write_meta(complete=True)


def mapped(place: Path, head: str, meta: dict[str, Any]) -> np.ndarray:
    """The rows of a head; what is written into the array never reaches the file."""
    about = meta["heads"][head]
    shape = (int(meta["rows"]), *about["shape"])
    if 0 in shape:
        return np.empty(shape, about["dtype"])
    return np.memmap(place / f"{head}.rows", about["dtype"], "c", shape=shape)


def state_digest(module: torch.nn.Module) -> str:
    """SHA-256 of all parameters and buffers with their names."""

    def parts() -> Iterator[bytes | memoryview]:
        for name, value in sorted(module.state_dict().items()):
            if isinstance(value, torch.Tensor):
                yield f"{name} {value.dtype} {list(value.shape)}".encode()
                yield value.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy().data

    return hashing.of_parts(parts())
