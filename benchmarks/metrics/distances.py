"""Distances between two clouds of features, in double precision.

Fréchet distance (arXiv:1706.08500) and kernel distance (arXiv:1801.01401).
Departs from the papers in: no matrix square root of a product that is not symmetric. The trace of
``(S1 S2)^.5`` is the nuclear norm of ``S1^.5 S2^.5``, real and exact for singular matrices.
"""

from collections.abc import Iterator
from typing import TypeAlias

import numpy as np
import torch
from torch import Tensor

Array: TypeAlias = np.ndarray | Tensor

# Rows of a kernel matrix that are held at once: 4096 x 50,000 doubles are 1.6 GB.
CHUNK = 4096


def double(x: Array) -> Tensor:
    """The same numbers in float64 on the CPU."""
    return torch.as_tensor(x).detach().to(device="cpu", dtype=torch.float64)


def moments(features: Array) -> tuple[Tensor, Tensor]:
    """Mean [F] and covariance [F, F] (n - 1) of features [N, F], summed in double precision."""
    rows = torch.as_tensor(features)
    if rows.ndim != 2 or len(rows) < 2:
        raise ValueError(f"features must be [N, F] with N of at least 2, not {list(rows.shape)}")
    mean = sum(double(part).sum(0) for part in rows.split(CHUNK)) / len(rows)
    scatter = torch.zeros(rows.shape[1], rows.shape[1], dtype=torch.float64)
    for part in rows.split(CHUNK):
        centred = double(part) - mean
        scatter += centred.mT @ centred
    return torch.as_tensor(mean), scatter / (len(rows) - 1)


def root(sigma: Tensor) -> Tensor:
    """Symmetric square root of a positive semidefinite [F, F]; rounding noise counts as zero."""
    values, vectors = torch.linalg.eigh((sigma + sigma.mT) / 2)
    # Below this an eigenvalue is rounding; its square root would be 1e8 times larger than it.
    floor = values.abs().max() * len(values) * torch.finfo(values.dtype).eps
    return (vectors * values.where(values > floor, values.new_zeros(())).sqrt()) @ vectors.mT


def frechet_distance(mu1: Array, sigma1: Array, mu2: Array, sigma2: Array) -> float:
    """Squared Fréchet distance of two normal distributions: means [F], covariances [F, F]."""
    m1, m2 = double(mu1).reshape(-1), double(mu2).reshape(-1)
    s1, s2 = torch.atleast_2d(double(sigma1), double(sigma2))
    if len(m1) != len(m2) or not s1.shape == s2.shape == (len(m1), len(m1)):
        raise ValueError("the two means and covariances do not have the same number of features")
    if not all(bool(x.isfinite().all()) for x in (m1, s1, m2, s2)):
        raise ValueError("means and covariances must be finite")
    return frechet(m1, s1, root(s1), m2, s2)


def frechet(m1: Tensor, s1: Tensor, half1: Tensor, m2: Tensor, s2: Tensor) -> float:
    """The same where the root of the first covariance is known, which takes half of the time."""
    overlap = torch.linalg.svdvals(half1 @ root(s2)).sum()
    return float((m1 - m2).square().sum() + s1.trace() + s2.trace() - 2 * overlap)


def _kernel_sums(x: Tensor, y: Tensor) -> Iterator[Tensor]:
    for part in x.split(CHUNK):
        yield (part @ y.mT / x.shape[1] + 1).pow(3).sum()


def polynomial_mmd(x: Array, y: Array) -> float:
    """Unbiased squared MMD of features [N, F] and [M, F] under the kernel (x.y / F + 1)^3.

    It estimates zero for two samples of one distribution and can therefore be negative.
    """
    x, y = double(x), double(y)
    if x.ndim != 2 or y.ndim != 2 or x.shape[1] != y.shape[1]:
        raise ValueError("both sets must be [N, F] with the same F")
    n, m = len(x), len(y)
    if min(n, m) < 2:
        raise ValueError("an unbiased kernel distance needs at least 2 samples on either side")

    def within(z: Tensor) -> Tensor:
        own = (z.square().sum(1) / z.shape[1] + 1).pow(3).sum()
        return (torch.stack(list(_kernel_sums(z, z))).sum() - own) / (len(z) * (len(z) - 1))

    between = torch.stack(list(_kernel_sums(x, y))).sum() / (n * m)
    return float(within(x) + within(y) - 2 * between)
