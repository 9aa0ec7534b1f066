"""A table ready to be printed: texts and marks, in no markup yet."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from typing import NamedTuple

from benchmarks.harness.leaderboard import metric_formats
from benchmarks.harness.leaderboard import ranking as ranks
from benchmarks.harness.leaderboard.ranking import Ranking
from benchmarks.harness.leaderboard.tables import COSTS, MethodRow, MetricColumn, Table
from core.errors import UserError

LEADING = ("kid", "landmarks", "identity", "intra")
"""Shown unless others are asked for: likeness to the domain, faithfulness, diversity."""
SIGNS = {"missing": "–", "failed": "✗", "left out": "·", "provisional": "°", "partly failed": "✗"}
SEEN = (
    "guide: a network that saw 4,800 pictures of 2,400 people in every ParaFaces style, other "
    "methods the shots alone; through it the photographs of all are inverted"
)
LEGEND = {
    "provisional": "° provisional: fewer than three seeds",
    "missing": "– not run",
    "left out": "· not measured there",
    "failed": "✗ every seed diverged",
    "partly failed": "✗k k seeds diverged, the mean is of the others",
}


class Entry(NamedTuple):
    """One printed cell: mean and std, empty where there is none; medal 1 for the best, 2 for the
    second; state, a key of LEGEND or "sound"; how many seeds failed, and n that the mean rests on.
    """

    mean: str = ""
    std: str = ""
    medal: int = 0
    state: str = "missing"
    failed: int = 0
    n: int = 0

    @property
    def sign(self) -> str:
        sign = SIGNS.get(self.state, "")
        return f"{sign}{self.failed}" if self.state == "partly failed" else sign


@dataclass(frozen=True)
class PrintedRow:
    """A printed method, or the source as it was; by ``spent``, the largest costs, it is sorted."""

    label: str
    measured: bool
    entries: tuple[Entry, ...]
    costs: tuple[str, ...]
    spent: tuple[float, ...]
    rank: str = ""

    @property
    def empty(self) -> bool:
        """Whether it says nothing: the source has a number in few metrics."""
        return not self.measured and not any(entry.mean for entry in self.entries)


@dataclass(frozen=True)
class Grid:
    """A printed table; ``marks`` say what its marks mean, ``costs`` name its last columns."""

    table: Table
    columns: tuple[MetricColumn, ...]
    rows: tuple[PrintedRow, ...]
    ranking: Ranking
    ranked: bool
    marks: tuple[str, ...]
    costs: tuple[str, ...]

    @property
    def title(self) -> str:
        return f"{self.table.title[0].upper()}{self.table.title[1:]}"

    @property
    def groups(self) -> tuple[tuple[str, tuple[MetricColumn, ...]], ...]:
        names = dict.fromkeys(column.data for column in self.columns)
        return tuple((n, tuple(c for c in self.columns if c.data == n)) for n in names)

    @property
    def legend(self) -> tuple[str, ...]:
        ranks = self.ranking.clauses if self.ranked else ()
        return (*self.marks, *ranks, *(behind(self.table) if self.costs else ()))

    def part(self, columns: Sequence[MetricColumn]) -> Grid:
        """The same rows with some of the columns, without ranks and costs."""
        at = [self.columns.index(column) for column in columns]
        rows = (
            replace(row, entries=tuple(row.entries[i] for i in at), costs=(), rank="")
            for row in self.rows
        )
        return replace(self, columns=tuple(columns), rows=tuple(rows), ranked=False, costs=())

    def bands(self, widest: int) -> list[Grid]:
        """The grid cut between data sets, if possible so that no band has more columns."""
        cuts: list[list[MetricColumn]] = [[]]
        for _, columns in self.groups:
            if cuts[-1] and len(cuts[-1]) + len(columns) > widest:
                cuts.append([])
            cuts[-1] += columns
        return self.cut(cuts)

    def cut(self, cuts: Sequence[Sequence[MetricColumn]]) -> list[Grid]:
        """The grid in parts of so many columns; ranks and costs stand in the last one."""
        *first, last = (self.part(columns) for columns in cuts)
        rows = tuple(
            replace(part, costs=whole.costs, rank=whole.rank)
            for part, whole in zip(last.rows, self.rows, strict=True)
        )
        return [*first, replace(last, rows=rows, ranked=self.ranked, costs=self.costs)]


def fits(patterns: Sequence[str], *names: str) -> bool:
    """Whether one of the names fits one of the patterns, or there are none."""
    return not patterns or any(fnmatchcase(name, p) for name in names for p in patterns)


def named(metric: str, patterns: Sequence[str]) -> bool:
    """The same of a metric, with or without its extractor."""
    return fits(patterns, metric, metric_formats.base(metric))


def select(columns: Sequence[MetricColumn], metrics: Sequence[str]) -> tuple[MetricColumn, ...]:
    """Columns of the metrics that are named, all where none is; UserError where nothing fits."""
    selected = tuple(c for c in columns if named(c.metric, metrics))
    if columns and not selected:
        known = ", ".join(sorted({c.metric for c in columns}))
        raise UserError(f"No metric is called {' or '.join(metrics)}; there are {known}.")
    return selected


def has(table: Table, metrics: Sequence[str]) -> bool:
    return any(named(column.metric, metrics) for column in table.columns)


def leading(table: Table) -> Sequence[str]:
    return LEADING if has(table, LEADING) else ()


def arrange(table: Table, metrics: Sequence[str], rank: str) -> Grid:
    """A table with the chosen metrics, its rows ordered by mean rank in one of them."""
    columns = select(table.columns, metrics)
    ranked = ranking(table, rank)
    places = ranked.ranks
    seeing = any(row.sees for row in table.rows)
    rows = [
        PrintedRow(
            label=row.label,
            measured=True,
            entries=tuple(entry(table, row, column) for column in columns),
            costs=(*(cost(row, key) for key in COSTS), *([seen(row)] if seeing else ())),
            spent=(*(row.spread(key)[1] for key in COSTS), float(len(row.sees))),
            rank=f"{places[row.label]:.1f}" if row.label in places else SIGNS["missing"],
        )
        for row in sorted(table.rows, key=lambda row: place(row, places))
    ]
    if any(column in table.untouched for column in columns):
        entries = tuple(untouched_entry(table, column) for column in columns)
        nothing = ("0",) * len(COSTS) + (SIGNS["missing"],) * seeing
        rows.append(PrintedRow("unadapted source", False, entries, nothing, (0.0,) * 4))
    has_ranks = bool(len(table.data) > 1 and ranked.metric)
    headings = (*COSTS.values(), *(["also looks through"] if seeing else ()))
    return Grid(table, columns, tuple(rows), ranked, has_ranks, marks(table, rows), headings)


def ranking(table: Table, metric: str) -> Ranking:
    """Mean ranks in a metric, with or without its extractor; UserError where several fit."""
    names = sorted({c.metric for c in table.columns if metric and named(c.metric, (metric,))})
    if len(names) > 1:
        raise UserError(f"{metric} may be {' or '.join(names)}: name its extractor.")
    return ranks.rank(table, names[0]) if names else Ranking(metric)


def place(row: MethodRow, places: Mapping[str, float]) -> tuple[bool, float, str, tuple[int, str]]:
    """Sorts by mean rank, swapped layers behind their row, a source's training behind all."""
    rank = places.get(row.whole, math.inf)
    return row.makes_source, rank, row.whole, natural(layers(row.swapped))


def layers(swapped: Sequence[str]) -> str:
    """The words of a layer swap as a reader says them; "" for none."""
    words = sorted((word.partition("=")[2] for word in swapped), key=natural)
    return " ".join(f"{w} px" if w.isdigit() else w for w in words)


def natural(text: str) -> tuple[int, str]:
    """Sorts numbers by their size and before words."""
    digits = re.match(r"\d{1,9}", text)
    return (int(digits[0]) if digits else 10**9, text) if text else (-1, text)


def entry(table: Table, row: MethodRow, column: MetricColumn) -> Entry:
    cell, text = table.cell(row, column), column.format.text
    if not cell.values:
        return Entry(state=cell.state, failed=len(cell.failed))
    std = "" if cell.std is None else text(cell.std)
    medal = table.medals.get((row.label, column), 0)
    return Entry(text(cell.mean), std, medal, cell.state, len(cell.failed), len(cell.values))


def untouched_entry(table: Table, column: MetricColumn) -> Entry:
    value = table.untouched.get(column)
    if value is None:
        return Entry(state="left out")
    return Entry(column.format.text(value), state="sound")


def cost(row: MethodRow, key: str) -> str:
    """A cost of a row; from-to where it differs between data sets."""
    ends = row.spread(key)
    if ends == (0.0, 0.0):
        return SIGNS["missing"]
    texts = (f"{end / 60:.1f}" if key == "seconds" else metric_formats.count(end) for end in ends)
    return "–".join(dict.fromkeys(texts))


def seen(row: MethodRow) -> str:
    return ", ".join(row.sees) or SIGNS["missing"]


def marks(table: Table, rows: Sequence[PrintedRow]) -> tuple[str, ...]:
    counts = sorted({e.n for row in rows if row.measured for e in row.entries if e.n})
    ends = dict.fromkeys([counts[0], counts[-1]]) if counts else {}
    seeds = f"n = {' to '.join(map(str, ends))}"
    clauses = [f"Mean ± sample standard deviation over seeds ({seeds})"] if counts else []
    if len(table.draws) == 1 and counts and counts[-1] > 1:
        clauses += [f"all of draw {table.draws[0]} of the shots: ± and better hold for that one"]
    clauses += ["bold: best, underlined: second, of cells with three seeds or more"]
    occurring = {e.state for row in rows if not row.empty for e in row.entries}
    return (*clauses, *(text for state, text in LEGEND.items() if state in occurring))


def behind(table: Table) -> Iterator[str]:
    """What the last columns mean."""
    yield spent(table.devices)
    if any(row.sees for row in table.rows):
        yield SEEN


def spent(devices: Sequence[str]) -> str:
    mixed = "; of different devices, not comparable" if len(devices) > 1 else ""
    on = ", ".join(devices)
    return f"minutes of training on {on}: median over seeds, least–most of the data sets{mixed}"
