"""What methods are given, by what it can do: shots, and a network that losses look through."""

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


class GuideNetwork(Protocol):
    """A network that losses look through; never the one that measures."""

    def embed(self, images: Tensor) -> Tensor:
        """Vectors [N, V] of images [N, 3, R, R] whose squared distances are perceptual."""

    def identity(self, images: Tensor) -> Tensor:
        """Unit vectors [N, E] that say who it is."""

    def stages(self, images: Tensor) -> list[Tensor]:
        """Features [N, C, r, r] of images [N, 3, R, R], fine to coarse."""
