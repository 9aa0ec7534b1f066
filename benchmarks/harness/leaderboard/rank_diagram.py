"""Demsar's diagram of mean ranks, drawn once: every form only prints these lines and texts. LaTeX
prints it in its own picture environment, for a document that compiles by itself can have no figure
in another file; so it is no figure of a plotting library.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

WIDTH = 120.0  # millimetres of the axis; names stand on both sides of it
BAR = 3.0  # from one bar to the next
LINE = 5.0  # from one name to the next
OVERHANG = 1.0  # of a bar beyond the ranks that it joins
MARGIN = 4.0  # between the axis and the names
BELOW = 6.0  # from the axis to the first name, without any bar


class Stem(NamedTuple):
    """A line from the axis down at ``x``, at ``y`` sideways to ``end``, where the name stands."""

    label: str
    x: float
    y: float
    end: float
    left: bool


class CliqueBar(NamedTuple):
    """Joins methods that do not differ."""

    start: float
    end: float
    y: float


class RankDiagram(NamedTuple):
    """Millimetres to the right of the best rank and below the axis."""

    ticks: tuple[tuple[float, int], ...]
    stems: tuple[Stem, ...]
    bars: tuple[CliqueBar, ...]
    depth: float


def draw(ranks: Mapping[str, float], cliques: Sequence[Sequence[str]]) -> RankDiagram:
    """The diagram of mean ranks; the better half of the methods stands on the left."""
    ordered = sorted(ranks.items(), key=lambda item: item[1])
    many, half = len(ordered), (len(ordered) + 1) // 2
    first = BELOW + BAR * len(cliques)

    def at(rank: float) -> float:
        return (rank - 1) * WIDTH / max(many - 1, 1)

    stems = []
    for i, (name, rank) in enumerate(ordered):
        left = i < half
        y = first + LINE * (i if left else many - 1 - i)
        end = -MARGIN if left else WIDTH + MARGIN
        stems.append(Stem(f"{name} ({rank:.2f})", at(rank), y, end, left))
    bars = [
        CliqueBar(at(ranks[group[0]]) - OVERHANG, at(ranks[group[-1]]) + OVERHANG, MARGIN + BAR * i)
        for i, group in enumerate(cliques)
    ]
    ticks = tuple((at(place), place) for place in range(1, many + 1))
    return RankDiagram(ticks, tuple(stems), tuple(bars), first + LINE * half)
