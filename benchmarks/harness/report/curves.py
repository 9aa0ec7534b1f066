"""Training curves as small multiples: one row of panels a reading, one panel a method."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from benchmarks.harness.report.axes import Axis, number

Record = dict[str, Any]
WIDTH, HEIGHT, EDGE = 180, 90, 4


@dataclass(frozen=True)
class Panel:
    """The curves of one method: points of a polyline by seed."""

    name: str
    says: str
    lines: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Course:
    """One reading of all methods on a common scale.

    Attributes:
        low, high: ends of the scale, as texts.
        kimg: end of the longest training, in thousands of images, as text.
    """

    reading: str
    low: str
    high: str
    kimg: str
    panels: tuple[Panel, ...]


def courses(rows: Mapping[str, Sequence[Record]]) -> list[Course]:
    """One for every reading that any of the runs has and that ever moves.

    Args:
        rows: the runs of each method on one data set.
    """
    names = {name for runs in rows.values() for run in runs for name in run.get("curves", {})}
    return [made for name in sorted(names - {"kimg"}) if (made := course(name, rows)).panels]


def course(reading: str, rows: Mapping[str, Sequence[Record]]) -> Course:
    """The panels of one reading; without any where it is the same all the time."""
    points = {name: [(run["seed"], list(pairs(run, reading))) for run in runs]
              for name, runs in rows.items()}  # fmt: skip
    every = [pair for lines in points.values() for _, line in lines for pair in line]
    values, ends = {value for _, value in every}, [at for at, _ in every]
    if len(values) < 2:
        return Course(reading, "", "", "", ())
    x = Axis(0.0, max(*ends, 1e-3), EDGE, WIDTH - EDGE)
    y = Axis(min(values), max(values), HEIGHT - EDGE, EDGE)
    panels = [panel(name, reading, lines, x, y) for name, lines in points.items()]
    shown = tuple(one for one in panels if one.lines)
    return Course(reading, number(y.low), number(y.high), number(x.high), shown)


def pairs(run: Record, reading: str) -> Iterator[tuple[float, float]]:
    """Thousands of images and value, where there is one."""
    curves = run.get("curves", {})
    for at, value in zip(curves.get("kimg", []), curves.get(reading, []), strict=False):
        if value is not None:
            yield at, value


def panel(
    name: str,
    reading: str,
    lines: Sequence[tuple[int, Sequence[tuple[float, float]]]],
    x: Axis,
    y: Axis,
) -> Panel:
    """The curves of one method."""
    drawn = [
        (f"seed {seed}", " ".join(f"{x.at(at):g},{y.at(value):g}" for at, value in line))
        for seed, line in lines
        if line
    ]
    last = ", ".join(number(line[-1][1]) for _, line in lines if line)
    return Panel(name, f"{reading} of {name}; it ends at {last}", tuple(drawn))
