"""Training curves as small multiples: one row of panels a reading, one panel a method."""

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from benchmarks.harness.records.record import Record

Points = list[tuple[float, float]]


class CurvePanel(NamedTuple):
    """The curves of one method: points of a polyline by seed."""

    name: str
    description: str
    lines: tuple[tuple[str, str], ...]


class ReadingCurves(NamedTuple):
    """One reading of all methods on one scale, as texts, up to ``kimg`` thousand images."""

    reading: str
    low: str
    high: str
    kimg: str
    panels: tuple[CurvePanel, ...]


def readings(runs: Mapping[str, Sequence[Record]]) -> Iterator[ReadingCurves]:
    """One for every reading of the runs of methods on one data set that ever moves."""
    names = {name for own in runs.values() for run in own for name in run.curves}
    for name in sorted(names - {"kimg"}):
        lines = {
            method: {f"seed {run.seed}": points(run, name) for run in own if name in run.curves}
            for method, own in runs.items()
        }
        every = [point for own in lines.values() for line in own.values() for point in line]
        if len({value for _, value in every}) > 1:
            yield reading_curves(name, lines, every)


def points(run: Record, reading: str) -> Points:
    pairs = zip(run.curves["kimg"], run.curves[reading], strict=True)
    return [(at, value) for at, value in pairs if at is not None and value is not None]


def reading_curves(
    reading: str, lines: Mapping[str, Mapping[str, Points]], every: Points
) -> ReadingCurves:
    """The panels of one reading; their pictures are a hundred units wide and high."""
    low, high = min(value for _, value in every), max(value for _, value in every)
    end = max(*(at for at, _ in every), 1e-3)  # a run that ended at once has no length
    panels = []
    for method, own in lines.items():
        drawn = {
            seed: " ".join(
                f"{100 * at / end:.4g},{100 * (high - value) / (high - low):.4g}"
                for at, value in line
            )
            for seed, line in own.items()
            if line
        }
        ends = ", ".join(f"{line[-1][1]:.4g}" for line in own.values() if line)
        description = f"{reading} of {method}; it ends at {ends}"
        if drawn:
            panels.append(CurvePanel(method, description, tuple(drawn.items())))
    return ReadingCurves(reading, f"{low:.4g}", f"{high:.4g}", f"{end:.4g}", tuple(panels))
