"""Perceptual path length: how far pictures move for a small step between two styles. Paper:
arXiv:1812.04948, at the ends of the path in W as StyleGAN2 reports it (arXiv:1912.04958). Departs
from the papers in: the network is any that measures LPIPS; its name is in the metric's.
"""

from collections.abc import Iterator
from typing import Annotated, Any, Literal

import torch
import torch.nn.functional as F
from annotated_types import Ge, Le
from torch import Tensor

from benchmarks.harness.evaluation.gallery import Batchwise, Gallery
from benchmarks.harness.evaluation.measure import Measure
from core.bounds import Pair, Seed

LARGEST = 256  # side at which larger pictures are compared, as in the released code: VGG knows 224
DISCARDED = 0.01  # share of the shortest and of the longest steps


class PerceptualPathLength(Batchwise):
    """Mean LPIPS over epsilon squared of ``samples`` steps of length ``epsilon`` between two random
    styles, from the first (``end``) or anywhere on the path (``full``). Pictures are looked at as
    floats: the step is too small for 8 bits.
    """

    needs = ("fakes",)
    heads = ()
    abilities = ("distance",)

    def __init__(
        self,
        extractor: Any,
        *,
        samples: Pair,
        epsilon: Annotated[float, Ge(1e-6), Le(1)],
        place: Literal["end", "full"],
        seed: Seed,
    ) -> None:
        if place not in ("end", "full"):
            raise ValueError(f"place={place} must be end or full")
        super().__init__(extractor)
        self.samples, self.epsilon, self.place, self.seed = samples, epsilon, place, seed

    def steps(self, gallery: Gallery) -> Iterator[Tensor]:
        """Squared speeds [N], batch by batch."""
        generator = torch.Generator().manual_seed(self.seed)
        adapter = gallery.adapter
        width, device = adapter.source.g.z_dim, adapter.device
        z = torch.randn(self.samples, 2, width, generator=generator)
        places = torch.rand(self.samples, 1, 1, generator=generator) * (self.place == "full")
        parts = (drawn.split(gallery.together) for drawn in (z, places))
        for ends, part in zip(*parts, strict=True):
            first, last = (adapter.latents(ends[:, i].to(device)) for i in (0, 1))
            at = part.to(first)
            a, b = (reduced(adapter.render(first.lerp(last, t))) for t in (at, at + self.epsilon))
            yield self.extractors[0].distance(a, b).cpu().double() / self.epsilon**2

    def __call__(self, gallery: Gallery) -> Measure:
        with torch.no_grad():
            speeds = torch.cat(list(self.steps(gallery)))
        low = speeds.quantile(DISCARDED, interpolation="lower")
        high = speeds.quantile(1 - DISCARDED, interpolation="higher")
        kept = speeds[(speeds >= low) & (speeds <= high)]
        details = {"median": float(speeds.median())}
        if len(kept) > 1:
            details["std"] = float(kept.std())
        return Measure(float(kept.mean()), self.better, len(speeds), details)


def reduced(images: Tensor) -> Tensor:
    """Images [N, 3, R, R] of at most 256 px, averaged over squares."""
    if images.shape[-1] <= LARGEST:
        return images
    return F.interpolate(images, (LARGEST, LARGEST), mode="area")
