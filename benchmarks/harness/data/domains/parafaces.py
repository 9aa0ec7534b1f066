"""ParaFaces as a domain: fixed lists of shots, and the truth about everybody who is held out.

Nobody is in two of the sets: training, shots, reference and test have ranges of people of their own
(`parafaces.PEOPLE`), and the landmark pairs begin in the middle of the reference's range.
"""

from __future__ import annotations

import re
from functools import cached_property
from typing import Any

import numpy as np
import torch
from torch import Tensor

from benchmarks import parafaces
from benchmarks.harness.data.domains.base import (
    Domain,
    Landmarks,
    NonNegative,
    Pairs,
    Pictures,
    Positive,
    whole,
)
from benchmarks.parafaces.picture import RESOLUTIONS
from core import hashing
from core.errors import UserError
from core.paths import CONF, cache_folder

TRAINING, REFERENCE, TEST = (
    parafaces.PEOPLE[name].start for name in ("train", "reference", "test")
)
PAIRS = REFERENCE + len(parafaces.PEOPLE["reference"]) // 2
SPLITS = CONF / "data" / "splits"


class ParaFacesDomain(Domain):
    """A style of ParaFaces: listed shots, held-out people in it, and exact pairs with photos.

    Args:
        style: one of `parafaces.DOMAINS`.
        shots: how many; a list must exist for this number.
        draw: which of the lists.
        reference: held-out people rendered in the style, to compare with.
        photos: held-out test people rendered as photo and in the style.
        pairs: people whose landmarks are known in both, to learn the geometric map from.
        cache: folder in which rendered pictures are kept.
        run: resolution, images, batch_size, seed, xflip; see `Domain`.
    """

    def __init__(
        self,
        *,
        style: str,
        shots: Positive,
        draw: NonNegative,
        reference: NonNegative,
        photos: NonNegative,
        pairs: NonNegative,
        cache: str,
        **run: Any,
    ) -> None:
        super().__init__(**run)
        if style not in parafaces.DOMAINS:
            choices = ", ".join(parafaces.DOMAINS)
            raise UserError(f"There is no ParaFaces style {style!r}; the choices are {choices}.")
        if self.resolution not in RESOLUTIONS:
            sizes = ", ".join(map(str, RESOLUTIONS))
            raise UserError(
                f"data.resolution={self.resolution}: ParaFaces are drawn at {sizes} px."
            )
        self.name = f"parafaces_{style}"
        self.style = style
        self.people = self.listed(shots, draw)
        self.counts = {
            REFERENCE: whole("data.reference", reference, least=0),
            TEST: whole("data.photos", photos, least=0),
            PAIRS: whole("data.pairs", pairs, least=0),
        }
        self.cache = cache_folder(cache)
        self.notes.append(
            f"{self.name}: {shots} {'shot' if shots == 1 else 'shots'} (list {draw}), "
            f"{reference} held-out people as reference, {photos} test people."
        )

    def listed(self, shots: int, draw: int) -> np.ndarray:
        """The (person, picture) [K, 2] of a committed list, and its hash."""
        path = SPLITS / f"parafaces-{shots}-{draw}.txt"
        if not path.is_file():
            raise UserError(
                f"There is no list of {shots} ParaFaces shots, draw {draw}; "
                f"there are data.shots={_numbers(1)} with data.draw={_numbers(2)}."
            )
        text = path.read_bytes()
        self.shots_sha256 = hashing.of_bytes(text)
        return np.loadtxt(text.decode().splitlines(), dtype=np.int64, ndmin=2)

    def prepare_data(self) -> None:
        """Render all that the run needs and that is not in the cache."""
        self.training()
        self.reference()
        self.photos()
        self.translations()

    def training(self) -> np.ndarray:
        return self._shots

    @cached_property
    def _shots(self) -> np.ndarray:
        who = parafaces.parameters(self.people[:, 0], self.people[:, 1])
        return parafaces.render(who, self.style, self.resolution).images

    def training_ids(self, ids: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Person [N] and picture [N] of the training pictures ids [N]."""
        return self.people[ids, 0], self.people[ids, 1]

    def normals(self, ids: Tensor) -> Tensor:
        if self.xflip:
            raise UserError("A mirrored picture has other parameters: data.xflip must be false.")
        who, which = self.training_ids(ids.numpy())
        return torch.from_numpy(parafaces.normals(who, which).astype(np.float32))

    def reference(self) -> Pictures:
        return self._shown(self._rendered(self.style, REFERENCE).images)

    def photos(self) -> Pictures:
        return self._shown(self._rendered("photo", TEST).images)

    def translations(self) -> Pictures:
        return self._shown(self._rendered(self.style, TEST).images)

    def translation_landmarks(self) -> Landmarks:
        return self._rendered(self.style, TEST).landmarks

    def landmark_pairs(self) -> Pairs:
        ids = np.arange(PAIRS, PAIRS + self.counts[PAIRS])
        who = parafaces.parameters(ids, np.zeros_like(ids))
        photo, target = (
            parafaces.landmarks(who, domain, self.resolution) for domain in ("photo", self.style)
        )
        return photo, target

    def _rendered(self, domain: str, first: int) -> parafaces.Rendering:
        return self._cached(domain, range(first, first + self.counts[first]), 1)

    def _cached(self, domain: str, people: range, pictures_each: int) -> parafaces.Rendering:
        return parafaces.cached(
            domain,
            people=people,
            pictures_each=pictures_each,
            resolution=self.resolution,
            folder=self.cache,
            progress=self.progress,
        )


class ParaFacesTraining(ParaFacesDomain):
    """The many pictures that a source generator is trained on, read from a memory-map.

    Args:
        people: how many people of the training range.
        pictures_each: pictures of each, in different poses, expressions and lights.
        parafaces: see `ParaFacesDomain`; `shots` of the pictures stand for all where few are shown.
    """

    def __init__(
        self, *, people: Positive, pictures_each: Positive, shots: int, **parafaces: Any
    ) -> None:
        self.trained = range(TRAINING, TRAINING + whole("data.people", people, least=1))
        self.pictures_each = whole("data.pictures_each", pictures_each, least=1)
        self.shown = whole("data.shots", shots, least=1)
        super().__init__(shots=shots, **parafaces)
        if self.shown > people * pictures_each:
            raise UserError(
                f"data.shots={shots} is more than the {people * pictures_each} pictures."
            )
        self.notes = [
            f"{self.name}: {people:,} people x {pictures_each} pictures to train on, "
            f"{self.counts[REFERENCE]} held-out people as reference, {self.counts[TEST]} to test."
        ]

    def listed(self, shots: int, draw: int) -> np.ndarray:
        del draw
        text = f"parafaces training {self.trained} x {self.pictures_each}"
        self.shots_sha256 = hashing.of_bytes(text.encode())
        return np.empty((0, 2), dtype=np.int64)

    def training(self) -> np.ndarray:
        return self._cached(self.style, self.trained, self.pictures_each).images

    def training_ids(self, ids: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return self.trained.start + ids // self.pictures_each, ids % self.pictures_each

    def exemplary(self) -> np.ndarray:
        return self.training()[: self.shown]


def _numbers(place: int) -> str:
    names = [re.findall(r"\d+", path.stem) for path in SPLITS.glob("parafaces-*-*.txt")]
    numbers = sorted({int(found[place - 1]) for found in names})
    return ", ".join(map(str, numbers))
