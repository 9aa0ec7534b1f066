"""Which records, metrics and published numbers a table is made of."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path

from benchmarks.harness.leaderboard import layout, published_numbers
from benchmarks.harness.leaderboard.comparison import MethodComparison, compare
from benchmarks.harness.leaderboard.layout import Grid
from benchmarks.harness.leaderboard.pivot import build
from benchmarks.harness.leaderboard.published_numbers import PublishedNumber
from benchmarks.harness.leaderboard.tables import Table
from benchmarks.harness.records.record import Record
from core.errors import UserError


@dataclass(frozen=True)
class Selection:
    """What a reader asked for; patterns are like file names, nothing asked for is everything.

    Attributes:
        folder: of the results, with ``runs/`` and ``published.csv``.
        data, source, metrics: patterns.
        rank: the metric that orders the rows and in which methods are compared; empty for none.
        against: the row that others are compared with; empty for the first in rank.
        since: runs that started earlier are left out; an ISO date or its beginning.
        reported: whether published numbers follow.
    """

    folder: Path
    data: Sequence[str] = ()
    source: Sequence[str] = ()
    metrics: Sequence[str] = ()
    rank: str = ""
    against: str = ""
    since: str = ""
    reported: bool = False


@dataclass(frozen=True)
class Content:
    """What is printed.

    Attributes:
        dirty: how many records were left out because their code was not committed.
    """

    grids: list[Grid]
    comparisons: list[MethodComparison]
    published: list[PublishedNumber] = field(default_factory=list)
    dirty: int = 0


def read(folder: Path) -> list[Record]:
    """All records of a folder, in the order of their names.

    Raises:
        UserError: one is not sound, or holds a run that another one holds too.
    """
    paths = sorted((folder / "runs").glob("*.json"))
    if not paths:
        raise UserError(f"There are no records in {folder / 'runs'}.")
    records: list[Record] = []
    seen: dict[tuple[str, str], Path] = {}
    for path in paths:
        record = Record.read(path)
        run = record.name, record.eval
        if run in seen:
            raise UserError(f"{path} and {seen[run]} are records of the same run.")
        seen[run] = path
        records.append(record)
    return records


def fits(name: str, patterns: Sequence[str]) -> bool:
    """Whether a name fits one of the patterns, or there are none."""
    return not patterns or any(fnmatchcase(name, pattern) for pattern in patterns)


def read_tables(selection: Selection) -> tuple[list[Table], int]:
    """The tables of all records that are asked for, and how many were of uncommitted code."""
    chosen = [
        record
        for record in read(selection.folder)
        if fits(record.data, selection.data)
        and fits(record.source, selection.source)
        and record.provenance.started >= selection.since
    ]
    if not chosen:
        raise UserError("No record fits what was asked for with --data, --source and --since.")
    committed = [record for record in chosen if not record.provenance.dirty]
    return build(committed), len(chosen) - len(committed)


def gather(selection: Selection) -> Content:
    """Everything that was asked for, ready to be printed."""
    every, dirty = read_tables(selection)
    metrics = selection.metrics or layout.LEADING
    displayed = [one for one in every if not selection.metrics or layout.has(one, metrics)]
    if every and not displayed:
        layout.select([c for one in every for c in one.columns], metrics)
    grids = [
        layout.arrange(one, selection.metrics or layout.leading(one), selection.rank)
        for one in displayed
    ]
    numbers = (
        published_numbers.read(selection.folder / "published.csv") if selection.reported else []
    )
    return Content(
        grids=grids,
        comparisons=list(compared(displayed, selection)),
        published=[number for number in numbers if fits(number.target, selection.data)],
        dirty=dirty,
    )


def compared(displayed: Sequence[Table], selection: Selection) -> Iterator[MethodComparison]:
    """The comparisons in the metric that was asked for, of every table that has it."""
    if not selection.rank:
        return
    fitting = [one for one in displayed if layout.has(one, (selection.rank,))]
    if displayed and not fitting:
        layout.select([c for one in displayed for c in one.columns], (selection.rank,))
    for one in fitting:
        if len(one.rows) > 1:
            yield compare(one, selection.rank, selection.against)
