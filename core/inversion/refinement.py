"""From nearly right style rows to better ones in few steps. In coordinates in which a generator
answers to all directions of its styles alike (natural gradient, Amari 1998), a step is good in all
of them; and inversion without random noise is a smooth problem, for which L-BFGS needs about a
tenth of Adam's steps.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from core.inversion.lbfgs import minimise
from core.networks.generator import Generator
from core.types import GuideNetwork

BATCH = 16  # pictures that are differentiated side by side; what is drawn depends on it


def equal_steps(
    g: Generator, perceptual: GuideNetwork, *, probes: int, damping: float, pixel: float, seed: int
) -> Tensor:
    """Matrices [L, W, W]: for each row, steps that change the picture equally. The inverse square
    root of the mean of J^T J, where J is the derivative of what is seen (``pixel`` weighs the mean
    squared pixel) by the row; estimated by differentiating ``probes`` random projections.
    ``damping`` times the largest eigenvalue is added to all.
    """
    rng = torch.Generator().manual_seed(seed)
    total = torch.zeros(g.num_ws, g.w_dim, g.w_dim)
    for _ in range(0, probes, BATCH):
        z = torch.randn(BATCH, g.z_dim, generator=rng).to(g.mapping.w_avg)
        with torch.enable_grad():
            ws = g.mapping(z).detach().requires_grad_(True)
            pictures = g.synthesis(ws)
            weight = (pixel / pictures[0].numel()) ** 0.5
            seen = torch.cat([perceptual.embed(pictures), weight * pictures.flatten(1)], 1)
            probe = torch.randn(seen.shape, generator=rng).to(seen)
            (gradient,) = torch.autograd.grad((seen * probe).sum(), ws)
        total += torch.einsum("nla,nlb->lab", gradient, gradient).cpu()
    values, vectors = torch.linalg.eigh(total / (-(-probes // BATCH) * BATCH))
    largest = values[:, -1:].clamp(min=torch.finfo(values.dtype).tiny)
    scale = (values.clamp(min=0) + damping * largest).rsqrt()
    return (vectors * scale[:, None]) @ vectors.mT


@dataclass(kw_only=True)
class LatentRefinement:
    """Improves style rows by L-BFGS. The loss is the perceptual distance plus ``pixel`` times the
    mean squared error plus ``prior_weight`` times the mean squared distance from the start, in
    steps that change the picture equally.
    """

    perceptual: GuideNetwork
    steps: int
    pixel: float
    prior_weight: float
    history: int
    first_step: float
    batch_size: int

    def __call__(self, g: Generator, photos: Tensor, ws: Tensor, along: Tensor) -> Tensor:
        """Better rows [N, L, W] for photos [N, 3, R, R], along :func:`equal_steps` [L, W, W]."""
        parts = zip(photos.split(self.batch_size), ws.split(self.batch_size), strict=True)
        return torch.cat([self._batch(g, photo, rows, along) for photo, rows in parts])

    def _batch(self, g: Generator, photos: Tensor, ws: Tensor, along: Tensor) -> Tensor:
        with torch.no_grad():
            target = self.perceptual.embed(photos)

        def rows(u: Tensor) -> Tensor:
            return ws + torch.einsum("nla,lab->nlb", u.view_as(ws), along)

        def losses(u: Tensor) -> Tensor:
            pictures = g.synthesis(rows(u))
            near = (self.perceptual.embed(pictures) - target).square().sum(1)
            pixel = (pictures - photos).square().mean((1, 2, 3))
            return near + self.pixel * pixel + self.prior_weight * u.square().mean(1)

        start = torch.zeros_like(ws).flatten(1)
        with torch.no_grad():
            how = {"steps": self.steps, "history": self.history}
            return rows(minimise(losses, start, first_step=self.first_step, **how))
