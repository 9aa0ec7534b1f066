"""Rendered people in several domains with all that is known about them, for perception networks."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from benchmarks import parafaces
from benchmarks.harness.data.pictures import as_images
from core.paths import cache_folder


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


def rendered(
    domains: list[str], *, first: int, count: int, pictures: int, resolution: int, cache: str,
    progress: Callable[[int, int], None],
) -> Faces:  # fmt: skip
    """``pictures`` of each of ``count`` people from number ``first`` on, the same in all domains.

    They are kept in the folder ``cache``; ``progress`` is called with the pictures that are done
    and those in all, over all domains.
    """
    person, picture = np.repeat(np.arange(count), pictures), np.tile(np.arange(pictures), count)
    total = len(person) * len(domains)

    def render(i: int, domain: str) -> parafaces.Rendering:
        return parafaces.cached(
            domain,
            people=range(first, first + count),
            pictures_each=pictures,
            resolution=resolution,
            folder=cache_folder(cache),
            progress=lambda done, _: progress(i * len(person) + done, total),
        )

    renderings = [render(i, domain) for i, domain in enumerate(domains)]
    return Faces(
        pixels=[r.images for r in renderings],
        landmarks=[r.landmarks for r in renderings],
        visible=[r.visible for r in renderings],
        parameters=parafaces.parameters(person + first, picture),
        person=person,
        picture=picture,
    )
