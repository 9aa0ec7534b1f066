"""Processes that train as one: what is random is drawn for all, and each takes its rows.

With W processes, process r has the pictures r, r + W, r + 2 W, ... of every batch. All processes
draw the same numbers for the whole batch and keep their rows, so the random streams stay equal, and
one process with the whole batch sees the same pictures, latents and noise. Groups of the minibatch
standard deviation are made of every so-manieth picture, so they are the same groups too.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import torch
from torch import Tensor
from torch import distributed as dist
from torch.overrides import TorchFunctionMode

DRAWS: tuple[Callable[..., Any], ...] = (torch.rand, torch.randn, torch.randint)


def world() -> int:
    """How many processes train together."""
    return dist.get_world_size() if dist.is_available() and dist.is_initialized() else 1


def rank() -> int:
    """Which of them this is, from 0."""
    return dist.get_rank() if world() > 1 else 0


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
        bounds, sizes = (args[:2], args[2:]) if func is torch.randint else ((), args)
        size = tuple(sizes[0]) if len(sizes) == 1 and not isinstance(sizes[0], int) else sizes
        if not size:
            return func(*args, **named)
        whole = func(*bounds, (size[0] * world(), *size[1:]), **named)
        return whole[rank() :: world()].contiguous()
