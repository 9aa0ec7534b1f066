"""Noise maps as variables of an inversion, kept free of pictures, which they could explain alone:
StyleGAN2's projector (arXiv:1912.04958, appendix D) forbids correlation between neighbours at every
scale and normalises the maps after every step.
Departs from the paper in: every picture of a batch has maps and a penalty of its own.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from core.bounds import Seed, Weight
from core.networks.generator import Synthesis

SMALLEST = 8  # px; coarser maps are not averaged further, as in the paper


def autocorrelation(maps: Mapping[str, Tensor]) -> Tensor:
    """Penalty [N] of maps [N, 1, r, r]: squared mean products with both neighbours, all scales."""
    total = torch.zeros(())
    for scale in maps.values():
        while True:
            for axis in (2, 3):
                product = (scale * scale.roll(1, dims=axis)).mean((1, 2, 3))
                total = total.to(product) + product.square()
            if scale.shape[-1] <= SMALLEST:
                break
            scale = torch.nn.functional.avg_pool2d(scale, 2)
    return total


@torch.no_grad()
def renormalise(maps: Mapping[str, Tensor]) -> None:
    """Give every map [1, r, r] of every picture zero mean and unit deviation, in place."""
    for noise in maps.values():
        noise -= noise.mean((1, 2, 3), keepdim=True)
        noise /= noise.std((1, 2, 3), keepdim=True)


@dataclass(frozen=True)
class ConstantNoise:
    """What a projector does about noise maps: nothing, they are the generator's own constants."""

    def maps(self, synthesis: Synthesis, n: int) -> dict[str, Tensor]:
        """Maps [n, 1, r, r] to optimise, by layer."""
        return {}

    def penalty(self, maps: Mapping[str, Tensor]) -> Tensor | float:
        """What maps cost [N]."""
        return 0.0

    def after_step(self, maps: Mapping[str, Tensor]) -> None:
        """What is done to maps after every step."""


@dataclass(frozen=True, kw_only=True)
class RegularisedNoise(ConstantNoise):
    """Maps drawn from a seed, optimised beside the styles."""

    weight: Weight
    seed: Seed

    def maps(self, synthesis: Synthesis, n: int) -> dict[str, Tensor]:
        rng = torch.Generator().manual_seed(self.seed)
        drawn = {}
        for name in synthesis.noise_names:
            side = int(name[1:].split(".")[0])
            noise = torch.randn(n, 1, side, side, generator=rng).to(synthesis.b4.const)
            drawn[name] = noise.requires_grad_(True)
        return drawn

    def penalty(self, maps: Mapping[str, Tensor]) -> Tensor:
        return self.weight * autocorrelation(maps)

    def after_step(self, maps: Mapping[str, Tensor]) -> None:
        renormalise(maps)
