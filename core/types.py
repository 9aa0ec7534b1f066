"""The shots as a method is given them, which may be too many to hold as floats."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, Protocol

from torch import Tensor


class Shots(Protocol):
    """K pictures [3, R, R] in [-1, 1]; a tensor [K, 3, R, R] is one of its kind."""

    def __len__(self) -> int:
        """K."""

    def __getitem__(self, which: Any, /) -> Tensor:
        """Those of a slice or of numbers [N], as images [N, 3, R, R], or one; all are ``[:]``."""

    def __iter__(self) -> Iterator[Tensor]:
        """One after the other."""

    def split(self, size: int, /) -> Iterable[Tensor]:
        """Images [<= size, 3, R, R], one part after the other."""
