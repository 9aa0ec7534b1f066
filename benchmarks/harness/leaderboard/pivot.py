"""Records as tables: which of them share a row, a column or a cell."""

import statistics
from collections import defaultdict
from collections.abc import Iterable

from benchmarks.harness.leaderboard import metric_formats
from benchmarks.harness.leaderboard.tables import Cell, MethodRow, MetricColumn, Table
from benchmarks.harness.records import protocol
from benchmarks.harness.records.record import Record
from core.errors import UserError

RANDOM = "@random-"
"""In the name of a metric by an untrained network: it proves the harness and is never printed."""


def build(records: Iterable[Record]) -> list[Table]:
    """All tables, of sources' training last; UserError where two protocols would share a column."""
    groups = defaultdict(list)
    for record in records:
        groups[record.source, record.eval, record.task].append(record)
    tables = []
    for shared, own in sorted(groups.items()):
        columns, rows = columns_of(own), tuple(rows_of(own))
        cells = {(row.label, column): cell_of(row, column) for row in rows for column in columns}
        tables.append(Table(*shared, columns, rows, cells, untouched(own, columns)))
    return sorted(tables, key=lambda one: one.makes_source)


def rows_of(records: Iterable[Record]) -> list[MethodRow]:
    """A row a method and set of changes; recipes of one name and data set are never pooled."""
    methods = defaultdict(list)
    for record in records:
        methods[record.method, record.changes].append(record)
    rows = []
    for (method, changes), own in sorted(methods.items()):
        by_age = sorted(own, key=lambda record: record.provenance.started)
        newest = {one.data_label: one.recipe for one in by_age}
        parts = defaultdict(list)
        for one in own:
            parts["" if newest[one.data_label] == one.recipe else one.recipe].append(one)
        rows += [MethodRow(method, changes, k, tuple(part)) for k, part in sorted(parts.items())]
    return rows


def columns_of(records: list[Record]) -> tuple[MetricColumn, ...]:
    """Every metric on every data set; refuses two protocols in one column."""
    seen: dict[tuple[str, str], tuple[Record, protocol.Facts]] = {}
    for record in records:
        for metric, facts in protocol.facts(record).items():
            if RANDOM in metric:
                continue
            first, expected = seen.setdefault((record.data_label, metric), (record, facts))
            if facts != expected:
                raise UserError(mixed(metric, first, expected, record, facts))
    columns = []
    for (data, metric), (first, facts) in seen.items():
        better, place = first.metrics[metric].better, metric_formats.order(metric)
        columns.append(MetricColumn(data, place, metric, better, protocol.identify(facts)))
    return tuple(sorted(columns))


def mixed(metric: str, a: Record, of_a: protocol.Facts, b: Record, of_b: protocol.Facts) -> str:
    runs = [
        f"{r.method} seed {r.seed} of {r.provenance.started} (protocol {protocol.identify(facts)})"
        for r, facts in ((a, of_a), (b, of_b))
    ]
    return (
        f"{metric} on {a.data_label}: {runs[0]} and {runs[1]} cannot share a column, because they "
        f"differ in {', '.join(protocol.differences(of_a, of_b))}. Run the older one again, remove "
        "its record, or leave it out with --since DATE."
    )


def cell_of(row: MethodRow, column: MetricColumn) -> Cell:
    own, metric = row.by_data.get(column.data, ()), column.metric
    finished = [record for record in own if not record.failed]
    values = {r.seed: r.metrics[metric].value for r in finished if metric in r.metrics}
    reasons = [record.left_out.get(metric, "") for record in finished]
    failed = tuple(sorted(record.seed for record in own if record.failed))
    return Cell(values, failed, next(filter(None, reasons), "not measured") if finished else "")


def untouched(records: list[Record], columns: Iterable[MetricColumn]) -> dict[MetricColumn, float]:
    """The unadapted source's number where records hold it, mean over the records."""
    sources = defaultdict(list)
    for record in records:
        for metric, measured in record.metrics.items():
            if measured.details.source is not None:
                sources[record.data_label, metric].append(measured.details.source)
    keys = {column: (column.data, column.metric) for column in columns}
    return {one: statistics.fmean(sources[key]) for one, key in keys.items() if key in sources}
