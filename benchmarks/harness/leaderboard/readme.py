"""``results/README.md``: every table of the committed records, written by nobody's hand."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from benchmarks.harness.leaderboard import exemplar_tables, formats, layout, markdown, published
from benchmarks.harness.leaderboard.comparison import hold
from benchmarks.harness.leaderboard.selection import Selection, has, leading, tables
from benchmarks.harness.leaderboard.tables import Table

INTRODUCTION = """# Results

Written by `python -m benchmarks.leaderboard --readme` from the {count} records in `runs/`; a test
holds it to them. Other shapes (LaTeX, CSV, JSON, HTML) and selections:
`python -m benchmarks.leaderboard --help`.
"""
WIDEST = 6
"""Metrics beside one another that fit on a screen."""
REPORTED = """## Reported by papers

Other data, other extractors, other protocols: nothing here may be compared with a number above, nor
with one of another protocol. *Verified*: read in the authors' own table or figure. The rest is a
lead, not a fact. As data: `published.csv`."""


def text(folder: Path) -> str:
    """The whole file, from the records, exemplars and published figures of a folder."""
    made, dirty = tables(Selection(folder=folder))
    count = sum(len(row.records) for table in made for row in table.rows)
    parts = [INTRODUCTION.format(count=count)]
    parts += [f"{dirty} more are of code that was not committed, and left out."] if dirty else []
    for table in made:
        parts += section(table)
    parts += exemplar_tables.text(folder)
    path = folder / "published.csv"
    if path.is_file():
        parts += [REPORTED, markdown.reported(published.read(path))]
    return "\n\n".join(part.strip() for part in parts) + "\n"


def section(table: Table) -> Iterator[str]:
    """The overview of one source, comparisons, and all metrics of each data set."""
    yield f"## {markdown.escape(', '.join((table.source, table.judged, *table.asked)))}"
    rank = min(table.columns, key=lambda c: c.place).metric if table.columns else ""
    if rank and len(table.data) > 1:
        yield from overview(table, rank)
    if len(table.rows) > 1 and has(table, (rank,)):
        yield markdown.contest_text(hold(table, rank, ""))
    for data in table.data:
        yield f"### {markdown.escape(data)}"
        made = layout.arrange(only(table, data), (), rank)
        if len(table.data) > 1:  # what they cost stands in the overview
            made = made.part(made.columns)
        at = range(0, len(made.columns) or 1, WIDEST)
        yield from map(markdown.bare, made.cut([made.columns[i : i + WIDEST] for i in at]))
        yield markdown.legend(made)
    told = sorted({column.metric for column in table.columns}, key=formats.order)
    sentences = [f"`{m}`: {formats.style(m).says}" for m in told if formats.style(m).says]
    if sentences:
        yield "; ".join(sentences) + "."


def overview(table: Table, rank: str) -> Iterator[str]:
    """One table for each leading metric, the same rows in the same order; ranks and costs once."""
    made = layout.arrange(table, leading(table, ()), rank)
    metrics = sorted({column.metric for column in made.columns}, key=formats.order)
    for metric in metrics:
        own = [column for column in made.columns if column.metric == metric]
        part = layout.arrange(table, (rank,), rank) if metric == rank else made.part(own)
        yield markdown.bare(part)
    yield markdown.legend(made)


def only(table: Table, data: str) -> Table:
    """One data set of a table, with the methods that were run on it."""
    columns = table.of(data)
    cells = {key: cell for key, cell in table.cells.items() if key[1] in columns}
    ran = {label for (label, _), cell in cells.items() if cell.state != "missing"}
    rows = tuple(row for row in table.rows if row.label in ran)
    return replace(table, columns=columns, rows=rows, cells=cells)
