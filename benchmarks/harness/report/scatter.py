"""Two metrics against each other: named points with their spread over the seeds."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from benchmarks.harness.leaderboard import csv_json, formats, layout
from benchmarks.harness.leaderboard.tables import Cell, MetricColumn, Table
from benchmarks.harness.report.axes import Axis, around, number

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

RINGS = (24, 38, 54)  # pixels from a point to places further away, which need a line to it
NEAR = 0.3  # share of a ring's radius within which a label stands above or below its point
FAR = 30  # square pixels of cover that a place further away is worth
LOOSE = 40  # square pixels that the label of a swapped level may cover; it is left out otherwise

Box = tuple[float, float, float, float]
Spot = tuple[float, float]
Label = tuple[float, float, str]


def ring(radius: int) -> Iterator[Label]:
    """Twelve places around a point."""
    for hour in range(12):
        right, down = (f(math.tau * hour / 12) for f in (math.cos, math.sin))
        anchor = "start" if right > NEAR else "end" if right < -NEAR else "middle"
        yield round(radius * right), round(radius * down) + 4, anchor


EVERYWHERE = (*PLACES, *(place for radius in RINGS for place in ring(radius)))


@dataclass(frozen=True)
class Dot:
    """A method: name, value and deviation on both axes, in printed units.

    Attributes:
        level: up to which layers are the source's; empty for a run as it was trained.
    """

    name: str
    x: float
    y: float
    dx: float = 0.0
    dy: float = 0.0
    level: str = ""

    @property
    def label(self) -> str:
        """What stands beside the point; a swapped level is joined to its method by a line."""
        name = self.level or self.name
        return name if len(name) <= LONGEST else f"{name[: LONGEST - 1]}…"


@dataclass(frozen=True)
class Mark:
    """A drawn point: pixels of its middle, of the ends of its bars, and of its label.

    Attributes:
        name: beside the point; empty where there is no room for it.
        leader: path from the point to a label that is further away, or empty.
    """

    name: str
    says: str
    x: float
    y: float
    bars: tuple[float, float, float, float]
    label: tuple[float, float, str]
    leader: str
    whole: bool


@dataclass(frozen=True)
class Plot:
    """A finished scatter plot.

    Attributes:
        corner: path of the quarter of a disc in which the better points lie.
        trails: paths from a method through its swapped levels.
    """

    title: str
    says: str
    x_title: str
    y_title: str
    x: Axis
    y: Axis
    marks: tuple[Mark, ...]
    corner: str
    trails: tuple[str, ...]


def first(columns: Sequence[MetricColumn], names: Sequence[str]) -> MetricColumn | None:
    """The column of the first of these metrics that there is."""
    known = {formats.base(column.metric): column for column in reversed(columns)}
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
            titles, best = (other.heading, quality.heading), (other.better, quality.better)
            made.append(plot(f"Quality against {word}", dots, titles, best))
    dots = list(costs(table, quality))
    if len(dots) >= FEWEST:
        titles, best = ("minutes of training, median ↓", quality.heading), ("lower", quality.better)
        made.append(plot("Quality against cost", dots, titles, best, log=True))
    return made


def against(table: Table, quality: MetricColumn, other: MetricColumn) -> Iterator[Dot]:
    """The rows that have a number in both columns, swapped levels behind their method."""
    for row in sorted(table.rows, key=lambda row: layout.place(row, {})):
        x, y = (scaled(table.cell(row, c), c) for c in (other, quality))
        if x and y:
            yield Dot(row.whole, x[0], y[0], x[1], y[1], layout.layers(row.swapped))


def costs(table: Table, quality: MetricColumn) -> Iterator[Dot]:
    """The methods that have a number and took time; swapping layers takes none."""
    for row in (row for row in table.rows if not row.swapped):
        y = scaled(table.cell(row, quality), quality)
        minutes = csv_json.costs(row, quality.data).get("minutes", 0.0)
        if y and minutes > 0:
            yield Dot(row.label, minutes, y[0], 0.0, y[1])


def scaled(cell: Cell, column: MetricColumn) -> tuple[float, float] | tuple[()]:
    """Mean and deviation in printed units, or nothing where there is no number."""
    if not cell.values:
        return ()
    factor = column.format.factor
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
    x = around([d.x + sign * d.dx for d in dots for sign in (-1, 1)], LEFT, WIDTH - RIGHT, log=log)
    y = around(
        [d.y + sign * d.dy for d in dots for sign in (-1, 1)], HEIGHT - BOTTOM, TOP, zero=True
    )
    spots = [(x.at(d.x), y.at(d.y)) for d in dots]
    marks = [
        Mark(
            name=d.label if label else "",
            says=f"{d.name} {d.level}".strip()
            + f": {titles[0]} {number(d.x)}, {titles[1]} {number(d.y)}",
            x=at[0],
            y=at[1],
            bars=(x.at(d.x - d.dx) if d.dx else at[0], x.at(d.x + d.dx), *ends(y, d)),
            label=label or (*at, "middle"),
            leader=leader(at, label) if label else "",
            whole=not d.level,
        )
        for d, at, label in zip(dots, spots, labelled(dots, spots), strict=True)
    ]
    corner = quarter(best[0] == "higher", best[1] == "higher")
    says = f"{title}: " + "; ".join(mark.says for mark in marks) + "."
    return Plot(title, says, *titles, x, y, tuple(marks), corner, tuple(trails(dots, spots)))


def trails(dots: Sequence[Dot], spots: Sequence[Spot]) -> Iterator[str]:
    """A path through the points of each method that has swapped levels."""
    for name in dict.fromkeys(dot.name for dot in dots if dot.level):
        own = [at for dot, at in zip(dots, spots, strict=True) if dot.name == name]
        yield "M" + "L".join(f"{x:g} {y:g}" for x, y in own)


def quarter(right: bool, top: bool) -> str:
    """Path of a quarter of a disc in a corner of the plot."""
    x, dx = (WIDTH - RIGHT, -DISC) if right else (LEFT, DISC)
    y, dy = (TOP, DISC) if top else (HEIGHT - BOTTOM, -DISC)
    return f"M{x} {y}h{dx}A{DISC} {DISC} 0 0 {int(right != top)} {x} {y + dy}z"


def ends(axis: Axis, dot: Dot) -> tuple[float, float]:
    """Pixels of the ends of a vertical bar."""
    return axis.at(dot.y - dot.dy), axis.at(dot.y + dot.dy)


def labelled(dots: Sequence[Dot], spots: Sequence[Spot]) -> list[Label | tuple[()]]:
    """A place for every name: beside its point, where it covers least of what is there.

    The most crowded points choose first; levels last, and they go without where there is no room.
    """
    taken: list[Box] = [(x - 5, y - 5, x + 5, y + 5) for x, y in spots]
    found: list[Label | tuple[()]] = [()] * len(dots)

    def turn(i: int) -> tuple[bool, int, int]:
        (x, y), near = spots[i], 4 * LINE
        crowd = sum(abs(x - a) < 2 * near and abs(y - b) < near for a, b in spots)
        return bool(dots[i].level), -crowd, i

    for i in sorted(range(len(dots)), key=turn):
        tries = [tried(dots[i], spots[i], rank, taken) for rank in range(len(EVERYWHERE))]
        cost, box, label = min(tries)
        if dots[i].level and cost > LOOSE:
            continue
        taken.append(box)
        found[i] = label
    return found


def tried(dot: Dot, spot: Spot, rank: int, taken: Sequence[Box]) -> tuple[float, Box, Label]:
    """What a label costs in one of the places, the box that it fills, and where it is anchored."""
    (x, y), (shift, lift, anchor) = spot, EVERYWHERE[rank]
    wide = SIGN * len(dot.label)
    left = x + shift - {"start": 0.0, "end": wide, "middle": wide / 2}[anchor]
    box = (left, y + lift - LINE + 3, left + wide, y + lift + 3)
    outside = max(0.0, LEFT - box[0]) + max(0.0, box[2] - WIDTH)
    outside += max(0.0, TOP - LINE - box[1]) + max(0.0, box[3] - (HEIGHT - BOTTOM))
    cover = sum(overlap(box, other) for other in taken)
    far = FAR if rank >= len(PLACES) else 0
    return cover + 40 * outside + far + rank, box, (x + shift, y + lift, anchor)


def leader(spot: Spot, label: Label) -> str:
    """A path from a point to a label that is further away; empty for a near one."""
    (x, y), (to_x, to_y, anchor) = spot, label
    if (round(to_x - x), round(to_y - y), anchor) in PLACES:
        return ""
    end = to_y - 4 if anchor != "middle" else (to_y + 3 if to_y < y else to_y - LINE + 3)
    return f"M{x:g} {y:g}L{to_x:g} {end:g}"


def overlap(a: Box, b: Box) -> float:
    """Area that two boxes (left, top, right, bottom) share."""
    wide = min(a[2], b[2]) - max(a[0], b[0])
    high = min(a[3], b[3]) - max(a[1], b[1])
    return max(wide, 0.0) * max(high, 0.0)
