"""Records as tables: rows are methods, columns are metrics on data sets, cells are seeds."""

from __future__ import annotations

import statistics
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from benchmarks.harness.leaderboard import formats
from benchmarks.harness.leaderboard.facts import asked, changes, costs, data_label, is_swap, state
from benchmarks.harness.records import protocol
from core.errors import UserError

Record = dict[str, Any]
ENOUGH = 3
"""Seeds from which on a mean is no longer provisional."""
RANDOM = "@random-"
"""In the name of a metric by an untrained network: it proves the harness and is never printed."""


@dataclass(frozen=True, order=True)
class Column:
    """A metric on a data set."""

    data: str
    place: tuple[int, str]
    metric: str
    better: str = field(compare=False)
    protocol: str = field(compare=False)


@dataclass(frozen=True)
class Cell:
    """What is known of one method in one column.

    Attributes:
        values: the metric by seed, of finished runs.
        failed: seeds whose run diverged.
        left_out: why finished runs have no such number; empty where they have.
    """

    values: Mapping[int, float]
    failed: tuple[int, ...] = ()
    left_out: str = ""

    @property
    def state(self) -> str:
        """sound, provisional, failed, partly failed, left out, missing."""
        if self.failed:
            return "partly failed" if self.values else "failed"
        if self.values:
            return "sound" if len(self.values) >= ENOUGH else "provisional"
        return "left out" if self.left_out else "missing"

    @property
    def mean(self) -> float:
        """Over the seeds; there is one at least."""
        return statistics.fmean(self.values.values())

    @property
    def std(self) -> float:
        """Sample standard deviation over at least two seeds."""
        return statistics.stdev(self.values.values())


MISSING = Cell({})


@dataclass(frozen=True)
class Row:
    """A method with what was changed in it or whose layers were swapped, and every run of it."""

    method: str
    changes: tuple[str, ...]
    recipe: str
    records: tuple[Record, ...]

    @property
    def label(self) -> str:
        """How the row is called: method, changed numbers, the recipe where it is an earlier one."""
        return self.called(self.changes)

    @property
    def whole(self) -> str:
        """How the row is called whose layers are swapped here: itself where none are."""
        return self.called([word for word in self.changes if word not in self.swapped])

    @property
    def swapped(self) -> tuple[str, ...]:
        """Which layers are the source's, as it was asked for; () for a run as it was trained."""
        return tuple(word for word in self.changes if is_swap(word))

    def called(self, changes: Sequence[str]) -> str:
        """The method's name with some changes."""
        words = [change.lstrip("+~").removeprefix("method.") for change in changes]
        words += [f"recipe {self.recipe}"] if self.recipe else []
        return f"{self.method} ({', '.join(words)})" if words else self.method

    def spread(self, cost: str) -> tuple[float, float]:
        """Least and largest cost over the data sets; (0, 0) without a finished run."""
        names = dict.fromkeys(data_label(record) for record in self.records)
        found = [usual[cost] for name in names if (usual := costs(self.records, name))]
        return min(found, default=0.0), max(found, default=0.0)


@dataclass(frozen=True)
class Table:
    """All rows of one source and one task, judged by one eval group.

    Attributes:
        asked: what was changed in the task on the command line.
        untouched: the source's own number by column, where a metric says it.
    """

    source: str
    judged: str
    asked: tuple[str, ...]
    columns: tuple[Column, ...]
    rows: tuple[Row, ...]
    cells: Mapping[tuple[str, Column], Cell]
    untouched: Mapping[Column, float]

    def cell(self, row: Row, column: Column) -> Cell:
        """What is known of a row in a column."""
        return self.cells.get((row.label, column), MISSING)

    @property
    def title(self) -> str:
        """What all its rows share."""
        return ", ".join((f"source {self.source}", f"evaluation {self.judged}", *self.asked))

    @property
    def data(self) -> tuple[str, ...]:
        """Data sets, in the order of the columns."""
        return tuple(dict.fromkeys(column.data for column in self.columns))

    def of(self, data: str) -> tuple[Column, ...]:
        """The columns of one data set."""
        return tuple(column for column in self.columns if column.data == data)

    @cached_property
    def medals(self) -> dict[tuple[str, Column], int]:
        """1 for the best and 2 for the second of each column, by what is printed; ties share.

        Only sound cells compete: not those of fewer than three seeds, nor with a failed one.
        """
        given = {}
        for column in self.columns:
            shown = formats.style(column.metric)
            sound = {r.label: self.cell(r, column) for r in self.rows}
            means = {k: float(shown.text(c.mean)) for k, c in sound.items() if c.state == "sound"}
            sign = 1 if column.better == "lower" else -1
            places = sorted({sign * mean for mean in means.values()})[:2]
            for label, mean in means.items():
                if sign * mean in places:
                    given[label, column] = 1 + places.index(sign * mean)
        return given

    @property
    def devices(self) -> tuple[str, ...]:
        """What the finished runs ran on: minutes of different devices are not comparable."""
        return tuple(sorted({r["provenance"]["device"] for row in self.rows for r in row.records}))


def rows_of(records: Iterable[Record]) -> list[Row]:
    """One row a method and set of changes; an earlier recipe of the same name has its own.

    Two recipes of one name on one data set are different methods: they are never pooled.
    """
    named = defaultdict(list)
    for record in records:
        named[record["method"], changes(record)[0]].append(record)
    rows = []
    for (method, changed), own in sorted(named.items()):
        newest: dict[str, str] = {}
        for record in sorted(own, key=lambda r: r["provenance"]["started"]):
            newest[data_label(record)] = record["recipe"]
        parts = defaultdict(list)
        for record in own:
            recipe = record["recipe"]
            parts["" if newest[data_label(record)] == recipe else recipe].append(record)
        rows += [Row(method, changed, key, tuple(part)) for key, part in sorted(parts.items())]
    return rows


def build(records: Iterable[Record]) -> list[Table]:
    """All tables of the records.

    Raises:
        UserError: two records would share a column although they were judged differently.
    """
    groups = defaultdict(list)
    for record in records:
        groups[record["source"], record["eval"], asked(record)].append(record)
    return [table(*key, own) for key, own in sorted(groups.items())]


def table(source: str, judged: str, asked: tuple[str, ...], records: list[Record]) -> Table:
    """The table of records with the same source, evaluation and changes in the task."""
    columns = columns_of(records)
    rows = tuple(rows_of(records))
    cells = {(r.label, c): cell_of(r, c) for r in rows for c in columns}
    return Table(
        source=source,
        judged=judged,
        asked=asked,
        columns=columns,
        rows=rows,
        cells=cells,
        untouched=untouched(records, columns),
    )


def columns_of(records: list[Record]) -> tuple[Column, ...]:
    """Every metric on every data set; refuses two protocols in one column."""
    seen: dict[tuple[str, str], tuple[Record, protocol.Facts]] = {}
    found = {}
    for record in records:
        for metric, measured in record["metrics"].items():
            if RANDOM in metric:
                continue
            key = data_label(record), metric
            known = protocol.facts(record, metric)
            first, facts = seen.setdefault(key, (record, known))
            if facts != known:
                raise UserError(mixed(metric, first, facts, record, known))
            found[key] = Column(
                data=key[0],
                place=formats.order(metric),
                metric=metric,
                better=measured["better"],
                protocol=protocol.identify(known),
            )
    return tuple(sorted(found.values()))


def mixed(metric: str, a: Record, of_a: protocol.Facts, b: Record, of_b: protocol.Facts) -> str:
    """Why two records cannot share a column."""
    runs = [
        f"{r['method']} seed {r['seed']} of {r['provenance']['started']} "
        f"(protocol {protocol.identify(facts)})"
        for r, facts in ((a, of_a), (b, of_b))
    ]
    return (
        f"{metric} on {data_label(a)}: {runs[0]} and {runs[1]} cannot share a column, because they "
        f"differ in {', '.join(protocol.differences(of_a, of_b))}. Run the older one again, remove "
        "its record, or leave it out with --since DATE."
    )


def cell_of(row: Row, column: Column) -> Cell:
    """The seeds of a row in a column."""
    own = [record for record in row.records if data_label(record) == column.data]
    finished = [record for record in own if state(record) == "finished"]
    values = {
        record["seed"]: float(record["metrics"][column.metric]["value"])
        for record in finished
        if column.metric in record["metrics"]
    }
    reasons = [record.get("left_out", {}).get(column.metric, "") for record in finished]
    failed = tuple(sorted(record["seed"] for record in own if state(record) == "failed"))
    return Cell(values, failed, next(filter(None, reasons), "not measured") if finished else "")


def untouched(records: list[Record], columns: tuple[Column, ...]) -> dict[Column, float]:
    """The unadapted source's number where records hold it, mean over the records."""
    found = {}
    for column in columns:
        own = [r["metrics"].get(column.metric, {}) for r in records if data_label(r) == column.data]
        values = [m["details"]["source"] for m in own if "source" in m.get("details", {})]
        if values:
            found[column] = statistics.fmean(values)
    return found
