"""Reads the files of a set once each, and knows what it left out and why."""

from __future__ import annotations

import hashlib
import os
import tempfile
import warnings
from collections.abc import Callable, Iterable
from functools import partial
from typing import NamedTuple, TypeVar

import numpy as np

from benchmarks.harness.data.files import File
from benchmarks.harness.data.pictures import FRAMINGS, Picture, Sampling, Unreadable, read
from benchmarks.harness.io import external_weights
from benchmarks.harness.io.prefetch import prefetch
from core.errors import UserError

NAMED = 3  # of the files that are told of
WORKERS = 4  # threads at most that decode and resize
HELD = 1 << 30
"""Bytes of pixels in memory; those of a larger set lie in a temporary file."""
T = TypeVar("T")


class Shown(NamedTuple):
    """A picture and the checksum of the file that it was read from."""

    sha256: str
    file: File
    picture: Picture


class Chosen(NamedTuple):
    """Pictures of a set: what is known of each, and the pixels uint8 [n, R, R, 3] of all."""

    shown: list[Shown]
    pixels: np.ndarray


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
    ) -> Chosen:
        """The first pictures in the order, up to `limit`, each once and none of those `without`."""
        refused = {pixels_of(shown.picture) for shown in without}
        wanted = list(order) if limit else []
        room = pixel_room(min(limit, len(wanted)), self.resolution)
        kept: dict[bytes, Shown] = {}
        workers = min(WORKERS, os.cpu_count() or 1)
        with warnings.catch_warnings():  # its state is one for all threads, which change it
            for sha256, attempt in prefetch(wanted, partial(self._attempt, found), workers):
                if len(kept) == limit:
                    break
                picture = self._tried(found[sha256], attempt)
                if picture is None:
                    continue
                seen = pixels_of(picture)
                self.leaked += seen in refused
                self.repeated += seen in kept
                if seen not in refused and seen not in kept:
                    room[len(kept)] = picture.pixels
                    own = Picture(room[len(kept)], picture.changes)
                    kept[seen] = Shown(sha256, found[sha256], own)
        return Chosen(list(kept.values()), room[: len(kept)])

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
        return self._tried(file, lambda: self._read(file))

    def _read(self, file: File) -> Picture:
        return read(file, self.resolution, self.framing, self.sampling)

    def _attempt(self, found: dict[str, File], sha256: str) -> tuple[str, Callable[[], Picture]]:
        """A picture that is read now; what is wrong with it is said when it is asked for."""
        try:
            picture = self._read(found[sha256])
        except Unreadable as fault:
            return sha256, partial(_raised, fault)
        return sha256, lambda: picture

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


def _raised(fault: Unreadable) -> Picture:
    raise fault


def pixel_room(count: int, resolution: int) -> np.ndarray:
    """Room for pixels uint8 [n, R, R, 3]: in memory or, for many, in a file that nobody else sees.

    Raises:
        UserError: there is no space for the file.
    """
    shape = (count, resolution, resolution, 3)
    size = int(np.prod(shape, dtype=np.int64))
    if size <= HELD:
        return np.empty(shape, np.uint8)
    folder = external_weights.folder().parent
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder) as file:
            os.posix_fallocate(file.fileno(), 0, size)
            return np.memmap(file, np.uint8, "r+", shape=shape)
    except OSError as error:
        raise UserError(
            f"There is no space in {folder} for {size:,} bytes of pictures ({error.strerror})."
        ) from error


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
