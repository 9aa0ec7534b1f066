"""L-BFGS for many small problems side by side (Nocedal 1980, Mathematics of Computation 35), each
with a history, a step length and an end of its own.
Departs from the paper in: the line search only shortens steps that do not descend enough.
"""

from collections.abc import Callable

import torch
from torch import Tensor

Losses = Callable[[Tensor], Tensor]  # values [N] of points [N, D], row by row on its own
ENOUGH = 1e-4  # share of the promised descent that a step must keep (Armijo), as is usual
SHORTER = 0.4  # times as long is the next try after a step that does not
FLAT = 1e-20  # curvature below which a step has taught nothing


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
