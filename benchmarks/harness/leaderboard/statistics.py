"""Differences over the same seeds with an interval, mean ranks, and the critical difference
(Demsar, "Statistical Comparisons of Classifiers over Multiple Data Sets", JMLR 7, 2006). A
bootstrap of three numbers never leaves their range: its interval excludes 0 in a quarter of all
comparisons of equals. The interval is therefore the hull of the bootstrap's and of Student's.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from statistics import fmean
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    import numpy as np

LEVEL = 0.95  # the 5 % level of Demsar's tables, which the pages name
RESAMPLES = 10_000  # of a normal, the 2.5 % quantile then errs by 0.7 % of the interval's length
EXACT_UP_TO = 6  # 6 ** 6 resamples can all be looked at


class Difference(NamedTuple):
    """Mean of a minus b over the ``n`` seeds that both have, and its 95 % interval. The mean is 0
    without any seed, the interval infinite with fewer than two. ``better`` is "lower" or "higher":
    which way the metric is better.
    """

    n: int
    mean: float
    low: float
    high: float
    better: str

    @property
    def outcome(self) -> str:
        """What may be said of a: "better" and "worse" only where the interval excludes 0."""
        if self.low <= 0 <= self.high:
            return "open"
        return "better" if (self.high < 0) == (self.better == "lower") else "worse"


def bootstrap(values: np.ndarray) -> tuple[float, float]:
    """Percentile interval of the mean of values [n]; exact for few of them, seeded for many."""
    import numpy as np  # here and below: plain tables need neither numpy nor scipy, 1.4 s of CPU

    n = len(values)
    if n <= EXACT_UP_TO:
        picks = np.array(list(itertools.product(range(n), repeat=n)))
    else:
        picks = np.random.default_rng(0).integers(n, size=(RESAMPLES, n))
    means = values[picks].mean(axis=1)
    low, high = np.quantile(means, [(1 - LEVEL) / 2, (1 + LEVEL) / 2], method="inverted_cdf")
    return float(low), float(high)


def student(values: np.ndarray) -> tuple[float, float]:
    """Student's interval of the mean of values [n], n at least 2."""
    from scipy.special import stdtrit

    n = len(values)
    half = float(stdtrit(n - 1, (1 + LEVEL) / 2) * values.std(ddof=1) / math.sqrt(n))
    return float(values.mean()) - half, float(values.mean()) + half


def paired(a: Mapping[int, float], b: Mapping[int, float], better: str) -> Difference:
    import numpy as np

    values = np.array([a[seed] - b[seed] for seed in sorted(a.keys() & b.keys())])
    if len(values) < 2:
        mean = float(values[0]) if len(values) else 0.0
        return Difference(len(values), mean, -math.inf, math.inf, better)
    lows, highs = zip(bootstrap(values), student(values), strict=True)
    return Difference(len(values), float(values.mean()), min(lows), max(highs), better)


def ranks(scores: Sequence[float], better: str) -> list[float]:
    """Rank of each score, 1 for the best; ties share the mean of their places."""
    ordered = sorted(scores, reverse=better == "higher")
    return [ordered.index(score) + (ordered.count(score) + 1) / 2 for score in scores]


def mean_ranks(scores: Mapping[str, Sequence[float]], better: str) -> dict[str, float]:
    """Mean over data sets of the rank of each method, from its score on each of them."""
    table = [ranks(column, better) for column in zip(*scores.values(), strict=True)]
    places = zip(*table, strict=True)
    return {method: fmean(own) for method, own in zip(scores, places, strict=False)}


def critical_difference(methods: int, data_sets: int) -> float:
    """Nemenyi's: mean ranks that are closer than this do not differ at the 5 % level."""
    if methods < 2 or data_sets < 2:
        return math.inf
    from scipy import stats

    q = float(stats.studentized_range.ppf(LEVEL, methods, math.inf)) / math.sqrt(2)
    return q * math.sqrt(methods * (methods + 1) / (6 * data_sets))


def cliques(mean_rank: Mapping[str, float], critical: float) -> list[tuple[str, ...]]:
    """Largest groups, best first, whose mean ranks lie within the critical difference."""
    ordered = sorted(mean_rank, key=lambda name: mean_rank[name])
    groups: list[tuple[str, ...]] = []
    last = 0
    for i, first in enumerate(ordered):
        inside = [n for n in ordered[i:] if mean_rank[n] - mean_rank[first] <= critical]
        if len(inside) > 1 and i + len(inside) > last:
            groups.append(tuple(inside))
            last = i + len(inside)
    return groups
