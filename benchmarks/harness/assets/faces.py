"""Rendered people in several domains with all that is known about them, for perception networks."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from benchmarks import parafaces
from benchmarks.harness.config.files import Config
from benchmarks.harness.data.pictures import as_images
from core.paths import cache_folder
from core.progress import bar


@dataclass(frozen=True)
class Faces:
    """The same pictures in D domains: n pictures of people, person by person."""

    pixels: list[np.ndarray]  # bytes [n, R, R, 3] of each domain, possibly mapped from disk
    landmarks: list[np.ndarray]  # [n, K, 2] of each domain, in pixels
    visible: list[np.ndarray]  # [n, K] of each domain
    parameters: np.ndarray  # [n, P] of the heads
    person: np.ndarray  # index [n] of the person, from 0
    picture: np.ndarray  # index [n] of the picture of that person

    def __len__(self) -> int:
        return len(self.pixels) * len(self.person)

    def batch(self, index: np.ndarray) -> dict[str, Tensor]:
        """Pictures number ``index`` [N] of all domains together, and what is known of them."""
        domain, row = np.divmod(index, len(self.person))

        def pick(arrays: list[np.ndarray]) -> np.ndarray:
            return np.stack([arrays[d][i] for d, i in zip(domain, row, strict=True)])

        return {
            "images": as_images(pick(self.pixels)),
            "landmarks": torch.from_numpy(pick(self.landmarks)).float(),
            "visible": torch.from_numpy(pick(self.visible)).float(),
            "parameters": torch.from_numpy(self.parameters[row]).float(),
            "person": torch.from_numpy(self.person[row]).long(),
            "domain": torch.from_numpy(domain).long(),
        }


def render_people(cfg: Config, people: Any, title: str) -> Faces:
    """``pictures`` of each of ``count`` people from number ``first`` on, the same in all domains.
    They are rendered behind a bar, or taken from the cache.
    """
    person = np.repeat(np.arange(people.count), people.pictures)
    picture = np.tile(np.arange(people.pictures), people.count)
    renderings: list[parafaces.Rendering] = []
    with bar(title, len(person) * len(cfg.domains), "pictures") as shown:
        for domain in cfg.domains:

            def progress(done: int, _: int, before: int = len(renderings) * len(person)) -> None:
                shown.update(before + done)

            rendering = parafaces.cached(
                domain,
                people=range(people.first, people.first + people.count),
                pictures_each=people.pictures,
                resolution=cfg.resolution,
                folder=cache_folder(cfg.cache),
                progress=progress,
            )
            renderings.append(rendering)
    return Faces(
        pixels=[r.images for r in renderings],
        landmarks=[r.landmarks for r in renderings],
        visible=[r.visible for r in renderings],
        parameters=parafaces.parameters(person + people.first, picture),
        person=person,
        picture=picture,
    )
