"""Names beside the points of a plot, each where it covers least of what is there."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import NamedTuple

SIGN, LINE = 6.1, 13.0  # pixels of a letter and a line, as the page sets them
POINT = 5  # pixels from the middle of a point to its edge, with some air
BESIDE = ((8, 4, "start"), (-8, 4, "end"), (0, -9, "middle"), (0, 17, "middle"),
          (7, -6, "start"), (7, 14, "start"), (-7, -6, "end"), (-7, 14, "end"))  # fmt: skip
"""Places of a name beside its point: shift to the right, shift down, anchor."""
RINGS = (24, 38, 54)  # pixels from a point to places further away, which need a line to it
NEAR = 0.3  # share of a ring's radius within which a name stands above or below its point
FAR = 30  # square pixels of cover that a place further away is worth
OUTSIDE = 40  # square pixels of cover that a pixel outside the frame is worth
LOOSE = 40  # square pixels that the name of a minor point may cover; it is left out otherwise
Spot = tuple[float, float]


class Box(NamedTuple):
    """Pixels from the upper left corner."""

    left: float
    top: float
    right: float
    bottom: float

    def overlap(self, other: Box) -> float:
        wide = min(self.right, other.right) - max(self.left, other.left)
        high = min(self.bottom, other.bottom) - max(self.top, other.top)
        return max(wide, 0.0) * max(high, 0.0)

    def beyond(self, frame: Box) -> float:
        """Pixels by which the box sticks out of a frame."""
        across = max(0.0, frame.left - self.left) + max(0.0, self.right - frame.right)
        return across + max(0.0, frame.top - self.top) + max(0.0, self.bottom - frame.bottom)


class Label(NamedTuple):
    """Where a name stands: its base line, its anchor, and its box; far where it needs a line."""

    x: float
    y: float
    anchor: str
    box: Box
    far: bool

    def end(self, spot: Spot) -> Spot:
        """Where a line from the point to the name ends: at its near side."""
        if self.anchor != "middle":
            return self.x, self.y - 4  # half the height of a letter
        return self.x, self.box.bottom if self.y < spot[1] else self.box.top


def ring(radius: int) -> Iterator[tuple[int, int, str]]:
    for hour in range(12):
        right, down = (f(math.tau * hour / 12) for f in (math.cos, math.sin))
        anchor = "start" if right > NEAR else "end" if right < -NEAR else "middle"
        yield round(radius * right), round(radius * down) + 4, anchor


PLACES = (*BESIDE, *(place for radius in RINGS for place in ring(radius)))


def place(
    names: Sequence[str], spots: Sequence[Spot], minor: Sequence[bool], frame: Box
) -> list[Label | None]:
    """A place in the frame for every name, the most crowded first; a minor one may get None."""
    taken = [Box(x - POINT, y - POINT, x + POINT, y + POINT) for x, y in spots]
    labels: list[Label | None] = [None] * len(spots)

    def crowd(i: int) -> int:
        (x, y), near = spots[i], 4 * LINE
        return sum(abs(x - a) < 2 * near and abs(y - b) < near for a, b in spots)

    for i in sorted(range(len(spots)), key=lambda i: (minor[i], -crowd(i), i)):
        tries = [candidate(names[i], spots[i], rank) for rank in range(len(PLACES))]
        costs = []
        for rank, label in enumerate(tries):
            covered = sum(map(label.box.overlap, taken))
            costs.append(covered + OUTSIDE * label.box.beyond(frame) + FAR * label.far + rank)
        best = costs.index(min(costs))
        if not (minor[i] and costs[best] > LOOSE):
            labels[i] = tries[best]
            taken.append(tries[best].box)
    return labels


def candidate(name: str, spot: Spot, rank: int) -> Label:
    right, down, anchor = PLACES[rank]
    x, y, wide = spot[0] + right, spot[1] + down, SIGN * len(name)
    left = x - {"start": 0.0, "end": wide, "middle": wide / 2}[anchor]
    box = Box(left, y - LINE + 3, left + wide, y + 3)  # 3: below the base line
    return Label(x, y, anchor, box, far=rank >= len(BESIDE))
