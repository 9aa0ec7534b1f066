"""Mean ranks: which methods are compared over which data sets, what is left out of it, and why."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from benchmarks.harness.leaderboard import metric_formats, statistics
from benchmarks.harness.leaderboard.tables import MethodRow, MetricColumn, Table

SOUND, WHOLE = ("sound",), ("sound", "provisional")
"""States of cells that are ranked: of three seeds; where no two rows have any, of fewer."""
MOST = 2000  # choices of data sets that are looked at; real tables have a handful
REASONS = {
    "missing": "not run on",
    "left out": "not measured on",
    "failed": "diverged on",
    "partly failed": "diverged with a seed on",
}


@dataclass(frozen=True)
class Ranking:
    """Mean ranks in one metric over ``data``, on which every ranked row has a number; on ``unused``
    ones too few have one of three seeds. Swapped layers are variants of a row and never ranked.
    Where nothing has three seeds fewer are ranked, which makes it ``provisional``.
    """

    metric: str
    data: tuple[str, ...] = ()
    unused: tuple[str, ...] = ()
    ranks: Mapping[str, float] = field(default_factory=dict)
    left_out: Mapping[str, str] = field(default_factory=dict)
    provisional: bool = False
    swapped: bool = False

    @property
    def title(self) -> str:
        return metric_formats.of(self.metric).title

    @property
    def clauses(self) -> tuple[str, ...]:
        if not self.ranks:
            return ()
        rests = ", on provisional cells too" if self.provisional else ""
        clauses = [f"mean rank in {self.title} over {', '.join(self.data)}{rests}"]
        if self.unused:
            left = ", ".join(self.unused)
            clauses.append(f"not counted, for too few have numbers of three seeds there: {left}")
        if self.left_out:
            reasons = (f"{label} ({why})" for label, why in self.left_out.items())
            clauses.append(f"without rank: {', '.join(reasons)}")
        if self.swapped:
            clauses.append("rows of swapped layers are not ranked")
        return tuple(clauses)


def rank(table: Table, metric: str) -> Ranking:
    """Rank methods over data sets that together make the largest table without a gap."""
    columns = [c for c in table.columns if c.metric == metric]
    rows = table.unswapped.rows
    for states in (SOUND, WHOLE):
        covered = {
            row.label: frozenset(c.data for c in columns if table.cell(row, c).state in states)
            for row in rows
        }
        chosen = largest(list(covered.values()), [column.data for column in columns])
        if sum(set(chosen) <= own for own in covered.values()) > 1 and chosen:
            break
    used = [c for c in columns if c.data in chosen]
    compared = [row for row in rows if chosen and set(chosen) <= covered[row.label]]
    cells = {row.label: [table.cell(row, c) for c in used] for row in compared}
    scores = {label: [cell.mean for cell in own] for label, own in cells.items()}
    return Ranking(
        metric=metric,
        data=chosen,
        unused=tuple(c.data for c in columns if c not in used) if chosen else (),
        ranks=statistics.mean_ranks(scores, columns[0].better) if scores else {},
        left_out={r.label: why(table, r, used) for r in rows if chosen and r not in compared},
        provisional=any(cell.state == "provisional" for own in cells.values() for cell in own),
        swapped=len(rows) < len(table.rows),
    )


def largest(covered: Sequence[frozenset[str]], order: Sequence[str]) -> tuple[str, ...]:
    """The data sets, of all in ``order``, of the largest table of ``covered`` without a gap."""
    choices: set[frozenset[str]] = set()
    for own in sorted(set(covered), key=sorted):
        choices |= {own, *(own & other for other in list(choices)[:MOST])}

    def size(choice: frozenset[str]) -> tuple[bool, int, int, list[int]]:
        rows = sum(choice <= own for own in covered)
        places = [-order.index(data) for data in order if data in choice]
        return rows > 1, rows * len(choice), len(choice), places

    best = max((choice for choice in choices if choice), key=size, default=frozenset())
    return tuple(data for data in order if data in best)


def why(table: Table, row: MethodRow, columns: Sequence[MetricColumn]) -> str:
    """On which data sets a row has no number that could be ranked, by the reason."""
    parts = []
    for state, words in REASONS.items():
        if own := [c.data for c in columns if table.cell(row, c).state == state]:
            parts.append(f"{words} {', '.join(own)}")
    return "; ".join(parts)
