"""Distances by a perceptual network whose maps are too large to be kept, such as LPIPS.

Only distances are kept (arXiv:1801.03924); maps live as long as a batch.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from benchmarks.harness.evaluation.gallery import Gallery
from benchmarks.harness.evaluation.metrics.manifold import squared_distances

TOGETHER = 8  # pictures whose maps are made at once: those of LPIPS are 32 MB a picture of 256 px


def maps_of(gallery: Gallery, extractor: Any, images: Tensor) -> Tensor:
    """Maps [N, V] in float32 of images [N, 3, R, R], on the CPU."""
    device = gallery.adapter.device
    with torch.no_grad():
        parts = images.split(TOGETHER)
        return torch.cat([extractor(part.to(device))["maps"].float().cpu() for part in parts])


class ToShots:
    """An extractor of the distances [N, K] of pictures to the shots."""

    def __init__(self, gallery: Gallery, extractor: Any) -> None:
        self.gallery, self.extractor = gallery, extractor
        shots = gallery.origin("shots")["sha256"]
        self.name = f"{extractor.name} to {shots}"
        self.sha256 = getattr(extractor, "sha256", "")
        self.shots = maps_of(gallery, extractor, torch.cat(list(gallery.images("shots"))))

    def __call__(self, images: Tensor) -> dict[str, Tensor]:
        maps = maps_of(self.gallery, self.extractor, images)
        return {"distances": squared_distances(maps, self.shots)}


def to_shots(gallery: Gallery, extractor: Any, stream: str, samples: int) -> Tensor:
    """Distances [n, K] of the first pictures of a stream to the shots."""
    reader = gallery.once(("to shots", extractor.name), lambda: ToShots(gallery, extractor))
    return gallery.features(stream, reader, "distances", samples)


def among(gallery: Gallery, extractor: Any, stream: str, members: Tensor) -> Tensor:
    """Distances [m, m] between pictures of a stream."""
    maps = maps_of(gallery, extractor, torch.cat(list(gallery.some(stream, members))))
    return squared_distances(maps, maps)


def between(
    gallery: Gallery, extractor: Any, one: tuple[str, Tensor], other: tuple[str, Tensor]
) -> Tensor:
    """Distances [P] in float64 of pairs: the pictures [P] of one stream, those of the other."""
    distances = []
    for a, b in zip(gallery.some(*one), gallery.some(*other), strict=True):
        difference = maps_of(gallery, extractor, a) - maps_of(gallery, extractor, b)
        distances.append(difference.square().sum(1).double())
    return torch.cat(distances)
