"""The course of a training in a few numbers, for its record."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

POINTS = 40  # more than a plot of a page's width shows apart
DIGITS = 4


class TrainingCurves:
    """Means of every reading over ``POINTS`` equal stretches of a run of so many images."""

    def __init__(self, *, images: int) -> None:
        self.images = images
        self.sums: dict[int, dict[str, list[float]]] = {}
        self.reached: dict[int, int] = {}

    def add(self, images: int, readings: Mapping[str, float]) -> None:
        """Take the readings of the step after which ``images`` were shown."""
        stretch = min((images - 1) * POINTS // max(self.images, 1), POINTS - 1)
        self.reached[stretch] = images
        sums = self.sums.setdefault(stretch, {})
        for name, value in readings.items():
            total, count = sums.get(name, (0.0, 0))
            sums[name] = [total + value, count + 1]

    def points(self) -> dict[str, list[float | None]]:
        """Thousands of images at the last step of each stretch, and the means of each reading."""
        stretches = sorted(self.sums)
        names = sorted({name for stretch in stretches for name in self.sums[stretch]})
        means = {name: [self.mean(s, name) for s in stretches] for name in names}
        return {"kimg": [self.reached[s] / 1000 for s in stretches], **means}

    def mean(self, stretch: int, name: str) -> float | None:
        total, count = self.sums[stretch].get(name, (0.0, 0))
        return float(f"{total / count:.{DIGITS}g}") if count else None

    def state(self) -> dict[str, Any]:
        """What a resumed run must know."""
        return {"sums": self.sums, "reached": self.reached}

    def restore(self, state: dict[str, Any]) -> None:
        self.sums, self.reached = state["sums"], state["reached"]
