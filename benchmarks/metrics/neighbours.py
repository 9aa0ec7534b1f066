"""Nearest neighbours among many rows: low precision proposes, exact distances decide.

A product of rows in low precision, with a bound on its error, gives a lower bound of every distance
at a fraction of the cost. Only the few pairs that it leaves open are measured exactly. The result
does not depend on the proposals: a machine without fast low precision is slower, not different.
"""

from __future__ import annotations

import torch
from torch import Tensor

BLOCK = 2048  # rows on either side of a block of distances: it stays in the cache
PAIRS = 512  # pairs whose difference is held at once: more would leave the cache
SPARE = 9  # neighbours that are proposed beyond those wanted
TIE = 1e-6  # two roundings of one distance in float32: a k-th neighbour lies in its ball
DIFFERENCE = 3e-6  # of squared distances by differences in float32, and their ties
ROUNDING = 1e-9  # of a squared distance by a product in float64, over the two norms
DENSE = 0.02  # share of open pairs from which on a whole block is computed in double precision


def low_precision() -> torch.dtype:
    """The type in which products are proposed: bfloat16 where the processor multiplies it."""
    fast = getattr(torch.cpu, "_is_avx512_bf16_supported", lambda: False)()
    return torch.bfloat16 if fast else torch.float32


class Cloud:
    """Rows [N, F] in float32, best with the mean at zero, and what bounds products of them."""

    def __init__(self, rows: Tensor, proposed_in: torch.dtype) -> None:
        self.rows = rows
        self.low = rows.to(proposed_in)
        self.squared = torch.cat([part.double().square().sum(1) for part in rows.split(BLOCK)])
        self.norm = self.squared.sqrt()
        lost = torch.cat([
            torch.linalg.vector_norm((part - low.float()).double(), dim=1)
            for part, low in zip(rows.split(BLOCK), self.low.split(BLOCK), strict=True)
        ])  # fmt: skip
        self.lost = float((lost / self.norm.clamp(min=1e-300)).max()) if len(rows) else 0.0

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def blocks(self) -> list[slice]:
        """Slices of at most BLOCK rows."""
        return [slice(i, min(i + BLOCK, len(self))) for i in range(0, len(self), BLOCK)]


def slack(a: Cloud, b: Cloud) -> float:
    """Error of a squared distance by rounded rows, over the product of the two norms.

    Rounding of the rows and of sums in float32; that of the written product is not in it.
    """
    summed = a.rows.shape[1] * torch.finfo(torch.float32).eps
    return 2.01 * (a.lost + b.lost + a.lost * b.lost + summed)


def lower_bounds(a: Cloud, i: slice, b: Cloud, j: slice) -> Tensor:
    """Numbers [n, m] that no squared distance of rows i of a and rows j of b is below.

    Where a product is negative it counts as zero: rows so far apart are near in no case.
    """
    c = slack(a, b)
    one, other = torch.ones(i.stop - i.start), torch.ones(j.stop - j.start)
    left = torch.stack([a.squared[i].float(), one, -c * a.norm[i].float()], 1)
    right = torch.stack([other, b.squared[j].float(), b.norm[j].float()])
    product = (a.low[i] @ b.low[j].mT).relu_()
    # Written in the type of the rows, a product is rounded once more.
    return (left @ right).sub_(product, alpha=2 + 1.01 * torch.finfo(product.dtype).eps)


def pair_distances(a: Cloud, i: Tensor, b: Cloud, j: Tensor) -> Tensor:
    """Squared distances [P] of pairs of rows; differences in float32, their sum in float64."""
    parts = [torch.empty(0, dtype=torch.float64)]
    for p, q in zip(i.split(PAIRS), j.split(PAIRS), strict=True):
        apart = (a.rows[p] - b.rows[q]).double()
        parts.append(torch.linalg.vecdot(apart, apart))
    return torch.cat(parts)


def whole_distances(a: Cloud, i: Tensor | slice, b: Cloud, j: slice) -> Tensor:
    """Squared distances [n, m] of rows i of a and rows j of b, by a product in float64."""
    squares = a.squared[i, None] + b.squared[None, j]
    return torch.addmm(squares, a.rows[i].double(), b.rows[j].double().mT, alpha=-2)


def nearest(cloud: Cloud, most: int) -> Tensor:
    """Squared distances [N, most] of every row to its nearest other rows, in rising order."""
    n = len(cloud)
    kept = min(most + SPARE, n - 1)
    bound = torch.full((n, kept), torch.inf)
    place = torch.zeros(n, kept, dtype=torch.long)
    for number, i in enumerate(cloud.blocks):
        for j in cloud.blocks[number:]:
            low = lower_bounds(cloud, i, cloud, j)
            if i == j:
                low.fill_diagonal_(torch.inf)
            else:
                merge(bound[j], place[j], low.mT.contiguous(), i.start)
            merge(bound[i], place[i], low, j.start)
    row = torch.arange(n)[:, None].expand(n, kept)
    exact = pair_distances(cloud, row.flatten(), cloud, place.flatten()).view(n, kept)
    found = exact.sort(1).values[:, :most]
    if kept < n - 1:  # a row that was not proposed may be nearer than the last one found
        unsure = (found[:, -1] > bound.amax(1)).nonzero()[:, 0]
        for rows in unsure.split(BLOCK):
            found[rows] = searched(cloud, rows, most)
    return found


def searched(cloud: Cloud, rows: Tensor, most: int) -> Tensor:
    """What :func:`nearest` gives for some rows [n], by looking at all others in float64."""
    best = torch.full((len(rows), most), torch.inf, dtype=torch.float64)
    place = torch.zeros(len(rows), most, dtype=torch.long)
    for j in cloud.blocks:
        apart = whole_distances(cloud, rows, cloud, j)
        here = ((rows >= j.start) & (rows < j.stop)).nonzero()[:, 0]
        apart[here, rows[here] - j.start] = torch.inf
        merge(best, place, apart, j.start)
    # The same two rows are equally far apart wherever they are measured.
    pairs = rows.repeat_interleave(most), place.flatten()
    return pair_distances(cloud, pairs[0], cloud, pairs[1]).view(-1, most).sort(1).values


def merge(bound: Tensor, place: Tensor, low: Tensor, start: int) -> None:
    """Keep the least of the bounds [n, K] so far and of new ones [n, m] for rows from ``start``."""
    kept = bound.shape[1]
    new, where = low.topk(min(kept, low.shape[1]), dim=1, largest=False, sorted=False)
    both, origin = torch.cat([bound, new], 1), torch.cat([place, where + start], 1)
    bound[:], chosen = both.topk(kept, dim=1, largest=False, sorted=False)
    place[:] = origin.gather(1, chosen)


def within(
    a: Cloud, i: slice, b: Cloud, j: slice, low: Tensor, limit: Tensor, asked: Tensor
) -> Tensor:
    """Which squared distances [n, m] are at most ``limit`` ([n, 1] or [1, m], float64).

    Where ``asked`` (one of the same shapes) is False, nobody wants to know.
    """
    maybe = (low <= limit.float() * (1 + 1e-6)).logical_and_(asked)
    inside = maybe
    row, column = maybe.nonzero(as_tuple=True)
    if len(row) > DENSE * maybe.numel():
        apart = whole_distances(a, i, b, j) - limit
        inside = apart <= 0
        unsure = DIFFERENCE * limit + ROUNDING * a.norm[i, None] * b.norm[j]
        row, column = (apart.abs() <= unsure).nonzero(as_tuple=True)
    limits = limit.expand(inside.shape)[row, column] * (1 + TIE)
    inside[row, column] = pair_distances(a, row + i.start, b, column + j.start) <= limits
    return inside
