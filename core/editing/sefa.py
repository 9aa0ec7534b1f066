"""Closed-form factorisation: directions of W that change a generator's pictures most.
Paper: "Closed-form factorization of latent semantics in GANs" (SeFa, arXiv:2007.06600).
Departs from the paper in: style-affine weights are taken as they are stored, without normalising
rows, and those of the colour layers above 4 px are left out, as in the public StyleGAN2 code.
"""

import torch
from torch import Tensor

from core.networks.generator import Generator


def affines(g: Generator) -> Tensor:
    """Style-affine weights [rows, W] of all layers but the colour layers above 4 px."""
    named = dict(g.synthesis.named_parameters())
    names = [name for name in named if name.endswith("affine.weight")]
    kept = [name for name in names if "torgb" not in name or name.startswith("b4.")]
    return torch.cat([named[name].detach() for name in kept])


def factorise(g: Generator) -> tuple[Tensor, Tensor]:
    """Unit directions [W, W] of any sign, one a row, the strongest first, and their gains [W]."""
    _, gains, directions = torch.linalg.svd(affines(g), full_matrices=False)
    return directions, gains
