"""Pictures in batches that fit: where memory runs out, they get smaller."""

from collections.abc import Callable, Iterator
from typing import TypeVar

import torch
from torch import Tensor

from core.errors import UserError

T = TypeVar("T")
PIXELS = 4 * 256**2  # a training step of config-e holds 1.6 GiB for each picture of 256 px
FOR = 8 * 2**30  # bytes of memory that this many pixels are meant for
FULL = ("can't allocate memory", "not enough memory")  # torch has no class for it on the CPU


class AdaptiveBatches:
    """Works batch by batch, ``size`` at most, and halves it (``warn`` is told) without memory."""

    def __init__(self, size: int, warn: Callable[[str], None]) -> None:
        self.size, self.warn = size, warn

    def map(self, work: Callable[[Tensor], T], items: Tensor) -> Iterator[T]:
        """What ``work`` makes of items [n, ...], in order; UserError if not even one fits."""
        start = 0
        while start < len(items):
            part = items[start : start + self.size]
            try:
                done = work(part)
            except (RuntimeError, MemoryError) as error:
                known = isinstance(error, torch.OutOfMemoryError | MemoryError)
                if not (known or any(words in str(error) for words in FULL)):
                    raise
                self.halve(len(part))
                continue
            start += len(part)
            yield done

    def halve(self, n: int) -> None:
        if n == 1:
            raise UserError("There is not enough memory for even one picture at a time.")
        self.size = n // 2
        if torch.cuda.is_available():
            torch.cuda.empty_cache()
        self.warn(f"memory did not suffice for {n} pictures at a time: {self.size} from now on.")


def within(most: int, side: int, device: torch.device) -> int:
    """How many pictures [3, side, side] are worked on together, at most ``most``: 64 of 64 px, 4 of
    256 px, one of more; of a GPU's memory in proportion.
    """
    pixels = PIXELS
    if device.type == "cuda" and torch.cuda.is_available():  # else it is a fake one, of tests
        pixels *= max(1, torch.cuda.get_device_properties(device).total_memory // FOR)
    return max(1, min(most, pixels // side**2))


def side_by_side(work: Callable[..., Tensor], size: int, *items: Tensor) -> Tensor:
    """What ``work`` makes of items [N, ...] of equal number, ``size`` at a time or fewer."""

    def part(index: Tensor) -> Tensor:
        rows = slice(int(index[0]), int(index[-1]) + 1)
        return work(*(item[rows] for item in items))

    batches = AdaptiveBatches(size, lambda sentence: None)  # nothing else becomes of it
    return torch.cat(list(batches.map(part, torch.arange(len(items[0])))))
