"""Every method with every metric, sortable."""

from __future__ import annotations

import math
import statistics
from collections import defaultdict
from dataclasses import dataclass, replace

from benchmarks.harness.leaderboard import layout
from benchmarks.harness.leaderboard.comparison import MethodComparison, compare
from benchmarks.harness.leaderboard.layout import Grid
from benchmarks.harness.leaderboard.tables import Table
from benchmarks.harness.report.scatter import QUALITY, first


@dataclass(frozen=True)
class Overview:
    """The sortable table of one source and evaluation.

    Attributes:
        comparison: paired differences and ranks in the leading metric, if there are two methods.
    """

    grid: Grid
    comparison: MethodComparison | None

    @property
    def metrics(self) -> dict[str, str]:
        """Name and title of each metric, for the choice of what is shown."""
        return {c.metric: c.heading for c in sorted(self.grid.columns, key=lambda c: c.place)}


def overview(whole: Table) -> Overview:
    """The table with all its metrics, the best row first.

    Rows of swapped layers stand beside their pictures instead.
    """
    table = whole.unswapped
    rank = table.leading_metric
    grid = layout.arrange(table, (), rank)
    places = {label: i for i, label in enumerate(order(table))}
    rows = sorted(grid.rows, key=lambda row: places.get(row.label, len(places)))
    compared = len(table.rows) > 1 and layout.has(table, (rank,))
    return Overview(
        grid=replace(grid, rows=tuple(rows)),
        comparison=compare(table, rank, "") if compared else None,
    )


def order(table: Table) -> list[str]:
    """Labels of the methods: by mean rank, then those without by their mean place in quality."""
    shares: dict[str, list[float]] = defaultdict(list)
    rows = table.unswapped.rows
    for column in filter(None, (first(table.of(data), QUALITY) for data in table.data)):
        means = {r.label: c.mean for r in rows if (c := table.cell(r, column)).values}
        for label, mean in means.items():
            shares[label].append(sum(other < mean for other in means.values()) / len(means))
    ranks = layout.ranking(table, table.leading_metric).ranks
    makers = {row.whole for row in table.rows if row.makes_source}

    def place(label: str) -> tuple[bool, float, float, str]:
        share = statistics.fmean(shares.get(label, [2.0]))  # 2: behind all shares
        return label in makers, ranks.get(label, math.inf), share, label

    return sorted({row.whole for row in table.rows}, key=place)
