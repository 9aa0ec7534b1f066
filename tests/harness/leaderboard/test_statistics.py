import math

import numpy as np
import pytest
from scipy import stats

from benchmarks.harness.leaderboard import statistics


@pytest.mark.parametrize(("methods", "q"), [(2, 1.960), (5, 2.728), (10, 3.164)])
def test_the_critical_difference_is_that_of_demsars_table(methods, q):
    expected = q * math.sqrt(methods * (methods + 1) / (6 * 14))
    assert statistics.critical_difference(methods, 14) == pytest.approx(expected, rel=1e-3)


def test_one_data_set_or_one_method_has_no_critical_difference():
    assert statistics.critical_difference(5, 1) == math.inf
    assert statistics.critical_difference(1, 5) == math.inf


def test_ties_share_the_mean_of_their_places_and_the_direction_counts():
    assert statistics.ranks([1.0, 2.0, 2.0, 3.0], "lower") == [1, 2.5, 2.5, 4]
    assert statistics.ranks([1.0, 2.0, 3.0], "higher") == [3, 2, 1]


def test_mean_ranks_are_over_data_sets():
    assert statistics.mean_ranks({"a": [1, 9], "b": [2, 3]}, "lower") == {"a": 1.5, "b": 1.5}


def test_cliques_are_the_largest_groups_within_the_critical_difference():
    ranks = {"a": 1.0, "b": 1.5, "c": 2.2, "d": 4.0}
    assert statistics.cliques(ranks, 1.0) == [("a", "b"), ("b", "c")]
    assert statistics.cliques(ranks, 0.1) == []


def test_differences_are_taken_over_shared_seeds_only():
    found = statistics.paired({0: 1.0, 1: 2.0, 7: 100.0}, {0: 0.0, 1: 1.0, 2: -50.0}, "lower")
    assert (found.n, found.mean, found.low, found.high) == (2, 1.0, 1.0, 1.0)
    assert found.outcome == "worse"


@pytest.mark.parametrize("values", [{}, {0: 3.0}])
def test_nothing_is_claimed_from_fewer_than_two_seeds(values):
    assert statistics.paired(values, {0: 0.0}, "higher").outcome == "open"


def test_the_exact_bootstrap_of_two_values_lies_between_them():
    assert statistics.bootstrap(np.array([0.0, 1.0])) == (0.0, 1.0)


def test_the_bootstrap_of_many_values_is_as_exact_as_is_said():
    """Of values that lie as a normal's do, the mean's interval is 1.96 standard errors wide."""
    errors = []
    for n in range(60, 80):
        values = stats.norm.ppf((np.arange(n) + 0.5) / n)
        half = 1.96 * values.std() / math.sqrt(n)
        low, high = statistics.bootstrap(values)
        errors += [(low + half) / (2 * half), (high - half) / (2 * half)]
    assert np.sqrt(np.mean(np.square(errors))) < 0.01  # 0.006; 0.3 with ten resamples


def test_the_interval_holds_both_the_bootstraps_and_students():
    values = np.array([0.5, 1.0, 2.5, 0.1])
    found = statistics.paired(dict(enumerate(values)), dict.fromkeys(range(4), 0.0), "lower")
    ends = stats.t.interval(0.95, 3, values.mean(), stats.sem(values))
    assert found.low == pytest.approx(min(ends[0], statistics.bootstrap(values)[0]))
    assert found.high == pytest.approx(max(ends[1], statistics.bootstrap(values)[1]))


def test_equals_with_three_seeds_are_told_apart_in_one_case_of_twenty_at_most():
    rng = np.random.default_rng(1)
    zero = dict.fromkeys(range(3), 0.0)
    claims = sum(
        statistics.paired(dict(enumerate(draw)), zero, "lower").outcome != "open"
        for draw in rng.normal(size=(2000, 3)).tolist()
    )
    assert 40 < claims < 2000 * 0.05 + 3 * math.sqrt(2000 * 0.05 * 0.95)
