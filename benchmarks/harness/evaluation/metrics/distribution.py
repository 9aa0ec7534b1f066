"""How close the set of fakes is to the set of held-out reference pictures."""

import math
from typing import Annotated, Any

import torch
from annotated_types import Ge, Le
from torch import Tensor

from benchmarks.harness.evaluation.gallery import Extractor, Gallery, ThroughExtractor
from benchmarks.harness.evaluation.measure import Measure, TooFew
from benchmarks.harness.evaluation.metrics import frechet_and_kernel, set_metrics
from benchmarks.harness.evaluation.metrics.frechet_and_kernel import Normal, double
from core.bounds import Count, Natural, Seed, Share

AT_MOST = 2000  # pictures on either side that an interval is made from: its cost is their square


class Distribution(ThroughExtractor):
    """A number of the features of ``fakes`` against those of ``reference``."""

    needs = ("fakes", "reference")

    def features(self, gallery: Gallery) -> tuple[Tensor, Tensor]:
        """Features of the reals [N, F] and of the fakes [M, F]."""
        real, fake = self.read(gallery, "features", "reference", "fakes")
        return real, fake

    def score(self, real: Tensor, fake: Tensor) -> float:
        raise NotImplementedError(f"{type(self).__name__} compares nothing.")

    def __call__(self, gallery: Gallery) -> Measure:
        real, fake = self.features(gallery)
        return Measure(self.score(real, fake), self.better, len(fake), {"reference": len(real)})


class FD(Distribution):
    """Fréchet distance (arXiv:1706.08500); biased upwards in small samples: read ``n``."""

    def score(self, real: Tensor, fake: Tensor) -> float:
        return float(set_metrics.of(set_metrics.FrechetDistance, real, fake).compute())


class CleanFID(Distribution):
    """What clean-fid computes from the same features: a check of FD from outside. It takes the
    matrix square root of a product that is not symmetric, adds 1e-6 to the variances where that
    fails, and is wrong where a covariance is singular (fewer than 2,049 pictures).
    """

    def score(self, real: Tensor, fake: Tensor) -> float:
        from cleanfid.fid import fid_from_feats

        if min(len(real), len(fake)) < 2:
            raise TooFew(f"a covariance needs 2 pictures, not {len(fake)} and {len(real)}")
        return float(fid_from_feats(*(double(rows).numpy() for rows in (fake, real))))


class CMMD(Distribution):
    """Kernel distance of unit CLIP embeddings (2401.09603: sigma 10); biased upwards."""

    def __init__(self, extractor: Extractor, *, sigma: Annotated[float, Ge(1e-3), Le(1e3)]) -> None:
        super().__init__(extractor)
        self.sigma = sigma

    def score(self, real: Tensor, fake: Tensor) -> float:
        metric = set_metrics.GaussianKernelDistance
        return float(set_metrics.of(metric, real, fake, sigma=self.sigma).compute())


class FDInfinity(Distribution):
    """Fréchet distance drawn out to infinitely many fakes (FID-infinity, arXiv:1911.07023). Its
    bias falls as one over the number of pictures, and how fast depends on the generator. The
    distance is taken at ``points`` numbers of fakes, evenly spaced from the share ``least`` to all
    of them, and drawn out to one over infinity; the reference stays as large as it is. Departs from
    the paper in: fakes are drawn by ``seed`` from the gallery's, not from a Sobol sequence.
    """

    def __init__(
        self,
        extractor: Extractor,
        *,
        points: Annotated[int, Ge(2), Le(1000)],
        least: Share,
        seed: Seed,
    ) -> None:
        super().__init__(extractor)
        self.points, self.least, self.seed = points, least, seed

    def sizes(self, n: int) -> list[int]:
        """The numbers of fakes, rising, each at least 2, which a covariance needs."""
        steps = torch.linspace(max(2, n * self.least), n, self.points, dtype=torch.float64)
        return sorted({round(step) for step in steps.tolist()})

    def __call__(self, gallery: Gallery) -> Measure:
        real, fake = self.features(gallery)
        reference = Normal.of(real)
        generator = torch.Generator().manual_seed(self.seed)
        values, sizes = [], self.sizes(len(fake))
        if len(sizes) < 2:
            raise TooFew(f"a line needs two numbers of fakes, and there are only {sizes}")
        for size in sizes:
            drawn = torch.randperm(len(fake), generator=generator)[:size]
            values.append(reference.distance(Normal.of(fake[drawn])))
        at_infinity, slope = intercept(sizes, values)
        details = {"all_fakes": values[-1], "slope": slope, "points": len(sizes)}
        details |= {"least": sizes[0], "reference": len(real)}
        return Measure(at_infinity, self.better, len(fake), details)


def intercept(sizes: list[int], values: list[float]) -> tuple[float, float]:
    """Value at 1 / n = 0 and slope of the line through values over 1 / n, by least squares."""
    inverse = 1 / torch.tensor(sizes, dtype=torch.float64)
    design = torch.stack([torch.ones_like(inverse), inverse], 1)
    answer = torch.tensor(values, dtype=torch.float64)[:, None]
    at_infinity, slope = torch.linalg.lstsq(design, answer).solution[:, 0].tolist()
    return at_infinity, slope


class KID(Distribution):
    """Kernel distance (arXiv:1801.01401): mean over seeded subsets, unbiased in n. ``std`` is the
    spread over subsets, not over seeds. Sets smaller than ``subset_size`` make the subsets smaller;
    what was used is among the details, and ``source``: the same distance of the unadapted source.
    """

    def __init__(
        self, extractor: Extractor, *, subsets: Count, subset_size: Natural, seed: Seed
    ) -> None:
        super().__init__(extractor)
        self.subsets, self.subset_size, self.seed = subsets, subset_size, seed

    def also(self, gallery: Gallery) -> tuple[str, ...]:
        return ("sources",) if gallery.has("sources") else ()

    def draws(self, real: Tensor, fake: Tensor) -> Tensor:
        """The distance of every subset [subsets], in float64."""
        options = {"subsets": self.subsets, "subset_size": self.subset_size, "seed": self.seed}
        return set_metrics.of(set_metrics.KernelDistance, real, fake, **options).draws()

    def __call__(self, gallery: Gallery) -> Measure:
        real, fake = self.features(gallery)
        draws = self.draws(real, fake)
        details = {
            **({"std": float(draws.std())} if self.subsets > 1 else {}),
            "subsets": self.subsets,
            "subset_size": min(self.subset_size, len(real), len(fake)),
            "reference": len(real),
        }
        for before in self.read(gallery, "features", *self.also(gallery)):
            details["source"] = float(self.draws(real, before).mean())
        return Measure(float(draws.mean()), self.better, len(fake), details)


class KIDInterval(KID):
    """KID with a 95 % bootstrap interval: ``low`` and ``high`` among the details. The interval is
    that of ``interval_n`` pictures on the smaller side; more pictures would make it narrower. It
    holds the pictures' chance, not that of the training: seeds do that.
    """

    def __init__(self, extractor: Extractor, *, resamples: Count, **kid: Any) -> None:
        super().__init__(extractor, **kid)
        self.resamples = resamples

    def __call__(self, gallery: Gallery) -> Measure:
        measure = super().__call__(gallery)
        generator = torch.Generator().manual_seed(self.seed)
        real, fake = (
            rows[torch.randperm(len(rows), generator=generator)[:AT_MOST]]
            for rows in self.features(gallery)
        )
        low, high = frechet_and_kernel.bootstrap(real, fake, self.resamples, generator)
        n = min(len(real), len(fake))
        if not math.isfinite(low + high):  # there is a draw of one picture only
            gallery.notes.append(f"a kernel distance of {n} pictures has no interval: too few.")
            return measure
        details = {"low": low, "high": high, "interval_n": n}
        return Measure(measure.value, self.better, measure.n, {**measure.details, **details})


class Manifold(Distribution):
    """A share by balls of k neighbours; the papers take 3 (1904.06991) and 5 (2002.09797)."""

    better = "higher"
    share: str
    shares: type[set_metrics.NeighbourShares]

    def __init__(self, extractor: Extractor, *, k: Count) -> None:
        super().__init__(extractor)
        self.k = k

    def value(self, gallery: Gallery, part: str, real: Tensor, fake: Tensor) -> float:
        """The share; the gallery remembers all that come of the same counts."""
        key = (self.shares, self.extractors[0].name, self.k, part)
        metric = set_metrics.of(self.shares, real, fake, k=self.k)
        return float(gallery.once(key, metric.compute)[self.share])

    def __call__(self, gallery: Gallery) -> Measure:
        real, fake = self.features(gallery)
        details: dict[str, float] = {"k": self.k, "reference": len(real)}
        # What two halves of the reference would score: the ceiling, which is not 1 for few samples.
        # A quarter of the work of the share itself.
        half = len(real) // 2
        if half > self.k:
            details["real_against_real"] = self.value(gallery, "halves", real[:half], real[half:])
        return Measure(self.value(gallery, "all", real, fake), self.better, len(fake), details)


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
