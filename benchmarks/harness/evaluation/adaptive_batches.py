"""Pictures in batches that fit: where memory runs out, they get smaller."""

from collections.abc import Callable, Iterator
from typing import TypeVar

import torch
from torch import Tensor

from core.errors import UserError

T = TypeVar("T")
FULL = ("can't allocate memory", "not enough memory")  # torch has no class for it on the CPU


class AdaptiveBatches:
    """Does something batch by batch, of ``size`` at most; halves it where memory does not suffice.
    ``warn`` is told so in a sentence.
    """

    def __init__(self, size: int, warn: Callable[[str], None]) -> None:
        self.size, self.warn = size, warn

    def map(self, work: Callable[[Tensor], T], items: Tensor) -> Iterator[T]:
        """What ``work`` makes of items [n, ...], in order; UserError if not even one item fits."""
        start = 0
        while start < len(items):
            part = items[start : start + self.size]
            try:
                done = work(part)
            except (RuntimeError, MemoryError) as error:
                if not out_of_memory(error):
                    raise
                self.halve(len(part))
                continue
            start += len(part)
            yield done

    def halve(self, tried: int) -> None:
        """Smaller batches from now on."""
        if tried == 1:
            raise UserError("There is not enough memory for even one picture at a time.")
        self.size = tried // 2
        if torch.cuda.is_available():
            torch.cuda.empty_cache()
        self.warn(
            f"memory did not suffice for {tried} pictures at a time: {self.size} from now on."
        )


def out_of_memory(error: RuntimeError | MemoryError) -> bool:
    """Whether an error says that memory ran out."""
    known = isinstance(error, torch.OutOfMemoryError | MemoryError)
    return known or any(words in str(error) for words in FULL)
