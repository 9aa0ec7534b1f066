"""Small pictures of runs. A strip is one row of square tiles in one WebP: of the first ``LATENTS``
latents of the evaluation, then of ``PHOTOS`` held-out people. Runs that share data and source share
a *scene*: the shots, the source's own strip (with the photos themselves) and, where it is known,
how those people truly look in the domain.
"""

import base64
import io
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from PIL import Image, UnidentifiedImageError

from benchmarks.harness.records.record import Record
from core import hashing, regular

LATENTS, PHOTOS, SIDE = 8, 4, 64  # tiles, and their pixels: what git can carry for every run
SHOTS, SOURCE, TRUTH = "shots", "source", "truth"
OURS = ("parafaces",), ("parafaces", "blank", "tiny")
"""Beginnings of the names of data and of sources whose pictures this project made itself."""
ROOM = 7_000_000
"""Bytes of pictures on one page, which is to stay under 10 MB; what comes later stays outside."""
LARGEST = 500_000  # bytes of one strip; ours have 15,000
TALLEST, MOST = 256, 64  # pixels and tiles of one strip; ours have 64 and 12


def scene(record: Record) -> str:
    """Name of what the runs on the same data from the same source have in common."""
    data: Any = record.config.data
    sums = [record.provenance.weights_sha256, record.provenance.shots_sha256]
    shown = [data.get("style", ""), data.get("photos_root", ""), record.config.eval.seed]
    digest = hashing.of_json([*sums, *shown])
    names = (re.sub(r"[^A-Za-z0-9_.-]", "_", name) for name in (record.data, record.source))
    return "--".join((*names, digest[:8]))


def is_public(record: Record) -> bool:
    """Whether the run's pictures may be shown to anybody: data and source are our own."""
    data, source = OURS
    return record.data.startswith(data) and record.source.startswith(source)


def place(folder: Path, record: Record) -> Path:
    """Where the strips of a run belong: those of real pictures where git does not look."""
    return folder / "tiles" if is_public(record) else folder / "local" / "tiles"


def paths(folder: Path, *, local: bool) -> dict[str, Path]:
    """Strips by name, ``local`` ones too: a record's name is looked up, never made a path."""
    places = [folder / "tiles", *([folder / "local" / "tiles"] if local else [])]
    return {path.stem: path for one in places for path in sorted(one.glob("*.webp"))}


@dataclass(frozen=True)
class Sprite:
    """A strip on the page: its number, how many tiles it has, and itself as base64."""

    index: int
    tiles: int
    data: str


@dataclass
class Sprites:
    """Strips of a page, equal ones once, in ``room`` bytes; ``unread`` files are no strips."""

    paths: dict[str, Path]
    room: int = ROOM
    by_name: dict[str, Sprite | None] = field(default_factory=dict)
    carried: dict[str, Sprite] = field(default_factory=dict)
    unread: list[str] = field(default_factory=list)
    outside: int = 0

    def get(self, name: str) -> Sprite | None:
        """The strip of a name, or None where there is none or no room for it."""
        if name not in self.by_name:
            path = self.paths.get(name)
            self.by_name[name] = self.load(path) if path else None
        return self.by_name[name]

    def load(self, path: Path) -> Sprite | None:
        try:
            data = regular.read(path, LARGEST)
        except OSError:
            data = b""
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
            self.carried[digest] = Sprite(len(self.carried), tiles, base64.b64encode(data).decode())
        return self.carried[digest]


def count(data: bytes) -> int:
    """How many square tiles lie in a WebP side by side; 0 if it is no such strip."""
    try:
        with Image.open(io.BytesIO(data), formats=["WEBP"]) as picture:
            width, height = picture.size
    except (UnidentifiedImageError, Image.DecompressionBombError, OSError, ValueError):
        return 0
    tiles, rest = divmod(width, height)
    return tiles if not rest and height <= TALLEST and tiles <= MOST else 0
