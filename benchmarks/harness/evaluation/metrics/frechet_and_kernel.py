"""Distances of two sets of features, in float64: Fréchet (arXiv:1706.08500), KID's polynomial
kernel (arXiv:1801.01401), CMMD's Gaussian kernel (arXiv:2401.09603). Departs from the papers in:
the trace of ``(S1 S2)^.5`` is the nuclear norm of ``H1 H2^T`` where ``S = H^T H``, also of singular
matrices (clean-fid's square root takes 4.4 times as long, 1,024 features on one core, and is off by
3e-8 there); KID's interval never pairs a picture with its copy, which would look like a collapse.
"""

from __future__ import annotations

from typing import NamedTuple, TypeAlias

import numpy as np
import torch
from torch import Tensor

from benchmarks.harness.evaluation.measure import TooFew

Array: TypeAlias = np.ndarray | Tensor
CHUNK = 4096  # rows of a kernel matrix held at once: 4096 x 50,000 doubles are 1.6 GB
CACHED = 256  # rows that are read at once: what is made of them stays in the cache
SYMMETRIC = 1e-4  # of the largest number: rounding of a covariance that was kept in float32
REGULAR = 1e-10  # of the largest variance: a pivot from which on rounding does not matter
SHARE = 0.95  # of resampled distances that an interval holds
MANY = 10_000
"""Rows on one side from which on features stay as they are kept: twice 50,000 rows of Inception in
float64 would be 1.6 GB, and products in float32 move a KID by less than 1e-3 of it (tested)."""


def tensor(x: Array) -> Tensor:
    """Numbers on the CPU, of any array: strided, read-only or of another order of bytes."""
    if isinstance(x, Tensor):
        return x.detach().cpu()
    array = np.asarray(x)
    return torch.from_numpy(np.require(array, array.dtype.newbyteorder("="), ("C", "W")))


def double(x: Array) -> Tensor:
    return tensor(x).double()


def in_float64(real: Tensor, fake: Tensor) -> tuple[Tensor, Tensor]:
    """Features of two sets in float64 on the CPU, or as they are where they are many."""
    if max(len(real), len(fake)) > MANY:
        return real, fake
    return double(real), double(fake)


def features(name: str, x: Array) -> Tensor:
    """Features [N, F] on the CPU, in float32 if they fit; ValueError if none, odd or not finite."""
    rows = tensor(x)
    if rows.ndim != 2 or 0 in rows.shape:
        shape = list(rows.shape)
        raise ValueError(f"{name} must be features [N, F] with N and F of at least 1, not {shape}")
    if not rows.is_floating_point():
        rows = rows.double()
    rows = rows.to(torch.promote_types(rows.dtype, torch.float32))
    if not all(bool(part.isfinite().all()) for part in rows.split(CACHED)):
        raise ValueError(f"{name} must be finite, but holds NaN or infinity")
    return rows


def pair(**sets: Array) -> tuple[Tensor, Tensor]:
    """Two sets as :func:`features` gives them, which raises, as do sets of different widths."""
    a, b = (features(name, rows) for name, rows in sets.items())
    if a.shape[1] != b.shape[1]:
        names, widths = " and ".join(sets), f"{a.shape[1]} and {b.shape[1]}"
        raise ValueError(f"{names} must have the same number of features, not {widths}")
    return a, b


def moments(x: Array) -> tuple[Tensor, Tensor]:
    """Mean [F] and covariance [F, F] (n - 1) of features [N, F], summed in float64; ValueError
    where N < 2 or they are not finite.
    """
    rows = features("features", x).numpy()
    if len(rows) < 2:
        raise TooFew(f"features must be [N, F] with N of at least 2, not {list(rows.shape)}")
    mean = rows.mean(0, dtype=np.float64)
    room = np.empty((min(CHUNK, len(rows)), len(mean)))
    scatter = np.zeros((len(mean), len(mean)))
    for part in np.split(rows, range(CHUNK, len(rows), CHUNK)):
        centred = np.subtract(part, mean, out=room[: len(part)])
        scatter += centred.T @ centred  # NumPy computes half of what is symmetric
    return torch.from_numpy(mean), torch.from_numpy(scatter / (len(rows) - 1))


def half(sigma: Tensor) -> Tensor:
    """[K, F] of which ``half.mT @ half`` is a covariance [F, F] of rank K, or a ValueError."""
    sigma = (sigma + sigma.mT) / 2
    lower, failed = torch.linalg.cholesky_ex(sigma)
    if not failed and lower.diagonal().amin() ** 2 > REGULAR * sigma.diagonal().amax():
        return lower.mT
    values, vectors = torch.linalg.eigh(sigma)
    largest = values.abs().max()
    if values[0] < -SYMMETRIC * largest:
        least = f"{float(values[0]):.3g}"
        raise ValueError(f"a covariance has no negative eigenvalue, but this one has {least}")
    # Below this an eigenvalue is rounding; its square root would be 1e8 times larger than it.
    kept = values > largest * len(values) * torch.finfo(values.dtype).eps
    return (vectors[:, kept] * values[kept].sqrt()).mT


def frechet_distance(mu1: Array, sigma1: Array, mu2: Array, sigma2: Array) -> float:
    """Squared Fréchet distance of two normal distributions: means [F], covariances [F, F]. Raises
    ValueError: the shapes do not fit, a number is not finite, or a sigma is no covariance.
    """
    return Normal.with_moments(mu1, sigma1).distance(Normal.with_moments(mu2, sigma2))


class Normal(NamedTuple):
    """Mean [F] of features, and a matrix [K, F] of which ``half.mT @ half`` is their covariance."""

    mean: Tensor
    half: Tensor

    @classmethod
    def of(cls, features: Array) -> Normal:
        """Of features [N, F]; where they are no more than F, of the rows themselves."""
        rows = torch.as_tensor(features)
        if len(rows) > rows.shape[1]:
            mean, sigma = moments(rows)
            return cls(mean, half(sigma))
        if len(rows) < 2:
            raise TooFew("a covariance needs at least 2 rows of features")
        mean = double(rows).mean(0)
        return cls(mean, (double(rows) - mean) / (len(rows) - 1) ** 0.5)

    @classmethod
    def with_moments(cls, mu: Array, sigma: Array) -> Normal:
        """Of a mean [F] and a covariance [F, F]; of one feature, two numbers will do."""
        mean, cov = torch.atleast_1d(double(mu)), torch.atleast_2d(double(sigma))
        if mean.ndim != 1 or not len(mean) or cov.shape != (len(mean), len(mean)):
            shapes = f"{list(mean.shape)} and {list(cov.shape)}"
            raise ValueError(f"a mean [F] and a covariance [F, F] cannot have shapes {shapes}")
        if not bool(mean.isfinite().all() and cov.isfinite().all()):
            raise ValueError("a mean and a covariance must be finite, but hold NaN or infinity")
        if (cov - cov.mT).abs().max() > SYMMETRIC * cov.abs().max():
            raise ValueError("a covariance must be symmetric, and this one is not")
        return cls(mean, half(cov))

    def distance(self, other: Normal) -> float:
        """Squared Fréchet distance; ValueError for another number of features."""
        if len(self.mean) != len(other.mean):
            widths = f"{len(self.mean)} and {len(other.mean)}"
            raise ValueError(f"both must have the same number of features, not {widths}")
        overlap = torch.linalg.svdvals(self.half @ other.half.mT).sum()
        traces = self.half.square().sum() + other.half.square().sum()
        squared = (self.mean - other.mean).square().sum() + traces - 2 * overlap
        return max(float(squared), 0.0)  # rounding may have put it below


def kernel_sum(x: Tensor, y: Tensor) -> Tensor:
    """Sum of the cubic kernel over all pairs of rows; of rows with themselves in half the time."""
    total = torch.zeros((), dtype=torch.float64)
    for part in x.split(CHUNK):
        products = torch.from_numpy(part.numpy() @ y.numpy().T)
        total += products.div_(x.shape[1]).add_(1).pow_(3).sum(dtype=torch.float64)
    return total


def polynomial_mmd(x: Array, y: Array) -> float:
    """Unbiased squared MMD of features [N, F] and [M, F] under KID's kernel (x.y / F + 1)^3. It
    estimates zero for two samples of one distribution and can therefore be negative. Raises
    ValueError: a set is not [N, F] with N of at least 2, not finite, or wider than the other.
    """
    x, y = pair(x=x, y=y)
    return kernel_distance(x.double(), y.double())


def kernel_distance(x: Tensor, y: Tensor) -> float:
    """The same with products in the precision of the features; their sums are in float64."""
    n, m = len(x), len(y)
    if min(n, m) < 2:
        raise TooFew(
            f"an unbiased kernel distance needs at least 2 samples on either side, not {n} and {m}"
        )

    def within(z: Tensor) -> Tensor:
        own = (z.square().sum(1) / z.shape[1] + 1).pow(3).sum(dtype=torch.float64)
        return (kernel_sum(z, z) - own) / (len(z) * (len(z) - 1))

    return float(within(x) + within(y) - 2 * kernel_sum(x, y) / (n * m))


def bootstrap(x: Array, y: Array, resamples: int, rng: torch.Generator) -> tuple[float, float]:
    """The middle 95 % of :func:`polynomial_mmd` of [N, F], [M, F] over resampled pictures."""
    x, y = double(x), double(y)

    def kernel(a: Tensor, b: Tensor) -> Tensor:
        return (a @ b.mT / a.shape[1] + 1).pow(3)

    def counts(n: int) -> Tensor:
        """How often [resamples, n] each of n pictures is drawn when n are, with replacement."""
        drawn = torch.randint(n, (resamples, n), generator=rng)
        ones = torch.ones(resamples, n, dtype=torch.float64)
        return torch.zeros_like(ones).scatter_add_(1, drawn, ones)

    def within(times: Tensor, pairs: Tensor) -> Tensor:
        total = times.sum(1).square() - times.square().sum(1)
        return ((times @ pairs) * times).sum(1) / total

    xx, yy = kernel(x, x).fill_diagonal_(0), kernel(y, y).fill_diagonal_(0)
    times_x, times_y = counts(len(x)), counts(len(y))
    between = ((times_x @ kernel(x, y)) * times_y).sum(1) / (len(x) * len(y))
    draws = within(times_x, xx) + within(times_y, yy) - 2 * between
    low, high = draws.quantile(torch.tensor([(1 - SHARE) / 2, (1 + SHARE) / 2]).double())
    return float(low), float(high)


def gaussian_mmd(x: Array, y: Array, sigma: float) -> float:
    """Biased squared MMD of features [N, F], [M, F] under exp(-|x - y|^2 / (2 sigma^2)); ValueError
    where a set is empty, not finite, or wider than the other.
    """
    x, y = (rows.double() for rows in pair(x=x, y=y))

    def mean(a: Tensor, b: Tensor) -> Tensor:
        norms = b.square().sum(1)
        total = torch.zeros((), dtype=torch.float64)
        for part in a.split(CHUNK):
            squared = part.square().sum(1, keepdim=True) + norms - 2 * part @ b.mT
            total += (squared.clamp(min=0) / (-2 * sigma**2)).exp().sum()
        return total / (len(a) * len(b))

    return float(mean(x, x) + mean(y, y) - 2 * mean(x, y))
