"""Whether the layout is still the source's: self-similarity of DINO's keys (arXiv:2201.00424).

Departs from the paper in: the distance is a mean over many pictures; the paper optimises one.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from benchmarks.harness.evaluation.gallery import Gallery
from benchmarks.harness.evaluation.measure import Measure

TOGETHER = 4  # pictures: at 224 px ViT-B/8 has 785 tokens, each compared with all others


class StructureDistance:
    """Mean squared difference of the self-similarities of a fake and of its source's picture.

    ``floor`` is the same against the source's picture of another latent.

    Args:
        extractor: with ``prepare`` and ``self_similarity``, such as DINO.
        samples: of the first latents.
    """

    better = "lower"
    needs = ("fakes", "sources", "others")

    def __init__(self, extractor: Any, *, samples: int) -> None:
        self.extractors = (extractor,)
        self.samples = samples

    def __call__(self, gallery: Gallery) -> Measure:
        streams = (gallery.images(name, self.samples) for name in ("fakes", "sources", "others"))
        own, other = [], []
        for batches in zip(*streams, strict=True):
            for images in zip(*(batch.split(TOGETHER) for batch in batches), strict=True):
                fake, source, another = (self.self_similarity(gallery, part) for part in images)
                own.append((fake - source).square().mean((1, 2)).double().cpu())
                other.append((fake - another).square().mean((1, 2)).double().cpu())
        mine, theirs = torch.cat(own), torch.cat(other)
        details = {"std": float(mine.std()), "floor": float(theirs.mean())}
        return Measure(float(mine.mean()), self.better, len(mine), details)

    def self_similarity(self, gallery: Gallery, images: Tensor) -> Tensor:
        """Self-similarity [N, T, T] of images."""
        extractor = self.extractors[0]
        with torch.no_grad():
            return extractor.self_similarity(extractor.prepare(images).to(gallery.adapter.device))
