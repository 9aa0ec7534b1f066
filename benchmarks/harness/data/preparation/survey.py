"""Looks at every picture of a set once and remembers what a person should know of it."""

import warnings
from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import cached_property
from io import BytesIO
from typing import NamedTuple

import numpy as np
from PIL import Image

from benchmarks.harness.data import near_duplicates
from benchmarks.harness.data.domains.reader import pixel_checksum
from benchmarks.harness.data.files import File
from benchmarks.harness.data.pictures import FORMATS, Picture, Sampling, Unreadable, decode
from core import hashing

COLOUR = 1.0  # mean difference of the channels in grey levels, below which a picture has no colour


class SurveyedFile(NamedTuple):
    """One picture that can be read."""

    file: File
    sha256: str  # of the file as the user obtained it
    md5: str  # of the file that was read
    kind: str  # format and mode as they stand in the file
    size: tuple[int, int]  # width and height in pixels
    changes: tuple[str, ...]  # what is done to it, keys of `pictures.SENTENCES`
    colourless: bool  # nothing in it has colour
    pixels: str  # checksum of what is seen at the wanted resolution


@dataclass
class Survey:
    """All pictures of a set, and the files that are none (name to reason)."""

    rows: list[SurveyedFile] = field(default_factory=list)
    broken: dict[str, str] = field(default_factory=dict)
    _thumbs: list[np.ndarray] = field(default_factory=list)

    def look(
        self, file: File, resolution: int, framing: str, sampling: Sampling
    ) -> tuple[SurveyedFile, Picture] | tuple[()]:
        """Read one file; what it is and its picture, or nothing if it is broken."""
        try:
            data = file.read()
            picture = decode(data, str(file), resolution, framing, sampling)
        except Unreadable as fault:
            self.broken[file.name] = str(fault).removeprefix(f"{file} ").removesuffix(".")
            return ()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # oddities that `decode` has passed over already
            with Image.open(BytesIO(data), formats=FORMATS) as image:
                kind, size = f"{image.format} {image.mode}", image.size
        row = SurveyedFile(
            file=file,
            sha256=file.sha256,
            md5=hashing.md5_of_bytes(data),
            kind=kind,
            size=size,
            changes=picture.changes,
            colourless=bool(np.abs(np.diff(picture.pixels.astype(np.int16))).mean() < COLOUR),
            pixels=pixel_checksum(picture),
        )
        self.rows.append(row)
        self._thumbs.append(near_duplicates.thumbnails(picture.pixels[None])[0])
        return row, picture

    @property
    def by_checksum(self) -> dict[str, File]:
        """The files by checksum, of equal ones the first."""
        by_hash: dict[str, File] = {}
        for row in self.rows:
            by_hash.setdefault(row.sha256, row.file)
        return by_hash

    @property
    def thumbs(self) -> np.ndarray:
        """A thumbnail [n, S * S] of every row."""
        return np.stack(self._thumbs) if self._thumbs else np.empty((0, 1), np.float32)

    def distinct(self, order: Iterable[str]) -> list[str]:
        """Checksums in their order, less those whose picture came before."""
        pixels = {row.sha256: row.pixels for row in self.rows}
        first: dict[str, str] = {}
        for sha256 in order:
            first.setdefault(pixels[sha256], sha256)
        return list(first.values())

    @cached_property
    def nearly_same(self) -> list[tuple[str, str, near_duplicates.NearDuplicate]]:
        """Names of different pictures that are nearly the same."""
        pairs = near_duplicates.within(self.thumbs)
        rows = [(self.rows[pair.first], self.rows[pair.second], pair) for pair in pairs]
        return [(a.file.name, b.file.name, pair) for a, b, pair in rows if a.pixels != b.pixels]


def groups(rows: Iterable[SurveyedFile], key: Callable[[SurveyedFile], object]) -> list[list[str]]:
    """Names of the rows that share a key with another, sorted."""
    named = defaultdict(list)
    for row in rows:
        named[key(row)].append(row.file.name)
    return sorted(sorted(names) for names in named.values() if len(names) > 1)
