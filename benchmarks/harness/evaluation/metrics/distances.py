"""Distances between two clouds of features, in double precision.

Fréchet distance (arXiv:1706.08500) and kernel distance (arXiv:1801.01401).
Departs from the papers in: no matrix square root of a product that is not symmetric. The trace of
``(S1 S2)^.5`` is the nuclear norm of ``H1 H2^T`` where ``S = H^T H``, also of singular matrices.
"""

from __future__ import annotations

from typing import Any, NamedTuple, TypeAlias

import numpy as np
import torch
from torch import Tensor

from benchmarks.harness.evaluation.measure import TooFew

Array: TypeAlias = np.ndarray | Tensor

# Rows of a kernel matrix that are held at once: 4096 x 50,000 doubles are 1.6 GB.
CHUNK = 4096
CACHED = 256  # rows that are read at once: what is made of them stays in the cache
SYMMETRIC = 1e-4  # of the largest number: rounding of a covariance that was kept in float32
REGULAR = 1e-10  # of the largest variance: a pivot from which on rounding does not matter


def double(x: Array) -> Tensor:
    """The same numbers in float64 on the CPU."""
    return torch.as_tensor(x).detach().to(device="cpu", dtype=torch.float64)


def numbers(name: str, x: Array) -> Tensor:
    """Real numbers on the CPU as they are.

    Raises:
        ValueError: they are anything else.
    """
    try:
        found = x.detach().cpu() if isinstance(x, Tensor) else torch.from_numpy(plain(x))
    except (TypeError, ValueError, RuntimeError) as error:
        raise ValueError(f"{name} must be an array of numbers, not {type(x).__name__}") from error
    if found.is_complex():
        raise ValueError(f"{name} must be real numbers, not {found.dtype}")
    return found


def plain(x: Any) -> np.ndarray:
    """An array as torch reads one: contiguous, writable, in this machine's order of bytes."""
    found = np.asarray(x)
    return np.require(found, found.dtype.newbyteorder("="), ("C", "W"))


def features(name: str, x: Array) -> Tensor:
    """Features [N, F] on the CPU as they are: in float32 or, what does not fit there, in float64.

    Raises:
        ValueError: there are none, they have another shape, or one is NaN or infinite.
    """
    rows = numbers(name, x)
    if rows.ndim != 2 or 0 in rows.shape:
        raise ValueError(
            f"{name} must be features [N, F] with N and F of at least 1, not {list(rows.shape)}"
        )
    if not rows.is_floating_point():
        rows = rows.double()
    rows = rows.to(torch.promote_types(rows.dtype, torch.float32))
    if not all(bool(part.isfinite().all()) for part in rows.split(CACHED)):
        raise ValueError(f"{name} must be finite, but holds NaN or infinity")
    return rows


def same_width(**sets: Tensor) -> None:
    """Refuse two sets whose features cannot be compared.

    Raises:
        ValueError: they are [N, F] and [M, G].
    """
    (one, a), (other, b) = sets.items()
    if a.shape[1] != b.shape[1]:
        raise ValueError(
            f"{one} and {other} must have the same number of features, "
            f"not {a.shape[1]} and {b.shape[1]}"
        )


def moments(x: Array) -> tuple[Tensor, Tensor]:
    """Mean [F] and covariance [F, F] (n - 1) of features [N, F], summed in double precision.

    Raises:
        ValueError: they are not [N, F] with N of at least 2, or not finite.
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
    """A matrix [K, F] of which ``half.mT @ half`` is a covariance [F, F] of rank K.

    Raises:
        ValueError: an eigenvalue is negative beyond what rounding explains.
    """
    sigma = (sigma + sigma.mT) / 2
    lower, failed = torch.linalg.cholesky_ex(sigma)
    if not failed and lower.diagonal().amin() ** 2 > REGULAR * sigma.diagonal().amax():
        return lower.mT
    values, vectors = torch.linalg.eigh(sigma)
    largest = values.abs().max()
    if values[0] < -SYMMETRIC * largest:
        raise ValueError(
            f"a covariance has no negative eigenvalue, but this one has {float(values[0]):.3g}"
        )
    # Below this an eigenvalue is rounding; its square root would be 1e8 times larger than it.
    kept = values > largest * len(values) * torch.finfo(values.dtype).eps
    return (vectors[:, kept] * values[kept].sqrt()).mT


def normal(which: int, mu: Array, sigma: Array) -> tuple[Tensor, Tensor]:
    """Mean [F] and covariance [F, F] in float64.

    Raises:
        ValueError: they are of other shapes, not finite, or the second is no covariance.
    """
    mean = torch.atleast_1d(double(numbers(f"mu{which}", mu)))
    cov = torch.atleast_2d(double(numbers(f"sigma{which}", sigma)))
    f = len(mean)
    if mean.ndim != 1 or not f or cov.shape != (f, f):
        raise ValueError(
            f"mu{which} and sigma{which} must be [F] and [F, F] with F of at least 1, "
            f"not {list(mean.shape)} and {list(cov.shape)}"
        )
    if not bool(mean.isfinite().all() and cov.isfinite().all()):
        raise ValueError(f"mu{which} and sigma{which} must be finite, but hold NaN or infinity")
    if (cov - cov.mT).abs().max() > SYMMETRIC * cov.abs().max():
        raise ValueError(f"sigma{which} is not symmetric, so it is no covariance")
    return mean, cov


def frechet_distance(mu1: Array, sigma1: Array, mu2: Array, sigma2: Array) -> float:
    """Squared Fréchet distance of two normal distributions: means [F], covariances [F, F].

    Raises:
        ValueError: the shapes do not fit, a number is not finite, or a sigma is no covariance.
    """
    (m1, s1), (m2, s2) = normal(1, mu1, sigma1), normal(2, mu2, sigma2)
    if len(m1) != len(m2):
        raise ValueError(
            "the two means and covariances do not have the same number of features, "
            f"but {len(m1)} and {len(m2)}"
        )
    return Spread(m1, half(s1)).distance(Spread(m2, half(s2)))


class Spread(NamedTuple):
    """Mean [F] of features, and a matrix [K, F] of which ``half.mT @ half`` is their covariance."""

    mean: Tensor
    half: Tensor

    @classmethod
    def of(cls, features: Array) -> Spread:
        """Of features [N, F]; where they are no more than F, of the rows themselves."""
        rows = torch.as_tensor(features)
        if len(rows) > rows.shape[1]:
            mean, sigma = moments(rows)
            return cls(mean, half(sigma))
        if len(rows) < 2:
            raise TooFew("a covariance needs at least 2 rows of features")
        mean = double(rows).mean(0)
        return cls(mean, (double(rows) - mean) / (len(rows) - 1) ** 0.5)

    def distance(self, other: Spread) -> float:
        """Squared Fréchet distance."""
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
    """Unbiased squared MMD of features [N, F] and [M, F] under the kernel (x.y / F + 1)^3.

    It estimates zero for two samples of one distribution and can therefore be negative.

    Raises:
        ValueError: a set is not [N, F] with N of at least 2, not finite, or wider than the other.
    """
    x, y = features("x", x), features("y", y)
    same_width(x=x, y=y)
    return kernel_distance(double(x), double(y))


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
