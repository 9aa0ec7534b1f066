"""Which fakes lie among the reals, and which reals among the fakes, by balls of nearest neighbours.

Improved precision and recall (arXiv:1904.06991), density and coverage (arXiv:2002.09797). The ball
of a point reaches to its k-th nearest neighbour in its own set; a point is no neighbour of itself.
Departs from the papers in: nothing; distance matrices are made in chunks, and for many rows in low
precision first (:mod:`benchmarks.metrics.neighbours`), which changes no count.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from benchmarks.metrics import neighbours
from benchmarks.metrics.distances import Array
from benchmarks.metrics.neighbours import Cloud

# Rows of a distance matrix that are held at once: 1024 x 50,000 floats are 200 MB.
CHUNK = 1024
# Rows in float32 from which on low precision proposes which of them are near.
MANY = 8192


class PrecisionRecall(NamedTuple):
    """Share of fakes in a ball of the reals; share of reals in a ball of the fakes."""

    precision: float
    recall: float


class DensityCoverage(NamedTuple):
    """Mean number of real balls around a fake over k; share of reals with a fake in their ball."""

    density: float
    coverage: float


def squared_distances(x: Tensor, y: Tensor) -> Tensor:
    """Squared Euclidean distances [N, M] of rows [N, F] and [M, F]."""
    norms = x.square().sum(1, keepdim=True) + y.square().sum(1)
    return torch.addmm(norms, x, y.mT, alpha=-2).clamp_(min=0)


def radii(x: Array, k: int) -> Tensor:
    """Distance [N] of every row of x [N, F] to its k-th nearest other row."""
    return _squared_radii(_centred(x, x)[0], k).sqrt()


def precision_recall(real: Array, fake: Array, k: int) -> PrecisionRecall:
    """Improved precision and recall of fakes [M, F] against reals [N, F]."""
    real, fake = _centred(real, fake)
    if _many(real, fake):
        return precision_recall_of(Ball.of(real, k), Ball.of(fake, k), k)
    real_radii, fake_radii = _squared_radii(real, k), _squared_radii(fake, k)
    found = torch.zeros(len(real), dtype=torch.bool)
    inside = 0
    for part, own in zip(fake.split(CHUNK), fake_radii.split(CHUNK), strict=True):
        distances = squared_distances(part, real)
        inside += int((distances <= real_radii).any(1).sum())
        found |= (distances <= own[:, None]).any(0)
    return PrecisionRecall(inside / len(fake), int(found.sum()) / len(real))


def _many(real: Tensor, fake: Tensor) -> bool:
    return real.dtype == torch.float32 and max(len(real), len(fake)) >= MANY


class Ball(NamedTuple):
    """Rows and the squared distances [N, most] of each to its nearest others."""

    cloud: Cloud
    nearest: Tensor

    @classmethod
    def of(cls, rows: Tensor, most: int) -> Ball:
        """Rows [N, F] with the radii of their balls up to the ``most``-th neighbour."""
        _enough(rows, most)
        proposed = neighbours.low_precision()
        # Around their own mean rows are short, and what is proposed of them is sharp.
        own = Cloud(_centred(rows, rows)[0], proposed)
        return cls(Cloud(rows, proposed), neighbours.nearest(own, most))


def precision_recall_of(real: Ball, fake: Ball, k: int) -> PrecisionRecall:
    """Improved precision and recall where the balls are known."""
    precise = torch.zeros(len(fake.cloud), dtype=torch.bool)
    found = torch.zeros(len(real.cloud), dtype=torch.bool)
    a, b = fake.cloud, real.cloud
    limits, own = real.nearest[None, :, k - 1], fake.nearest[:, k - 1, None]
    for i in a.blocks:
        for j in b.blocks:  # a picture that lies in one ball need not be looked for in another
            low = neighbours.lower_bounds(a, i, b, j)
            sought = ~precise[i, None]
            precise[i] |= neighbours.within(a, i, b, j, low, limits[:, j], sought).any(1)
            sought = ~found[None, j]
            found[j] |= neighbours.within(a, i, b, j, low, own[i], sought).any(0)
    return PrecisionRecall(float(precise.double().mean()), float(found.double().mean()))


def density_coverage_of(real: Ball, fake: Cloud, k: int) -> DensityCoverage:
    """Density and coverage where the reals' balls are known."""
    found = torch.zeros(len(real.cloud), dtype=torch.bool)
    count = 0
    limits, all_of_them = real.nearest[None, :, k - 1], torch.ones(1, 1, dtype=torch.bool)
    for i in fake.blocks:
        for j in real.cloud.blocks:
            low = neighbours.lower_bounds(fake, i, real.cloud, j)
            inside = neighbours.within(fake, i, real.cloud, j, low, limits[:, j], all_of_them)
            count += int(inside.count_nonzero())
            found[j] |= inside.any(0)
    return DensityCoverage(count / (k * len(fake)), float(found.double().mean()))


def density_coverage(real: Array, fake: Array, k: int) -> DensityCoverage:
    """Density and coverage of fakes [M, F] against reals [N, F]; only real balls are used."""
    real, fake = _centred(real, fake)
    if _many(real, fake):
        return density_coverage_of(Ball.of(real, k), Cloud(fake, neighbours.low_precision()), k)
    real_radii = _squared_radii(real, k)
    found = torch.zeros(len(real), dtype=torch.bool)
    balls = 0
    for part in fake.split(CHUNK):
        inside = squared_distances(part, real) <= real_radii
        balls += int(inside.sum())
        found |= inside.any(0)
    return DensityCoverage(balls / (k * len(fake)), int(found.sum()) / len(real))


def _centred(real: Array, fake: Array) -> tuple[Tensor, Tensor]:
    """Both sets in one precision, shifted so that the reals' mean is zero.

    |x|^2 + |y|^2 - 2 x.y loses its digits where a common offset dwarfs the distances.
    """
    real, fake = torch.as_tensor(real).detach().cpu(), torch.as_tensor(fake).detach().cpu()
    if real.ndim != 2 or fake.ndim != 2 or real.shape[1] != fake.shape[1]:
        raise ValueError("reals and fakes must be [N, F] with the same F")
    dtype = torch.promote_types(torch.promote_types(real.dtype, fake.dtype), torch.float32)
    mean = real.double().mean(0)
    return (real - mean).to(dtype), (fake - mean).to(dtype)


def _enough(x: Tensor, k: int) -> None:
    if not 0 < k < len(x):
        raise ValueError(f"k={k} needs more than {k} samples on either side, not {len(x)}")


def _squared_radii(x: Tensor, k: int) -> Tensor:
    _enough(x, k)
    parts = []
    for start in range(0, len(x), CHUNK):
        part = x[start : start + CHUNK]
        distances = squared_distances(part, x)
        rows = torch.arange(len(part))
        distances[rows, rows + start] = torch.inf
        parts.append(distances.topk(k, dim=1, largest=False).values[:, -1])
    return torch.cat(parts)
