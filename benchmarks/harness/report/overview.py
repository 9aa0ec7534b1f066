"""The first thing on the page: every method, every metric, sortable."""

from __future__ import annotations

import math
import statistics
from collections import defaultdict
from dataclasses import dataclass, replace

from markupsafe import Markup

from benchmarks.harness.leaderboard import formats, html, layout
from benchmarks.harness.leaderboard.comparison import hold
from benchmarks.harness.leaderboard.selection import has
from benchmarks.harness.leaderboard.tables import Row, Table
from benchmarks.harness.report.scatter import QUALITY, first, titled


@dataclass(frozen=True)
class Head:
    """A sortable column: a metric on a data set, or a cost (without data set)."""

    data: str
    metric: str
    title: str
    better: str
    says: str = ""


@dataclass(frozen=True)
class Field:
    """A cell: what is shown and what it is sorted by; None is sorted last."""

    shown: str
    value: float | None


@dataclass(frozen=True)
class Line:
    """A row of the overview."""

    label: str
    paper: str
    measured: bool
    fields: tuple[Field, ...]


@dataclass(frozen=True)
class Overview:
    """The sortable table of one source and evaluation.

    Attributes:
        metrics: name and title of each, for the choice of what is shown.
        legend: what the marks mean.
        comparison: paired differences and ranks in the leading metric, as HTML; or nothing.
    """

    title: str
    heads: tuple[Head, ...]
    lines: tuple[Line, ...]
    metrics: tuple[tuple[str, str], ...]
    data: tuple[str, ...]
    legend: tuple[str, ...]
    comparison: str


def unswapped(table: Table) -> Table:
    """The table without the rows of swapped layers, which stand beside their pictures."""
    return replace(table, rows=tuple(row for row in table.rows if not row.swapped))


def overview(whole: Table) -> Overview:
    """The table with all its metrics, the best row first."""
    table = unswapped(whole)
    rank = leading(table)
    made = layout.arrange(table, (), rank)
    heads = [
        Head(c.data, c.metric, titled(c), c.better, formats.style(c.metric).says)
        for c in made.columns
    ]
    heads += (
        [Head("", "rank", f"mean rank, {formats.style(rank).title}", "lower")]
        if made.ranked
        else []
    )
    heads += [Head("", key, word, "lower") for key, word in layout.COSTS]
    papers = {row.label: row.records[0]["paper"] for row in table.rows}
    rows = {row.label: row for row in table.rows}
    places = {label: i for i, label in enumerate(order(table))}
    lines = [
        Line(one.label, papers.get(one.label, "") if one.measured else "", one.measured,
             tuple(fields(one, made, rows.get(one.label) if one.measured else None)))
        for one in sorted(made.lines, key=lambda one: places.get(one.label, len(places)))
    ]  # fmt: skip
    metrics = {c.metric: titled(c) for c in sorted(made.columns, key=lambda c: c.place)}
    several = len(table.rows) > 1 and has(table, (rank,))
    return Overview(
        title=layout.title(made),
        heads=tuple(heads),
        lines=tuple(lines),
        metrics=tuple(metrics.items()),
        data=table.data,
        legend=made.legend,
        comparison=compared(table, rank) if several else "",
    )


def compared(table: Table, rank: str) -> Markup:
    """Paired differences and ranks, a heading lower than on a page of its own."""
    return Markup(html.contest_text(hold(table, rank, "")).replace("h2>", "h4>"))


def fields(line: layout.Line, made: layout.Grid, row: Row | None) -> list[Field]:
    """The cells of a row; ``row`` is None for the source."""
    found = [Field(Markup(html.cell(e)), float(e.mean) if e.mean else None) for e in line.entries]
    if made.ranked:
        found.append(Field(line.rank, float(line.rank) if line.rank[:1].isdigit() else None))
    for (key, _), text in zip(layout.COSTS, line.costs, strict=True):
        found.append(Field(text, row.spread(key)[1] if row else 0.0))
    return found


def order(table: Table) -> list[str]:
    """Labels of the methods: by mean rank, then those without by their mean place in quality."""
    shares: dict[str, list[float]] = defaultdict(list)
    rows = unswapped(table).rows
    for data in table.data:
        column = first(table.of(data), QUALITY)
        if column is None:
            continue
        means = {r.label: c.mean for r in rows if (c := table.cell(r, column)).values}
        for label, mean in means.items():
            shares[label].append(sum(other < mean for other in means.values()) / len(means))
    ranks = layout.ranking(table, leading(table)).ranks
    labels = dict.fromkeys([row.whole for row in table.rows])
    return sorted(
        labels,
        key=lambda at: (ranks.get(at, math.inf), statistics.fmean(shares.get(at, [2.0])), at),
    )


def leading(table: Table) -> str:
    """The metric that methods are ranked in; empty where there is none."""
    return min(table.columns, key=lambda c: c.place).metric if table.columns else ""
