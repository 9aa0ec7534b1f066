"""Kernel modulation of AdAM (arXiv:2210.16559): weights are multiplied by 1 plus a matrix of rank
one, and biases are shifted, by few numbers that train in their place.
"""

import math
from collections.abc import Callable, Iterable
from typing import TypeVar

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize

from core.networks.generator import Generator
from core.networks.layers import Conv, Linear, SynthesisLayer, ToRGB

SMALL = 1e-7  # scale of the first vectors, as released: with zeros neither would have a gradient


class RankOne(nn.Module):
    """Weights [O, ...] times 1 + v u^T, of u [I] for the numbers of a kernel and v [O]."""

    def __init__(self, weight: Tensor) -> None:
        super().__init__()
        u, v = (SMALL * torch.randn(size) for size in (weight[0].numel(), len(weight)))
        self.u, self.v = nn.Parameter(u.to(weight)), nn.Parameter(v.to(weight))

    def forward(self, weight: Tensor) -> Tensor:
        return weight * (1 + self.outer(weight).reshape(weight.shape))

    def outer(self, weight: Tensor) -> Tensor:
        return torch.outer(self.v, self.u)


class RankOneReleased(RankOne):
    """The public code: of a convolution, u v^T is cut into kernels without being transposed, so
    that v_o is not kernel o's; a linear layer is divided by the root of the wrong width.
    """

    def forward(self, weight: Tensor) -> Tensor:
        modulated = super().forward(weight)
        if weight.ndim > 2:
            return modulated
        rows, columns = weight.shape
        return modulated * math.sqrt(columns / rows)

    def outer(self, weight: Tensor) -> Tensor:
        return torch.outer(self.u, self.v) if weight.ndim > 2 else super().outer(weight)


class Shift(nn.Module):
    """A bias [O] plus b [O]."""

    def __init__(self, bias: Tensor) -> None:
        super().__init__()
        self.b = nn.Parameter(torch.zeros_like(bias))

    def forward(self, bias: Tensor) -> Tensor:
        return bias + self.b


Make = Callable[[Tensor], RankOne]
M = TypeVar("M", bound=nn.Module)


def modulate(network: M, layers: Iterable[nn.Module], make: Make) -> M:
    """The network itself, with its layers' weights modulated, and the biases shifted of those that
    have no noise: linear layers and the discriminator's convolutions.
    """
    for layer in layers:
        parametrize.register_parametrization(layer, "weight", make(layer.get_parameter("weight")))
        if isinstance(layer, Linear | Conv):
            parametrize.register_parametrization(layer, "bias", Shift(layer.bias))
    return network


def generator_layers(g: Generator) -> list[nn.Module]:
    """All that can be modulated."""
    return [m for m in g.modules() if isinstance(m, Linear | SynthesisLayer | ToRGB)]


def vectors(layer: nn.Module) -> tuple[Tensor, ...]:
    """Of a modulated layer u, v and, where its bias is shifted, b."""
    own = dict(layer.named_parameters())
    names = ("weight.0.u", "weight.0.v", "bias.0.b")
    return tuple(own[key] for n in names if (key := f"parametrizations.{n}") in own)


def originals(layer: nn.Module) -> tuple[Tensor, ...]:
    """Its weight and, where that is shifted, its bias, as they are stored."""
    own = dict(layer.named_parameters())
    names = ("weight", "bias")
    return tuple(own[key] for n in names if (key := f"parametrizations.{n}.original") in own)
