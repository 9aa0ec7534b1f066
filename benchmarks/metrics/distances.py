"""Distances between two clouds of features, in double precision.

Fréchet distance (arXiv:1706.08500) and kernel distance (arXiv:1801.01401).
Departs from the papers in: no matrix square root of a product that is not symmetric. The trace of
``(S1 S2)^.5`` is the nuclear norm of ``S1^.5 S2^.5``, real and exact for singular matrices.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple, TypeAlias

import numpy as np
import torch
from torch import Tensor

Array: TypeAlias = np.ndarray | Tensor

# Rows of a kernel matrix that are held at once: 4096 x 50,000 doubles are 1.6 GB.
CHUNK = 4096
PANEL = 512  # columns that are multiplied at once


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
        add_products(scatter, double(part) - mean)
    return torch.as_tensor(mean), scatter / (len(rows) - 1)


def add_products(scatter: Tensor, rows: Tensor) -> None:
    """Add the products of all columns of rows [n, F]; of many columns each pair only once."""
    panels = [slice(i, i + PANEL) for i in range(0, len(scatter), PANEL)]
    for number, i in enumerate(panels):
        for j in panels[number:]:
            products = rows[:, i].mT @ rows[:, j]
            scatter[i, j] += products
            if i != j:
                scatter[j, i] += products.mT


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
    overlap = torch.linalg.svdvals(root(s1) @ root(s2)).sum()
    return float((m1 - m2).square().sum() + s1.trace() + s2.trace() - 2 * overlap)


class Spread(NamedTuple):
    """Mean [F] of features, and a matrix [K, F] of which ``half.mT @ half`` is their covariance.

    K is F, or one of the features' own rows where they are fewer than F: exact, and much faster.
    """

    mean: Tensor
    half: Tensor

    @classmethod
    def of(cls, features: Array) -> Spread:
        """Of features [N, F]."""
        rows = torch.as_tensor(features)
        if len(rows) > rows.shape[1]:
            mean, sigma = moments(rows)
            return cls(mean, root(sigma))
        if len(rows) < 2:
            raise ValueError("a covariance needs at least 2 rows of features")
        mean = double(rows).mean(0)
        return cls(mean, (double(rows) - mean) / (len(rows) - 1) ** 0.5)

    def distance(self, other: Spread) -> float:
        """Squared Fréchet distance."""
        overlap = torch.linalg.svdvals(self.half @ other.half.mT).sum()
        traces = self.half.square().sum() + other.half.square().sum()
        return float((self.mean - other.mean).square().sum() + traces - 2 * overlap)


def _kernel_sums(x: Tensor, y: Tensor) -> Iterator[Tensor]:
    for part in x.split(CHUNK):
        yield (part @ y.mT / x.shape[1] + 1).pow(3).sum(dtype=torch.float64)


def polynomial_mmd(x: Array, y: Array) -> float:
    """Unbiased squared MMD of features [N, F] and [M, F] under the kernel (x.y / F + 1)^3.

    It estimates zero for two samples of one distribution and can therefore be negative.
    """
    return kernel_distance(double(x), double(y))


def kernel_distance(x: Tensor, y: Tensor) -> float:
    """The same with products in the precision of the features; their sums are in float64."""
    if x.ndim != 2 or y.ndim != 2 or x.shape[1] != y.shape[1]:
        raise ValueError("both sets must be [N, F] with the same F")
    n, m = len(x), len(y)
    if min(n, m) < 2:
        raise ValueError("an unbiased kernel distance needs at least 2 samples on either side")

    def within(z: Tensor) -> Tensor:
        own = (z.square().sum(1) / z.shape[1] + 1).pow(3).sum(dtype=torch.float64)
        return (torch.stack(list(_kernel_sums(z, z))).sum() - own) / (len(z) * (len(z) - 1))

    between = torch.stack(list(_kernel_sums(x, y))).sum() / (n * m)
    return float(within(x) + within(y) - 2 * between)
