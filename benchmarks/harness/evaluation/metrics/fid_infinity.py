"""The Fréchet distance at infinitely many fakes (FID-infinity, arXiv:1911.07023).

Its bias falls as one over the number of pictures, and how fast depends on the generator. The
distance is taken at several numbers of fakes and drawn out to one over infinity.
Departs from the paper in: fakes come from a seeded stream of latents, not from a Sobol sequence.
"""

from __future__ import annotations

import torch

from benchmarks.harness.evaluation.gallery import Extractor, Gallery
from benchmarks.harness.evaluation.measure import Measure, TooFew
from benchmarks.harness.evaluation.metrics.distribution import Distribution
from benchmarks.harness.evaluation.metrics.frechet_and_kernel import Normal


def intercept(sizes: list[int], values: list[float]) -> tuple[float, float]:
    """Value at 1 / n = 0 and slope of the line through values over 1 / n, by least squares."""
    inverse = 1 / torch.tensor(sizes, dtype=torch.float64)
    design = torch.stack([torch.ones_like(inverse), inverse], 1)
    answer = torch.tensor(values, dtype=torch.float64)[:, None]
    at_infinity, slope = torch.linalg.lstsq(design, answer).solution[:, 0].tolist()
    return at_infinity, slope


class FDInfinity(Distribution):
    """Fréchet distance drawn out to infinitely many fakes; the reference stays as large as it is.

    Args:
        extractor: with a head ``features``.
        points: at how many numbers of fakes it is taken, evenly spaced up to all of them.
        least: share of the fakes at the smallest of these numbers.
        seed: of the order in which fakes are taken.
    """

    better = "lower"

    def __init__(self, extractor: Extractor, *, points: int, least: float, seed: int) -> None:
        super().__init__(extractor)
        self.points, self.least, self.seed = points, least, seed

    def sizes(self, n: int) -> list[int]:
        """The numbers of fakes, rising, each at least 2."""
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
