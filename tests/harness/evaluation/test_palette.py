"""The colour distance against closed forms, the conversion against known colours."""

import pytest
import torch
from scipy.stats import wasserstein_distance

from benchmarks.harness.evaluation.metrics.palette import (
    directions,
    lab,
    quantile,
    sliced_wasserstein,
)

KNOWN = {  # sRGB in [0, 1] -> CIELAB (D65), rounded
    (1.0, 1.0, 1.0): (100.0, 0.0, 0.0),
    (0.0, 0.0, 0.0): (0.0, 0.0, 0.0),
    (1.0, 0.0, 0.0): (53.24, 80.09, 67.20),
    (0.0, 0.0, 1.0): (32.30, 79.19, -107.86),
    (0.5, 0.5, 0.5): (53.39, 0.0, 0.0),
}


@pytest.mark.parametrize("rgb", KNOWN)
def test_known_colours_have_their_cielab_values(rgb: tuple[float, float, float]) -> None:
    image = torch.tensor(rgb).mul(2).sub(1).view(1, 3, 1, 1)
    assert lab(image)[0].tolist() == pytest.approx(KNOWN[rgb], abs=0.02)


def test_a_shift_is_measured_by_its_mean_projection() -> None:
    axes, shift = directions(64), torch.tensor([3.0, -4.0, 0.0], dtype=torch.float64)
    cloud = torch.randn(500, 3, generator=torch.Generator().manual_seed(0)).double()
    expected = float((axes @ shift).abs().mean())
    assert sliced_wasserstein(cloud, cloud + shift, axes, 200) == pytest.approx(expected)
    assert expected == pytest.approx(2.5, rel=0.05)  # |shift| / 2 over the whole sphere


def test_one_axis_agrees_with_scipy() -> None:
    g = torch.Generator().manual_seed(1)
    a, b = torch.randn(4000, 1, generator=g).double(), torch.rand(7000, 1, generator=g).double()
    axis = torch.ones(1, 1, dtype=torch.float64)
    expected = wasserstein_distance(a[:, 0].numpy(), b[:, 0].numpy())
    assert sliced_wasserstein(a, b, axis, 4000) == pytest.approx(expected, rel=5e-3)


def test_quantiles_are_those_of_torch() -> None:
    values = torch.randn(101, 2, generator=torch.Generator().manual_seed(2)).double()
    at = torch.tensor([0.0, 0.3, 0.5, 1.0], dtype=torch.float64)
    torch.testing.assert_close(quantile(values, at), values.quantile(at, dim=0))


def test_axes_are_unit_vectors_of_all_directions() -> None:
    axes = directions(256)
    torch.testing.assert_close(axes.norm(dim=1), torch.ones(256, dtype=torch.float64))
    spread = axes.T @ axes / 256
    torch.testing.assert_close(spread, torch.eye(3).double() / 3, atol=0.01, rtol=0)
