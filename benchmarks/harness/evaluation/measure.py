"""What a metric returns."""

import math
from dataclasses import dataclass, field


class NotFinite(ValueError):
    """A metric gave no number: what it looked at is no set of pictures."""


class TooFew(ValueError):
    """There are not enough pictures for a number; the sentence says how many it needs."""


@dataclass(frozen=True)
class Measure:
    """A number, how many pictures of the method it rests on, and what a reader needs to judge it.
    ``better`` is "lower" or "higher". ``details``: comparison values, floors, counts by name.
    """

    value: float
    better: str
    n: int
    details: dict[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name, number in {"value": self.value, **self.details}.items():
            if not math.isfinite(number):
                raise NotFinite(f"a measure must be finite, but {name} is {number}")
