"""Methods against one another: the same seeds, an interval, and ranks over data sets."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

from benchmarks.harness.leaderboard import layout, metric_formats, rank_diagram, statistics
from benchmarks.harness.leaderboard.ranking import Ranking
from benchmarks.harness.leaderboard.statistics import Difference
from benchmarks.harness.leaderboard.tables import MISSING, MetricColumn, Table


@dataclass(frozen=True)
class MethodComparison:
    """All rows in one metric against one; ranks may be over fewer data sets than ``data``.
    ``opponents`` are the other methods, with the difference on each data set.
    """

    metric: str
    against: str
    data: tuple[str, ...]
    opponents: Mapping[str, tuple[Difference, ...]]
    ranking: Ranking
    title: str  # of the table

    @property
    def ranks(self) -> Mapping[str, float]:
        return dict(sorted(self.ranking.ranks.items(), key=lambda item: item[1]))

    @cached_property
    def critical(self) -> float:
        """The critical difference of the mean ranks; infinite where it cannot be computed."""
        return statistics.critical_difference(len(self.ranking.ranks), len(self.ranking.data))

    @property
    def comparable(self) -> bool:
        return math.isfinite(self.critical)

    @cached_property
    def cliques(self) -> list[tuple[str, ...]]:
        return statistics.cliques(self.ranking.ranks, self.critical)

    @property
    def diagram(self) -> rank_diagram.RankDiagram:
        return rank_diagram.draw(self.ranking.ranks, self.cliques)

    def parts(self, d: Difference) -> tuple[str, str]:
        """A difference, called better or worse only where its interval excludes 0; the interval."""
        form = metric_formats.of(self.metric)
        if d.n < 2:
            return (form.difference(d.mean), "(n = 1)") if d.n else (layout.SIGNS["missing"], "")
        outcome = "" if d.outcome == "open" else f" {d.outcome}"
        ends = f"[{form.difference(d.low)}, {form.difference(d.high)}]"
        return f"{form.difference(d.mean)}{outcome}", ends

    def text(self, d: Difference) -> str:
        return " ".join(self.parts(d)).strip()

    @property
    def legend(self) -> str:
        intervals = sum(d.n > 1 for differences in self.opponents.values() for d in differences)
        return (
            f"Differences of {metric_formats.of(self.metric).heading} over the same seeds with "
            "95 % intervals, the wider of bootstrap and Student; better or worse is said only "
            f"where the interval excludes 0. Intervals: {intervals}, "
            "not corrected for their number."
        )

    @property
    def caption(self) -> str:
        return f"Mean rank in {self.metric}; critical difference {self.critical:.2f}."

    @property
    def refusal(self) -> str:
        methods, data = len(self.ranking.ranks), len(self.ranking.data)
        return (
            "No critical-difference diagram: it needs two methods with numbers on all of two data "
            f"sets or more; there are {methods} methods on {data} data sets."
        )

    @property
    def ranked(self) -> str:
        """Over what the ranks of the diagram are, and who has none; empty without a diagram."""
        text = f"{'; '.join(self.ranking.clauses)}."
        return f"{text[0].upper()}{text[1:]}" if self.comparable else ""


def compare(table: Table, metric: str, against: str) -> MethodComparison:
    """All rows in a metric against one, or the first in rank."""
    columns = layout.select(table.columns, (metric,))
    ranking = layout.ranking(table, metric)
    labels = [row.label for row in sorted(table.rows, key=lambda r: layout.place(r, ranking.ranks))]
    first = against or labels[0]
    opponents = {
        name: tuple(difference(table, column, name, first) for column in columns)
        for name in labels
        if name != first
    }
    data = tuple(column.data for column in columns)
    return MethodComparison(ranking.metric, first, data, opponents, ranking, table.title)


def leading(table: Table) -> MethodComparison | None:
    """All rows in the metric that the table leads with; None without two rows to compare."""
    rank = table.leading_metric
    return compare(table, rank, "") if len(table.rows) > 1 and layout.has(table, (rank,)) else None


def difference(table: Table, column: MetricColumn, name: str, first: str) -> Difference:
    """Row ``name`` less ``first``; none if a seed diverged: the others are no fair sample."""
    a, b = (table.cells.get((label, column), MISSING) for label in (name, first))
    if a.failed or b.failed:
        return statistics.paired({}, {}, column.better)
    return statistics.paired(a.values, b.values, column.better)
