"""Every method with every metric, sortable."""

import math
import statistics
from collections import defaultdict
from dataclasses import replace
from typing import Any

from benchmarks.harness.leaderboard import comparison, layout
from benchmarks.harness.leaderboard.tables import Table
from benchmarks.harness.report.scatter import QUALITY, first


def overview(whole: Table) -> dict[str, Any]:
    """The sortable grid, the best row first, titles to choose from, and the comparison."""
    table = whole.unswapped
    grid = layout.arrange(table, (), table.leading_metric)
    places = {label: i for i, label in enumerate(order(table))}
    rows = sorted(grid.rows, key=lambda row: places.get(row.label, len(places)))
    return {
        "grid": replace(grid, rows=tuple(rows)),
        "metrics": {c.metric: c.heading for c in sorted(grid.columns, key=lambda c: c.place)},
        "comparison": comparison.leading(table),
    }


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
