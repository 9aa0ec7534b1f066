"""How certain a kernel distance is: an interval of it over resampled pictures.

Departs from KID's paper (arXiv:1801.01401) in: the interval resamples pictures, and never pairs a
picture with its own copy, which would look like a collapse.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from benchmarks.harness.evaluation.metrics.frechet_and_kernel import Array, double


class Interval(NamedTuple):
    """The middle share of what resampling gives."""

    low: float
    high: float


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


def kernel(x: Tensor, y: Tensor) -> Tensor:
    """The cubic kernel [n, m] of rows."""
    return (x @ y.mT / x.shape[1] + 1).pow(3)


def counts(n: int, resamples: int, generator: torch.Generator) -> Tensor:
    """How often [resamples, n] each of n pictures is drawn when n are drawn with replacement."""
    drawn = torch.randint(n, (resamples, n), generator=generator)
    ones = torch.ones(resamples, n, dtype=torch.float64)
    return torch.zeros_like(ones).scatter_add_(1, drawn, ones)
