"""Every method with every metric, sortable."""

from __future__ import annotations

import math
import statistics
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass

from benchmarks.harness.leaderboard import layout
from benchmarks.harness.leaderboard.comparison import MethodComparison, compare
from benchmarks.harness.leaderboard.layout import Entry, Grid, PrintedRow
from benchmarks.harness.leaderboard.tables import Table
from benchmarks.harness.report.scatter import QUALITY, first


@dataclass(frozen=True)
class SortableColumn:
    """A metric on a data set, or a cost (without data set)."""

    data: str
    metric: str
    title: str
    better: str
    meaning: str = ""


@dataclass(frozen=True)
class SortableCell:
    """What is shown and what it is sorted by; None is sorted last."""

    shown: Entry | str
    value: float | None


@dataclass(frozen=True)
class SortableRow:
    """A method, or the source as it was."""

    label: str
    measured: bool
    cells: tuple[SortableCell, ...]


@dataclass(frozen=True)
class Overview:
    """The sortable table of one source and evaluation.

    Attributes:
        metrics: name and title of each, for the choice of what is shown.
        legend: what the marks mean.
        comparison: paired differences and ranks in the leading metric, if there are two methods.
    """

    title: str
    columns: tuple[SortableColumn, ...]
    rows: tuple[SortableRow, ...]
    metrics: tuple[tuple[str, str], ...]
    data: tuple[str, ...]
    legend: tuple[str, ...]
    comparison: MethodComparison | None


def overview(whole: Table) -> Overview:
    """The table with all its metrics, the best row first.

    Rows of swapped layers stand beside their pictures instead.
    """
    table = whole.unswapped
    rank = table.leading_metric
    grid = layout.arrange(table, (), rank)
    places = {label: i for i, label in enumerate(order(table))}
    rows = [
        SortableRow(row.label, row.measured, tuple(cells(row, grid)))
        for row in sorted(grid.rows, key=lambda row: places.get(row.label, len(places)))
    ]
    metrics = {c.metric: c.heading for c in sorted(grid.columns, key=lambda c: c.place)}
    compared = len(table.rows) > 1 and layout.has(table, (rank,))
    return Overview(
        title=grid.title,
        columns=tuple(columns(grid)),
        rows=tuple(rows),
        metrics=tuple(metrics.items()),
        data=table.data,
        legend=grid.legend,
        comparison=compare(table, rank, "") if compared else None,
    )


def columns(grid: Grid) -> Iterator[SortableColumn]:
    """What the table can be sorted by."""
    for c in grid.columns:
        yield SortableColumn(c.data, c.metric, c.heading, c.better, c.format.meaning)
    if grid.ranked:
        yield SortableColumn("", "rank", f"mean rank, {grid.ranking.title}", "lower")
    for key, title in layout.COSTS:
        yield SortableColumn("", key, title, "lower")


def cells(row: PrintedRow, grid: Grid) -> Iterator[SortableCell]:
    """The cells of a row."""
    for entry in row.entries:
        yield SortableCell(entry, float(entry.mean) if entry.mean else None)
    if grid.ranked:
        yield SortableCell(row.rank, float(row.rank) if row.rank[:1].isdigit() else None)
    methods = {one.label: one for one in grid.table.rows} if row.measured else {}
    for (key, _), text in zip(layout.COSTS, row.costs, strict=True):
        yield SortableCell(text, methods[row.label].spread(key)[1] if row.measured else 0.0)


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
