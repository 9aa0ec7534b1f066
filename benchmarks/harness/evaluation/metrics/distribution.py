"""How close the cloud of fakes is to the cloud of held-out reference pictures."""

from __future__ import annotations

import torch
from torch import Tensor

from benchmarks.harness.evaluation.gallery import Extractor, Gallery
from benchmarks.harness.evaluation.measure import Measure
from benchmarks.harness.evaluation.metrics.distances import (
    double,
    frechet_distance,
    kernel_distance,
    moments,
    polynomial_mmd,
)
from benchmarks.harness.evaluation.metrics.manifold import (
    DensityCoverage,
    PrecisionRecall,
    density_coverage,
    precision_recall,
)

MANY = 10_000
"""Pictures on one side from which on features stay as they are kept, and what takes the square of
their number in double precision is left out."""


class Distribution:
    """A number of the features of ``fakes`` against those of ``reference``."""

    better: str
    needs = ("fakes", "reference")

    def __init__(self, extractor: Extractor) -> None:
        self.extractors = (extractor,)

    def clouds(self, gallery: Gallery) -> tuple[Tensor, Tensor]:
        """Features of the reals [N, F] and of the fakes [M, F]; in float64 unless they are many."""
        real, fake = (
            gallery.features(stream, self.extractors[0], "features")
            for stream in ("reference", "fakes")
        )
        if max(len(real), len(fake)) > MANY:
            return real, fake
        return double(real), double(fake)


class FD(Distribution):
    """Fréchet distance (arXiv:1706.08500); biased upwards in small samples: read ``n``."""

    better = "lower"

    def __call__(self, gallery: Gallery) -> Measure:
        """Measure the gallery."""
        real, fake = self.clouds(gallery)
        value = frechet_distance(*moments(real), *moments(fake))
        return Measure(value, self.better, len(fake), {"reference": len(real)})


class KID(Distribution):
    """Kernel distance (arXiv:1801.01401): mean over seeded subsets, unbiased in n.

    ``std`` is the spread over subsets, not over seeds. Sets smaller than ``subset_size`` make the
    subsets smaller; what was used is among the details, and ``source``: the same distance of the
    unadapted source.
    """

    better = "lower"

    def __init__(self, extractor: Extractor, *, subsets: int, subset_size: int, seed: int) -> None:
        super().__init__(extractor)
        self.subsets, self.subset_size, self.seed = subsets, subset_size, seed

    def __call__(self, gallery: Gallery) -> Measure:
        """Measure the gallery."""
        real, fake = self.clouds(gallery)
        size = min(self.subset_size, len(real), len(fake))
        generator = torch.Generator().manual_seed(self.seed)

        def subset(rows: Tensor) -> Tensor:
            return rows[torch.randperm(len(rows), generator=generator)[:size]]

        draws = torch.tensor(
            [kernel_distance(subset(real), subset(fake)) for _ in range(self.subsets)],
            dtype=torch.float64,
        )
        details = {
            "std": float(draws.std()) if self.subsets > 1 else 0.0,
            "subsets": self.subsets,
            "subset_size": size,
            "reference": len(real),
        }
        if max(len(real), len(fake)) <= MANY:
            details["all_samples"] = polynomial_mmd(real, fake)
            if gallery.has("sources"):
                before = double(gallery.features("sources", self.extractors[0], "features"))
                details["source"] = polynomial_mmd(real, before)
        return Measure(float(draws.mean()), self.better, len(fake), details)


class Manifold(Distribution):
    """A share by balls of k nearest neighbours."""

    better = "higher"
    share: str

    def __init__(self, extractor: Extractor, *, k: int) -> None:
        super().__init__(extractor)
        self.k = k

    def shares(self, real: Tensor, fake: Tensor) -> tuple[float, float]:
        """All shares that come of the same count of pairs, by name."""
        raise NotImplementedError(f"{type(self).__name__} counts nothing")

    def number(self, gallery: Gallery, part: str, real: Tensor, fake: Tensor) -> float:
        """The share itself; two metrics that need the same count let the gallery remember it."""
        key = (type(self).shares, self.extractors[0].name, self.k, part)
        return float(getattr(gallery.once(key, lambda: self.shares(real, fake)), self.share))

    def __call__(self, gallery: Gallery) -> Measure:
        """Measure the gallery."""
        real, fake = self.clouds(gallery)
        details: dict[str, float] = {"k": self.k, "reference": len(real)}
        # What two halves of the reference would score: the ceiling, which is not 1 for few samples.
        half = len(real) // 2
        if half > self.k and len(real) <= MANY:
            halves = real[:half], real[half:]
            details["real_against_real"] = self.number(gallery, "halves", *halves)
        value = self.number(gallery, "all", real, fake)
        return Measure(value, self.better, len(fake), details)


class Precise(Manifold):
    """Improved precision and recall (arXiv:1904.06991)."""

    def shares(self, real: Tensor, fake: Tensor) -> PrecisionRecall:
        """Both of them."""
        return precision_recall(real, fake, self.k)


class Precision(Precise):
    """Share of fakes that lie among the reals (arXiv:1904.06991)."""

    share = "precision"


class Recall(Precise):
    """Share of reals that lie among the fakes (arXiv:1904.06991)."""

    share = "recall"


class Dense(Manifold):
    """Density and coverage (arXiv:2002.09797)."""

    def shares(self, real: Tensor, fake: Tensor) -> DensityCoverage:
        """Both of them."""
        return density_coverage(real, fake, self.k)


class Density(Dense):
    """Mean number of real balls around a fake, over k (arXiv:2002.09797); can exceed 1."""

    share = "density"


class Coverage(Dense):
    """Share of reals that have a fake in their ball (arXiv:2002.09797)."""

    share = "coverage"
