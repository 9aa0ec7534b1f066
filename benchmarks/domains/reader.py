"""Reads the files of a set once each, and knows what it left out and why."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable
from functools import partial
from typing import NamedTuple, TypeVar

import numpy as np

from benchmarks.files import File
from benchmarks.pictures import FRAMINGS, Picture, Sampling, Unreadable, read
from core.errors import UserError

NAMED = 3  # of the files that are told of
T = TypeVar("T")


class Shown(NamedTuple):
    """A picture and the checksum of the file that it was read from."""

    sha256: str
    file: File
    picture: Picture


class Reader:
    """Reads files, goes on without broken ones if that is wanted, and knows what it left out."""

    def __init__(
        self, resolution: int, *, framing: str, sampling: Sampling, skip_broken: bool
    ) -> None:
        if framing not in FRAMINGS:
            raise UserError(f"data.framing={framing} must be {' or '.join(FRAMINGS)}.")
        self.resolution, self.framing = resolution, framing
        self.sampling, self.skip_broken = sampling, skip_broken
        self.broken: dict[File, None] = {}
        self.repeated = 0
        self.leaked = 0

    def keyed(self, found: Iterable[File]) -> dict[str, File]:
        """The files by checksum; of equal ones the first."""
        by_hash: dict[str, File] = {}
        for file in found:
            sha256 = self._tried(file, partial(getattr, file, "sha256"))
            if sha256 is not None:
                self.repeated += sha256 in by_hash
                by_hash.setdefault(sha256, file)
        return by_hash

    def shown(
        self,
        found: dict[str, File],
        order: Iterable[str],
        limit: int,
        without: Iterable[Shown] = (),
    ) -> list[Shown]:
        """The first pictures in the order, up to `limit`, each once and none of those `without`."""
        refused = {pixels_of(shown.picture) for shown in without}
        kept: dict[bytes, Shown] = {}
        for sha256 in order:
            if len(kept) == limit:
                break
            picture = self.picture(found[sha256])
            if picture is None:
                continue
            pixels = pixels_of(picture)
            self.leaked += pixels in refused
            self.repeated += pixels in kept
            if pixels not in refused:
                kept.setdefault(pixels, Shown(sha256, found[sha256], picture))
        return list(kept.values())

    def all_of(self, found: Iterable[File]) -> list[Picture]:
        """The pictures of all the files."""
        return [picture for file in found if (picture := self.picture(file)) is not None]

    def stacked(self, pictures: Iterable[Picture]) -> np.ndarray:
        """Their pixels, uint8 [n, R, R, 3]."""
        rows = [picture.pixels for picture in pictures]
        empty = np.empty((0, self.resolution, self.resolution, 3), dtype=np.uint8)
        return np.stack(rows) if rows else empty

    def picture(self, file: File) -> Picture | None:
        """The picture in the file, or None for a broken one that is to be skipped."""
        return self._tried(file, lambda: read(file, self.resolution, self.framing, self.sampling))

    def notes(self) -> list[str]:
        """What was left out, in sentences."""
        said = []
        if self.broken:
            said.append(f"{_files(len(self.broken))} unreadable and skipped: {few(self.broken)}.")
        if self.repeated:
            said.append(f"{_files(self.repeated)} left out: the same picture as another.")
        if self.leaked:
            said.append(f"{_files(self.leaked)} left out of the reference: they are shots.")
        return said

    def _tried(self, file: File, action: Callable[[], T]) -> T | None:
        if file in self.broken:
            return None
        try:
            return action()
        except Unreadable as fault:
            if not self.skip_broken:
                reason = str(fault).removesuffix(".")
                raise UserError(
                    f"{reason}; data.skip_broken=true goes on without such files."
                ) from fault
            self.broken[file] = None
            return None


def pixels_of(picture: Picture) -> bytes:
    """A checksum of what is seen."""
    return hashlib.sha256(picture.pixels.tobytes()).digest()


def few(names: Iterable[object]) -> str:
    """The first names, and how many more there are."""
    listed = [str(name) for name in names]
    more = len(listed) - NAMED
    return ", ".join(listed[:NAMED]) + (f" and {more} more" if more > 0 else "")


def _files(count: int) -> str:
    return f"{count:,} {'file was' if count == 1 else 'files were'}"
