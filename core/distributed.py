"""Processes that train as one: what is random is drawn for all, and each takes its rows. With W
processes, process r has the pictures r, r + W, r + 2 W, ... of every batch. All draw the same
numbers for the whole batch and keep their rows, so the random streams stay equal to those of one
process with the whole batch. So are the groups of the minibatch deviation, which are made of every
so-manieth picture.
"""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import torch
from torch import Tensor
from torch import distributed as dist
from torch.overrides import TorchFunctionMode

DRAWS: tuple[Callable[..., Any], ...] = (torch.rand, torch.randn, torch.randint)
_replicated = ContextVar("replicated", default=False)


def world_size() -> int:
    """How many processes train together; 1 inside :func:`replicated`."""
    if _replicated.get() or not dist.is_available() or not dist.is_initialized():
        return 1
    return dist.get_world_size()


def rank() -> int:
    """Which of them this is, from 0."""
    return dist.get_rank() if world_size() > 1 else 0


@contextmanager
def replicated() -> Iterator[None]:
    """A block of what belongs to the step and not to its pictures: nothing is shared out."""
    before = _replicated.set(True)
    try:
        yield
    finally:
        _replicated.reset(before)


class AllReduceMean(torch.autograd.Function):
    """The mean over processes; the gradient of everybody's loss comes back."""

    @staticmethod
    def forward(ctx: Any, value: Tensor) -> Tensor:
        total = value.clone()
        dist.all_reduce(total)
        return total / world_size()

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        return AllReduceMean.forward(ctx, gradient)


def all_reduce_mean(value: Tensor) -> Tensor:
    """The mean of a value over all processes."""
    return value if world_size() == 1 else AllReduceMean.apply(value)


class Gather(torch.autograd.Function):
    """Everybody's rows, in the order in which one process would have them."""

    @staticmethod
    def forward(ctx: Any, rows: Tensor) -> Tensor:
        parts = [torch.empty_like(rows) for _ in range(world_size())]
        dist.all_gather(parts, rows.contiguous())
        return torch.stack(parts, 1).flatten(0, 1)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        total = gradient.clone()
        dist.all_reduce(total)
        return total[rank() :: world_size()]


def gather(rows: Tensor) -> Tensor:
    """Rows [n, ...] of all W processes, [n W, ...], for losses that compare them."""
    return rows if world_size() == 1 else Gather.apply(rows)


@torch.no_grad()
def broadcast_(tensors: Iterable[Tensor]) -> None:
    """Replace tensors by those of the first process."""
    if world_size() > 1:
        for tensor in tensors:
            dist.broadcast(tensor, 0)


@torch.no_grad()
def all_reduce_mean_(tensors: Iterable[Tensor]) -> None:
    """Replace tensors by their means over all processes, all in one message."""
    originals = list(tensors)
    if world_size() == 1 or not originals:
        return
    packed = torch.cat([tensor.reshape(-1) for tensor in originals])
    dist.all_reduce(packed)
    parts = (packed / world_size()).split([tensor.numel() for tensor in originals])
    for tensor, part in zip(originals, parts, strict=True):
        tensor.copy_(part.view_as(tensor))


class ShardedRandom(TorchFunctionMode):
    """While it is entered, a draw [batch, ...] of a generator is this process's rows of it."""

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        named = dict(kwargs or {})
        if func not in DRAWS or named.get("generator") is None or world_size() == 1:
            return func(*args, **named)
        bounds, sizes = (args[:-1], args[-1:]) if func is torch.randint else ((), args)
        size = tuple(sizes[0]) if len(sizes) == 1 and not isinstance(sizes[0], int) else sizes
        if not size:  # a single number
            return func(*args, **named)
        whole = func(*bounds, (size[0] * world_size(), *size[1:]), **named)
        return whole[rank() :: world_size()].contiguous()
