"""From nearly right style rows to better ones in few steps. In coordinates in which a generator
answers to all directions of its styles alike (natural gradient, Amari 1998), a step is good in all
of them; and inversion without random noise is a smooth problem, for which L-BFGS needs about a
tenth of Adam's steps.
L-BFGS (Nocedal 1980, Mathematics of Computation 35) departs from the paper in: the line search only
shortens steps that do not descend enough; every problem of a batch has a history, a step length and
an end of its own.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated

import torch
from annotated_types import Le
from torch import Tensor
from typing_extensions import TypedDict  # pydantic takes typing's from Python 3.12 on

from core.adaptive_batches import side_by_side, within
from core.bounds import Count, Natural, Positive, Weight
from core.networks.generator import Generator
from core.types import GuideNetwork

BATCH = 16  # pictures that are differentiated side by side; what is drawn depends on it
Losses = Callable[[Tensor], Tensor]  # values [N] of points [N, D], row by row on its own
ENOUGH = 1e-4  # share of the promised descent that a step must keep (Armijo), as is usual
SHORTER = 0.4  # times as long is the next try after a step that does not
FLAT = 1e-20  # curvature below which a step has taught nothing


class EqualSteps(TypedDict):
    """The numbers of :func:`equal_steps`."""

    probes: Count
    damping: Positive
    pixel: Weight


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
    steps: Natural
    pixel: Weight
    prior_weight: Weight
    history: Annotated[Count, Le(1000)]
    first_step: Positive
    batch_size: Count

    def __call__(self, g: Generator, photos: Tensor, ws: Tensor, along: Tensor) -> Tensor:
        """Better rows [N, L, W] for photos [N, 3, R, R], along :func:`equal_steps` [L, W, W]."""

        def work(some: Tensor, rows: Tensor) -> Tensor:
            return self._batch(g, some, rows, along)

        return side_by_side(
            work, within(self.batch_size, photos.shape[-1], photos.device), photos, ws
        )

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


def minimise(
    losses: Losses, start: Tensor, *, steps: int, history: int, first_step: float
) -> Tensor:
    """Where ``losses`` is smallest of what was tried from points [N, D] on, detached. They and
    their gradients are evaluated ``steps`` times; ``history`` steps and gradient changes are
    remembered. Before anything is known of the curvature a step is ``first_step`` long.
    """
    best = start.detach()
    if steps < 1:
        return best
    value, gradient = _evaluated(losses, best)
    moves = best.new_zeros(history, *best.shape)
    turns = torch.zeros_like(moves)
    length = torch.ones_like(value)
    for _ in range(steps - 1):
        direction = -_two_loops(gradient, moves, turns, first_step)
        tried = best + length[:, None] * direction
        new_value, new_gradient = _evaluated(losses, tried)
        promised = length * (gradient * direction).sum(1)
        good = new_value <= value + ENOUGH * promised  # False where the value is no number
        move, turn = tried - best, new_gradient - gradient
        learnt = (good & ((move * turn).sum(1) > FLAT))[:, None]
        moves = torch.where(learnt, torch.cat([moves[1:], move[None]]), moves)
        turns = torch.where(learnt, torch.cat([turns[1:], turn[None]]), turns)
        best = torch.where(good[:, None], tried, best)
        gradient = torch.where(good[:, None], new_gradient, gradient)
        value = torch.where(good, new_value, value)
        length = torch.where(good, torch.ones_like(length), SHORTER * length)
    return best


def _evaluated(losses: Losses, points: Tensor) -> tuple[Tensor, Tensor]:
    with torch.enable_grad():
        points = points.detach().requires_grad_(True)
        values = losses(points)
        (slopes,) = torch.autograd.grad(values.sum(), points)
    return values.detach(), slopes


def _two_loops(gradient: Tensor, moves: Tensor, turns: Tensor, first_step: float) -> Tensor:
    """The inverse Hessian of the history [M, N, D] times the gradient [N, D]: two loops."""
    curvature = (moves * turns).sum(2)
    known = curvature > FLAT
    rho = torch.where(known, 1 / curvature.clamp(min=FLAT), 0.0)
    q, alphas = gradient, torch.zeros_like(rho)
    for i in reversed(range(len(moves))):
        alphas[i] = rho[i] * (moves[i] * q).sum(1)
        q = q - alphas[i][:, None] * turns[i]
    scale = curvature[-1] / turns[-1].square().sum(1).clamp(min=FLAT)
    scale = torch.where(known[-1], scale, first_step / gradient.norm(dim=1).clamp(min=FLAT))
    q = q * scale[:, None]
    for i in range(len(moves)):
        beta = rho[i] * (turns[i] * q).sum(1)
        q = q + (alphas[i] - beta)[:, None] * moves[i]
    return q
