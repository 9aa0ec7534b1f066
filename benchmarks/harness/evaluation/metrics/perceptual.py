"""Diversity and memory by a perceptual network whose maps are too large to be kept.

The same questions as in `diversity`, by LPIPS (arXiv:1801.03924) as papers
print them. Only distances are kept; maps live as long as a batch.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from benchmarks.harness.evaluation.gallery import Gallery
from benchmarks.harness.evaluation.measure import Measure, TooFew
from benchmarks.harness.evaluation.metrics.clusters import intra_cluster
from benchmarks.harness.evaluation.metrics.manifold import squared_distances


def embedded(gallery: Gallery, extractor: Any, images: Tensor) -> Tensor:
    """Maps [N, V] in float32 of images [N, 3, R, R], on the CPU."""
    device = gallery.adapter.device
    with torch.no_grad():
        seen = [extractor(part.to(device))["maps"].float().cpu() for part in images.split(8)]
    return torch.cat(seen)


class ToShots:
    """Reads, as an extractor does, the distances [N, K] of pictures to the shots."""

    def __init__(self, gallery: Gallery, extractor: Any) -> None:
        self.gallery, self.extractor = gallery, extractor
        shots = gallery.origin("shots")["sha256"]
        self.name = f"{extractor.name} to {shots}"
        self.sha256 = getattr(extractor, "sha256", "")
        self.shots = embedded(gallery, extractor, torch.cat(list(gallery.images("shots"))))

    def __call__(self, images: Tensor) -> dict[str, Tensor]:
        """Head ``distances``."""
        maps = embedded(self.gallery, self.extractor, images)
        return {"distances": squared_distances(maps, self.shots)}


class Perceptual:
    """A metric of the distances that an extractor's ``maps`` give."""

    better: str
    needs: tuple[str, ...]

    def __init__(self, extractor: Any, *, samples: int) -> None:
        self.extractors = (extractor,)
        self.samples = samples

    def to_shots(self, gallery: Gallery, stream: str) -> Tensor:
        """Distances [n, K] of the first pictures of a stream to the shots."""
        extractor = self.extractors[0]
        reader = gallery.once(("to shots", extractor.name), lambda: ToShots(gallery, extractor))
        return gallery.features(stream, reader, "distances", self.samples)

    def between(self, gallery: Gallery, one: str, i: Tensor, other: str, j: Tensor) -> Tensor:
        """Distances [P] between pictures i of a stream and pictures j of one, in float64."""
        parts = []
        for a, b in zip(gallery.some(one, i), gallery.some(other, j), strict=True):
            apart = [embedded(gallery, self.extractors[0], images) for images in (a, b)]
            parts.append((apart[0] - apart[1]).square().sum(1).double())
        return torch.cat(parts)


class IntraClusterMaps(Perceptual):
    """Intra-cluster LPIPS (arXiv:2104.06820): as :class:`IntraCluster`, without keeping maps.

    The value drops clusters without a pair, as published; ``empty_counts_zero`` counts them.
    """

    better = "higher"
    needs = ("fakes", "shots")

    def __init__(self, extractor: Any, *, samples: int, cap: int, seed: int) -> None:
        super().__init__(extractor, samples=samples)
        self.cap, self.seed = cap, seed

    def __call__(self, gallery: Gallery) -> Measure:
        """Measure the gallery."""
        to_shots = self.to_shots(gallery, "fakes")
        generator = torch.Generator().manual_seed(self.seed)
        order = torch.randperm(len(to_shots), generator=generator)

        def among(members: Tensor) -> Tensor:
            images = torch.cat(list(gallery.some("fakes", members)))
            maps = embedded(gallery, self.extractors[0], images)
            return squared_distances(maps, maps)

        found = intra_cluster(to_shots, among, self.cap, order)
        return Measure(found.dropped, self.better, len(to_shots), found.details(self.cap))


class Pairwise(Perceptual):
    """Mean distance between random pairs of fakes: overall diversity, whatever the shots.

    ``reference`` is the same of the domain's own pictures.

    Args:
        extractor: with a head ``maps``.
        samples: the first fakes, of which pairs are drawn.
        pairs: how many.
        seed: of the pairs.
    """

    better = "higher"
    needs = ("fakes",)

    def __init__(self, extractor: Any, *, samples: int, pairs: int, seed: int) -> None:
        super().__init__(extractor, samples=samples)
        self.pairs, self.seed = pairs, seed

    def drawn(self, n: int) -> tuple[Tensor, Tensor]:
        """Indices of pairs of different pictures out of n."""
        generator = torch.Generator().manual_seed(self.seed)
        i = torch.randint(n, (self.pairs,), generator=generator)
        return i, (i + torch.randint(1, n, (self.pairs,), generator=generator)) % n

    def __call__(self, gallery: Gallery) -> Measure:
        """Measure the gallery."""
        n = min(self.samples, len(gallery.pictures("fakes")))
        if n < 2:
            raise TooFew("a pair needs at least 2 fakes, not 1")
        i, j = self.drawn(n)
        apart = self.between(gallery, "fakes", i, "fakes", j)
        details = {"std": float(apart.std()), "pairs": self.pairs}
        if gallery.has("reference") and (m := len(gallery.pictures("reference"))) > 1:
            i, j = self.drawn(m)
            real = self.between(gallery, "reference", i, "reference", j)
            details["reference"] = float(real.mean())
        return Measure(float(apart.mean()), self.better, n, details)


class NearestShotMaps(Perceptual):
    """Mean distance of a fake to the nearest shot: as :class:`NearestShot`, without keeping maps.

    ``reference`` is the same of held-out pictures; ``copies`` the share of fakes nearer to a shot
    than 99 of 100 of those.
    """

    better = "higher"
    needs = ("fakes", "shots")

    def __call__(self, gallery: Gallery) -> Measure:
        """Measure the gallery."""
        fakes = self.to_shots(gallery, "fakes").amin(1).double()
        details = {"median": float(fakes.median()), "least": float(fakes.min())}
        if gallery.has("reference"):
            real = self.to_shots(gallery, "reference").amin(1).double()
            details["reference"] = float(real.mean())
            details["copies"] = float((fakes < real.quantile(0.01)).double().mean())
        return Measure(float(fakes.mean()), self.better, len(fakes), details)


class NearestSource(Perceptual):
    """Mean distance of a fake to the source's picture of its own latent: 0 if nothing was learnt.

    ``floor`` is that to the source's picture of another latent: what a generator would score that
    has forgotten its source. Between them, small is faithful and not small enough is adapted.
    """

    better = "lower"
    needs = ("fakes", "sources", "others")

    def __call__(self, gallery: Gallery) -> Measure:
        """Measure the gallery."""
        n = min(self.samples, len(gallery.pictures("fakes")))
        i = torch.arange(n)
        own = self.between(gallery, "fakes", i, "sources", i)
        other = self.between(gallery, "fakes", i, "sources", i.roll(1))
        details = {"std": float(own.std()), "floor": float(other.mean())}
        details["copies"] = float((own < 0.1 * other.mean()).double().mean())
        return Measure(float(own.mean()), self.better, n, details)
