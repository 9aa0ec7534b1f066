"""Distances of two sets of features: Fréchet (arXiv:1706.08500) and CMMD's Gaussian kernel
(arXiv:2401.09603), in float64, and KID's polynomial kernel (arXiv:1801.01401), in the precision of
the features and right to as many digits. Departs from the papers in: the trace of ``(S1 S2)^.5`` is
the nuclear norm of ``H1 H2^T`` where ``S = H^T H``, also of singular matrices (clean-fid's square
root is off by 3e-8 there); KID's interval never pairs a picture with its copy, which would look
like a collapse.
"""

from __future__ import annotations

from typing import NamedTuple, TypeAlias

import numpy as np
import torch
from torch import Tensor

from benchmarks.harness.evaluation.measure import TooFew

Array: TypeAlias = np.ndarray | Tensor
CHUNK = 4096  # rows of a kernel matrix held at once: 4096 x 50,000 doubles are 1.6 GB
BLOCK = 2048  # rows on either side of a block of a kernel matrix: 34 MB of doubles
CACHED = 256  # rows that are read at once: what is made of them stays in the cache
SYMMETRIC = 1e-4  # of the largest number: rounding of a covariance that was kept in float32
REGULAR = 1e-10  # of the largest variance: a pivot from which on rounding does not matter
SHARE = 0.95  # of resampled distances that an interval holds
ROUNDED = 1e-10  # share of a nuclear norm that rounding of eigenvalues may be


def tensor(x: Array) -> Tensor:
    """Numbers on the CPU, of any array: strided, read-only or of another order of bytes."""
    if isinstance(x, Tensor):
        return x.detach().cpu()
    array = np.asarray(x)
    return torch.from_numpy(np.require(array, array.dtype.newbyteorder("="), ("C", "W")))


def double(x: Array) -> Tensor:
    return tensor(x).double()


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
        overlap = nuclear_norm(self.half @ other.half.mT)
        traces = self.half.square().sum() + other.half.square().sum()
        squared = (self.mean - other.mean).square().sum() + traces - 2 * overlap
        return max(float(squared), 0.0)  # rounding may have put it below


def nuclear_norm(matrix: Tensor) -> Tensor:
    """Sum of the singular values of a matrix [K, F], in float64: the roots of its square's
    eigenvalues, in a quarter of the time, unless rounding of those would show in their roots.
    """
    matrix = matrix if len(matrix) <= matrix.shape[1] else matrix.mT.contiguous()
    rows = matrix.numpy()
    squares = torch.linalg.eigvalsh(torch.from_numpy(rows @ rows.T))  # NumPy computes half
    values = squares.clamp(min=0).sqrt()
    off = torch.finfo(squares.dtype).eps * squares[-1] / 2 / values  # infinite of a zero
    return (
        values.sum() if off.sum() <= ROUNDED * values.sum() else torch.linalg.svdvals(matrix).sum()
    )


def polynomial_mmd(x: Array, y: Array) -> float:
    """Unbiased squared MMD of features [N, F] and [M, F] under KID's kernel (x.y / F + 1)^3. It
    estimates zero for two samples of one distribution and can therefore be negative. Raises
    ValueError: a set is not [N, F] with N of at least 2, not finite, or wider than the other.
    """
    x, y = (rows.double() for rows in pair(x=x, y=y))
    return float(kernel_distances(x, y, *(torch.ones(1, len(rows)) for rows in (x, y))))


def kernel_distances(x: Tensor, y: Tensor, times_x: Tensor, times_y: Tensor) -> Tensor:
    """The same [S] of draws that hold each of the rows so often [S, N], [S, M]; no row makes a pair
    with itself. A constant cancels in the distance, so of the kernel at the rows' centre only what
    lies above it is computed, or its rounding in float32 would be as large as small distances.
    """
    if min(len(x), len(y)) < 2:
        raise TooFew(
            "an unbiased kernel distance needs at least 2 samples on either side, not "
            f"{len(x)} and {len(y)}"
        )
    centre = (x.mean(0) + y.mean(0)) / 2
    level = 1 + float(centre.double().square().sum()) / len(centre)

    def sums(a: Tensor, b: Tensor, times_a: Tensor, times_b: Tensor) -> Tensor:
        """Of the kernel over all pairs of the draws; of a set with itself in half the time."""
        total = torch.zeros(len(times_a), dtype=torch.float64)
        for i in range(0, len(a), BLOCK):
            for j in range(i if a is b else 0, len(b), BLOCK):
                own, other = a[i : i + BLOCK], b[j : j + BLOCK]
                above = torch.from_numpy(own.numpy() @ other.numpy().T).div_(len(centre))
                above += (own @ centre / len(centre))[:, None]
                above += other @ centre / len(centre)
                above *= (above + 3 * level).mul_(above).add_(3 * level**2)
                if a is b and i == j:
                    above.fill_diagonal_(0)
                drawn = times_a[:, i : i + BLOCK].double() @ above.double()
                found = (drawn * times_b[:, j : j + BLOCK]).sum(1)
                total += 2 * found if a is b and i < j else found
        return total

    def within(rows: Tensor, times: Tensor) -> Tensor:
        times = times.double()
        pairs = times.sum(1).square() - times.square().sum(1)
        return sums(rows, rows, times, times) / pairs

    x, y = x - centre, y - centre
    between = sums(x, y, times_x, times_y) / (times_x.sum(1).double() * times_y.sum(1))
    return within(x, times_x) + within(y, times_y) - 2 * between


def kernel_draws(
    x: Tensor, y: Tensor, subsets: int, size: int, generator: torch.Generator
) -> Tensor:
    """:func:`polynomial_mmd` [subsets] of ``size`` rows at most of either set, drawn anew without
    replacement, in the precision of the features. Where subsets share many pairs of rows, the
    kernel of all pairs is computed, once.
    """
    size = min(size, len(x), len(y))
    drawn = [
        [torch.randperm(len(rows), generator=generator)[:size] for rows in (x, y)]
        for _ in range(subsets)
    ]
    if (len(x) + len(y)) ** 2 > subsets * (2 * size) ** 2:
        ones = torch.ones(1, size)
        return torch.cat([kernel_distances(x[i], y[j], ones, ones) for i, j in drawn])
    times = [torch.zeros(subsets, len(rows)) for rows in (x, y)]
    for one, rows in enumerate(drawn):
        for held, chosen in zip(times, rows, strict=True):
            held[one, chosen] = 1
    return kernel_distances(x, y, *times)


def bootstrap(x: Array, y: Array, resamples: int, rng: torch.Generator) -> tuple[float, float]:
    """The middle 95 % of :func:`polynomial_mmd` of [N, F], [M, F] over resampled pictures."""
    x, y = double(x), double(y)

    def counts(n: int) -> Tensor:
        """How often [resamples, n] each of n pictures is drawn when n are, with replacement."""
        drawn = torch.randint(n, (resamples, n), generator=rng)
        ones = torch.ones(resamples, n, dtype=torch.float64)
        return torch.zeros_like(ones).scatter_add_(1, drawn, ones)

    draws = kernel_distances(x, y, counts(len(x)), counts(len(y)))
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
