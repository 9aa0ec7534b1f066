"""A table ready to be printed: texts and marks, in no markup yet."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase

from benchmarks.harness.leaderboard import formats
from benchmarks.harness.leaderboard import ranking as ranks
from benchmarks.harness.leaderboard.ranking import Ranking
from benchmarks.harness.leaderboard.tables import Cell, Column, Row, Table
from core.errors import UserError

LEADING = ("kid", "landmarks", "identity", "intra")
"""Shown unless others are asked for: likeness to the domain, faithfulness, diversity."""

COSTS = (("images", "images"), ("seconds", "minutes"), ("trainable", "trainable"))
SIGNS = {"missing": "–", "failed": "✗", "left out": "·", "provisional": "°", "partly failed": "✗"}
LEGEND = {
    "provisional": "° provisional: fewer than three seeds",
    "missing": "– not run",
    "left out": "· not measured there",
    "failed": "✗ every seed diverged",
    "partly failed": "✗k k seeds diverged, the mean is of the others",
}


@dataclass(frozen=True)
class Entry:
    """One printed cell.

    Attributes:
        mean, std: as printed; std is empty for one seed, both are empty without a number.
        medal: 1 best, 2 second, 0 neither.
        state: of the cell, a key of LEGEND or "sound".
        failed: how many seeds diverged.
        n: seeds that the mean rests on.
    """

    mean: str = ""
    std: str = ""
    medal: int = 0
    state: str = "missing"
    failed: int = 0
    n: int = 0

    @property
    def sign(self) -> str:
        """The mark behind or instead of the number."""
        sign = SIGNS.get(self.state, "")
        return f"{sign}{self.failed}" if self.state == "partly failed" else sign


@dataclass(frozen=True)
class Line:
    """One printed row: a measured method, or the source as it was."""

    label: str
    measured: bool
    entries: tuple[Entry, ...]
    costs: tuple[str, ...]
    rank: str = ""

    @property
    def told(self) -> bool:
        """Whether it says anything: the source has a number in few metrics."""
        return self.measured or any(entry.mean for entry in self.entries)


@dataclass(frozen=True)
class Grid:
    """A printed table.

    Attributes:
        ranking: what the rank column shows.
        ranked: whether there is such a column.
        marks: what the marks in it mean.
        costs: names of the cost columns.
    """

    table: Table
    columns: tuple[Column, ...]
    lines: tuple[Line, ...]
    ranking: Ranking
    ranked: bool
    marks: tuple[str, ...]
    costs: tuple[str, ...]

    @property
    def groups(self) -> tuple[tuple[str, tuple[Column, ...]], ...]:
        """Data sets with their columns."""
        names = dict.fromkeys(column.data for column in self.columns)
        return tuple((n, tuple(c for c in self.columns if c.data == n)) for n in names)

    @property
    def legend(self) -> tuple[str, ...]:
        """What a reader has to know, in clauses."""
        ranks = self.ranking.says if self.ranked else ()
        return (*self.marks, *ranks, *(spent(self.table) if self.costs else ()))

    def part(self, columns: Sequence[Column]) -> Grid:
        """The same rows with some of the columns, without ranks and costs."""
        at = [self.columns.index(column) for column in columns]
        lines = (
            replace(one, entries=tuple(one.entries[i] for i in at), costs=(), rank="")
            for one in self.lines
        )
        return replace(self, columns=tuple(columns), lines=tuple(lines), ranked=False, costs=())

    def bands(self, widest: int) -> list[Grid]:
        """The grid cut between data sets, if possible so that no band has more columns."""
        cuts: list[list[Column]] = [[]]
        for _, columns in self.groups:
            if cuts[-1] and len(cuts[-1]) + len(columns) > widest:
                cuts.append([])
            cuts[-1] += columns
        return self.cut(cuts)

    def cut(self, cuts: Sequence[Sequence[Column]]) -> list[Grid]:
        """The grid in parts of so many columns; ranks and costs stand in the last one."""
        *first, last = (self.part(columns) for columns in cuts)
        lines = tuple(
            replace(cut, costs=whole.costs, rank=whole.rank)
            for cut, whole in zip(last.lines, self.lines, strict=True)
        )
        return [*first, replace(last, lines=lines, ranked=self.ranked, costs=self.costs)]


def chosen(columns: Sequence[Column], metrics: Sequence[str]) -> tuple[Column, ...]:
    """Columns whose metric is named, with or without its extractor; all where nothing is named.

    Raises:
        UserError: nothing fits.
    """
    found = tuple(c for c in columns if not metrics or named(c.metric, metrics))
    if columns and not found:
        known = ", ".join(sorted({c.metric for c in columns}))
        raise UserError(f"No metric is called {' or '.join(metrics)}; there are {known}.")
    return found


def named(metric: str, patterns: Sequence[str]) -> bool:
    """Whether a metric fits one of the patterns."""
    return any(fnmatchcase(metric, p) or fnmatchcase(formats.base(metric), p) for p in patterns)


def arrange(table: Table, metrics: Sequence[str], rank: str) -> Grid:
    """A table with the chosen metrics, its rows ordered by mean rank in one of them."""
    columns = chosen(table.columns, metrics)
    ranked = ranking(table, rank)
    places = ranked.ranks
    several = len(table.data) > 1
    ordered = sorted(table.rows, key=lambda row: place(row, places))
    lines = [line(table, row, columns, places) for row in ordered]
    before = [table.untouched.get(c) for c in columns]
    if any(value is not None for value in before):
        entries = tuple(
            Entry(state="left out")
            if v is None
            else Entry(formats.style(c.metric).text(v), state="sound")
            for c, v in zip(columns, before, strict=True)
        )
        lines.append(Line("unadapted source", False, entries, ("0", "0", "0")))
    names = tuple(name for _, name in COSTS)
    shown = bool(several and ranked.metric)
    return Grid(table, columns, tuple(lines), ranked, shown, marks(lines), names)


def ranking(table: Table, metric: str) -> Ranking:
    """Mean ranks in a metric that is named with or without its extractor; none for no name.

    Raises:
        UserError: the name fits several metrics.
    """
    names = sorted({c.metric for c in table.columns if metric and named(c.metric, (metric,))})
    if len(names) > 1:
        raise UserError(f"{metric} may be {' or '.join(names)}: name its extractor.")
    return ranks.rank(table, names[0]) if names else Ranking(metric)


def place(row: Row, places: Mapping[str, float]) -> tuple[float, str, tuple[int, str]]:
    """Sorts rows by mean rank, and those of swapped layers behind the row that they are of."""
    return places.get(row.whole, float("inf")), row.whole, natural(layers(row.swapped))


def layers(swapped: Sequence[str]) -> str:
    """The words of a layer swap as a reader says them; "" for none."""
    words = sorted((word.partition("=")[2] for word in swapped), key=natural)
    return " ".join(f"{w} px" if w.isdigit() else w for w in words)


def natural(text: str) -> tuple[int, str]:
    """Sorts numbers by their size and before words."""
    found = re.match(r"\d{1,9}", text)
    return (int(found[0]) if found else 10**9, text) if text else (-1, text)


def line(table: Table, row: Row, columns: Sequence[Column], places: Mapping[str, float]) -> Line:
    """The printed row of a method."""
    return Line(
        label=row.label,
        measured=True,
        entries=tuple(entry(table, row, column) for column in columns),
        costs=tuple(cost(row, key) for key, _ in COSTS),
        rank=f"{places[row.label]:.1f}" if row.label in places else SIGNS["missing"],
    )


def entry(table: Table, row: Row, column: Column) -> Entry:
    """The printed cell of a method in a column."""
    cell: Cell = table.cell(row, column)
    shown = formats.style(column.metric)
    if not cell.values:
        return Entry(state=cell.state, failed=len(cell.failed))
    return Entry(
        mean=shown.text(cell.mean),
        std=shown.text(cell.std) if len(cell.values) > 1 else "",
        medal=table.medals.get((row.label, column), 0),
        state=cell.state,
        failed=len(cell.failed),
        n=len(cell.values),
    )


def cost(row: Row, key: str) -> str:
    """A cost of a row; from-to where it differs between data sets."""
    ends = row.spread(key)
    if ends == (0.0, 0.0):
        return SIGNS["missing"]
    texts = [f"{end / 60:.1f}" if key == "seconds" else formats.count(end) for end in ends]
    return texts[0] if texts[0] == texts[1] else "–".join(texts)


def marks(lines: Sequence[Line]) -> tuple[str, ...]:
    """What the numbers and the marks that occur mean, in clauses."""
    entries = [e for line in lines if line.measured for e in line.entries]
    counts = sorted({e.n for e in entries if e.n})
    ends = dict.fromkeys([counts[0], counts[-1]]) if counts else {}
    seeds = f"n = {' to '.join(map(str, ends))}"
    said = [f"Mean ± sample standard deviation over seeds ({seeds})"] if counts else []
    said += ["bold: best, underlined: second, of cells with three seeds or more"]
    occurring = {e.state for line in lines if line.told for e in line.entries}
    return (*said, *(text for state, text in LEGEND.items() if state in occurring))


def spent(table: Table) -> tuple[str, ...]:
    """What the costs are of, in clauses."""
    mixed = "; of different devices, not comparable" if len(table.devices) > 1 else ""
    devices = ", ".join(table.devices)
    return (
        f"minutes of training on {devices}: median over seeds, least–most of the data sets{mixed}",
    )


def title(grid: Grid) -> str:
    """What the table is of."""
    return f"{grid.table.title[0].upper()}{grid.table.title[1:]}"
