"""What a metric returns."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any


class NotFinite(ValueError):
    """A metric gave no number: what it looked at is no set of pictures."""


class TooFew(ValueError):
    """There are not enough pictures for a number; the sentence says how many it needs."""


@dataclass(frozen=True)
class Measure:
    """A number, how many pictures it rests on, and what a reader needs to judge it.

    Attributes:
        value: the number itself.
        better: "lower" or "higher".
        n: how many pictures of the method it was taken from.
        details: comparison values, floors, counts; plain numbers by name.
    """

    value: float
    better: str
    n: int
    details: dict[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name, number in {"value": self.value, **self.details}.items():
            if not math.isfinite(number):
                raise NotFinite(f"a measure must be finite, but {name} is {number}")

    def as_dict(self) -> dict[str, Any]:
        """As the record stores it."""
        return {
            "value": self.value,
            "better": self.better,
            "n": self.n,
            "details": dict(self.details),
        }
