"""``results/README.md``: every table of the committed records, written by nobody's hand."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from benchmarks.harness.leaderboard import comparison, exemplars, layout, markup, published_numbers
from benchmarks.harness.leaderboard.layout import Grid
from benchmarks.harness.leaderboard.metric_formats import of, order
from benchmarks.harness.leaderboard.selection import Selection, read_tables
from benchmarks.harness.leaderboard.tables import Table

WIDEST = 6  # metrics beside one another that fit on a screen


def text(folder: Path) -> str:
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


def section(table: Table) -> dict[str, Any]:
    """What the template prints of one source: a grid a leading metric, of which ``arranged`` has
    the legend, a comparison, name, grid and parts of every data set, and what metrics tell.
    """
    rank = table.leading_metric
    arranged = layout.arrange(table, layout.leading(table), rank)
    metrics = sorted({column.metric for column in table.columns}, key=order)
    return {
        "title": ", ".join((table.source, table.eval, *table.task)),
        "overview": list(overview(table, arranged)) if rank and len(table.data) > 1 else [],
        "arranged": arranged,
        "comparison": comparison.leading(table),
        "data": [(data, *bands(table, data)) for data in table.data],
        "meanings": [(m, of(m).meaning) for m in metrics if of(m).meaning],
    }


def overview(table: Table, arranged: Grid) -> Iterator[Grid]:
    """One table for each leading metric; ranks and costs stand in the first."""
    rank = table.leading_metric
    for metric in sorted({column.metric for column in arranged.columns}, key=order):
        own = [column for column in arranged.columns if column.metric == metric]
        yield layout.arrange(table, (rank,), rank) if metric == rank else arranged.part(own)


def bands(table: Table, data: str) -> tuple[Grid, list[Grid]]:
    grid = layout.arrange(table.only(data), (), table.leading_metric)
    if len(table.data) > 1:  # what they cost stands in the overview
        grid = grid.part(grid.columns)
    starts = range(0, len(grid.columns) or 1, WIDEST)
    return grid, grid.cut([grid.columns[i : i + WIDEST] for i in starts])
