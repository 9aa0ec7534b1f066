"""The miners of MineGAN (arXiv:1912.05270), which look for what of a generator is wanted."""

import math
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from core.networks.layers import Conv
from core.networks.registry import network


@network
class Miner(nn.Module):
    """Latents to the latents that a generator is given."""

    def __init__(self, *, z_dim: int) -> None:
        super().__init__()
        self.transform = nn.Sequential(nn.Linear(z_dim, z_dim), nn.ReLU(), nn.Linear(z_dim, z_dim))

    @property
    def config(self) -> dict[str, Any]:
        return {"z_dim": self.transform[0].in_features}

    def forward(self, z: Tensor) -> Tensor:
        """Mined latents [N, Z] of latents [N, Z]."""
        return self.transform(z)


class SemanticMiner(nn.Module):
    """A constant of its own, through three 1x1 convolutions."""

    def __init__(self, *, code: int, channels: int) -> None:
        super().__init__()
        self.const = nn.Parameter(torch.randn(1, code, 4, 4))
        self.conv1 = Conv(code, 4 * code, kernel=1)
        self.conv2 = Conv(4 * code, 16 * code, kernel=1)
        self.weight = nn.Parameter(torch.randn(channels, 16 * code, 1, 1))

    def forward(self) -> Tensor:
        """Features [C, 4, 4], in place of a generator's constant."""
        x = self.conv2(self.conv1(self.const))
        return F.conv2d(x, self.weight / math.sqrt(self.weight.shape[1]))[0]
