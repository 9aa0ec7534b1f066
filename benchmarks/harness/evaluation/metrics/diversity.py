"""Whether fakes differ from one another, from the source and from the shots."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from benchmarks.harness.evaluation.gallery import Extractor, Gallery
from benchmarks.harness.evaluation.measure import Measure, TooFew
from benchmarks.harness.evaluation.metrics import perceptual, set_metrics
from benchmarks.harness.evaluation.metrics.clusters import Clusters, intra_cluster

COPIES = 0.01  # share of held-out pictures that are nearer to a shot than what counts as a copy


class IntraCluster:
    """Mean perceptual distance within the fakes nearest to each shot (arXiv:2104.06820).

    The value drops clusters without a pair, as published; ``empty_counts_zero`` does not. Low
    means memorised under either rule.
    """

    better = "higher"
    needs: tuple[str, ...] = ("fakes", "shots")

    def __init__(self, extractor: Extractor, *, samples: int, cap: int, seed: int) -> None:
        self.extractors = (extractor,)
        self.samples, self.cap, self.seed = samples, cap, seed

    def clusters(self, gallery: Gallery) -> Clusters:
        shots = gallery.features("shots", self.extractors[0], "maps")
        fakes = gallery.features("fakes", self.extractors[0], "maps", self.samples)
        options = {"cap": self.cap, "seed": self.seed}
        return set_metrics.of(set_metrics.IntraClusterDistance, shots, fakes, **options).clusters()

    def __call__(self, gallery: Gallery) -> Measure:
        clusters = self.clusters(gallery)
        n = len(clusters.assignment)
        return Measure(clusters.dropped, self.better, n, clusters.details(self.cap))


class IntraClusterMaps(IntraCluster):
    """The same without keeping maps: intra-cluster LPIPS."""

    def clusters(self, gallery: Gallery) -> Clusters:
        extractor = self.extractors[0]
        to_shots = perceptual.to_shots(gallery, extractor, "fakes", self.samples)

        def among(members: Tensor) -> Tensor:
            return perceptual.among(gallery, extractor, "fakes", members)

        return intra_cluster(
            to_shots, among, self.cap, set_metrics.shuffled(len(to_shots), self.seed)
        )


class PerceptualMetric:
    """A metric of the distances that an extractor's ``maps`` give, of the first ``samples``."""

    better: str
    needs: tuple[str, ...]

    def __init__(self, extractor: Any, *, samples: int) -> None:
        self.extractors = (extractor,)
        self.samples = samples

    def between(self, gallery: Gallery, one: str, i: Tensor, other: str, j: Tensor) -> Tensor:
        """Distances [P] between pictures i of a stream and pictures j of one."""
        return perceptual.between(gallery, self.extractors[0], (one, i), (other, j))


class NearestShot(PerceptualMetric):
    """Mean perceptual distance of a fake to the nearest shot: small if shots were memorised.

    ``reference`` is the same of held-out pictures of the domain, which is where an honest generator
    would be; ``copies`` the share of fakes nearer to a shot than 99 of 100 of those.
    """

    better = "higher"
    needs = ("fakes", "shots")

    def nearest(self, gallery: Gallery, stream: str) -> Tensor:
        """Distance [n] of every picture of a stream to its nearest shot."""
        shots = gallery.features("shots", self.extractors[0], "maps")
        maps = gallery.features(stream, self.extractors[0], "maps", self.samples)
        return set_metrics.to_shots(maps, shots).amin(1).double()

    def __call__(self, gallery: Gallery) -> Measure:
        fakes = self.nearest(gallery, "fakes")
        details = {"median": float(fakes.median()), "least": float(fakes.min())}
        if gallery.has("reference"):
            real = self.nearest(gallery, "reference")
            details["reference"] = float(real.mean())
            details["copies"] = float((fakes < real.quantile(COPIES)).double().mean())
        return Measure(float(fakes.mean()), self.better, len(fakes), details)


class NearestShotMaps(NearestShot):
    """The same without keeping maps: LPIPS."""

    def nearest(self, gallery: Gallery, stream: str) -> Tensor:
        distances = perceptual.to_shots(gallery, self.extractors[0], stream, self.samples)
        return distances.amin(1).double()


class Pairwise(PerceptualMetric):
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

    def random_pairs(self, n: int) -> tuple[Tensor, Tensor]:
        """Indices of pairs of different pictures out of n."""
        generator = torch.Generator().manual_seed(self.seed)
        i = torch.randint(n, (self.pairs,), generator=generator)
        return i, (i + torch.randint(1, n, (self.pairs,), generator=generator)) % n

    def __call__(self, gallery: Gallery) -> Measure:
        n = min(self.samples, len(gallery.pictures("fakes")))
        if n < 2:
            raise TooFew("a pair needs at least 2 fakes, not 1")
        i, j = self.random_pairs(n)
        distances = self.between(gallery, "fakes", i, "fakes", j)
        details = {"std": float(distances.std()), "pairs": self.pairs}
        if gallery.has("reference") and (m := len(gallery.pictures("reference"))) > 1:
            i, j = self.random_pairs(m)
            real = self.between(gallery, "reference", i, "reference", j)
            details["reference"] = float(real.mean())
        return Measure(float(distances.mean()), self.better, n, details)


class NearestSource(PerceptualMetric):
    """Mean distance of a fake to the source's picture of its own latent: 0 if nothing was learnt.

    ``floor`` is that to the source's picture of another latent: what a generator would score that
    has forgotten its source. Between them, small is faithful and not small enough is adapted.
    """

    better = "lower"
    needs = ("fakes", "sources", "others")

    def __call__(self, gallery: Gallery) -> Measure:
        n = min(self.samples, len(gallery.pictures("fakes")))
        i = torch.arange(n)
        own = self.between(gallery, "fakes", i, "sources", i)
        other = self.between(gallery, "fakes", i, "sources", i.roll(1))
        details = {"std": float(own.std()), "floor": float(other.mean())}
        details["copies"] = float((own < 0.1 * other.mean()).double().mean())
        return Measure(float(own.mean()), self.better, n, details)


class AuthPct:
    """Percentage of fakes that are no copies of shots (arXiv:2102.08921); with ten it says little.

    A single shot has no neighbour, so that nothing can be called a copy of it: 100.
    """

    better = "higher"
    needs = ("fakes", "shots")

    def __init__(self, extractor: Extractor) -> None:
        self.extractors = (extractor,)

    def percentage(self, gallery: Gallery, stream: str) -> float:
        extractor = self.extractors[0]
        shots, rows = (gallery.features(s, extractor, "features") for s in ("shots", stream))
        return 100 * float(set_metrics.of(set_metrics.Authenticity, shots, rows).compute())

    def __call__(self, gallery: Gallery) -> Measure:
        shots, fakes = (
            len(gallery.features(s, self.extractors[0], "features")) for s in self.needs[::-1]
        )
        details: dict[str, float] = {"shots": shots}
        if shots < 2:
            return Measure(100.0, self.better, fakes, details)
        if gallery.has("reference"):
            details["reference"] = self.percentage(gallery, "reference")
        return Measure(self.percentage(gallery, "fakes"), self.better, fakes, details)
