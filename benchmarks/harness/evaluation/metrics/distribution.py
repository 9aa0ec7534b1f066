"""How close the set of fakes is to the set of held-out reference pictures."""

from __future__ import annotations

import torch
from torch import Tensor

from benchmarks.harness.evaluation.gallery import Extractor, Gallery
from benchmarks.harness.evaluation.measure import Measure
from benchmarks.harness.evaluation.metrics import set_metrics
from benchmarks.harness.evaluation.metrics.bootstrap import bootstrap
from benchmarks.harness.evaluation.metrics.frechet_and_kernel import double, polynomial_mmd

AT_MOST = 2000  # pictures on either side that an interval is made from: its cost is their square


class Distribution:
    """A number of the features of ``fakes`` against those of ``reference``."""

    better: str
    needs = ("fakes", "reference")

    def __init__(self, extractor: Extractor) -> None:
        self.extractors = (extractor,)

    def features(self, gallery: Gallery) -> tuple[Tensor, Tensor]:
        """Features of the reals [N, F] and of the fakes [M, F]; in float64 unless they are many."""
        return set_metrics.in_float64(
            *(gallery.features(s, self.extractors[0], "features") for s in ("reference", "fakes"))
        )


class FD(Distribution):
    """Fréchet distance (arXiv:1706.08500); biased upwards in small samples: read ``n``."""

    better = "lower"

    def __call__(self, gallery: Gallery) -> Measure:
        real, fake = self.features(gallery)
        value = float(set_metrics.of(set_metrics.FrechetDistance, real, fake).compute())
        return Measure(value, self.better, len(fake), {"reference": len(real)})


class CleanFID(Distribution):
    """What clean-fid computes from the same features: a check of FD from outside.

    It takes the matrix square root of a product that is not symmetric, adds 1e-6 to the variances
    where that fails, and is wrong where a covariance is singular (fewer than 2,049 pictures).
    """

    better = "lower"

    def __call__(self, gallery: Gallery) -> Measure:
        from cleanfid.fid import fid_from_feats

        real, fake = self.features(gallery)
        value = float(fid_from_feats(fake.numpy(), real.numpy()))
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
        real, fake = self.features(gallery)
        options = {"subsets": self.subsets, "subset_size": self.subset_size, "seed": self.seed}
        draws = set_metrics.of(set_metrics.KernelDistance, real, fake, **options).draws()
        details = {
            "std": float(draws.std()) if self.subsets > 1 else 0.0,
            "subsets": self.subsets,
            "subset_size": min(self.subset_size, len(real), len(fake)),
            "reference": len(real),
        }
        if max(len(real), len(fake)) <= set_metrics.MANY:  # the cost is the square of their number
            details["all_samples"] = polynomial_mmd(real, fake)
            if gallery.has("sources"):
                before = double(gallery.features("sources", self.extractors[0], "features"))
                details["source"] = polynomial_mmd(real, before)
        return Measure(float(draws.mean()), self.better, len(fake), details)


class KIDInterval(KID):
    """KID with a 95 % bootstrap interval: ``low`` and ``high`` among the details.

    The interval is that of ``interval_n`` pictures on the smaller side; more pictures would make it
    narrower. It holds the pictures' chance, not that of the training: seeds do that.
    """

    def __init__(
        self, extractor: Extractor, *, subsets: int, subset_size: int, seed: int, resamples: int
    ) -> None:
        super().__init__(extractor, subsets=subsets, subset_size=subset_size, seed=seed)
        self.resamples = resamples

    def __call__(self, gallery: Gallery) -> Measure:
        measure = super().__call__(gallery)
        generator = torch.Generator().manual_seed(self.seed)
        real, fake = (
            rows[torch.randperm(len(rows), generator=generator)[:AT_MOST]]
            for rows in self.features(gallery)
        )
        low, high = bootstrap(real, fake, self.resamples, generator)
        details = {"low": low, "high": high, "interval_n": min(len(real), len(fake))}
        return Measure(measure.value, self.better, measure.n, {**measure.details, **details})


class CMMD(Distribution):
    """Gaussian kernel distance of unit CLIP embeddings, times 1000 as published; biased upwards.

    Args:
        extractor: with a head ``features``.
        sigma: of the kernel; 10 as published.
    """

    better = "lower"

    def __init__(self, extractor: Extractor, *, sigma: float) -> None:
        super().__init__(extractor)
        self.sigma = sigma

    def __call__(self, gallery: Gallery) -> Measure:
        real, fake = self.features(gallery)
        value = float(
            set_metrics.of(
                set_metrics.GaussianKernelDistance, real, fake, sigma=self.sigma
            ).compute()
        )
        return Measure(value, self.better, len(fake), {"reference": len(real)})


class Manifold(Distribution):
    """A share by balls of k nearest neighbours."""

    better = "higher"
    share: str
    shares: type[set_metrics.PrecisionRecall | set_metrics.DensityCoverage]

    def __init__(self, extractor: Extractor, *, k: int) -> None:
        super().__init__(extractor)
        self.k = k

    def value(self, gallery: Gallery, part: str, real: Tensor, fake: Tensor) -> float:
        """The share; the gallery remembers all that come of the same counts."""
        key = (self.shares, self.extractors[0].name, self.k, part)
        shares = gallery.once(
            key, lambda: set_metrics.of(self.shares, real, fake, k=self.k).compute()
        )
        return float(shares[self.share])

    def __call__(self, gallery: Gallery) -> Measure:
        real, fake = self.features(gallery)
        details: dict[str, float] = {"k": self.k, "reference": len(real)}
        # What two halves of the reference would score: the ceiling, which is not 1 for few samples.
        half = len(real) // 2
        if half > self.k and len(real) <= set_metrics.MANY:
            details["real_against_real"] = self.value(gallery, "halves", real[:half], real[half:])
        value = self.value(gallery, "all", real, fake)
        return Measure(value, self.better, len(fake), details)


class Precision(Manifold):
    """Share of fakes that lie among the reals (arXiv:1904.06991)."""

    share, shares = "precision", set_metrics.PrecisionRecall


class Recall(Manifold):
    """Share of reals that lie among the fakes (arXiv:1904.06991)."""

    share, shares = "recall", set_metrics.PrecisionRecall


class Density(Manifold):
    """Mean number of real balls around a fake, over k (arXiv:2002.09797); can exceed 1."""

    share, shares = "density", set_metrics.DensityCoverage


class Coverage(Manifold):
    """Share of reals that have a fake in their ball (arXiv:2002.09797)."""

    share, shares = "coverage", set_metrics.DensityCoverage
