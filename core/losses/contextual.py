"""Losses that compare the style of two pictures, wherever things are in them.
Paper: "The contextual loss for image transformation with non-aligned data" (arXiv:1803.02077), as
DualStyleGAN (arXiv:2203.13248) uses it, with its feature matching; features are centred as in the
public code.
"""

import torch
import torch.nn.functional as F
from torch import Tensor

from core import distributed

EPS = 1e-5  # as in the public code


def contextual(x: Tensor, y: Tensor, bandwidth: float) -> Tensor:
    """Scalar: how badly the features x [N, C, h, w] cover the features y; 0 for equal ones."""
    centre = distributed.all_reduce_mean(y.mean(dim=(0, 2, 3), keepdim=True))
    ours = F.normalize((x - centre).flatten(2), dim=1)  # [N, C, P]
    theirs = F.normalize((y - centre).flatten(2), dim=1)
    apart = 1 - ours.mT @ theirs  # [N, P of x, P of y]
    relative = apart / (apart.min(dim=2, keepdim=True).values + EPS)
    preferred = torch.softmax((1 - relative) / bandwidth, dim=2)
    return -(preferred.max(dim=1).values.mean(dim=1) + EPS).log().mean()


def matching(x: Tensor, y: Tensor) -> Tensor:
    """Scalar: mean squared difference of the features [N, C, h, w] averaged over positions."""
    return F.mse_loss(x.mean(dim=(2, 3)), y.mean(dim=(2, 3)))
