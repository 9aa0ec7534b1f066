import numpy as np
import pytest
import torch
from cleanfid.fid import frechet_distance as clean_frechet
from cleanfid.fid import kernel_distance as clean_kernel
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torchmetrics.image.fid import FrechetInceptionDistance
from torchmetrics.image.kid import maximum_mean_discrepancy

from benchmarks.harness.evaluation.metrics import (
    density_coverage,
    frechet_distance,
    intra_cluster,
    moments,
    neighbours,
    polynomial_mmd,
    precision_recall,
)
from benchmarks.harness.evaluation.metrics.frechet_and_kernel import Normal
from tests.golden import formula

SALT = "open/I"


def normal(key: str, shape: tuple[int, ...]) -> np.ndarray:
    return formula.normal(SALT, key, shape).astype(np.float64)


def clouds(n: int, m: int, width: int, scale: float, shift: float) -> tuple[np.ndarray, np.ndarray]:
    mix = normal("fa_mix", (width, width)) / np.sqrt(width)
    return normal("fa_x", (n, width)) @ mix, scale * normal("fa_y", (m, width)) @ mix + shift


def frechet(a: np.ndarray, b: np.ndarray) -> float:
    return frechet_distance(a.mean(0), np.cov(a.T), b.mean(0), np.cov(b.T))


def test_frechet_distance_of_a_set_to_itself_is_zero() -> None:
    a, _ = clouds(200, 180, 16, 1.2, 0.3)
    thin, _ = clouds(20, 20, 48, 1, 0)
    assert frechet(a, a) == pytest.approx(0, abs=1e-8)
    assert frechet(thin, thin) == pytest.approx(0, abs=1e-8)


@pytest.mark.parametrize("seed", range(8))
def test_rounding_makes_no_squared_distance_negative(seed: int) -> None:
    a = np.random.default_rng(seed).standard_normal((40, 24))
    assert frechet(a, a) >= 0
    assert frechet(a[:12], a[:12]) >= 0
    for rows in (a, a[:12]):
        assert Normal.of(rows).distance(Normal.of(rows)) >= 0


def test_frechet_distance_of_diagonal_gaussians_is_its_closed_form() -> None:
    s1, s2 = np.array([1.0, 4.0, 0.0]), np.array([9.0, 1.0, 0.25])
    expected = 3.0 + ((np.sqrt(s1) - np.sqrt(s2)) ** 2).sum()
    found = frechet_distance(np.zeros(3), np.diag(s1), np.ones(3), np.diag(s2))
    assert found == pytest.approx(expected, abs=1e-12)


def test_frechet_distance_agrees_with_clean_fid_and_torchmetrics() -> None:
    a, b = clouds(300, 280, 16, 1.2, 0.3)
    ours = frechet(a, b)
    theirs = clean_frechet(a.mean(0), np.cov(a.T), b.mean(0), np.cov(b.T))
    assert ours == pytest.approx(theirs, rel=1e-6)
    fid = FrechetInceptionDistance(feature=FirstPixels(), normalize=True).set_dtype(torch.float64)
    fid.update(as_images(a), real=True)
    fid.update(as_images(b), real=False)
    assert ours == pytest.approx(float(fid.compute()), rel=1e-3)


class FirstPixels(nn.Module):
    """Reads 16 features back out of pictures that carry them."""

    num_features = 16

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return images[:, :, :2, :4].flatten(1)[:, :16].double()


def as_images(features: np.ndarray) -> torch.Tensor:
    images = torch.zeros(len(features), 3, 2, 4, dtype=torch.float64)
    images.view(len(features), -1)[:, :16] = torch.from_numpy(features)
    return images


def test_moments_in_chunks_are_those_of_numpy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("benchmarks.harness.evaluation.metrics.frechet_and_kernel.CHUNK", 7)
    a = (1000 + normal("moments", (50, 5))).astype(np.float32)
    mean, sigma = moments(a)
    np.testing.assert_allclose(mean, a.astype(np.float64).mean(0), rtol=1e-12)
    np.testing.assert_allclose(sigma, np.cov(a.astype(np.float64).T), rtol=1e-9)


def kernel_clouds() -> tuple[np.ndarray, np.ndarray]:
    return normal("kid_x", (60, 24)), 1.1 * normal("kid_y", (60, 24)) + 0.2


def test_kernel_distance_in_chunks_agrees_with_clean_fid_and_torchmetrics(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("benchmarks.harness.evaluation.metrics.frechet_and_kernel.CHUNK", 7)
    x, y = kernel_clouds()
    ours = polynomial_mmd(x, y)
    assert ours == pytest.approx(clean_kernel(x, y, num_subsets=1, max_subset_size=60), rel=1e-9)
    kernels = [(a @ b.T / 24 + 1) ** 3 for a, b in ((x, x), (x, y), (y, y))]
    theirs = float(maximum_mean_discrepancy(*map(torch.from_numpy, kernels)))
    assert ours == pytest.approx(theirs, rel=1e-9)


def test_kernel_distance_of_one_distribution_is_zero_on_average_and_may_be_negative() -> None:
    generator = np.random.default_rng(0)
    draws = [polynomial_mmd(*generator.standard_normal((2, 50, 8))) for _ in range(100)]
    assert min(draws) < 0 < max(draws)
    assert abs(np.mean(draws)) < 3 * np.std(draws) / 10


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 10_000), st.integers(4, 40), st.integers(4, 40), st.integers(1, 3))
def test_chunks_order_and_an_offset_change_no_count(seed: int, n: int, m: int, k: int) -> None:
    generator = np.random.default_rng(seed)
    real, fake = generator.standard_normal((n, 3)), generator.standard_normal((m, 3)) + 0.5
    expected = precision_recall(real, fake, k), density_coverage(real, fake, k)
    shuffled = generator.permutation(real) + 1e3, generator.permutation(fake) + 1e3
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(neighbours, "BLOCK", 5)
        assert (precision_recall(*shuffled, k), density_coverage(*shuffled, k)) == expected


def test_identical_sets_are_covered_and_distant_ones_are_not() -> None:
    x = normal("pr_real", (80, 6))
    assert precision_recall(x, x, 3) == (1, 1)
    assert density_coverage(x, x, 5).coverage == 1
    assert precision_recall(x, x + 100, 3) == (0, 0)
    assert density_coverage(x, x + 100, 5) == (0, 0)


def test_a_memorised_point_has_full_precision_and_little_recall() -> None:
    real = normal("pr_real", (80, 6))
    pr = precision_recall(real, np.repeat(real[:1], 20, axis=0), 3)
    assert pr.precision == 1
    assert pr.recall <= 1 / 80


def test_a_collapse_onto_one_shot_shows_in_the_second_rule_and_the_entropy() -> None:
    to_shots = torch.ones(20, 10)
    to_shots[:, 4] = 0
    found = intra_cluster(to_shots, lambda i: torch.ones(len(i), len(i)), 50, torch.arange(20))
    assert found.counts.tolist() == [0, 0, 0, 0, 20, 0, 0, 0, 0, 0]
    assert (found.dropped, found.zeroed, found.entropy) == (1.0, pytest.approx(0.1), 0.0)


def test_copies_of_the_shots_have_no_spread() -> None:
    to_shots = 1 - torch.eye(10).repeat(3, 1)
    found = intra_cluster(to_shots, lambda i: torch.zeros(len(i), len(i)), 50, torch.arange(30))
    assert (found.dropped, found.zeroed) == (0, 0)
    assert found.entropy == pytest.approx(1)
