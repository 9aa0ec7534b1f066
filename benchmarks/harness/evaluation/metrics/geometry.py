"""Where the landmarks of a photo go in a domain that deforms faces.

The domain deforms the head's parameters, so in the plane the map is not closed: it is a ridge
regression of the displacement on the landmarks, their products along the main directions of
variation included, which are pose and the proportions that move most.
"""

from __future__ import annotations

import torch
from torch import Tensor

from benchmarks.harness.evaluation.measure import TooFew

DIRECTIONS = 8  # main directions whose products enter; more of them lowered no residual
LEAST = 10  # pairs: every fifth is held out, and one alone is no residual
HELD_OUT = 5


class GeometricMap:
    """Landmarks [N, K, 2] of photos to landmarks [N, K, 2] in the domain, fitted on exact pairs.

    It is the identity, exactly, for a domain that deforms nothing. ``residual`` is the mean
    distance on pairs that were not used for the fit.
    """

    def __init__(self, photo: Tensor, target: Tensor, *, ridge: float) -> None:
        if len(photo) < LEAST:
            raise TooFew(f"a geometric map needs at least {LEAST} pairs, not {len(photo)}")
        if photo.shape != target.shape:
            raise ValueError("a geometric map needs pairs of equal shape")
        flat = photo.double().flatten(1)
        self.mean, self.scale = flat.mean(0), flat.std()
        _, _, axes = torch.linalg.svd(flat - self.mean, full_matrices=False)
        self.axes = axes[:DIRECTIONS]
        held_out = torch.arange(len(photo)) % HELD_OUT == 0
        inputs = self._inputs(photo)
        moves = (target.double() - photo.double()).flatten(1)
        known, displacement = inputs[~held_out], moves[~held_out]
        penalty = ridge * torch.eye(inputs.shape[1], dtype=torch.float64)
        penalty[0, 0] = 0  # of the constant: a shift of all landmarks costs nothing
        self.weights = torch.linalg.solve(known.T @ known + penalty, known.T @ displacement)
        missed = self(photo[held_out]) - target[held_out].double()
        self.residual = float(missed.square().sum(2).sqrt().mean())

    def __call__(self, photo: Tensor) -> Tensor:
        """Places [N, K, 2] in the domain of landmarks [N, K, 2] of photos."""
        return photo.double() + (self._inputs(photo) @ self.weights).view_as(photo)

    def _inputs(self, photo: Tensor) -> Tensor:
        """One, the landmarks, and the products of their main directions: [N, 1 + 2K + ...]."""
        centred = (photo.double().flatten(1) - self.mean) / self.scale
        main = centred @ self.axes.T / len(self.mean) ** 0.5
        i, j = torch.triu_indices(main.shape[1], main.shape[1])
        ones = torch.ones(len(photo), 1, dtype=torch.float64)
        return torch.cat([ones, centred, main[:, i] * main[:, j]], 1)
