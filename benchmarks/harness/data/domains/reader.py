"""Reads the files of a set once each, and knows what it left out and why."""

import os
import tempfile
import warnings
from collections.abc import Iterable
from typing import BinaryIO, NamedTuple, cast

import numpy as np

from benchmarks.harness.data.files import File
from benchmarks.harness.data.pictures import Picture, Sampling, Unreadable, read
from benchmarks.harness.io.prefetch import prefetch
from core import atomic, hashing
from core.errors import UserError
from core.paths import cache_folder

NAMED = 3  # files in a note; the others are counted
WORKERS = 4  # threads at most that decode and resize; Pillow works without the lock of Python
IN_MEMORY = 1 << 30  # bytes of pixels; those of a larger set lie in a temporary file


class ReadPicture(NamedTuple):
    """A picture and the checksum of the file that it was read from."""

    sha256: str
    file: File
    picture: Picture


class Reader:
    """Reads pictures of R px, and counts what it left out.
    At the first file that cannot be read it raises a `UserError`, unless those are skipped.
    """

    def __init__(
        self, resolution: int, *, framing: str, sampling: Sampling, skip_broken: bool
    ) -> None:
        self.resolution, self.framing = resolution, framing
        self.sampling, self.skip_broken = sampling, skip_broken
        self.broken: dict[File, None] = {}
        self.repeated = self.shots_met = 0

    def by_checksum(self, available: Iterable[File]) -> dict[str, File]:
        """The files by checksum; of equal ones the first."""
        by_hash: dict[str, File] = {}
        for file in available:
            try:
                sha256 = file.sha256
            except Unreadable as fault:
                self._skip(file, fault)
                continue
            self.repeated += sha256 in by_hash
            by_hash.setdefault(sha256, file)
        return by_hash

    def select(
        self,
        available: dict[str, File],
        order: Iterable[str],
        limit: int,
        without: Iterable[ReadPicture] = (),
    ) -> tuple[list[ReadPicture], np.ndarray]:
        """The first pictures in the order, up to `limit`, each once and none of those `without`.
        What is known of each, and the pixels uint8 [n, R, R, 3] of all.
        """
        refused = {pixel_checksum(other.picture) for other in without}
        candidates = list(order) if limit else []
        room = allocate_pixels(min(limit, len(candidates)), self.resolution)
        kept: dict[str, ReadPicture] = {}
        workers = min(WORKERS, os.cpu_count() or 1)
        with warnings.catch_warnings():  # its state is one for all threads, which change it
            wanted = [available[sha256] for sha256 in candidates]
            # The loop alone holds the threads: they end with it, before the warnings are restored.
            for sha256, picture in zip(
                candidates, prefetch(wanted, self._attempt, workers), strict=True
            ):
                if len(kept) == limit:
                    break
                if isinstance(picture, Unreadable):
                    self._skip(available[sha256], picture)
                    continue
                seen = pixel_checksum(picture)
                self.shots_met += seen in refused
                self.repeated += seen in kept
                if seen not in refused and seen not in kept:
                    room[len(kept)] = picture.pixels
                    own = Picture(room[len(kept)], picture.changes)
                    kept[seen] = ReadPicture(sha256, available[sha256], own)
        return list(kept.values()), room[: len(kept)]

    def stack(self, pictures: Iterable[Picture]) -> np.ndarray:
        """Their pixels, uint8 [n, R, R, 3]."""
        rows = [picture.pixels for picture in pictures]
        return np.array(rows, np.uint8).reshape(-1, self.resolution, self.resolution, 3)

    def picture(self, file: File) -> Picture | None:
        """The picture in the file, or None for a broken one that is to be skipped."""
        picture = self._attempt(file)
        if isinstance(picture, Unreadable):
            self._skip(file, picture)
            return None
        return picture

    def notes(self) -> list[str]:
        """What was left out, in sentences."""
        names = first_names(self.broken)
        sentences = {
            f"unreadable and skipped: {names}.": len(self.broken),
            "left out: the same picture as another.": self.repeated,
            "left out of the reference: they are shots.": self.shots_met,
        }
        return [
            f"{count:,} {'file was' if count == 1 else 'files were'} {words}"
            for words, count in sentences.items()
            if count
        ]

    def _attempt(self, file: File) -> Picture | Unreadable:
        try:
            return read(file, self.resolution, self.framing, self.sampling)
        except Unreadable as fault:
            return fault

    def _skip(self, file: File, fault: Unreadable) -> None:
        if not self.skip_broken:
            fact = str(fault).removesuffix(".")
            raise UserError(f"{fact}; data.skip_broken=true goes on without such files.") from fault
        self.broken[file] = None


def allocate_pixels(count: int, resolution: int) -> np.ndarray:
    """Room for pixels uint8 [n, R, R, 3]: in memory or, for many, in a hidden file."""
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
    return hashing.of_bytes(picture.pixels.tobytes())


def first_names(names: Iterable[object]) -> str:
    """The first names, and how many more there are."""
    listed = [str(name) for name in names]
    more = len(listed) - NAMED
    return ", ".join(listed[:NAMED]) + (f" and {more} more" if more > 0 else "")
