"""Reads the files of a set once each, and knows what it left out and why."""

from __future__ import annotations

import os
import tempfile
import warnings
from collections.abc import Callable, Iterable
from functools import partial
from typing import BinaryIO, NamedTuple, TypeVar, cast

import numpy as np

from benchmarks.harness.data.files import File
from benchmarks.harness.data.pictures import FRAMINGS, Picture, Sampling, Unreadable, read
from benchmarks.harness.io.prefetch import prefetch
from core import atomic, hashing
from core.errors import UserError
from core.paths import cache_folder

NAMED = 3  # files in a note; the others are counted
WORKERS = 4  # threads at most that decode and resize; Pillow works without the lock of Python
IN_MEMORY = 1 << 30
"""Bytes of pixels in memory; those of a larger set lie in a temporary file."""
T = TypeVar("T")


class ReadPicture(NamedTuple):
    """A picture and the checksum of the file that it was read from."""

    sha256: str
    file: File
    picture: Picture


class SelectedPictures(NamedTuple):
    """Pictures of a set: what is known of each, and the pixels uint8 [n, R, R, 3] of all."""

    pictures: list[ReadPicture]
    pixels: np.ndarray


class Reader:
    """Reads pictures, and counts what it left out.

    Args:
        resolution: R of what is read.
        framing: `crop` or `fit`.
        sampling: which part of a picture is used, and how it is resized.
        skip_broken: go on without files that cannot be read.

    Raises:
        UserError: at the first file that cannot be read, unless those are skipped.
    """

    def __init__(
        self, resolution: int, *, framing: str, sampling: Sampling, skip_broken: bool
    ) -> None:
        if framing not in FRAMINGS:
            raise UserError(f"data.framing={framing} must be {' or '.join(FRAMINGS)}.")
        self.resolution, self.framing = resolution, framing
        self.sampling, self.skip_broken = sampling, skip_broken
        self.broken: dict[File, None] = {}
        self.repeated = 0
        self.shots_met = 0

    def by_checksum(self, found: Iterable[File]) -> dict[str, File]:
        """The files by checksum; of equal ones the first."""
        by_hash: dict[str, File] = {}
        for file in found:
            sha256 = self._try(file, partial(getattr, file, "sha256"))
            if sha256 is not None:
                self.repeated += sha256 in by_hash
                by_hash.setdefault(sha256, file)
        return by_hash

    def select(
        self,
        found: dict[str, File],
        order: Iterable[str],
        limit: int,
        without: Iterable[ReadPicture] = (),
    ) -> SelectedPictures:
        """The first pictures in the order, up to `limit`, each once and none of those `without`."""
        refused = {pixel_checksum(other.picture) for other in without}
        candidates = list(order) if limit else []
        room = allocate_pixels(min(limit, len(candidates)), self.resolution)
        kept: dict[str, ReadPicture] = {}
        workers = min(WORKERS, os.cpu_count() or 1)
        with warnings.catch_warnings():  # its state is one for all threads, which change it
            for sha256, attempt in prefetch(candidates, partial(self._attempt, found), workers):
                if len(kept) == limit:
                    break
                picture = self._try(found[sha256], attempt)
                if picture is None:
                    continue
                seen = pixel_checksum(picture)
                self.shots_met += seen in refused
                self.repeated += seen in kept
                if seen not in refused and seen not in kept:
                    room[len(kept)] = picture.pixels
                    own = Picture(room[len(kept)], picture.changes)
                    kept[seen] = ReadPicture(sha256, found[sha256], own)
        return SelectedPictures(list(kept.values()), room[: len(kept)])

    def read_all(self, found: Iterable[File]) -> list[Picture]:
        """The pictures of all the files."""
        return [picture for file in found if (picture := self.picture(file)) is not None]

    def stack(self, pictures: Iterable[Picture]) -> np.ndarray:
        """Their pixels, uint8 [n, R, R, 3]."""
        rows = [picture.pixels for picture in pictures]
        empty = np.empty((0, self.resolution, self.resolution, 3), dtype=np.uint8)
        return np.stack(rows) if rows else empty

    def picture(self, file: File) -> Picture | None:
        """The picture in the file, or None for a broken one that is to be skipped."""
        return self._try(file, lambda: self._read(file))

    def _read(self, file: File) -> Picture:
        return read(file, self.resolution, self.framing, self.sampling)

    def _attempt(self, found: dict[str, File], sha256: str) -> tuple[str, Callable[[], Picture]]:
        try:
            picture = self._read(found[sha256])
        except Unreadable as fault:
            return sha256, partial(_raised, fault)
        return sha256, lambda: picture

    def notes(self) -> list[str]:
        """What was left out, in sentences."""
        sentences = []
        if self.broken:
            sentences.append(
                f"{_files(len(self.broken))} unreadable and skipped: {first_names(self.broken)}."
            )
        if self.repeated:
            sentences.append(f"{_files(self.repeated)} left out: the same picture as another.")
        if self.shots_met:
            sentences.append(f"{_files(self.shots_met)} left out of the reference: they are shots.")
        return sentences

    def _try(self, file: File, action: Callable[[], T]) -> T | None:
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


def allocate_pixels(count: int, resolution: int) -> np.ndarray:
    """Room for pixels uint8 [n, R, R, 3]: in memory or, for many, in a file that nobody else sees.

    Raises:
        UserError: there is no space for the file.
    """
    shape = (count, resolution, resolution, 3)
    size = int(np.prod(shape, dtype=np.int64))
    if size <= IN_MEMORY:
        return np.empty(shape, np.uint8)
    folder = cache_folder()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder) as file:
            atomic.reserve(cast(BinaryIO, file), size)
            return np.memmap(file, np.uint8, "r+", shape=shape)
    except OSError as error:
        raise UserError(
            f"There is no space in {folder} for {size:,} bytes of pictures ({error.strerror})."
        ) from error


def pixel_checksum(picture: Picture) -> str:
    """A checksum of what is seen."""
    return hashing.of_bytes(picture.pixels.tobytes())


def first_names(names: Iterable[object]) -> str:
    """The first names, and how many more there are."""
    listed = [str(name) for name in names]
    more = len(listed) - NAMED
    return ", ".join(listed[:NAMED]) + (f" and {more} more" if more > 0 else "")


def _files(count: int) -> str:
    return f"{count:,} {'file was' if count == 1 else 'files were'}"
