"""Any set of pictures as a domain: some become the shots, others the reference.
Which pictures become the shots is said by a list of checksums or, without one, by a rule that goes
by what the files hold (`splits`, beside this). No shot is in the reference: neither the same
file, nor another one with the same pixels; those that are nearly the same are told of.
"""

import json
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
from annotated_types import Len

from benchmarks.harness.data import near_duplicates
from benchmarks.harness.data.domains.base import Domain, Pictures
from benchmarks.harness.data.domains.reader import Reader, ReadPicture, first_names
from benchmarks.harness.data.domains.splits import find_list, order, rule, set_checksum
from benchmarks.harness.data.files import File, files, notes
from benchmarks.harness.data.pictures import WHOLE, Sampling, sentences
from core import hashing
from core.bounds import Box, Count, Natural, Share
from core.errors import UserError

HELD_OUT = "reference: "  # salt of the order in which pictures are held out, whatever the draw


@dataclass(frozen=True)
class About:
    """A set of pictures: whose it is, what belongs to it, how it is had."""

    title: str  # its name among people; empty for a folder of the user's own
    licence: str  # of the pictures, in words
    redistributable: bool  # whether anybody may pass it on
    place: str  # where it is published
    obtain: str  # how a person gets it, a sentence
    pictures: Natural  # how many there are, or 0 where nobody knows
    side: Natural  # of its pictures in pixels, or 0 where they differ
    md5: str  # name of the published list of checksums, or empty
    shows: Annotated[Sequence[Share], Len(0, 4)] = ()  # what is used of FFHQ's square, if known

    def how_to_obtain(self) -> str:
        """What is missing, where nobody said where the set lies."""
        needed = "data.root must be given: data.root=/path/to/pictures."
        if not self.title:
            return needed
        return (
            f"{needed} {self.title} does not come with this project ({self.licence}). {self.obtain}"
        )

    def notes(self, count: int) -> list[str]:
        """What should be said of `count` pictures of it."""
        if not self.title:
            return []
        lacking = f"{count:,} pictures are here; the published set has {self.pictures:,}."
        differs = self.pictures and count != self.pictures
        return [f"{self.title}: {self.licence}.", *([lacking] if differs else ())]


class FolderDomain(Domain):
    """The pictures of a person or of a published set, at the source's resolution.
    Each root is a folder, zip, LMDB or render; what `benchmarks.prepare` made is cut already and is
    used whole. ``run`` is resolution, images, batch_size, seed, xflip; see `Domain`.
    """

    def __init__(
        self,
        *,
        root: str,  # the shots are among its pictures
        reference_root: str,  # the pictures to compare with; empty: those of root that are no shots
        photos_root: str,  # held-out pictures of the source's domain, or empty
        splits: str,  # name of the committed lists of shots, or empty
        shots: Count,
        draw: Natural,  # which of the pictures become shots
        reference: Natural,  # at most so many are held out to compare with
        reference_minimum: Count,  # with fewer of them there is no reference
        photos: Natural,  # at most so many of photos_root
        framing: Literal["crop", "fit"],  # to the central square, or into a square
        box: Box,  # see `Sampling`
        filter: Literal["lanczos", "bicubic", "bilinear", "hamming", "box"],
        skip_broken: bool,  # go on without files that cannot be read
        about: About,
        **run: Any,
    ) -> None:
        super().__init__(**run)
        if not str(root):
            raise UserError(about.how_to_obtain())
        self.root, self.about, self.splits = local_path(root), about, splits
        self.name = splits or self.root.stem
        self.draw, self.minimum = draw, reference_minimum
        self.limits = {"reference": reference, "photos": photos}
        self._reads = partial(Reader, self.resolution, framing=framing, skip_broken=skip_broken)
        self._sampling = Sampling(tuple(box), filter)
        self._prepared: set[str] = set()
        self._read(shots, str(reference_root), str(photos_root))

    def _read(self, shots: int, reference_root: str, photos_root: str) -> None:
        reader = self._reader(self.root)
        available = reader.by_checksum(files(self.root))
        self._photos = self._read_photos(photos_root)
        chosen = self._read_shots(reader, available, shots)
        others = self._read_reference(reader, available, chosen, reference_root)
        self.facts |= {
            "data_sha256": set_checksum(available),
            "reference_sha256": set_checksum(other.sha256 for other in others),
            "split": self.split.origin,
            "reals": str(len(others)),
            "resizer": f"pillow {self._sampling.filter}",
        }
        self.notes = [
            f"{self.name}: {counted(shots, 'shot')} ({self.split.origin}) of "
            f"{counted(len(available), 'picture')}.",
            *self.notes,
            *self.about.notes(len(available)),
            *reader.notes(),
            *sentences([shown.picture for shown in (*chosen, *others)], self.resolution),
        ]

    def candidates(self, available: dict[str, File]) -> list[str]:
        """Checksums of the files that may become shots."""
        return list(available)

    def training(self) -> np.ndarray:
        return self._shots

    def reference(self) -> Pictures:
        return self._shown(self._reference)

    def photos(self) -> Pictures:
        return self._shown(self._photos)

    def _read_shots(
        self, reader: Reader, available: dict[str, File], shots: int
    ) -> list[ReadPicture]:
        candidates = self.candidates(available)
        self.split = find_list(self.splits, f"{shots}-{self.draw}", self.root, candidates)
        if not self.split.hashes:
            self.notes += [self.split.note] * bool(self.split.note)
            self.split = rule(candidates, self.draw)
        chosen, self._shots = reader.select(available, self.split.hashes, shots)
        if len(chosen) < shots:
            raise UserError(
                f"{self.root} holds {counted(len(chosen), 'picture')} that can be used, fewer than "
                f"the {shots} shots asked for: add pictures or set "
                f"data.shots={max(len(chosen), 1)}."
            )
        self.shots_sha256 = hashing.of_bytes(self._shots.data)
        return chosen

    def _read_reference(
        self, reader: Reader, available: dict[str, File], chosen: list[ReadPicture], root: str
    ) -> list[ReadPicture]:
        shots = {shown.sha256 for shown in chosen}
        reader_root = local_path(root) if root else self.root
        if root:
            reader = self._reader(local_path(root))
            available = reader.by_checksum(files(local_path(root)))
            reader.shots_met += len(shots & set(available))
        free = order(set(available) - shots, HELD_OUT)
        others, pixels = reader.select(available, free, self.limits["reference"], chosen)
        held_out = f"{counted(len(others), 'picture')} beside the shots"
        if len(others) >= self.minimum:
            self.notes.append(f"{held_out} held out as the reference.")
        else:
            others = []
            self.notes.append(
                f"{held_out}, fewer than the {self.minimum} that a reference needs: "
                "the metrics that compare with one are left out."
            )
        self._reference = pixels[: len(others)]
        self._digest("reference", reader_root, self._reference)
        self.notes += reader.notes() if root else []
        self.notes += near_duplicate_note(self._shots, self._reference, others)
        return others

    def _read_photos(self, root: str) -> np.ndarray:
        if not root:
            return self._none().pixels
        reader = self._reads(sampling=WHOLE)
        photo_files = files(local_path(root))[: self.limits["photos"]]
        pictures = [reader.picture(file) for file in photo_files]
        self.facts["photos_sha256"] = set_checksum(reader.by_checksum(photo_files))
        self.notes += reader.notes()
        photos = reader.stack(picture for picture in pictures if picture is not None)
        self._digest("photos", local_path(root), photos)
        return photos

    def _digest(self, what: str, root: Path, *pixels: np.ndarray) -> None:
        """Note what a prepared set shows: its files are called by the checksums of others."""
        if notes(root):
            parts = (np.ascontiguousarray(part).data.cast("B") for part in pixels if len(part))
            self.facts[f"{what}_pixels_sha256"] = hashing.of_parts(parts)

    def _reader(self, root: Path) -> Reader:
        sampling = self._sampling
        if made := notes(root):
            sampling = Sampling(WHOLE.box, sampling.filter)
            self._prepared.add(json.dumps(made.get("prepared"), sort_keys=True))
            self.facts["prepared"] = ", ".join(sorted(self._prepared))
        return self._reads(sampling=sampling)


def local_path(root: str | Path) -> Path:
    """A place on the disk, with ``~`` resolved, and with a name; it may not be there."""
    path = Path(os.path.expanduser(str(root)))  # leaves ~nobody as it is, where Path would raise
    return path if path.name.strip(".") else path.resolve()  # lists lie beside it by its name


def near_duplicate_note(
    shots: np.ndarray, reference: np.ndarray, others: Iterable[ReadPicture]
) -> list[str]:
    """A sentence about pictures of the reference that are nearly a shot."""
    pairs = near_duplicates.between(*map(near_duplicates.thumbnails, (shots, reference)))
    names = [str(other.file) for other in others]
    which = dict.fromkeys(names[pair.second] for pair in pairs)
    sentence = (
        f"{counted(len(which), 'picture')} of the reference nearly the same as a shot, which "
        f"rewards copying: {first_names(which)}."
    )
    return [sentence] if which else []


def counted(count: int, thing: str) -> str:
    """``1 shot``, ``2,000 shots``."""
    return f"{count:,} {thing}{'s' * (count != 1)}"
