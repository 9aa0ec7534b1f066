"""Picture files by name, wherever they lie (`benchmarks.harness.data.containers`)."""

from __future__ import annotations

import os
import zipfile
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from benchmarks.harness.data.containers import (
    DAMAGE,
    LMDB,
    RENDER,
    SUFFIXES,
    Container,
    Folder,
    Lmdb,
    Origin,
    Render,
    Unreadable,
    Zip,
)
from core import hashing
from core.errors import UserError


@dataclass(frozen=True)
class File:
    """One picture file, wherever it lies."""

    root: Path
    member: str

    def __str__(self) -> str:
        return str(self.root / self.member)

    @property
    def name(self) -> str:
        """Its path in what the user had, also where it was prepared since."""
        return getattr(self._origin, "name", self.member)

    @property
    def sha256(self) -> str:
        """Hex checksum of the file, or of that of which it was made."""
        origin = self._origin
        return origin.sha256 if origin else hashing.of_bytes(self.read())

    def read(self) -> bytes:
        try:
            data = container(self.root).read(self.member)
        except (KeyError, *DAMAGE) as fault:
            reason = getattr(fault, "strerror", None) or fault
            raise Unreadable(f"{self} cannot be read ({reason}).") from fault
        if not data:
            raise Unreadable(f"{self} is empty (0 bytes).")
        return data

    @property
    def _origin(self) -> Origin | tuple[()]:
        return container(self.root).origin(self.member)


def files(root: str | Path) -> list[File]:
    """All picture files in a folder, zip, LMDB or render, sorted; hidden ones are skipped.

    A picture's own path gives that picture alone.
    """
    path = Path(os.path.expanduser(root))  # leaves ~nobody as it is, where Path would raise
    if not os.path.exists(path):  # False, not an error, for what may not be looked at
        raise UserError(f"The folder {path} does not exist.")
    if _alone(path):
        return [File(path.parent, path.name)]
    return [File(path, member) for member in container(path).pictures()]


def notes(root: str | Path) -> dict[str, Any]:
    """What `benchmarks.prepare` wrote into a zip, or nothing."""
    path = Path(os.path.expanduser(root))
    holds = os.path.exists(path) and not _alone(path)
    return getattr(container(path), "notes", {}) if holds else {}


def _alone(path: Path) -> bool:
    return path.suffix.lower() in SUFFIXES and path.is_file() and not zipfile.is_zipfile(path)


def container(path: Path) -> Container:
    """What lies at a path; one that was replaced is opened anew."""
    if path.is_dir():
        if (path / LMDB).is_file():
            return _opened(path, *_stamp(path / LMDB))
        if (path / RENDER).is_file():
            return _opened(path / RENDER, *_stamp(path / RENDER))
        return Folder(path)
    return _opened(path, *_stamp(path))


def _stamp(path: Path) -> tuple[int, int]:
    status = path.stat()
    return status.st_mtime_ns, status.st_size


@lru_cache(maxsize=8)
def _opened(path: Path, changed: int, size: int) -> Container:
    if path.is_dir():
        return Lmdb(path)
    if path.suffix == ".npy":
        return Render(path)
    if zipfile.is_zipfile(path):
        return Zip(path)
    raise UserError(f"{path} is neither a folder nor a zip of pictures.")
