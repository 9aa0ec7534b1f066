"""Round numbers on an axis, and where a value lies on it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

NEAR = 0.3  # of the largest value: what is less is near 0
HEADS = ((1, 1.5, 2, 3, 4, 5, 6, 8), (1, 2, 3, 5), (1, 2, 5), (1, 3), (1,))
TINY = 1e-9  # below it a value is 0, and a difference none


@dataclass(frozen=True)
class Axis:
    """A span of values drawn between two pixels.

    Attributes:
        low, high: values at the ends, low < high; both above 0 for a logarithmic axis.
        start, end: pixels of the ends.
        log: whether equal ratios are equally long.
    """

    low: float
    high: float
    start: float
    end: float
    log: bool = False

    def at(self, value: float) -> float:
        """Pixel of a value, to a tenth; what lies outside stays at the end."""
        low, high, value = (math.log(v) if self.log else v for v in (self.low, self.high, value))
        share = min(max((value - low) / (high - low), 0.0), 1.0)
        return round(self.start + share * (self.end - self.start), 1)

    @property
    def ticks(self) -> list[tuple[float, str]]:
        """Pixel and text of round values, a handful of them."""
        values = decades(self.low, self.high) if self.log else []
        values = values if len(values) > 2 else steps(self.low, self.high)
        return [(self.at(value), number(value)) for value in values]


def around(
    values: Sequence[float], start: float, end: float, *, log: bool = False, zero: bool = False
) -> Axis:
    """The axis that shows all values (one at least) with some air; with 0 if it is near."""
    low, high = min(values), max(values)
    if log:
        factor = max((high / low) ** 0.08, 1.15)
        return Axis(low / factor, high * factor, start, end, log=True)
    if zero and 0 < low < NEAR * high:
        low = 0.0
    size = max(abs(low), abs(high))
    if size < TINY:
        return Axis(-1.0, 1.0, start, end)
    air = 0.08 * (high - low) if high - low > TINY * size else 0.1 * size
    return Axis(low - (0.0 if zero and low == 0 else air), high + air, start, end)


def steps(low: float, high: float) -> list[float]:
    """Multiples of 1, 2 or 5 times a power of ten between two values."""
    rough = (high - low) / 4
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(m * power for m in (1, 2, 5, 10) if m * power >= rough * 0.999)
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    return [i * step for i in range(first, last + 1)]


def decades(low: float, high: float) -> list[float]:
    """Few digits times the powers of ten between two values above 0; fewer where they crowd."""
    powers = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    for heads in HEADS:
        found = [h * 10.0**p for p in powers for h in heads if low <= h * 10.0**p <= high]
        if len(found) <= 6:
            return found
    return found[:: len(found) // 4]


def number(value: float) -> str:
    """A short text of a round number."""
    return f"{value:.4g}".replace("e+0", "e").replace("e-0", "e-")
