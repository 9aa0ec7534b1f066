"""Two metrics against each other: named points with their spread over the seeds."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from benchmarks.leaderboard import grid, numbering, plain
from benchmarks.leaderboard.board import Cell, Column, Table
from benchmarks.report.axes import Axis, around, number

WIDTH, HEIGHT = 380, 300
LEFT, RIGHT, TOP, BOTTOM = 46, 10, 24, 44
DISC = 110  # radius of the tint in the better corner
FEWEST = 2  # points that make a plot
LONGEST = 26  # signs of a label
SIGN, LINE = 6.1, 13.0  # pixels of a letter and a line of a label
QUALITY = ("kid", "fid", "fd")
DIVERSITY = ("intra", "recall", "coverage")
STRUCTURE = ("landmarks", "identity", "translation")
PLACES = (
    (8, 4, "start"),
    (-8, 4, "end"),
    (0, -9, "middle"),
    (0, 17, "middle"),
    (7, -6, "start"),
    (7, 14, "start"),
    (-7, -6, "end"),
    (-7, 14, "end"),
)
"""Of a label beside its point: shift to the right, shift down, anchor."""

Box = tuple[float, float, float, float]


@dataclass(frozen=True)
class Dot:
    """A method: name, value and deviation on both axes, in printed units.

    Attributes:
        whole: whether no layer is swapped.
    """

    name: str
    x: float
    y: float
    dx: float = 0.0
    dy: float = 0.0
    whole: bool = True


@dataclass(frozen=True)
class Mark:
    """A drawn point: pixels of its middle, of the ends of its bars, and of its label."""

    name: str
    says: str
    x: float
    y: float
    bars: tuple[float, float, float, float]
    label: tuple[float, float, str]
    whole: bool


@dataclass(frozen=True)
class Plot:
    """A finished scatter plot.

    Attributes:
        corner: path of the quarter of a disc in which the better points lie.
    """

    title: str
    says: str
    x_title: str
    y_title: str
    x: Axis
    y: Axis
    marks: tuple[Mark, ...]
    corner: str


def first(columns: Sequence[Column], names: Sequence[str]) -> Column | None:
    """The column of the first of these metrics that there is."""
    known = {numbering.base(column.metric): column for column in reversed(columns)}
    return next((known[name] for name in names if name in known), None)


def plots(table: Table, data: str) -> list[Plot]:
    """Quality against diversity, structure and cost on one data set, as far as it is measured."""
    quality = first(table.of(data), QUALITY)
    if quality is None:
        return []
    made = []
    for word, names in (("diversity", DIVERSITY), ("structure", STRUCTURE)):
        other = first(table.of(data), names)
        if other is None:
            continue
        dots = list(against(table, quality, other))
        if len(dots) >= FEWEST:
            titles, best = (titled(other), titled(quality)), (other.better, quality.better)
            made.append(plot(f"Quality against {word}", dots, titles, best))
    dots = list(costs(table, quality))
    if len(dots) >= FEWEST:
        titles, best = ("minutes of training ↓", titled(quality)), ("lower", quality.better)
        made.append(plot("Quality against cost", dots, titles, best, log=True))
    return made


def titled(column: Column) -> str:
    """A metric with its factor and the way that is better."""
    shown = numbering.style(column.metric)
    return f"{shown.heading()} {numbering.ARROWS[column.better]}"


def against(table: Table, quality: Column, other: Column) -> Iterator[Dot]:
    """The rows that have a number in both columns."""
    for row in table.rows:
        x, y = (scaled(table.cell(row, c), c) for c in (other, quality))
        if x and y:
            name = f"{row.whole} {grid.layers(row.swapped)}".strip()
            yield Dot(name, x[0], y[0], x[1], y[1], whole=not row.swapped)


def costs(table: Table, quality: Column) -> Iterator[Dot]:
    """The methods that have a number and took time; swapping layers takes none."""
    for row in (row for row in table.rows if not row.swapped):
        y = scaled(table.cell(row, quality), quality)
        minutes = plain.costs(row.records, quality.data).get("minutes", 0.0)
        if y and minutes > 0:
            yield Dot(row.label, minutes, y[0], 0.0, y[1])


def scaled(cell: Cell, column: Column) -> tuple[float, float] | tuple[()]:
    """Mean and deviation in printed units, or nothing where there is no number."""
    if not cell.values:
        return ()
    factor = numbering.style(column.metric).factor
    return cell.mean * factor, (cell.std * factor if len(cell.values) > 1 else 0.0)


def plot(
    title: str,
    dots: Sequence[Dot],
    titles: tuple[str, str],
    best: tuple[str, str],
    *,
    log: bool = False,
) -> Plot:
    """The drawn plot of some dots."""
    x = around([d.x for d in dots], LEFT, WIDTH - RIGHT, log=log)
    y = around([d.y for d in dots], HEIGHT - BOTTOM, TOP, zero=True)
    spots = [(x.at(d.x), y.at(d.y)) for d in dots]
    labels = labelled(dots, spots)
    marks = [
        Mark(
            name=shortened(d.name),
            says=f"{d.name}: {titles[0]} {number(d.x)}, {titles[1]} {number(d.y)}",
            x=at[0],
            y=at[1],
            bars=(x.at(d.x - d.dx) if d.dx else at[0], x.at(d.x + d.dx), *ends(y, d)),
            label=label,
            whole=d.whole,
        )
        for d, at, label in zip(dots, spots, labels, strict=True)
    ]
    corner = quarter(best[0] == "higher", best[1] == "higher")
    says = f"{title}: " + "; ".join(mark.says for mark in marks) + "."
    return Plot(title, says, *titles, x, y, tuple(marks), corner)


def quarter(right: bool, top: bool) -> str:
    """Path of a quarter of a disc in a corner of the plot."""
    x, dx = (WIDTH - RIGHT, -DISC) if right else (LEFT, DISC)
    y, dy = (TOP, DISC) if top else (HEIGHT - BOTTOM, -DISC)
    return f"M{x} {y}h{dx}A{DISC} {DISC} 0 0 {int(right != top)} {x} {y + dy}z"


def ends(axis: Axis, dot: Dot) -> tuple[float, float]:
    """Pixels of the ends of a vertical bar."""
    return axis.at(dot.y - dot.dy), axis.at(dot.y + dot.dy)


def labelled(
    dots: Sequence[Dot], spots: Sequence[tuple[float, float]]
) -> list[tuple[float, float, str]]:
    """A place for every name: beside its point, where it covers least of what is there."""
    taken: list[Box] = [(x - 5, y - 5, x + 5, y + 5) for x, y in spots]
    found = []
    for dot, (x, y) in zip(dots, spots, strict=True):
        wide = SIGN * len(shortened(dot.name))
        tries = []
        for rank, (shift, lift, anchor) in enumerate(PLACES):
            left = x + shift - {"start": 0.0, "end": wide, "middle": wide / 2}[anchor]
            box = (left, y + lift - LINE + 3, left + wide, y + lift + 3)
            outside = max(0.0, LEFT - box[0]) + max(0.0, box[2] - WIDTH)
            cover = sum(overlap(box, other) for other in taken)
            tries.append((cover + 40 * outside + rank, box, (x + shift, y + lift, anchor)))
        _, box, label = min(tries)
        taken.append(box)
        found.append(label)
    return found


def shortened(name: str) -> str:
    """A name as a label has room for it."""
    return name if len(name) <= LONGEST else f"{name[: LONGEST - 1]}…"


def overlap(a: Box, b: Box) -> float:
    """Area that two boxes (left, top, right, bottom) share."""
    wide = min(a[2], b[2]) - max(a[0], b[0])
    high = min(a[3], b[3]) - max(a[1], b[1])
    return max(wide, 0.0) * max(high, 0.0)
