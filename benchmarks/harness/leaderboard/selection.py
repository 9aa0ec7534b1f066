"""Which records, metrics and published numbers a table is made of."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from benchmarks.harness.leaderboard import layout, published_numbers
from benchmarks.harness.leaderboard.comparison import MethodComparison, compare
from benchmarks.harness.leaderboard.layout import Grid, fits
from benchmarks.harness.leaderboard.pivot import build
from benchmarks.harness.leaderboard.published_numbers import PublishedNumber
from benchmarks.harness.leaderboard.tables import Table
from benchmarks.harness.records.record import Record
from core.errors import UserError


@dataclass(frozen=True)
class Selection:
    """What a reader asked for: patterns like file names, where nothing is everything; ``rank``
    orders rows and compares them with row ``against``, or the first; runs before ``since``, the
    beginning of an ISO date, are left out.
    """

    folder: Path
    data: Sequence[str] = ()
    source: Sequence[str] = ()
    eval: Sequence[str] = ()
    metrics: Sequence[str] = ()
    rank: str = ""
    against: str = ""
    since: str = ""
    reported: bool = False


class Content(NamedTuple):
    """What is printed; of ``dirty`` records, which were left out, nobody can find the code."""

    grids: list[Grid]
    comparisons: list[MethodComparison]
    published: list[PublishedNumber]
    dirty: int


def read(folder: Path) -> list[Record]:
    """All records of a folder by name; UserError where one is not sound or is there twice."""
    paths = sorted((folder / "runs").glob("*.json"))
    if not paths:
        raise UserError(f"There are no records in {folder / 'runs'}.")
    records: list[Record] = []
    seen: dict[tuple[str, str], Path] = {}
    for path in paths:
        record = Record.read(path)
        first = seen.setdefault((record.name, record.eval), path)
        if first != path:
            raise UserError(f"{path} and {first} are records of the same run.")
        records.append(record)
    return records


def read_tables(selection: Selection) -> tuple[list[Table], int]:
    """The tables of all records that are asked for, and how many were of code that nobody knows."""
    chosen = [
        record
        for record in read(selection.folder)
        if fits(selection.data, record.data)
        and fits(selection.source, record.source)
        and fits(selection.eval, record.eval)
        and record.provenance.started >= selection.since
    ]
    if not chosen:
        asked = "--data, --source, --eval and --since"
        raise UserError(f"No record fits what was asked for with {asked}.")
    # Committed, as far as git was asked, and with a checksum of what ran.
    committed = [one for one in chosen if one.provenance.code and not one.provenance.dirty]
    return build(committed), len(chosen) - len(committed)


def gather(selection: Selection) -> Content:
    if selection.against and not selection.rank:
        raise UserError(f"--against {selection.against} needs --rank METRIC: what to compare in.")
    every, dirty = read_tables(selection)
    displayed = having(every, selection.metrics) if selection.metrics else every
    grids = [
        layout.arrange(one, selection.metrics or layout.leading(one), selection.rank)
        for one in displayed
    ]
    ranked = having(displayed, (selection.rank,)) if selection.rank else []
    opposed = opposing(ranked, selection.rank, selection.against)
    comparisons = [compare(one, selection.rank, selection.against) for one in opposed]
    path = selection.folder / "published.csv"
    numbers = published_numbers.read(path) if selection.reported else []
    published = [number for number in numbers if fits(selection.data, number.target)]
    return Content(grids, comparisons, published, dirty)


def having(tables: Sequence[Table], metrics: Sequence[str]) -> list[Table]:
    """The tables that have one of these metrics; UserError where none has."""
    fitting = [one for one in tables if layout.has(one, metrics)]
    if tables and not fitting:
        layout.select([column for one in tables for column in one.columns], metrics)
    return fitting


def opposing(tables: Sequence[Table], rank: str, against: str) -> list[Table]:
    """The tables in which rows are compared, of all that have this one; UserError if none is."""
    labels = dict.fromkeys(row.label for one in tables for row in one.rows)
    if against and against not in labels:
        raise UserError(f"No row with {rank} is called {against}; there are {', '.join(labels)}.")
    own = [one for one in tables if not against or against in {row.label for row in one.rows}]
    several = [one for one in own if len(one.rows) > 1]
    if against and not several:
        titles = " and ".join(one.title for one in own)
        raise UserError(f"{against} stands alone in {titles}: there is no row to compare it with.")
    return several
