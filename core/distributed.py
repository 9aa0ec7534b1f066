"""Processes that train as one: what is random is drawn for all, and each takes its rows.

With W processes, process r has the pictures r, r + W, r + 2 W, ... of every batch. All processes
draw the same numbers for the whole batch and keep their rows, so the random streams stay equal, and
one process with the whole batch sees the same pictures, latents and noise. Groups of the minibatch
standard deviation are made of every so-manieth picture, so they are the same groups too.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor
from torch import distributed as dist
from torch.overrides import TorchFunctionMode

DRAWS: tuple[Callable[..., Any], ...] = (torch.rand, torch.randn, torch.randint)


class State:
    """What this process is doing: ``alike`` counts the blocks of :func:`alike` around it."""

    alike = 0


def world() -> int:
    """How many processes train together; 1 inside :func:`alike`."""
    if State.alike or not dist.is_available() or not dist.is_initialized():
        return 1
    return dist.get_world_size()


def rank() -> int:
    """Which of them this is, from 0."""
    return dist.get_rank() if world() > 1 else 0


@contextmanager
def alike() -> Iterator[None]:
    """A block that all processes go through with the same numbers: nothing is shared out.

    For what belongs to the step and not to its pictures: a fixed number of latents, say.
    """
    State.alike += 1
    try:
        yield
    finally:
        State.alike -= 1


class Mean(torch.autograd.Function):
    """The mean over processes; the slope of everybody's loss comes back."""

    @staticmethod
    def forward(ctx: Any, value: Tensor) -> Tensor:
        """Sum of the values of all processes, over their number."""
        total = value.clone()
        dist.all_reduce(total)
        return total / world()

    @staticmethod
    def backward(ctx: Any, slope: Tensor) -> Tensor:
        """Each value counts in the losses of all."""
        return Mean.forward(ctx, slope)


def mean(value: Tensor) -> Tensor:
    """The mean of a value over all processes, which can be differentiated."""
    return value if world() == 1 else Mean.apply(value)


class Gather(torch.autograd.Function):
    """Everybody's rows, in the order in which one process would have them."""

    @staticmethod
    def forward(ctx: Any, rows: Tensor) -> Tensor:
        """[n, ...] of each of W processes to [n W, ...]."""
        parts = [torch.empty_like(rows) for _ in range(world())]
        dist.all_gather(parts, rows.contiguous())
        return torch.stack(parts, 1).flatten(0, 1)

    @staticmethod
    def backward(ctx: Any, slope: Tensor) -> Tensor:
        """A row counts in the losses of all."""
        total = slope.clone()
        dist.all_reduce(total)
        return total[rank() :: world()]


def gather(rows: Tensor) -> Tensor:
    """Rows [n, ...] of all W processes, [n W, ...], which can be differentiated.

    For losses of the whole batch, which every process then computes as a whole.
    """
    return rows if world() == 1 else Gather.apply(rows)


@torch.no_grad()
def agree(tensors: Iterable[Tensor]) -> None:
    """Replace tensors by those of the first process."""
    if world() > 1:
        for tensor in tensors:
            dist.broadcast(tensor, 0)


@torch.no_grad()
def average(tensors: Iterable[Tensor]) -> None:
    """Replace tensors by their means over all processes, all in one message."""
    held = list(tensors)
    if world() == 1 or not held:
        return
    packed = torch.cat([tensor.reshape(-1) for tensor in held])
    dist.all_reduce(packed)
    parts = (packed / world()).split([tensor.numel() for tensor in held])
    for tensor, part in zip(held, parts, strict=True):
        tensor.copy_(part.view_as(tensor))


class Rows(TorchFunctionMode):
    """While it is entered, a draw from a given generator is this process's rows of everybody's.

    The first dimension is the batch; single numbers are the same in all processes.
    """

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Any,
        args: tuple[Any, ...] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        named = dict(kwargs or {})
        if func not in DRAWS or named.get("generator") is None or world() == 1:
            return func(*args, **named)
        bounds, sizes = (args[:-1], args[-1:]) if func is torch.randint else ((), args)
        size = tuple(sizes[0]) if len(sizes) == 1 and not isinstance(sizes[0], int) else sizes
        if not size:
            return func(*args, **named)
        whole = func(*bounds, (size[0] * world(), *size[1:]), **named)
        return whole[rank() :: world()].contiguous()
