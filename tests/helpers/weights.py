"""Weights files of published layouts, made by formula where the real ones cannot be had."""

from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor

from benchmarks.harness.evaluation.extractors import inception as networks
from benchmarks.harness.io import external_weights


def made(shapes: Mapping[str, Tensor], seed: int) -> dict[str, Tensor]:
    """Values that keep activations alive, for every entry of a state dict."""
    generator = torch.Generator().manual_seed(seed)
    state = {}
    for name, like in shapes.items():
        shape = tuple(like.shape)
        if not like.is_floating_point():
            state[name] = torch.zeros(shape, dtype=like.dtype)
        elif name.endswith("running_var"):
            state[name] = 1 + torch.rand(shape, generator=generator)
        elif len(shape) < 2:
            base = 1.0 if name.endswith("weight") else 0.0
            state[name] = base + 0.1 * torch.randn(shape, generator=generator)
        else:
            fan_in = max(1, like[0].numel())
            state[name] = torch.randn(shape, generator=generator) * (2 / fan_in) ** 0.5
    return state


def inception() -> dict[str, Tensor]:
    """The published layout of the Inception of 2015."""
    with torch.device("meta"):
        shapes = networks.blank().state_dict()
    return made(shapes, 2015)


def put(name: str, state: Mapping[str, object]) -> Path:
    """Lay a state dict where an optional file is looked for."""
    path = external_weights.entry(name).path
    path.parent.mkdir(parents=True, exist_ok=True)
    torch.save(dict(state), path)
    return path
