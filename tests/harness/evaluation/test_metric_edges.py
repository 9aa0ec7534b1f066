"""What a caller of the pure functions got wrong is said in one clear sentence."""

import numpy as np
import pytest
import torch

from benchmarks.harness.evaluation.metrics import (
    authenticity,
    density_coverage,
    frechet_distance,
    gaussian_mmd,
    moments,
    polynomial_mmd,
    precision_recall,
    radii,
)

ROWS = np.random.default_rng(0).standard_normal((12, 4))
MEAN, SIGMA = ROWS.mean(0), np.cov(ROWS.T)
OF_TWO_SETS = {
    "polynomial_mmd": polynomial_mmd,
    "gaussian_mmd": lambda x, y: gaussian_mmd(x, y, 1.0),
    "precision_recall": lambda x, y: precision_recall(x, y, 3),
    "density_coverage": lambda x, y: density_coverage(x, y, 3),
    "authenticity": authenticity,
}


def said(call):
    """The one sentence of a refused call."""
    with pytest.raises(ValueError, match=r"^[^\n]+$") as refused:
        call()
    return str(refused.value)


@pytest.mark.parametrize("name", OF_TWO_SETS)
@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("kind", [np.float64, np.float32])
@pytest.mark.parametrize("side", [0, 1])
def test_features_that_are_not_finite_are_refused(name, bad, kind, side):
    spoiled = ROWS.astype(kind)
    spoiled[7, 2] = bad
    sets = [ROWS, ROWS]
    sets[side] = spoiled
    assert "must be finite" in said(lambda: OF_TWO_SETS[name](*sets))


@pytest.mark.parametrize("name", OF_TWO_SETS)
@pytest.mark.parametrize(
    ("shape", "sentence"),
    [
        ((0, 4), r"N and F of at least 1, not \[0, 4\]"),
        ((12, 0), r"N and F of at least 1, not \[12, 0\]"),
        ((12,), r"features \[N, F\].*not \[12\]"),
        ((2, 3, 4), r"features \[N, F\].*not \[2, 3, 4\]"),
        ((12, 5), "same number of features, not"),
    ],
)
def test_sets_that_are_empty_or_of_other_shapes_are_refused(name, shape, sentence):
    for sets in ((ROWS, np.zeros(shape)), (np.zeros(shape), ROWS)):
        with pytest.raises(ValueError, match=sentence):
            OF_TWO_SETS[name](*sets)


def sealed(rows):
    kept = rows.copy()
    kept.flags.writeable = False
    return kept


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("name", OF_TWO_SETS)
@pytest.mark.parametrize(
    "same",
    [lambda x: x[::-1].copy()[::-1], lambda x: x[:, ::-1].copy()[:, ::-1], sealed,
     lambda x: x.astype(">f8"), np.asfortranarray, np.ndarray.tolist],
    ids=["upwards", "leftwards", "sealed", "other bytes", "columns", "lists"],
)  # fmt: skip
def test_numbers_are_the_same_however_an_array_holds_them(name, same):
    assert OF_TWO_SETS[name](same(ROWS), ROWS + 0.1) == OF_TWO_SETS[name](ROWS, ROWS + 0.1)
    moved = frechet_distance(MEAN, same(SIGMA), MEAN + 1, SIGMA)
    assert moved == frechet_distance(MEAN, SIGMA, MEAN + 1, SIGMA)


@pytest.mark.parametrize("k", [2.5, 3.0, True, "3", None, [3], 0, -1])
def test_a_k_that_is_no_positive_whole_number_is_refused(k):
    for call in (precision_recall, density_coverage):
        assert said(lambda call=call: call(ROWS, ROWS, k)).startswith(f"k={k!r} must be a whole")
    assert "must be a whole number" in said(lambda: radii(ROWS, k))


def test_too_few_samples_for_k_is_said():
    few, many = np.zeros((4, 2)), np.zeros((9, 2))
    assert said(lambda: precision_recall(few, many, 4)) == (
        "k=4 needs more than 4 samples, and real has 4"
    )
    assert "and fake has 4" in said(lambda: precision_recall(many, few, 5))
    assert "and real has 4" in said(lambda: density_coverage(few, many, 5))
    assert density_coverage(many, few[:1], 5) == (9 / 5, 1)  # only the reals have balls
    assert precision_recall(few, many, np.int64(3)) == precision_recall(few, many, 3) == (1, 1)


def test_a_single_sample_has_no_unbiased_kernel_distance_and_no_covariance():
    assert "at least 2 samples on either side, not 12 and 1" in said(
        lambda: polynomial_mmd(ROWS, ROWS[:1])
    )
    assert "N of at least 2" in said(lambda: moments(ROWS[:1]))
    assert "F of at least 1" in said(lambda: moments(ROWS[:, :0]))


NO_NORMALS = {
    "skew": (MEAN, SIGMA + np.triu(np.ones((4, 4)), 1), "must be symmetric"),
    "negative": (MEAN, -SIGMA, "no negative eigenvalue"),
    "indefinite": (MEAN, np.diag([1.0, 1.0, 1.0, -0.5]), "no negative eigenvalue"),
    "narrow": (MEAN, SIGMA[:3, :3], r"cannot have shapes \[4\] and \[3, 3\]"),
    "oblong": (MEAN, SIGMA[:3], r"shapes \[4\] and \[3, 4\]"),
    "deep": (MEAN, SIGMA[None], r"shapes \[4\] and \[1, 4, 4\]"),
    "a row": (MEAN[None], SIGMA, r"shapes \[1, 4\] and \[4, 4\]"),
    "empty": (MEAN[:0], SIGMA[:0, :0], r"shapes \[0\] and \[0, 0\]"),
    "other": (MEAN[:2], SIGMA[:2, :2], "same number of features, not 4 and 2"),
    "nan": (MEAN * np.nan, SIGMA, "must be finite"),
    "infinite": (MEAN, SIGMA * np.inf, "must be finite"),
}


@pytest.mark.parametrize("name", NO_NORMALS)
def test_what_is_no_normal_distribution_is_refused(name):
    mean, sigma, sentence = NO_NORMALS[name]
    with pytest.raises(ValueError, match=sentence):
        frechet_distance(MEAN, SIGMA, mean, sigma)


def test_a_covariance_of_few_rows_kept_in_single_precision_is_one():
    rows = np.random.default_rng(1).standard_normal((20, 300))
    sigma = np.cov(rows.T)
    kept = torch.tensor(sigma, dtype=torch.float32)
    exact = frechet_distance(rows.mean(0), sigma, np.zeros(300), np.eye(300))
    found = frechet_distance(rows.mean(0), kept, np.zeros(300), np.eye(300))
    assert found == pytest.approx(exact, rel=1e-3)
    assert frechet_distance(2.0, 4.0, 0.0, 1.0) == pytest.approx(5)  # of a single feature
