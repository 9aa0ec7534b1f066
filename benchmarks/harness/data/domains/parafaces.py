"""ParaFaces as a domain: fixed lists of shots, and the truth about everybody who is held out.
Nobody is in two of the sets: training, shots, reference and test have ranges of people of their own
(`parafaces.PEOPLE`), and the landmark pairs begin in the middle of the reference's range.
"""

import re
from functools import cached_property
from typing import Any

import numpy as np
import torch
from torch import Tensor

from benchmarks import parafaces
from benchmarks.harness.data.domains.base import Domain, Landmarks, Pairs, Pictures
from benchmarks.harness.data.domains.folder import counted
from benchmarks.harness.data.domains.splits import SPLITS
from benchmarks.parafaces.picture import RESOLUTIONS
from core import hashing
from core.bounds import Count, Natural
from core.errors import UserError
from core.paths import cache_folder

TRAINING, REFERENCE, TEST = (parafaces.PEOPLE[k].start for k in ("train", "reference", "test"))
PAIRS = REFERENCE + len(parafaces.PEOPLE["reference"]) // 2


class ParaFacesDomain(Domain):
    """A style of ParaFaces: listed shots, held-out people in it, and exact pairs with photos."""

    def __init__(
        self,
        *,
        style: str,  # one of `parafaces.DOMAINS`
        shots: Count,  # a list must exist for this number
        draw: Natural,  # which of the lists
        reference: Natural,  # held-out people rendered in the style, to compare with
        photos: Natural,  # held-out test people rendered as photo and in the style
        pairs: Natural,  # people whose landmarks are known in both, for the geometric map
        cache: str,  # folder in which rendered pictures are kept
        **run: Any,
    ) -> None:
        super().__init__(**run)
        if style not in parafaces.DOMAINS:
            choices = ", ".join(parafaces.DOMAINS)
            raise UserError(f"There is no ParaFaces style {style!r}; the choices are {choices}.")
        if self.resolution not in RESOLUTIONS:
            sizes = ", ".join(map(str, RESOLUTIONS))
            raise UserError(
                f"data.resolution={self.resolution}: ParaFaces are drawn at {sizes} px; your own "
                "pictures fit any source, data=folder data.root=PICTURES."
            )
        self.name, self.style = f"parafaces_{style}", style
        self.people = self.listed(shots, draw)
        self.counts = {REFERENCE: reference, TEST: photos, PAIRS: pairs}
        self.cache = cache_folder(cache)
        self.notes.append(
            f"{self.name}: {counted(shots, 'shot')} (list {draw}), "
            f"{reference} held-out people as reference, {photos} test people."
        )

    def listed(self, shots: int, draw: int) -> np.ndarray:
        """The (person, picture) [K, 2] of a committed list, and its hash."""
        path = SPLITS / f"parafaces-{shots}-{draw}.txt"
        if not path.is_file():
            names = [re.findall(r"\d+", place.stem) for place in SPLITS.glob("parafaces-*-*.txt")]
            sizes, draws = (
                ", ".join(map(str, sorted(set(map(int, numbers)))))
                for numbers in zip(*names, strict=True)
            )
            raise UserError(
                f"There is no list of {shots} ParaFaces shots, draw {draw}; "
                f"there are data.shots={sizes} with data.draw={draws}."
            )
        text = path.read_bytes()
        self.shots_sha256 = hashing.of_bytes(text)
        return np.loadtxt(text.decode().splitlines(), dtype=np.int64, ndmin=2)

    def prepare_data(self) -> None:
        """Render all that the run needs and that is not in the cache."""
        for needed in (self.training, self.reference, self.photos, self.translations):
            needed()

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
        normals = parafaces.normals(*self.training_ids(ids.numpy()))
        return torch.from_numpy(normals.astype(np.float32))

    def reference(self) -> Pictures:
        return self._shown(self._rendered(self.style, REFERENCE).images)

    def photos(self) -> Pictures:
        return self._shown(self._rendered("photo", TEST).images)

    def translations(self) -> Pictures:
        return self._shown(self.drawn(self.photographed()).images)

    def translation_landmarks(self) -> Landmarks:
        return self.drawn(self.photographed()).landmarks

    def photographed(self) -> np.ndarray:
        ids = np.arange(TEST, TEST + self.counts[TEST])
        return parafaces.parameters(ids, np.zeros_like(ids))

    def drawn(self, people: np.ndarray) -> parafaces.Rendering:
        return self._cached(self.style, people, 1)

    def landmark_pairs(self) -> Pairs:
        ids = np.arange(PAIRS, PAIRS + self.counts[PAIRS])
        who = parafaces.parameters(ids, np.zeros_like(ids))
        photo = parafaces.landmarks(who, "photo", self.resolution)
        return photo, parafaces.landmarks(who, self.style, self.resolution)

    def _rendered(self, domain: str, first: int) -> parafaces.Rendering:
        return self._cached(domain, range(first, first + self.counts[first]), 1)

    def _cached(
        self, domain: str, people: parafaces.Who, pictures_each: int
    ) -> parafaces.Rendering:
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
    ``people`` of the training range, ``pictures_each`` of each in different poses, expressions and
    lights; the first ``shots`` of them stand for all where few are shown. See `ParaFacesDomain`.
    """

    def __init__(
        self, *, people: Count, pictures_each: Count, shots: Count, **parafaces: Any
    ) -> None:
        self.trained = range(TRAINING, TRAINING + people)
        self.pictures_each, self.shown = pictures_each, shots
        super().__init__(shots=shots, **parafaces)
        if shots > people * pictures_each:
            raise UserError(
                f"data.shots={shots} is more than the {people * pictures_each} pictures."
            )
        self.notes = [
            f"{self.name}: {people:,} people x {pictures_each} pictures to train on, "
            f"{self.counts[REFERENCE]} held-out people as reference, {self.counts[TEST]} to test."
        ]

    def listed(self, shots: int, draw: int) -> np.ndarray:
        del shots, draw
        text = f"parafaces training {self.trained} x {self.pictures_each}"
        self.shots_sha256 = hashing.of_bytes(text.encode())
        return np.empty((0, 2), dtype=np.int64)

    def training(self) -> np.ndarray:
        return self._cached(self.style, self.trained, self.pictures_each).images

    def training_ids(self, ids: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return self.trained.start + ids // self.pictures_each, ids % self.pictures_each

    def exemplary(self) -> np.ndarray:
        return self.training()[: self.shown]
