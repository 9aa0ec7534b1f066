"""Tables: rows are methods, columns are metrics on data sets, cells are seeds."""

from __future__ import annotations

import statistics
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

from benchmarks.harness.config.purposes import purpose
from benchmarks.harness.leaderboard import metric_formats
from benchmarks.harness.records import nested, recipe
from benchmarks.harness.records.record import Record

COSTS = {"images": "images", "seconds": "minutes", "trainable": "trainable"}
"""Keys of a record's cost, and what is printed over their columns."""
TEACHERS = {"Guide": "guide"}
"""Networks of a method's losses that saw pictures of the target styles, by their class."""
ENOUGH = 3  # seeds from which on a mean is no longer provisional


@dataclass(frozen=True, order=True)
class MetricColumn:
    """A metric on a data set."""

    data: str
    place: tuple[int, str]
    metric: str
    better: str = field(compare=False)
    protocol: str = field(compare=False)

    @property
    def format(self) -> metric_formats.MetricFormat:
        return metric_formats.of(self.metric)

    @property
    def heading(self) -> str:
        return f"{self.format.heading} {metric_formats.ARROWS[self.better]}"


@dataclass(frozen=True)
class Cell:
    """A method in a column: values by seed, failed seeds, and why finished runs have no number."""

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

    @cached_property
    def mean(self) -> float:
        """Over the seeds; there is one at least."""
        return statistics.fmean(self.values.values())

    @cached_property
    def std(self) -> float | None:
        """Sample standard deviation over the seeds; None of a single one."""
        return statistics.stdev(self.values.values()) if len(self.values) > 1 else None


MISSING = Cell({})


@dataclass(frozen=True)
class MethodRow:
    """Every run of a method with some changes; ``recipe`` is empty for the newest of the name."""

    method: str
    changes: tuple[str, ...]
    recipe: str
    records: tuple[Record, ...]

    @cached_property
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
        return tuple(word for word in self.changes if recipe.is_swap(word))

    @property
    def makes_source(self) -> bool:
        """Whether it is the training of a source, which is no opponent of the adaptations."""
        return bool(purpose("method", self.records[0].method))

    @property
    def sees(self) -> tuple[str, ...]:
        """Through which networks it learns that saw more of the target styles than its shots."""
        methods = (record.config.method for record in self.records)
        classes = [v for m in methods for _, k, v in nested.entries(m) if k == "_target_"]
        return tuple(name for kind, name in TEACHERS.items() if kind in classes)

    def called(self, changes: Sequence[str]) -> str:
        words = [change.lstrip("+~").removeprefix("method.") for change in changes]
        words += [f"recipe {self.recipe}"] if self.recipe else []
        return f"{self.method} ({', '.join(words)})" if words else self.method

    @cached_property
    def by_data(self) -> dict[str, list[Record]]:
        groups = defaultdict(list)
        for record in self.records:
            groups[record.data_label].append(record)
        return dict(groups)

    def costs(self, data: str) -> dict[str, float]:
        """What the finished runs on a data set cost, the median over them; empty without any.
        Whatever else a machine does only ever adds to the time of a run: one slow run says nothing.
        """
        finished = [one.cost for one in self.by_data.get(data, ()) if not one.failed]
        if not finished:
            return {}
        return {key: statistics.median(getattr(cost, key) for cost in finished) for key in COSTS}

    def spread(self, cost: str) -> tuple[float, float]:
        """Least and largest cost over the data sets; (0, 0) without a finished run."""
        medians = [costs[cost] for data in self.by_data if (costs := self.costs(data))]
        return min(medians, default=0.0), max(medians, default=0.0)


@dataclass(frozen=True)
class Table:
    """Rows of one source and task by one eval group; ``untouched`` is the source's own number."""

    source: str
    eval: str
    task: tuple[str, ...]
    columns: tuple[MetricColumn, ...]
    rows: tuple[MethodRow, ...]
    cells: Mapping[tuple[str, MetricColumn], Cell]
    untouched: Mapping[MetricColumn, float]

    def cell(self, row: MethodRow, column: MetricColumn) -> Cell:
        return self.cells.get((row.label, column), MISSING)

    @property
    def title(self) -> str:
        return ", ".join((f"source {self.source}", f"evaluation {self.eval}", *self.task))

    @property
    def data(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(column.data for column in self.columns))

    def of(self, data: str) -> tuple[MetricColumn, ...]:
        return tuple(column for column in self.columns if column.data == data)

    def only(self, data: str) -> Table:
        """One data set of the table, with the methods that were run on it."""
        columns = self.of(data)
        cells = {key: cell for key, cell in self.cells.items() if key[1] in columns}
        ran = {label for (label, _), cell in cells.items() if cell.state != "missing"}
        rows = tuple(row for row in self.rows if row.label in ran)
        return replace(self, columns=columns, rows=rows, cells=cells)

    @property
    def makes_source(self) -> bool:
        """Whether it holds nothing but the training of sources."""
        return all(row.makes_source for row in self.rows)

    @property
    def unswapped(self) -> Table:
        return replace(self, rows=tuple(row for row in self.rows if not row.swapped))

    @property
    def leading_metric(self) -> str:
        """The metric that methods are ranked in; empty where there is none."""
        return min(self.columns, key=lambda c: c.place).metric if self.columns else ""

    @cached_property
    def medals(self) -> dict[tuple[str, MetricColumn], int]:
        """1 and 2 for the best two prints of each column, ties shared, of sound cells alone."""
        medals = {}
        for column in self.columns:
            sign = 1 if column.better == "lower" else -1
            means = {
                row.label: sign * float(column.format.text(cell.mean))
                for row in self.rows
                if (cell := self.cell(row, column)).state == "sound"
            }
            places = sorted(set(means.values()))[:2]
            for label, mean in means.items():
                if mean in places:
                    medals[label, column] = 1 + places.index(mean)
        return medals

    @property
    def records(self) -> Iterator[Record]:
        return (record for row in self.rows for record in row.records)

    @property
    def draws(self) -> tuple[int, ...]:
        """Which draws of shots the runs had."""
        return tuple(sorted({record.config.data.get("draw", 0) for record in self.records}))

    @property
    def devices(self) -> tuple[str, ...]:
        """What the finished runs ran on: minutes of different devices are not comparable."""
        return tuple(sorted({record.provenance.device for record in self.records}))
