"""Methods against one another: the same seeds, an interval, and ranks over data sets."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

from benchmarks.harness.leaderboard import formats, layout, statistics
from benchmarks.harness.leaderboard.ranking import Ranking
from benchmarks.harness.leaderboard.statistics import Difference
from benchmarks.harness.leaderboard.tables import MISSING, Cell, Column, Table
from core.errors import UserError


@dataclass(frozen=True)
class Rival:
    """A method beside the one that all are compared with, and its difference on each data set."""

    label: str
    differences: tuple[Difference, ...]


@dataclass(frozen=True)
class Contest:
    """All comparisons in one metric.

    Attributes:
        metric: with its extractor.
        against: label of the row that the others are compared with.
        data: data sets of the differences; the ranks may be over fewer.
    """

    metric: str
    against: str
    data: tuple[str, ...]
    rivals: tuple[Rival, ...]
    ranking: Ranking

    @property
    def ranks(self) -> Mapping[str, float]:
        """Mean ranks of the methods that are compared."""
        return self.ranking.ranks

    @cached_property
    def critical(self) -> float:
        """The critical difference of the mean ranks; infinite where it cannot be said."""
        return statistics.critical_difference(len(self.ranks), len(self.ranking.data))

    @property
    def comparable(self) -> bool:
        """Whether there is anything for a diagram."""
        return math.isfinite(self.critical)

    @property
    def cliques(self) -> list[tuple[str, ...]]:
        """Groups of rows whose mean ranks do not differ."""
        return statistics.cliques(self.ranks, self.critical)

    @property
    def made(self) -> int:
        """How many differences have an interval."""
        return sum(d.n > 1 for rival in self.rivals for d in rival.differences)

    def parts(self, d: Difference) -> tuple[str, str]:
        """A difference with a verdict only where its interval excludes 0, and the interval."""
        shown = formats.style(self.metric)
        if d.n < 2:
            return (signed(shown, d.mean), "(n = 1)") if d.n else (layout.SIGNS["missing"], "")
        ends = f"[{signed(shown, d.low)}, {signed(shown, d.high)}]"
        verdict = "" if d.verdict == "open" else f" {d.verdict}"
        return f"{signed(shown, d.mean)}{verdict}", ends

    def text(self, d: Difference) -> str:
        """A difference with its verdict and its interval, on one line."""
        return " ".join(self.parts(d)).strip()

    def legend(self) -> str:
        """How the differences are to be read."""
        return (
            f"Differences of {formats.style(self.metric).heading()} over the same seeds with "
            "95 % intervals, the wider of bootstrap and Student; better or worse is said only "
            f"where the interval excludes 0. Intervals: {self.made}, "
            "not corrected for their number."
        )

    def refusal(self) -> str:
        """Why there is no diagram."""
        return (
            "No critical-difference diagram: it needs two methods with numbers on all of two data "
            f"sets or more; there are {len(self.ranks)} methods on {len(self.ranking.data)} data "
            "sets."
        )

    def ranked(self) -> str:
        """Over what the ranks of the diagram are, and who has none; nothing without a diagram."""
        said = f"{'; '.join(self.ranking.says)}."
        return f"{said[0].upper()}{said[1:]}" if self.comparable else ""


def signed(shown: formats.Style, value: float) -> str:
    """A difference as printed, with its sign."""
    text = shown.text(value)
    return text if text.startswith("-") or float(text) == 0 else f"+{text}"


def hold(table: Table, metric: str, against: str) -> Contest:
    """Compare all rows of a table in a metric with one row, by default the first in rank.

    Raises:
        UserError: the metric or the row is not there.
    """
    columns = layout.chosen(table.columns, (metric,))
    ranking = layout.ranking(table, metric)
    labels = [row.label for row in sorted(table.rows, key=lambda r: layout.place(r, ranking.ranks))]
    first = against or labels[0]
    if first not in labels:
        raise UserError(f"No row is called {first}; there are {', '.join(labels)}.")
    others = [name for name in labels if name != first]
    return Contest(
        metric=ranking.metric,
        against=first,
        data=tuple(column.data for column in columns),
        rivals=tuple(
            Rival(name, tuple(difference(table, c, name, first) for c in columns))
            for name in others
        ),
        ranking=ranking,
    )


def difference(table: Table, column: Column, name: str, first: str) -> Difference:
    """Row ``name`` minus row ``first`` over the seeds of both; none where one of them diverged.

    The seeds that survive are no fair sample of a method that diverges.
    """
    a: Cell = table.cells.get((name, column), MISSING)
    b: Cell = table.cells.get((first, column), MISSING)
    whole = not (a.failed or b.failed)
    return statistics.paired(a.values if whole else {}, b.values if whole else {}, column.better)
