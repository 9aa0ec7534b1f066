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

NOISE = BATCH = 128  # width of the noise, and codes a step; with DECAY as in the public code
DECAY = 1e-5  # of the weights


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
    """Noise to Z+ codes of L ``rows`` whose structure and colour are drawn apart. ``loaded`` says
    whether a state has been loaded into it, until somebody says otherwise.
    """

    def __init__(self, *, rows: int, structure_rows: int, z_dim: int) -> None:
        super().__init__()
        self.config = {"rows": rows, "structure_rows": structure_rows, "z_dim": z_dim}
        self.rows, self.z_dim, self.loaded = rows, z_dim, False
        self.structure = CodeSampler(structure_rows * z_dim)
        self.colour = CodeSampler((rows - structure_rows) * z_dim)

    def forward(self, structure: Tensor, colour: Tensor) -> Tensor:
        """Codes [N, L, Z] of two noises [N, 128]."""
        codes = torch.cat([self.structure(structure), self.colour(colour)], dim=1)
        return codes.unflatten(1, (self.rows, self.z_dim))

    def _load_from_state_dict(self, *state: Any) -> None:
        self.loaded = True
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
    """Train a network in place to draw codes like [K, O]; it ends in evaluation mode. Each code is
    repeated as often, to ``copies`` in all, and every copy gets noise of deviation ``jitter``. In
    each of the ``rounds`` all copies are gone through; Adam's ``lr`` is halved after every
    ``halve`` rounds.
    """
    repeated = codes.repeat(max(copies // len(codes), 1), 1)
    data = repeated + jitter * torch.randn(repeated.shape, generator=rng)
    adam = torch.optim.Adam(network.parameters(), lr=lr, betas=(0.5, 0.999), weight_decay=DECAY)
    for number in range(rounds):
        adam.param_groups[0]["lr"] = lr * 0.5 ** (number // halve)
        # Twice as many are drawn as there are codes, so that most codes find a near one.
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
