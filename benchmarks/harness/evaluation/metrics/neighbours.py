"""Nearest neighbours, exactly: a product in low precision, with a bound on its error, excludes most
pairs; the distance of every pair left open is the sum of squared differences of the rows as they
came, in float64, so that equal distances stay equal and no result depends on the machine. Even in
float32 this is five times as fast as products in float64 with a bound on their rounding (8,000 rows
of 64 or 512 features, one core).
"""

import math

import torch
from torch import Tensor

from benchmarks.harness.evaluation.metrics.frechet_and_kernel import CACHED

BLOCK = 2048  # rows on either side of a block of distances: it stays in the cache
PAIRS = 128  # pairs whose difference is held at once: more would leave the cache
SPARE = 13  # neighbours that are proposed beyond those wanted: 16 in all at k = 3
SEARCHED = 512  # rows that are compared with all others at once: 512 x 50,000 doubles are 200 MB
MEASURED = 512  # others of a row, beyond which a product in float64 excludes more
DENSE = 0.02  # share of open pairs from which on a whole block is computed in double precision
VANISHING = 1e-30  # squared distance under which low precision flushes to zero; unit 1
MARGINS = 8  # columns beside those of the rows, which make a product an upper bound


def low_precision() -> torch.dtype:
    """The type in which products are proposed: bfloat16 where the processor multiplies it."""
    fast = getattr(torch.cpu, "_is_avx512_bf16_supported", lambda: False)()
    return torch.bfloat16 if fast else torch.float32


def centre(rows: Tensor) -> Tensor:
    return torch.stack([part.double().sum(0) for part in rows.split(CACHED)]).sum(0) / len(rows)


def unit(*clouds: Tensor) -> float:
    """A power of two that no number of the rows is twice as large as."""
    most = max(float(part.abs().max()) for rows in clouds for part in rows.split(CACHED))
    return 2.0 ** (math.frexp(most)[1] - 1) if most else 1.0


class Cloud:
    """Rows [N, F] in float32 or float64 as they came, and in low precision what bounds products.
    Proposals are sharp near the point ``about`` [F]. Numbers are divided by ``scale``, a power of
    two, of two clouds the same; products are taken in ``proposed_in``.
    """

    def __init__(self, rows: Tensor, about: Tensor, scale: float, proposed_in: torch.dtype) -> None:
        self.rows, self.about, self.scale = rows, about, scale
        n, width = rows.shape
        self.low = torch.empty(n, width + MARGINS, dtype=proposed_in)
        self.squared, lost, short = torch.empty(3, n, dtype=torch.float64)
        for i in slices(n, CACHED):
            exact = self.centred(i)
            self.low[i, :width] = exact
            kept = self.low[i, :width].double()
            short[i] = torch.linalg.vector_norm(kept, dim=1)
            lost[i] = torch.linalg.vector_norm(kept.sub_(exact), dim=1)
            self.squared[i] = exact.square_().sum(1)
        self.left, self.low[:, width:] = self.margins(lost, short)

    def margins(self, lost: Tensor, short: Tensor) -> tuple[Tensor, Tensor]:
        """Columns [N, 8] of the left and of the right side that make a product an upper bound. With
        rounded rows a, b of errors e, f and with g for the rounding of sums in float32, they add
        -(|x|^2 + |y|^2) / 2 (1 - 2g) + e|b| + |a|f + ef, where g|a| is part of e.
        """
        kind = self.low.dtype
        summed = self.low.shape[1] * torch.finfo(torch.float32).eps / 2
        half, parts = self.squared * (summed - 0.5), []
        for _ in range(3):  # 24 bits in three numbers of 8
            parts.append(half.to(kind))
            half = half - parts[-1].double()
        one = torch.ones_like(parts[0])
        off = lost + summed * short
        error, length, both = (raised(x, kind) for x in (off, short, short + off))
        left = torch.stack([*parts, one, one, one, error, both], 1)
        return left, torch.stack([one, one, one, *parts, length, error], 1)

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def blocks(self) -> list[slice]:
        return slices(len(self), BLOCK)

    def centred(self, i: slice | Tensor) -> Tensor:
        """Rows i about the point, in units, in float64."""
        return torch.sub(self.rows[i].double(), self.about).div_(self.scale)

    def queries(self, i: slice | Tensor) -> Tensor:
        """Rows i in low precision with the margins of the left side of a product."""
        return torch.cat([self.low[i, : self.rows.shape[1]], self.left[i]], 1)


def slices(n: int, size: int) -> list[slice]:
    return [slice(i, min(i + size, n)) for i in range(0, n, size)]


def raised(numbers: Tensor, kind: torch.dtype) -> Tensor:
    """Numbers in low precision, of which none is smaller than it was."""
    low = numbers.to(kind)
    up = torch.full_like(low, torch.inf)
    return torch.where(low.double() < numbers, torch.nextafter(low, up), low)


def nearness(queries: Tensor, cloud: Cloud, j: slice) -> Tensor:
    """An upper bound [n, m] of minus half the squared distances of queries and rows j. It is
    rounded to the nearest number of its type; compare it with :func:`limit`.
    """
    return queries @ cloud.low[j].mT


def limit(squared: Tensor, cloud: Cloud) -> Tensor:
    """The least nearness that a pair can have whose squared distance is at most ``squared``.
    Rounding is monotone: a bound that is not less before it is not less after it.
    """
    return (squared / cloud.scale / cloud.scale / -2 - VANISHING).to(cloud.low.dtype)


def pair_distances(a: Cloud, i: Tensor, b: Cloud, j: Tensor) -> Tensor:
    """Squared distances [P] of pairs of rows; equal for equal pairs, in either order."""
    parts = [torch.empty(0, dtype=torch.float64)]
    for p, q in zip(i.split(PAIRS), j.split(PAIRS), strict=True):
        one, other = a.rows.index_select(0, p).double(), b.rows.index_select(0, q).double()
        parts.append(one.sub_(other).square_().sum(1))
    return torch.cat(parts)


def whole_distances(
    a: Cloud, i: slice | Tensor, b: Cloud, blocks: list[slice]
) -> tuple[Tensor, Tensor]:
    """Squared distances [n, m] in units, by products in float64, and how far each may be off."""
    rounding = 4 * a.low.shape[1] * torch.finfo(torch.float64).eps
    rows, distances, off = a.centred(i), [], []
    for j in blocks:
        squares = a.squared[i, None] + b.squared[j]
        distances.append(torch.addmm(squares, rows, b.centred(j).mT, alpha=-2))
        off.append(squares.mul_(rounding))
    return torch.cat(distances, 1), torch.cat(off, 1)


def nearest(cloud: Cloud, most: int) -> Tensor:
    """Squared distances [N, most] of every row to its nearest other rows, in rising order."""
    n = len(cloud)
    kept = min(most + SPARE, n - 1)
    near, place = proposed(cloud, kept)
    exact = torch.full(near.shape, torch.inf, dtype=torch.float64)

    def measure(row: Tensor, column: Tensor) -> None:
        exact[row, column] = pair_distances(cloud, row, cloud, place[row, column])

    measure(torch.arange(n).repeat_interleave(most), near.topk(most, dim=1).indices.flatten())
    first = exact.kthvalue(most, dim=1, keepdim=True).values
    measure(*hits(exact.isinf() & (near >= limit(first, cloud))))
    smallest = exact.sort(1).values[:, :most]
    if kept < n - 1:  # a row that was not proposed may be nearer than the last of these
        last = smallest[:, -1]
        unsure = ((near.amin(1) >= limit(last, cloud)) & (last > 0)).nonzero()[:, 0]
        for rows in unsure.split(SEARCHED) if len(unsure) else ():
            smallest[rows] = searched(cloud, rows, most, last[rows])
    return smallest


def proposed(cloud: Cloud, kept: int) -> tuple[Tensor, Tensor]:
    """The greatest nearness [N, kept] of every row to others, unordered, and which they are."""
    near = torch.full((len(cloud), kept), -torch.inf, dtype=cloud.low.dtype)
    place = torch.zeros(near.shape, dtype=torch.long)
    for i in cloud.blocks:  # first what fills the lists, so that little has to enter them later
        bounds = nearness(cloud.queries(i), cloud, i).fill_diagonal_(-torch.inf)
        best = bounds.topk(min(kept, len(bounds)), dim=1, sorted=False)
        near[i, : best.values.shape[1]] = best.values
        place[i, : best.values.shape[1]] = best.indices + i.start
    for number, i in enumerate(cloud.blocks):
        queries = cloud.queries(i)
        for j in cloud.blocks[number + 1 :]:
            bounds = nearness(queries, cloud, j)
            row, column = at_least(bounds, torch.minimum(near[i].amin(1)[:, None], near[j].amin(1)))
            new = bounds[row, column]
            merge(near[i], place[i], new, row, column + j.start)
            merge(near[j], place[j], new, column, row + i.start)
    return near, place


def at_least(bounds: Tensor, limits: Tensor) -> tuple[Tensor, Tensor]:
    """Rows and columns [P] at which bounds [n, m] reach limits."""
    return hits(torch.ge(bounds, limits, out=torch.empty_like(bounds)))  # faster than into bool


def hits(mask: Tensor) -> tuple[Tensor, Tensor]:
    """Rows and columns [P] at which a mask [n, m] is not zero; fast where few are."""
    together = 8 // mask.element_size()
    if mask.shape[1] % together:
        row, column = mask.nonzero(as_tuple=True)
        return row, column
    row, group = mask.view(torch.int64).nonzero(as_tuple=True)
    hit, place = mask.view(len(mask), -1, together)[row, group].nonzero(as_tuple=True)
    return row[hit], group[hit] * together + place


def merge(near: Tensor, place: Tensor, new: Tensor, row: Tensor, where: Tensor) -> None:
    """Keep the greatest of the nearness [n, K] so far and of new ones [P], each of one row."""
    better = new > near[row].amin(1)
    new, row, where = new[better], row[better], where[better]
    touched, line = row.unique(return_inverse=True)
    if not len(touched):
        return
    values, places = side_by_side(new, line, -torch.inf), side_by_side(where, line, 0)
    best = torch.cat([near[touched], values], 1).topk(near.shape[1], dim=1, sorted=False)
    near[touched] = best.values
    place[touched] = torch.cat([place[touched], places], 1).gather(1, best.indices)


def side_by_side(numbers: Tensor, line: Tensor, absent: float) -> Tensor:
    """Numbers [P], each of one line, as [lines, most of a line], filled up with ``absent``."""
    order = line.argsort(stable=True)
    count = torch.bincount(line)
    rank = torch.arange(len(line)) - (count.cumsum(0) - count)[line[order]]
    table = numbers.new_full((len(count), int(count.max())), absent)
    table[line[order], rank] = numbers[order]
    return table


def closest(a: Cloud, i: slice, b: Cloud) -> tuple[Tensor, Tensor]:
    """Squared distances [n] of rows i to the nearest of b, and which: of equal, the first."""
    distances, off = whole_distances(a, i, b, b.blocks)
    row, column = hits(distances - off <= (distances + off).amin(1, keepdim=True))
    exact = side_by_side(pair_distances(a, row + i.start, b, column), row, torch.inf)
    first = exact.argmin(1, keepdim=True)
    return exact.gather(1, first)[:, 0], side_by_side(column, row, 0).gather(1, first)[:, 0]


def searched(cloud: Cloud, rows: Tensor, most: int, last: Tensor) -> Tensor:
    """What :func:`nearest` gives for some rows [n], none of which is farther than ``last`` [n].
    Pairs that low precision cannot exclude are measured; of too many, those that float64 cannot.
    """
    limits, queries = limit(last, cloud)[:, None], cloud.queries(rows)
    mask = torch.cat([nearness(queries, cloud, j) >= limits for j in cloud.blocks], 1)
    mask.scatter_(1, rows[:, None], torch.zeros(len(rows), 1, dtype=torch.bool))
    few = mask.sum(1) <= MEASURED
    many = rows[~few]
    if len(many):
        distances, off = whole_distances(cloud, many, cloud, cloud.blocks)
        distances.scatter_(1, many[:, None], torch.inf)
        reach = (distances + off).kthvalue(most, dim=1, keepdim=True).values
        mask[~few] = distances - off <= reach
    line, other = hits(mask)
    exact = pair_distances(cloud, rows[line], cloud, other)
    return side_by_side(exact, line, torch.inf).topk(most, dim=1, largest=False).values


def within(
    a: Cloud, i: slice, b: Cloud, j: slice, row: Tensor, column: Tensor, squared: Tensor
) -> Tensor:
    """Which pairs [P] of the blocks have a squared distance of at most ``squared`` [P]."""
    if len(row) <= DENSE * (i.stop - i.start) * (j.stop - j.start):
        return pair_distances(a, row + i.start, b, column + j.start) <= squared
    distances, off = (x[row, column] for x in whole_distances(a, i, b, [j]))
    beyond = distances - squared / a.scale / a.scale
    inside = beyond <= 0
    unsure = (beyond.abs() <= off).nonzero()[:, 0]
    exact = pair_distances(a, row[unsure] + i.start, b, column[unsure] + j.start)
    inside[unsure] = exact <= squared[unsure]
    return inside
