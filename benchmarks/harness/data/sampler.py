"""The order in which a run shows its pictures: a pure function of the seed and the batch's number.
Epoch after epoch, every picture is shown once in a new order, and a coin mirrors it. Order and coin
come from a 64-bit hash (the finaliser of SplitMix64, Steele et al., OOPSLA 2014) of seed and
position, not from a random generator: there is no state to save, any batch can be computed without
the ones before it, and no release of numpy or torch can change a published order.
"""

from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor

from benchmarks.harness.io.prefetch import prefetch
from benchmarks.parafaces.parameters import mixed

ORDER, COIN = 1, 2  # what a hash is for


class Order:
    """Endless permutations of `size` pictures, with a coin that mirrors."""

    def __init__(self, *, size: int, seed: int, xflip: bool) -> None:
        self.size, self.seed, self.xflip = size, seed, xflip
        self._epoch, self._permutation = -1, np.empty(0, dtype=np.int64)

    def at(self, positions: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Picture numbers int64 [N] and mirror coins bool [N] at places [N] in the endless row."""
        epochs, ranks = np.divmod(np.asarray(positions, dtype=np.int64), self.size)
        ids = np.empty(len(ranks), dtype=np.int64)
        for epoch in np.unique(epochs):
            chosen = epochs == epoch
            ids[chosen] = self.permutation(int(epoch))[ranks[chosen]]
        if not self.xflip:
            return ids, np.zeros(len(ids), dtype=bool)
        coins = _hashed(self.seed, COIN, np.asarray(positions)) >> np.uint64(63)  # the highest bit
        return ids, coins.astype(bool)

    def permutation(self, epoch: int) -> np.ndarray:
        """The order int64 [size] of one epoch; the last one asked for is remembered."""
        if epoch != self._epoch:
            keys = _hashed(self.seed, ORDER, np.full(self.size, epoch), np.arange(self.size))
            self._epoch, self._permutation = epoch, np.argsort(keys, kind="stable")
        return self._permutation


class Batches:
    """Exactly `images // batch_size` batches (pixels uint8 [N, R, R, 3], ids int64 [N]) of a run.
    Lightning takes it as a loader as it is. A run may begin at batch `start`: then only the batches
    from there on come and are counted. `state_dict` and `load_state_dict` keep the place within an
    epoch. Of `world` processes each takes its own part of every batch, so that all of them together
    see what one alone would see. What is `pinned` is made one batch ahead, in memory that a GPU
    reads by itself.
    """

    def __init__(
        self,
        pixels: np.ndarray,
        order: Order,
        *,
        images: int,
        batch_size: int,
        start: int = 0,
        rank: int = 0,
        world: int = 1,
        pinned: bool = False,
    ) -> None:
        if batch_size % world:
            raise ValueError(f"A batch of {batch_size} cannot be shared by {world} processes.")
        self.pixels, self.order, self.batch_size = pixels, order, batch_size
        self.start, self.end, self.given = start, images // batch_size, start
        self.rank, self.world, self.pinned = rank, world, pinned

    def __len__(self) -> int:
        return max(self.end - self.start, 0)

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor]]:
        first = self.given if self.given < self.end else self.start
        numbers = range(first, self.end)
        made = prefetch(numbers, self.fixed, 1) if self.pinned else map(self.numbered, numbers)
        for number, batch in zip(numbers, made, strict=True):
            self.given = number + 1
            yield batch

    def numbered(self, number: int) -> tuple[Tensor, Tensor]:
        """This process's part of batch `number`: every `world`-th picture from `rank` on."""
        first = number * self.batch_size
        own = np.arange(first + self.rank, first + self.batch_size, self.world)
        ids, mirrored = self.order.at(own)
        pixels = np.array(self.pixels[ids])
        pixels[mirrored] = pixels[mirrored][:, :, ::-1]
        return torch.from_numpy(pixels), torch.from_numpy(ids)

    def fixed(self, number: int) -> tuple[Tensor, Tensor]:
        """The same where it does not move in memory, so that nobody waits for its copy."""
        pixels, ids = self.numbered(number)
        return pixels.pin_memory(), ids.pin_memory()

    def state_dict(self) -> dict[str, int]:
        return {"given": self.given}

    def load_state_dict(self, state: dict[str, int]) -> None:
        self.given = state["given"]


def _hashed(*parts: int | np.ndarray) -> np.ndarray:
    """64 well-mixed bits uint64 [N] of the parts, in their order; arrays are taken element-wise."""
    state = np.zeros(1, dtype=np.uint64)
    for part in parts:
        value = np.atleast_1d(np.asarray(part, dtype=np.int64)).view(np.uint64)
        # The increment of SplitMix64, 2^64 over the golden ratio: (0, 0) and (0,) hash differently.
        state = mixed(state + np.uint64(0x9E3779B97F4A7C15) + mixed(value))
    return state
