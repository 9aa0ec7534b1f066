"""Whether fakes differ from one another, from the source and from the shots. Distances are those of
a perceptual network's maps (LPIPS, arXiv:1801.03924). Metrics named ``...Maps`` keep only
distances: the maps of LPIPS are too large, and live as long as a batch.
"""

from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor

from benchmarks.harness.evaluation.gallery import (
    Batchwise,
    Extractor,
    FeatureRequest,
    Gallery,
    ThroughExtractor,
)
from benchmarks.harness.evaluation.measure import Measure, TooFew
from benchmarks.harness.evaluation.metrics import clusters, set_metrics
from core.bounds import Pair, Seed

COPIES = 0.01  # share of held-out pictures that are nearer to a shot than what counts as a copy
UNMOVED = 0.1  # share of the floor within which a fake is taken for the source's own picture
TOGETHER = 8  # pictures whose maps are made at once: those of LPIPS are 32 MB a picture of 256 px


class PerceptualMetric(ThroughExtractor):
    """A metric of the distances that an extractor's ``maps`` give, of the first ``samples``."""

    better = "higher"
    needs: tuple[str, ...] = ("fakes", "shots")
    heads = (("maps",),)

    def __init__(self, extractor: Any, *, samples: Pair) -> None:
        super().__init__(extractor)
        self.samples = samples

    def requests(self, gallery: Gallery) -> Iterable[FeatureRequest]:
        for stream, extractor, _ in super().requests(gallery):
            yield FeatureRequest(stream, extractor, 0 if stream == "shots" else self.samples)

    def maps(self, gallery: Gallery, stream: str) -> tuple[Tensor, Tensor]:
        """Maps [K, V] of the shots and [n, V] of the first pictures of a stream."""
        (shots,) = self.read(gallery, "maps", "shots")
        (maps,) = self.read(gallery, "maps", stream, first=self.samples)
        return shots, maps

    def between(self, gallery: Gallery, one: str, i: Tensor, other: str, j: Tensor) -> Tensor:
        """Distances [P] in float64 between pictures i of a stream and pictures j of one."""
        distances = []
        for a, b in zip(gallery.some(one, i), gallery.some(other, j), strict=True):
            maps = (maps_of(gallery, self.extractors[0], images) for images in (a, b))
            distances.append((next(maps) - next(maps)).square().sum(1).double())
        return torch.cat(distances)


class IntraCluster(PerceptualMetric):
    """Mean perceptual distance within the fakes nearest to each shot (arXiv:2104.06820). The value
    drops clusters without a pair, as published; ``empty_counts_zero`` does not. Low means memorised
    under either rule. At most ``cap`` fakes of a shot are paired, in an order of ``seed``.
    """

    def __init__(self, extractor: Extractor, *, samples: Pair, cap: Pair, seed: Seed) -> None:
        super().__init__(extractor, samples=samples)
        self.cap, self.seed = cap, seed

    def assigned(self, gallery: Gallery) -> clusters.Clusters:
        metric, maps = set_metrics.IntraClusterDistance, self.maps(gallery, "fakes")
        return set_metrics.of(metric, *maps, cap=self.cap, seed=self.seed).clusters()

    def __call__(self, gallery: Gallery) -> Measure:
        own = self.assigned(gallery)
        return Measure(own.dropped, self.better, len(own.assignment), own.details(self.cap))


class KeepsDistances(PerceptualMetric):
    """A metric that keeps distances to the shots and no maps."""

    def requests(self, gallery: Gallery) -> Iterable[FeatureRequest]:
        for stream, extractor, first in super().requests(gallery):
            if stream != "shots":
                yield FeatureRequest(stream, reader(gallery, extractor), first)


class IntraClusterMaps(KeepsDistances, IntraCluster):
    """The same without keeping maps: intra-cluster LPIPS."""

    def assigned(self, gallery: Gallery) -> clusters.Clusters:
        def among(members: Tensor) -> Tensor:
            images = torch.cat(list(gallery.some("fakes", members)))
            maps = maps_of(gallery, self.extractors[0], images)
            return clusters.squared_distances(maps, maps)

        to_shots = distances_to_shots(gallery, self.extractors[0], "fakes", self.samples)
        order = clusters.shuffled(len(to_shots), self.seed)
        return clusters.intra_cluster(to_shots, among, self.cap, order)


class NearestShot(PerceptualMetric):
    """Mean perceptual distance of a fake to the nearest shot: small if shots were memorised.
    ``reference`` is the same of held-out pictures of the domain, which is where an honest generator
    would be; ``copies`` the share of fakes nearer to a shot than 99 of 100 of those.
    """

    def also(self, gallery: Gallery) -> tuple[str, ...]:
        return ("reference",) if gallery.has("reference") else ()

    def to_shots(self, gallery: Gallery, stream: str) -> Tensor:
        shots, maps = self.maps(gallery, stream)
        return clusters.to_shots(maps, shots)

    def __call__(self, gallery: Gallery) -> Measure:
        fakes = self.to_shots(gallery, "fakes").amin(1).double()
        details = {"median": float(fakes.median()), "least": float(fakes.min())}
        for stream in self.also(gallery):
            real = self.to_shots(gallery, stream).amin(1).double()
            details["reference"] = float(real.mean())
            details["copies"] = float((fakes < real.quantile(COPIES)).double().mean())
        return Measure(float(fakes.mean()), self.better, len(fakes), details)


class NearestShotMaps(KeepsDistances, NearestShot):
    """The same without keeping maps: LPIPS."""

    def to_shots(self, gallery: Gallery, stream: str) -> Tensor:
        return distances_to_shots(gallery, self.extractors[0], stream, self.samples)


class Pairwise(Batchwise, PerceptualMetric):
    """Mean distance of ``pairs`` of the first ``samples`` fakes; ``reference``: of real ones."""

    needs = ("fakes",)

    def __init__(self, extractor: Any, *, samples: Pair, pairs: Pair, seed: Seed) -> None:
        super().__init__(extractor, samples=samples)
        self.pairs, self.seed = pairs, seed

    def random_pairs(self, n: int) -> tuple[Tensor, Tensor]:
        generator = torch.Generator().manual_seed(self.seed)
        i = torch.randint(n, (self.pairs,), generator=generator)
        return i, (i + torch.randint(1, n, (self.pairs,), generator=generator)) % n

    def within(self, gallery: Gallery, stream: str, n: int) -> Tensor:
        """Distances [pairs] of random pairs of the first n pictures of a stream."""
        i, j = self.random_pairs(n)
        return self.between(gallery, stream, i, stream, j)

    def __call__(self, gallery: Gallery) -> Measure:
        n = min(self.samples, len(gallery.pictures("fakes")))
        if n < 2:
            raise TooFew("a pair needs at least 2 fakes, not 1")
        distances = self.within(gallery, "fakes", n)
        details: dict[str, float] = {"pairs": self.pairs}
        if self.pairs > 1:
            details["std"] = float(distances.std())
        if gallery.has("reference") and (m := len(gallery.pictures("reference"))) > 1:
            details["reference"] = float(self.within(gallery, "reference", m).mean())
        return Measure(float(distances.mean()), self.better, n, details)


class NearestSource(Batchwise, PerceptualMetric):
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
        details = {}
        if n > 1:  # a single picture has no other one beside it
            other = self.between(gallery, "fakes", i, "sources", i.roll(1))
            details = {"std": float(own.std()), "floor": float(other.mean())}
            details["copies"] = float((own < UNMOVED * other.mean()).double().mean())
        return Measure(float(own.mean()), self.better, n, details)


class AuthPct(ThroughExtractor):
    """Percentage of fakes that are no copies of shots (arXiv:2102.08921); with ten it says little.
    A single shot has no neighbour, so that nothing can be called a copy of it: 100.
    """

    better = "higher"
    needs = ("fakes", "shots")

    def also(self, gallery: Gallery) -> tuple[str, ...]:
        return ("reference",) if gallery.has("reference") else ()

    def __call__(self, gallery: Gallery) -> Measure:
        shots, fakes = self.read(gallery, "features", "shots", "fakes")
        details: dict[str, float] = {"shots": len(shots)}
        if len(shots) < 2:
            return Measure(100.0, self.better, len(fakes), details)
        for reals in self.read(gallery, "features", *self.also(gallery)):
            details["reference"] = self.authentic(shots, reals)
        return Measure(self.authentic(shots, fakes), self.better, len(fakes), details)

    def authentic(self, shots: Tensor, rows: Tensor) -> float:
        return 100 * float(set_metrics.of(set_metrics.Authenticity, shots, rows).compute())


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
        self.name = f"{extractor.name} to {gallery.origin('shots')['sha256']}"
        self.sha256 = getattr(extractor, "sha256", "")
        self.shots = maps_of(gallery, extractor, torch.cat(list(gallery.images("shots"))))

    def __call__(self, images: Tensor) -> dict[str, Tensor]:
        maps = maps_of(self.gallery, self.extractor, images)
        return {"distances": clusters.squared_distances(maps, self.shots)}


def reader(gallery: Gallery, extractor: Any) -> ToShots:
    """What reads distances to the shots, whose maps are kept."""
    return gallery.once(("to shots", extractor.name), lambda: ToShots(gallery, extractor))


def distances_to_shots(gallery: Gallery, extractor: Any, stream: str, samples: int) -> Tensor:
    """Distances [n, K] of the first pictures of a stream to the shots."""
    return gallery.features(stream, reader(gallery, extractor), "distances", samples)
