"""Distances to shots in closed form: maps of which every distance is known."""

from types import SimpleNamespace

import pytest
import torch

from benchmarks.harness.evaluation import metrics

SHOTS = [[0.0, 0.0], [1000.0, 0.0]]


def known(**squares):
    """A gallery whose maps lie at these squared distances from the nearer of two shots."""
    maps = {
        name: torch.tensor([[SHOTS[i % 2][0], square**0.5] for i, square in enumerate(row)])
        for name, row in squares.items()
    }
    maps["shots"] = torch.tensor(SHOTS)
    return SimpleNamespace(
        has=maps.__contains__,
        features=lambda stream, extractor, head, first=0: maps[stream][: first or None],
    )


@pytest.mark.parametrize("real", [range(1, 102), range(101, 0, -1)])
def test_a_copy_is_nearer_to_a_shot_than_99_of_100_held_out_pictures(real):
    """Of 1 to 101 the 1 % quantile is 2: below it lie three of the six fakes."""
    shown = known(fakes=[1.9, 0.0, 2.1, 52.0, 90.0, 1.0, 7e7], reference=[*real, 7e7])
    first = metrics.NearestShot(SimpleNamespace(name="any"), samples=6)
    of_fakes = first(shown)
    assert of_fakes.value == pytest.approx(147 / 6)
    assert of_fakes.n == 6
    assert of_fakes.details["median"] == pytest.approx(1.9)  # torch's: the lower of two
    assert of_fakes.details["least"] == 0
    whole = metrics.NearestShot(SimpleNamespace(name="any"), samples=101)
    found = whole(known(fakes=[1.9, 0.0, 2.1, 52.0, 90.0, 1.0], reference=list(real))).details
    assert found["reference"] == pytest.approx(51)
    assert found["copies"] == pytest.approx(1 / 2)


def test_without_held_out_pictures_nothing_is_called_a_copy():
    found = metrics.NearestShot(SimpleNamespace(name="any"), samples=2)(known(fakes=[4.0, 9.0]))
    assert found.value == pytest.approx(6.5)
    assert set(found.details) == {"median", "least"}
