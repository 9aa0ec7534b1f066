"""Which fakes lie among the reals, and which reals among the fakes, by balls of nearest neighbours.
Improved precision and recall (arXiv:1904.06991), density and coverage (arXiv:2002.09797) and
authenticity (arXiv:2102.08921). The ball of a point reaches to its k-th nearest neighbour in its
set, rim included; a point is no neighbour of itself. Departs from the papers in: nothing; every
count is that of all distances in float64, most of which are never computed (`neighbours`).
"""

from typing import NamedTuple

import torch
from torch import Tensor

from benchmarks.harness.evaluation.measure import TooFew
from benchmarks.harness.evaluation.metrics import neighbours
from benchmarks.harness.evaluation.metrics.frechet_and_kernel import Array, features, pair
from benchmarks.harness.evaluation.metrics.neighbours import Cloud


class PrecisionRecallShares(NamedTuple):
    """Share of fakes in a ball of the reals; share of reals in a ball of the fakes."""

    precision: float
    recall: float


class DensityCoverageShares(NamedTuple):
    """Mean number of real balls around a fake over k; share of reals with a fake in their ball."""

    density: float
    coverage: float


def radii(x: Array, k: int) -> Tensor:
    """Distance [N] of every row of x [N, F] to its k-th nearest other row, in float64."""
    rows = features("x", x)
    return squared_radii(clouds(rows)[0], neighbour(k, x=rows)).sqrt()


def squared_radii(cloud: Cloud, k: int) -> Tensor:
    """Their squares [N]: what is compared where equal distances must stay equal."""
    return neighbours.nearest(cloud, k)[:, -1]


def precision_recall(real: Array, fake: Array, k: int) -> PrecisionRecallShares:
    """Improved precision and recall of fakes [M, F] against reals [N, F]; ValueError where a set
    has no more than k rows or is not finite, or k is no such number.
    """
    real, fake = pair(real=real, fake=fake)
    k = neighbour(k, real=real, fake=fake)
    b, a = clouds(real, fake)
    real_radii, fake_radii = squared_radii(b, k), squared_radii(clouds(fake)[0], k)
    precise = torch.zeros(len(a), dtype=torch.bool)
    recalled = torch.zeros(len(b), dtype=torch.bool)
    real_limits, fake_limits = neighbours.limit(real_radii, b), neighbours.limit(fake_radii, a)
    for i in a.blocks:
        queries = a.queries(i)
        for j in b.blocks:  # a picture that lies in one ball need not be looked for in another
            if precise[i].all() and recalled[j].all():
                continue
            bounds = neighbours.nearness(queries, b, j)
            limits = torch.minimum(fake_limits[i, None], real_limits[j])
            row, column = neighbours.at_least(bounds, limits)
            near = bounds[row, column]
            sought = (near >= real_limits[j][column]) & ~precise[i][row]
            r, c = row[sought], column[sought]
            inside = neighbours.within(a, i, b, j, r, c, real_radii[j][c])
            precise[r[inside] + i.start] = True
            sought = (near >= fake_limits[i][row]) & ~recalled[j][column]
            r, c = row[sought], column[sought]
            inside = neighbours.within(a, i, b, j, r, c, fake_radii[i][r])
            recalled[c[inside] + j.start] = True
    return PrecisionRecallShares(float(precise.double().mean()), float(recalled.double().mean()))


def density_coverage(real: Array, fake: Array, k: int) -> DensityCoverageShares:
    """Density and coverage of fakes [M, F] against reals [N, F], of which only the reals have
    balls; ValueError as :func:`precision_recall`, but one fake is enough.
    """
    real, fake = pair(real=real, fake=fake)
    k = neighbour(k, real=real)
    b, a = clouds(real, fake)
    reach = squared_radii(b, k)
    limits = neighbours.limit(reach, b)
    covered = torch.zeros(len(b), dtype=torch.bool)
    count = 0
    for i in a.blocks:
        queries = a.queries(i)
        for j in b.blocks:
            row, column = neighbours.at_least(neighbours.nearness(queries, b, j), limits[j])
            inside = neighbours.within(a, i, b, j, row, column, reach[j][column])
            count += int(inside.count_nonzero())
            covered[column[inside] + j.start] = True
    return DensityCoverageShares(count / (k * len(a)), float(covered.double().mean()))


def authenticity(train: Array, fake: Array) -> float:
    """Share of fakes [M, F] farther from their nearest training row [N, F] than it from its own. 1
    where nothing is copied, 0 where everything is. Of equally near rows the first counts. Raises
    ValueError: a set is not [N, F], not finite, or there are fewer than two training rows.
    """
    train, fake = pair(train=train, fake=fake)
    neighbour(1, x=train)
    b, a = clouds(train, fake)
    own = squared_radii(b, 1)
    authentic = 0
    for i in neighbours.slices(len(a), neighbours.SEARCHED):
        nearest, where = neighbours.closest(a, i, b)
        authentic += int((nearest > own[where]).sum())
    return authentic / len(fake)


def neighbour(k: int, **sets: Tensor) -> int:
    """Which neighbour k a ball reaches to; ValueError if it is none, or a set too small."""
    if isinstance(k, bool) or not hasattr(k, "__index__") or k < 1:
        raise ValueError(f"k={k!r} must be a whole number of at least 1")
    for name, rows in sets.items():
        if len(rows) <= k:
            raise TooFew(f"k={k} needs more than {k} samples, and {name} has {len(rows)}")
    return int(k)


def clouds(rows: Tensor, *others: Tensor) -> list[Cloud]:
    """Rows and others about the mean of the rows, in one unit."""
    about, unit = neighbours.centre(rows), neighbours.unit(rows, *others)
    kind = neighbours.low_precision()
    return [Cloud(part, about, unit, kind) for part in (rows, *others)]
