"""``results/README.md``: every table of the committed records, written by nobody's hand."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from benchmarks.harness.leaderboard import (
    exemplars,
    layout,
    markup,
    metric_formats,
    published_numbers,
)
from benchmarks.harness.leaderboard.comparison import MethodComparison, compare
from benchmarks.harness.leaderboard.layout import Grid
from benchmarks.harness.leaderboard.selection import Selection, read_tables
from benchmarks.harness.leaderboard.tables import Table

WIDEST = 6
"""Metrics beside one another that fit on a screen."""


@dataclass(frozen=True)
class Section:
    """All tables of one source.

    Attributes:
        overview: one for each leading metric, the same rows in the same order.
        arranged: the overview as one grid, for its legend.
        data: name, grid and parts of every data set.
        meanings: what each metric tells.
    """

    title: str
    overview: list[Grid]
    arranged: Grid
    comparison: MethodComparison | None
    data: list[tuple[str, Grid, list[Grid]]]
    meanings: list[tuple[str, str]]


def text(folder: Path) -> str:
    """The whole file, from the records, exemplars and published numbers of a folder."""
    tables, dirty = read_tables(Selection(folder=folder))
    path = folder / "published.csv"
    return markup.render(
        "markdown",
        "readme.md",
        count=sum(len(row.records) for table in tables for row in table.rows),
        dirty=dirty,
        sections=[section(table) for table in tables],
        exemplars=exemplars.read(folder),
        published=published_numbers.read(path) if path.is_file() else [],
    )


def section(table: Table) -> Section:
    """The tables of one source: an overview, comparisons, and all metrics of each data set."""
    rank = table.leading_metric
    arranged = layout.arrange(table, layout.leading(table), rank)
    compared = len(table.rows) > 1 and layout.has(table, (rank,))
    metrics = sorted({column.metric for column in table.columns}, key=metric_formats.order)
    return Section(
        title=", ".join((table.source, table.eval, *table.task)),
        overview=list(overview(table, arranged)) if rank and len(table.data) > 1 else [],
        arranged=arranged,
        comparison=compare(table, rank, "") if compared else None,
        data=[(data, *bands(table, data)) for data in table.data],
        meanings=[
            (m, metric_formats.of(m).meaning) for m in metrics if metric_formats.of(m).meaning
        ],
    )


def overview(table: Table, arranged: Grid) -> Iterator[Grid]:
    """One table for each leading metric; ranks and costs stand in the first."""
    rank = table.leading_metric
    for metric in sorted({column.metric for column in arranged.columns}, key=metric_formats.order):
        own = [column for column in arranged.columns if column.metric == metric]
        yield layout.arrange(table, (rank,), rank) if metric == rank else arranged.part(own)


def bands(table: Table, data: str) -> tuple[Grid, list[Grid]]:
    """One data set, and itself in parts that fit on a screen."""
    grid = layout.arrange(table.only(data), (), table.leading_metric)
    if len(table.data) > 1:  # what they cost stands in the overview
        grid = grid.part(grid.columns)
    starts = range(0, len(grid.columns) or 1, WIDEST)
    return grid, grid.cut([grid.columns[i : i + WIDEST] for i in starts])
