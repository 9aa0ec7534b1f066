"""Pictures in batches that fit: where memory runs out, they get smaller."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TypeVar

import torch
from torch import Tensor

from core.errors import UserError

T = TypeVar("T")


class AdaptiveBatches:
    """Does something batch by batch; halves the batch where memory does not suffice.

    Args:
        size: of a batch at most, to begin with.
        warn: is told, in a sentence, when it was halved.
    """

    def __init__(self, size: int, warn: Callable[[str], None]) -> None:
        self.size, self.warn = size, warn

    def map(self, work: Callable[[Tensor], T], items: Tensor) -> Iterator[T]:
        """What ``work`` makes of items [n, ...], in order, batch by batch.

        Raises:
            UserError: not even one item fits.
        """
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


def out_of_memory(error: BaseException) -> bool:
    """Whether an error says that memory ran out; torch has no class for it on the CPU."""
    if isinstance(error, torch.OutOfMemoryError | MemoryError):
        return True
    return isinstance(error, RuntimeError) and any(
        words in str(error) for words in ("can't allocate memory", "not enough memory")
    )
