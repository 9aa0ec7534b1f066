"""Any folder or zip of pictures as a domain: some become the shots, the others the reference.

Which pictures become the shots depends on their bytes and on the draw, not on their names or on the
order of the folder: the files are sorted by sha256(draw, sha256(file)). The shots of draw 0 with 5
shots are the first five of those with 10.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from benchmarks.domains.base import Domain, Pictures, whole
from benchmarks.pictures import FRAMINGS, File, Picture, Unreadable, files, read, sentences
from core.errors import UserError

NAMED = 3  # of the files that were skipped
T = TypeVar("T")


class FolderDomain(Domain):
    """The pictures of a person, at the source's resolution.

    Args:
        root: folder or zip of pictures.
        shots: how many of them to adapt to.
        draw: which of them.
        reference: at most so many of the others are held out to compare with.
        reference_minimum: with fewer of them there is no reference.
        framing: `crop` to the central square, or `fit` into a square.
        skip_broken: go on without files that cannot be read, instead of stopping at the first.
        photos_root: folder or zip of held-out pictures of the source's domain, or empty.
        photos: at most so many of them.
        run: resolution, images, batch_size, seed, xflip; see `Domain`.
    """

    def __init__(
        self,
        *,
        root: str,
        shots: int,
        draw: int,
        reference: int,
        reference_minimum: int,
        framing: str,
        skip_broken: bool,
        photos_root: str,
        photos: int,
        **run: Any,
    ) -> None:
        super().__init__(**run)
        whole("data.shots", shots, least=1)
        whole("data.draw", draw, least=0)
        whole("data.reference", reference, least=0)
        whole("data.reference_minimum", reference_minimum, least=1)
        whole("data.photos", photos, least=0)
        root, photos_root = str(root), str(photos_root)  # a folder may be named 2024
        if not root:
            raise UserError("data.root must be given: data.root=/path/to/pictures.")
        reader = Reader(self.resolution, framing, skip_broken)
        found = files(root)
        pictures = reader.distinct(reader.ordered(found, draw), shots + reference)
        if len(pictures) < shots:
            raise UserError(
                f"{root} holds {_pictures(len(pictures))} that can be used, fewer than the "
                f"{shots} shots asked for: add pictures or set data.shots={max(len(pictures), 1)}."
            )
        others = len(pictures) - shots
        used = pictures if others >= reference_minimum else pictures[:shots]
        self.name = Path(root).stem
        self._shots, self._reference = reader.stacked(used[:shots]), reader.stacked(used[shots:])
        self.shots_sha256 = hashlib.sha256(self._shots.tobytes()).hexdigest()
        self._photos = reader.stacked(
            reader.all_of(files(photos_root)[:photos] if photos_root else [])
        )
        self.notes = [
            f"{self.name}: {_shots(shots)} (draw {draw}) of {_pictures(len(found))}.",
            _held_out(others, reference_minimum),
            *reader.notes(),
            *sentences(used, self.resolution),
        ]

    def training(self) -> np.ndarray:
        """The shots, uint8 [K, R, R, 3]."""
        return self._shots

    def reference(self) -> Pictures:
        """The pictures that are no shots, if there are enough of them."""
        return self._shown(self._reference)

    def photos(self) -> Pictures:
        """The first pictures of `photos_root`."""
        return self._shown(self._photos)


class Reader:
    """Reads files, goes on without broken ones if that is wanted, and knows what it left out."""

    def __init__(self, resolution: int, framing: str, skip_broken: bool) -> None:
        if framing not in FRAMINGS:
            raise UserError(f"data.framing={framing} must be {' or '.join(FRAMINGS)}.")
        self.resolution, self.framing, self.skip_broken = resolution, framing, skip_broken
        self.broken: dict[File, None] = {}
        self.repeated = 0

    def ordered(self, found: Iterable[File], draw: int) -> list[File]:
        """The files sorted by a hash of the draw and of their bytes, and by name if these agree."""
        keys = {file: key for file in found if (key := self.key(file)) is not None}
        salt = f"draw {draw}: ".encode()
        return sorted(keys, key=lambda f: (hashlib.sha256(salt + keys[f]).digest(), f.member))

    def all_of(self, found: Iterable[File]) -> list[Picture]:
        """The pictures of all the files."""
        return [picture for file in found if (picture := self.picture(file)) is not None]

    def stacked(self, pictures: list[Picture]) -> np.ndarray:
        """Their pixels, uint8 [n, R, R, 3]."""
        stack = np.empty((len(pictures), self.resolution, self.resolution, 3), dtype=np.uint8)
        for row, picture in zip(stack, pictures, strict=True):
            row[:] = picture.pixels
        return stack

    def picture(self, file: File) -> Picture | None:
        """The picture in the file, or None for a broken one that is to be skipped."""
        return self._tried(file, lambda: read(file, self.resolution, self.framing))

    def key(self, file: File) -> bytes | None:
        """What the file holds, as a hash, or None for a broken one that is to be skipped."""
        return self._tried(file, lambda: hashlib.sha256(file.read()).digest())

    def distinct(self, found: Iterable[File], limit: int) -> list[Picture]:
        """The first pictures of the files, up to `limit`, none with the same pixels as another."""
        kept: dict[bytes, Picture] = {}
        for file in found:
            if len(kept) == limit:
                break
            picture = self.picture(file)
            if picture is None:
                continue
            pixels = hashlib.sha256(picture.pixels.tobytes()).digest()
            self.repeated += pixels in kept
            kept.setdefault(pixels, picture)
        return list(kept.values())

    def notes(self) -> list[str]:
        """What was left out, in sentences."""
        said = []
        if self.broken:
            names = ", ".join(str(file) for file in list(self.broken)[:NAMED])
            more = len(self.broken) - NAMED
            rest = f" and {more} more" if more > 0 else ""
            said.append(f"{_files(len(self.broken))} unreadable and skipped: {names}{rest}.")
        if self.repeated:
            said.append(f"{_files(self.repeated)} left out: the same picture as another.")
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


def _held_out(others: int, minimum: int) -> str:
    if others >= minimum:
        return f"{_pictures(others)} beside the shots held out as the reference."
    return (
        f"{_pictures(others)} beside the shots, fewer than the {minimum} that a reference needs: "
        "the metrics that compare with one are left out."
    )


def _shots(count: int) -> str:
    return f"{count} {'shot' if count == 1 else 'shots'}"


def _pictures(count: int) -> str:
    return f"{count:,} {'picture' if count == 1 else 'pictures'}"


def _files(count: int) -> str:
    return f"{count:,} {'file was' if count == 1 else 'files were'}"
