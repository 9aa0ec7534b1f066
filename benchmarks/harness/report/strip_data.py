"""Strips as data that a page carries in itself."""

from __future__ import annotations

import base64
import io
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from PIL import Image, UnidentifiedImageError

from benchmarks.harness.report.strip_files import Strips
from core import hashing

ROOM = 7_000_000
"""Bytes of pictures on one page; what comes later has to stay outside."""
LARGEST = 500_000  # bytes of one strip; ours have 15,000
TALLEST, MOST = 256, 64  # pixels and tiles of one strip; ours have 64 and 12


@dataclass(frozen=True)
class Sprite:
    """A strip on the page: its number, how many tiles it has, and itself as base64."""

    index: int
    tiles: int
    data: str


@dataclass
class Sprites:
    """The strips of a page; equal ones are carried once.

    Args:
        strips: that there are.
        room: bytes of WebP that the page may carry.

    Attributes:
        unread: names of files that are no strips.
        outside: how many strips there was no room for.
    """

    strips: Strips
    room: int = ROOM
    by_name: dict[str, Sprite | None] = field(default_factory=dict)
    carried: dict[str, Sprite] = field(default_factory=dict)
    unread: list[str] = field(default_factory=list)
    outside: int = 0

    def reserve(self, names: Iterable[str]) -> None:
        """Take in strips in the order of their importance."""
        for name in names:
            self.get(name)

    def get(self, name: str) -> Sprite | None:
        """The strip of a name, or None where there is none or no room for it."""
        if name not in self.by_name:
            self.by_name[name] = self._load(name)
        return self.by_name[name]

    def _load(self, name: str) -> Sprite | None:
        path = self.strips.paths.get(name)
        if path is None:
            return None
        data = content(path)
        tiles = count(data)
        if not tiles:
            self.unread.append(path.name)
            return None
        digest = hashing.of_bytes(data)
        if digest not in self.carried:
            if len(data) > self.room:
                self.outside += 1
                return None
            self.room -= len(data)
            text = base64.b64encode(data).decode()
            self.carried[digest] = Sprite(len(self.carried), tiles, text)
        return self.carried[digest]


def content(path: Path) -> bytes:
    """The bytes of a strip's file; none of one that cannot be read or is no strip by its size."""
    try:
        return path.read_bytes() if path.stat().st_size <= LARGEST else b""
    except OSError:
        return b""


def count(data: bytes) -> int:
    """How many square tiles lie in a WebP side by side; 0 if it is no such strip."""
    try:
        with Image.open(io.BytesIO(data), formats=["WEBP"]) as picture:
            width, height = picture.size
    except (UnidentifiedImageError, Image.DecompressionBombError, OSError, ValueError):
        return 0
    tiles, rest = divmod(width, height)
    return tiles if not rest and height <= TALLEST and tiles <= MOST else 0
