"""How much kernels matter: squared gradients of single pictures' losses, as AdAM (arXiv:2210.16559)
and RICK (arXiv:2304.07574) measure them. A kernel is what gives one channel: the same row of all
tensors [O, ...] of its layer.
"""

import copy
from collections.abc import Iterable, Iterator, Sequence

import torch
from torch import Tensor, nn

from core.losses.adversarial import logistic_d, logistic_g
from core.networks.discriminator import Discriminator
from core.networks.generator import Generator
from core.networks.layers import full_precision
from core.types import Shots


def squared_gradients(losses: Iterable[Tensor], weights: Sequence[Tensor]) -> list[Tensor]:
    """The mean over losses, scalars of one picture each, of their squared gradients by weights."""
    totals, count = [torch.zeros_like(weight) for weight in weights], 0
    for loss in losses:
        count += 1
        for total, gradient in zip(totals, torch.autograd.grad(loss, weights), strict=True):
            total += gradient.square()
    return [total / count for total in totals]


def copies(*networks: nn.Module) -> Iterator[nn.Module]:
    """The same networks with gradients, to measure with."""
    return (copy.deepcopy(network).requires_grad_(True) for network in networks)


def importance(
    g: nn.Module,
    d: nn.Module,
    z: Tensor,
    shots: Shots,
    of_g: Sequence[Tensor],
    of_d: Sequence[Tensor],
) -> list[Tensor]:
    """Squared gradients of both players' losses by weights of g and by weights of d, one picture of
    latents [N, Z] at a time and a shot beside it, with constant noise.
    """

    def losses_of_d() -> Iterator[Tensor]:
        for i, one in enumerate(z.split(1)):
            with torch.no_grad():
                fake = g(one)
            yield logistic_d(d(shots[i % len(shots)][None].to(fake)), d(fake))

    with full_precision(z):
        by_g = squared_gradients((logistic_g(d(g(one))) for one in z.split(1)), of_g)
        return by_g + squared_gradients(losses_of_d(), of_d)


def percentile(scores: Sequence[Tensor], percent: float) -> Tensor:
    """The number that so many percent of all scores lie below, between two of them linearly."""
    return torch.quantile(torch.cat([*scores]), percent / 100)


def hold(tensors: Iterable[Tensor], rows: Tensor) -> None:
    """Let no gradient reach some rows (a mask [O]) of tensors [O, ...]."""
    clear((t.grad for t in tensors if t.grad is not None), rows)


@torch.no_grad()
def clear(tensors: Iterable[Tensor], rows: Tensor) -> None:
    """Set some rows (a mask [O]) of tensors [O, ...] to zero."""
    for tensor in tensors:
        tensor.masked_fill_(rows.reshape(-1, *[1] * (tensor.ndim - 1)), 0)


def synthesis_layers(g: Generator) -> list[nn.Module]:
    """The convolutions above 4 px."""
    names = g.synthesis.noise_names
    return [g.synthesis.get_submodule(name) for name in names if not name.startswith("b4.")]


def block_layers(d: Discriminator) -> list[nn.Module]:
    """The convolutions of all blocks, without the first layer and what follows the last block."""
    blocks = [d.get_submodule(f"b{r}") for r in d.block_resolutions]
    return [block.get_submodule(n) for block in blocks for n in ("conv0", "conv1", "skip")]
