"""Random styles: a network that learns the distribution of a few style codes.

Two small networks turn noise into structure rows and colour rows of Z+ codes. They are trained by
implicit maximum likelihood (arXiv:1809.09087, arXiv:1812.08985): every code pulls the nearest of
many generated ones towards itself, so none is forgotten. DualStyleGAN (arXiv:2203.13248) draws its
random styles like this.

Departs from the public code in: nearest codes by exact distances without a library; evaluation mode
when drawing, so that a style does not depend on those drawn with it; more than a thousand codes
are allowed; the optimiser lives through all rounds.
"""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from core.networks.registry import network

NOISE = 128
BATCH = 128
DECAY = 1e-5


class CodeSampler(nn.Module):
    """Noise [N, 128] to codes [N, O]."""

    def __init__(self, out_features: int) -> None:
        super().__init__()
        self.lin1 = nn.Linear(NOISE, NOISE, bias=False)
        self.bn1 = nn.BatchNorm1d(NOISE)
        self.lin2 = nn.Linear(NOISE, NOISE, bias=False)
        self.bn2 = nn.BatchNorm1d(NOISE)
        self.lin_out = nn.Linear(NOISE, out_features, bias=False)

    def forward(self, noise: Tensor) -> Tensor:
        x = F.relu(self.bn1(self.lin1(noise)))
        return self.lin_out(F.relu(self.bn2(self.lin2(x))))


@network
class StyleSampler(nn.Module):
    """Noise to Z+ codes whose structure and colour are drawn apart.

    Args:
        rows: L.
        structure_rows: how many of them are structure.
        z_dim: Z.

    Attributes:
        given: whether a state has been loaded into it, until somebody says otherwise.
    """

    def __init__(self, *, rows: int, structure_rows: int, z_dim: int) -> None:
        super().__init__()
        self.config: dict[str, Any] = {
            "rows": rows,
            "structure_rows": structure_rows,
            "z_dim": z_dim,
        }
        self.rows, self.z_dim, self.given = rows, z_dim, False
        self.structure = CodeSampler(structure_rows * z_dim)
        self.colour = CodeSampler((rows - structure_rows) * z_dim)

    def forward(self, structure: Tensor, colour: Tensor) -> Tensor:
        """Codes [N, L, Z] of two noises [N, 128]."""
        codes = torch.cat([self.structure(structure), self.colour(colour)], dim=1)
        return codes.unflatten(1, (self.rows, self.z_dim))

    def _load_from_state_dict(self, *state: Any) -> None:
        self.given = True
        super()._load_from_state_dict(*state)


@torch.enable_grad()
def learn(
    network: CodeSampler,
    codes: Tensor,
    *,
    rounds: int,
    copies: int,
    jitter: float,
    lr: float,
    halve: int,
    rng: torch.Generator,
) -> None:
    """Train a network on codes [K, O]; it ends in evaluation mode.

    Args:
        network: changed in place.
        codes: what it should draw.
        rounds: how often all codes are gone through.
        copies: codes in all, after repeating each as often and adding jitter.
        jitter: standard deviation of what is added to every copy.
        lr: first learning rate of Adam.
        halve: rounds after which it is halved.
        rng: of noise and order.
    """
    repeated = codes.repeat(max(copies // len(codes), 1), 1)
    data = repeated + jitter * torch.randn(repeated.shape, generator=rng)
    adam = torch.optim.Adam(network.parameters(), lr=lr, betas=(0.5, 0.999), weight_decay=DECAY)
    for number in range(rounds):
        adam.param_groups[0]["lr"] = lr * 0.5 ** (number // halve)
        noise = torch.randn(2 * max(len(data) // BATCH, 1) * BATCH, NOISE, generator=rng)
        with torch.no_grad():
            drawn = torch.cat([network.train()(part) for part in noise.split(BATCH)])
            nearest = torch.cat([torch.cdist(part, drawn).argmin(1) for part in data.split(1024)])
        order = torch.randperm(len(data), generator=rng)
        for part in order.split(BATCH):
            if len(part) > 1:  # a batch norm has nothing to say about one
                adam.zero_grad()
                F.mse_loss(network(noise[nearest[part]]), data[part]).backward()
                adam.step()
    network.eval()
