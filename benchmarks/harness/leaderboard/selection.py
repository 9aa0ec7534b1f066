"""Which records, metrics and figures a table is made of."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from benchmarks.harness.leaderboard import layout, published
from benchmarks.harness.leaderboard import tables as board
from benchmarks.harness.leaderboard.comparison import Contest, hold
from benchmarks.harness.leaderboard.layout import Grid
from benchmarks.harness.leaderboard.published import Figure
from benchmarks.harness.leaderboard.tables import Table
from benchmarks.harness.records import record as records
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
        reported: whether published figures follow.
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
    contests: list[Contest]
    figures: list[Figure] = field(default_factory=list)
    dirty: int = 0


def found(folder: Path) -> list[dict[str, Any]]:
    """All records of a folder, in the order of their names.

    Raises:
        UserError: one is not sound, or holds a run that another one holds too.
    """
    paths = sorted((folder / "runs").glob("*.json"))
    if not paths:
        raise UserError(f"There are no records in {folder / 'runs'}.")
    made: list[dict[str, Any]] = []
    seen: dict[tuple[Any, ...], Path] = {}
    for path in paths:
        one = records.read(path)
        key = (one["method"], one["data"], one["source"], one["eval"], one["recipe"], one["seed"])
        if key in seen:
            raise UserError(f"{path} and {seen[key]} are records of the same run.")
        seen[key] = path
        made.append(one)
    return made


def wanted(record: dict[str, Any], asked: Selection) -> bool:
    """Whether a record is asked for."""
    return (
        fits(record["data"], asked.data)
        and fits(record["source"], asked.source)
        and record["provenance"]["started"] >= asked.since
    )


def fits(name: str, patterns: Sequence[str]) -> bool:
    """Whether a name fits one of the patterns, or there are none."""
    return not patterns or any(fnmatchcase(name, pattern) for pattern in patterns)


def clean(record: dict[str, Any]) -> bool:
    """Whether the code of the run was committed."""
    return not record["provenance"].get("dirty", False)


def tables(asked: Selection) -> tuple[list[Table], int]:
    """The tables of all records that are asked for, and how many were of uncommitted code."""
    chosen = [record for record in found(asked.folder) if wanted(record, asked)]
    if not chosen:
        raise UserError("No record fits what was asked for with --data, --source and --since.")
    whole = [record for record in chosen if clean(record)]
    return board.build(whole), len(chosen) - len(whole)


def gather(asked: Selection) -> Content:
    """Everything that was asked for, ready to be printed."""
    made, dirty = tables(asked)
    metrics = asked.metrics or layout.LEADING
    shown = [one for one in made if asked.metrics == () or has(one, metrics)]
    if made and not shown:
        layout.chosen([c for one in made for c in one.columns], metrics)
    grids = [layout.arrange(one, leading(one, asked.metrics), asked.rank) for one in shown]
    contests = []
    if asked.rank:
        fitting = [one for one in shown if has(one, (asked.rank,))]
        if shown and not fitting:
            layout.chosen([c for one in shown for c in one.columns], (asked.rank,))
        contests = [hold(one, asked.rank, asked.against) for one in fitting if len(one.rows) > 1]
    figures = published.read(asked.folder / "published.csv") if asked.reported else []
    return Content(grids, contests, [f for f in figures if fits(f.target, asked.data)], dirty)


def has(table: Table, metrics: Sequence[str]) -> bool:
    """Whether a table has one of these metrics."""
    return any(layout.named(column.metric, metrics) for column in table.columns)


def leading(table: Table, metrics: Sequence[str]) -> Sequence[str]:
    """The metrics asked for, or the leading ones, or all where the table has none of those."""
    return metrics or (layout.LEADING if has(table, layout.LEADING) else ())
