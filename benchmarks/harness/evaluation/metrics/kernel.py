"""Kernel distances beyond the mean over subsets: with an interval, and on CLIP's embeddings.

KID with a bootstrap interval (arXiv:1801.01401) and CMMD (arXiv:2401.09603).
Departs from the papers in: the interval resamples pictures, and never pairs a picture with its own
copy, which would look like a collapse.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from benchmarks.harness.evaluation.gallery import Extractor, Gallery
from benchmarks.harness.evaluation.measure import Measure
from benchmarks.harness.evaluation.metrics.distances import (
    CHUNK,
    Array,
    double,
    features,
    same_width,
)
from benchmarks.harness.evaluation.metrics.distribution import KID, Distribution

AT_MOST = 2000
"""Pictures on either side that an interval is made from."""
CMMD_SCALE = 1000.0


class Interval(NamedTuple):
    """The middle share of what resampling gives."""

    low: float
    high: float


def kernel(x: Tensor, y: Tensor) -> Tensor:
    """The cubic kernel [n, m] of rows."""
    return (x @ y.mT / x.shape[1] + 1).pow(3)


def bootstrap(
    x: Array, y: Array, resamples: int, generator: torch.Generator, share: float = 0.95
) -> Interval:
    """Interval of the unbiased squared MMD of features [N, F], [M, F] over resampled pictures."""
    x, y = double(x), double(y)
    xx, yy = kernel(x, x).fill_diagonal_(0), kernel(y, y).fill_diagonal_(0)
    times_x, times_y = (counts(len(rows), resamples, generator) for rows in (x, y))

    def within(times: Tensor, pairs: Tensor) -> Tensor:
        total = times.sum(1).square() - times.square().sum(1)
        return ((times @ pairs) * times).sum(1) / total

    between = ((times_x @ kernel(x, y)) * times_y).sum(1) / (len(x) * len(y))
    draws = within(times_x, xx) + within(times_y, yy) - 2 * between
    low, high = draws.quantile(torch.tensor([(1 - share) / 2, (1 + share) / 2]).double())
    return Interval(float(low), float(high))


def counts(n: int, resamples: int, generator: torch.Generator) -> Tensor:
    """How often [resamples, n] each of n pictures is drawn when n are drawn with replacement."""
    drawn = torch.randint(n, (resamples, n), generator=generator)
    return torch.zeros(resamples, n, dtype=torch.float64).scatter_add_(
        1, drawn, torch.ones(resamples, n, dtype=torch.float64)
    )


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
        """Measure the gallery."""
        found = super().__call__(gallery)
        generator = torch.Generator().manual_seed(self.seed)
        real, fake = (
            rows[torch.randperm(len(rows), generator=generator)[:AT_MOST]]
            for rows in self.clouds(gallery)
        )
        low, high = bootstrap(real, fake, self.resamples, generator)
        details = {"low": low, "high": high, "interval_n": min(len(real), len(fake))}
        return Measure(found.value, self.better, found.n, {**found.details, **details})


def gaussian_mmd(x: Array, y: Array, sigma: float) -> float:
    """Biased squared MMD of features [N, F], [M, F] under exp(-|x - y|^2 / (2 sigma^2)).

    Raises:
        ValueError: a set is empty, not [N, F], not finite, or wider than the other.
    """
    x, y = features("x", x), features("y", y)
    same_width(x=x, y=y)
    x, y = double(x), double(y)

    def mean(a: Tensor, b: Tensor) -> Tensor:
        norms = b.square().sum(1)
        total = torch.zeros((), dtype=torch.float64)
        for part in a.split(CHUNK):
            squared = part.square().sum(1, keepdim=True) + norms - 2 * part @ b.mT
            total += (squared.clamp(min=0) / (-2 * sigma**2)).exp().sum()
        return total / (len(a) * len(b))

    return float(mean(x, x) + mean(y, y) - 2 * mean(x, y))


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
        """Measure the gallery."""
        real, fake = (torch.nn.functional.normalize(double(x)) for x in self.clouds(gallery))
        value = CMMD_SCALE * gaussian_mmd(real, fake, self.sigma)
        return Measure(value, self.better, len(fake), {"reference": len(real)})
