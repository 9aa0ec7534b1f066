"""Every count by nearest neighbours is that of brute force in float64, equal distances included."""

import numpy as np
import pytest
import torch

from benchmarks.harness.evaluation.metrics import (
    authenticity,
    density_coverage,
    neighbours,
    precision_recall,
    radii,
)
from benchmarks.harness.evaluation.metrics.neighbours import Cloud


def cloud(seed, n, width, scale=1.0, shift=0.0):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(n, width, generator=generator) * scale + shift


def whole(seed, n, width, most):
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(most, (n, width), generator=generator).float()


def clustered(seed, n, width):
    """Dense clusters far from one another, some rows twice: little is certain in low precision."""
    centres = cloud(seed, 5, width, 30)
    rows = centres[torch.arange(n) % 5] + 0.01 * cloud(seed + 1, n, width)
    rows[1::7] = rows[:1].expand_as(rows[1::7])
    return rows


def brute(a, b):
    return torch.stack([(b.double() - row).square().sum(1) for row in a.double()])


def brute_radii(rows, k):
    return brute(rows, rows).fill_diagonal_(torch.inf).kthvalue(k, dim=1).values


def brute_shares(real, fake, k):
    """Precision, recall, density, coverage as their definitions have them."""
    apart, reals, fakes = brute(fake, real), brute_radii(real, k), brute_radii(fake, k)[:, None]
    near = (apart <= reals).double()
    recall = (apart <= fakes).any(0).double().mean()
    return [float(x) for x in (near.amax(1).mean(), recall, near.sum() / (k * len(fake)),
                               near.amax(0).mean())]  # fmt: skip


def brute_authenticity(train, fake):
    """Of equally near training rows the first counts."""
    nearest = brute(fake, train)
    own = brute_radii(train, 1)[nearest.argmin(1)]
    return float((nearest.amin(1) > own).double().mean())


def shares(real, fake, k):
    return [*precision_recall(real, fake, k), *density_coverage(real, fake, k)]


def copied():
    """Binary features of which the fakes copy some: many pairs lie on a rim."""
    real, fake = whole(0, 400, 64, 2), whole(1, 400, 64, 2)
    fake[:50] = real[:50]
    return real, fake


PAIRS = {
    "binary": copied(),
    "grid": (0.1 * whole(2, 150, 5, 8), 0.1 * whole(3, 130, 5, 8)),
    "grid beside zero": (1e4 + 0.1 * whole(2, 150, 5, 8), 1e4 + 0.1 * whole(3, 130, 5, 8)),
    "line": (torch.arange(150.0)[:, None], torch.arange(0.5, 130.0)[:, None]),
    "spread": (cloud(0, 150, 24), cloud(1, 130, 24, 0.9, 0.1)),
    "minute": (cloud(0, 150, 24) * 1e-25, cloud(1, 130, 24) * 1e-25),
    "vast": (cloud(0, 150, 24) * 1e25, cloud(1, 130, 24) * 1e25),
    "clusters": (clustered(0, 150, 24), clustered(0, 120, 24) + 0.002 * cloud(9, 120, 24)),
    "the same": (cloud(0, 150, 24), cloud(0, 150, 24)),
    "one value": (torch.ones(150, 24), torch.ones(90, 24)),
    "collapsed": (cloud(0, 150, 24), cloud(1, 1, 24).expand(90, 24).contiguous()),
    "apart": (cloud(0, 150, 24), cloud(1, 90, 24, 1, 100)),
}


@pytest.mark.parametrize("name", PAIRS)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_counts_are_those_of_brute_force(name, dtype):
    real, fake = (rows.to(dtype) for rows in PAIRS[name])
    assert shares(real, fake, 3) == pytest.approx(brute_shares(real, fake, 3), abs=1e-12)
    assert torch.equal(radii(real, 3), brute_radii(real, 3).sqrt())
    assert authenticity(real, fake) == pytest.approx(brute_authenticity(real, fake), abs=1e-12)


@pytest.mark.parametrize("name", PAIRS)
@pytest.mark.parametrize("proposed", [torch.bfloat16, torch.float32])
@pytest.mark.parametrize(("block", "spare", "measured"), [(64, 0, 512), (40, 0, 2), (512, 13, 2)])
def test_neither_blocks_nor_proposals_change_a_count(
    name, proposed, block, spare, measured, monkeypatch
):
    real, fake = PAIRS[name]
    expected = brute_shares(real, fake, 5)
    monkeypatch.setattr(neighbours, "BLOCK", block)
    monkeypatch.setattr(neighbours, "SPARE", spare)
    monkeypatch.setattr(neighbours, "MEASURED", measured)
    monkeypatch.setattr(neighbours, "low_precision", lambda: proposed)
    assert shares(real, fake, 5) == pytest.approx(expected, abs=1e-12)


def test_a_copy_lies_on_the_rim_of_its_neighbours():
    real, fake = copied()
    found = precision_recall(real, fake, 3)
    assert found == tuple(brute_shares(real, fake, 3)[:2])
    moved = real + 1e3, fake + 1e3  # integers still, so that the distances are the same
    assert precision_recall(*moved, 3) == found


def test_rows_of_two_types_and_of_whole_numbers_are_compared_as_they_are():
    real, fake = copied()
    expected = precision_recall(real, fake, 3)
    assert precision_recall(real.numpy(), fake.double(), 3) == expected
    assert precision_recall(real.bool(), fake.to(torch.uint8), 3) == expected
    assert precision_recall(real.to(torch.bfloat16), fake.half(), np.int64(3)) == expected


@pytest.mark.parametrize("proposed", [torch.bfloat16, torch.float32])
@pytest.mark.parametrize("unit", [1.0, 1024.0])
def test_no_pair_is_nearer_than_its_bound(proposed, unit):
    for rows in (cloud(0, 60, 300), clustered(0, 60, 300), cloud(0, 60, 300).abs() ** 3):
        own = Cloud(rows, neighbours.centre(rows), unit, proposed)
        seen = neighbours.nearness(own.queries(slice(0, 60)), own, slice(0, 60))
        exact = brute(rows, rows)
        assert (seen >= neighbours.limit(exact, own)).all()
        excess = seen.double() * unit**2 + exact / 2
        assert (excess.abs() < 0.03 * own.squared.max() * unit**2).all()  # nor much farther


def test_nearest_neighbours_are_those_of_an_exhaustive_search(monkeypatch):
    monkeypatch.setattr(neighbours, "BLOCK", 32)
    rows = torch.cat([cloud(0, 70, 16), clustered(3, 60, 16)])
    found = neighbours.nearest(Cloud(rows, neighbours.centre(rows), 1.0, torch.bfloat16), 4)
    apart = brute(rows, rows).fill_diagonal_(torch.inf)
    assert torch.equal(found, apart.topk(4, largest=False).values.sort(1).values)


def test_few_pairs_of_spread_rows_are_measured(monkeypatch):
    measured, measure = [], neighbours.pair_distances

    def counted(a, i, b, j):
        measured.append(len(i))
        return measure(a, i, b, j)

    monkeypatch.setattr(neighbours, "pair_distances", counted)
    radii(cloud(0, 1500, 256), 3)
    assert 0 < sum(measured) < 0.02 * 1500**2


def test_a_mask_is_read_where_it_is_true():
    for width in (16, 24, 27):
        mask = cloud(width, 9, width) > 1
        row, column = neighbours.hits(mask)
        assert torch.equal(torch.stack([row, column], 1), mask.nonzero())


def test_a_fake_as_far_from_a_training_row_as_that_from_its_own_is_not_authentic():
    train = 1e3 + 0.1 * torch.eye(30, dtype=torch.float64)
    threes = sum(torch.eye(30, dtype=torch.float64).roll(i, 1) for i in range(3))
    assert authenticity(train, 1e3 + 0.1 * threes) == 0
    assert authenticity(train, 1e3 + 0.1 * threes + 1e-6) == 1
