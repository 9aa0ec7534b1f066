"""Homogeneous matrices of the augmentations, one per sample, in float64 on the CPU."""

import math

import torch
from torch import Tensor

from core.augment.draws import DOUBLE

Value = Tensor | float
GREY = torch.tensor([1.0, 1.0, 1.0, 0.0], dtype=DOUBLE) / math.sqrt(3)  # the luma axis


def matrix(*rows: tuple[Value, ...]) -> Tensor:
    """[N, k, k] of rows of numbers and of [N], or [k, k] where all are numbers."""
    values = [v for row in rows for v in row]
    lengths = [len(v) for v in values if isinstance(v, Tensor)]
    if not lengths:
        return torch.tensor(rows, dtype=DOUBLE)
    ones = torch.ones(lengths[0], dtype=DOUBLE)
    return torch.stack([v * ones for v in values], dim=1).unflatten(1, (len(rows), len(rows)))


def translation(x: Value, y: Value) -> Tensor:
    """Moves the plane by (x, y): [N, 3, 3], or [3, 3] of two numbers."""
    return matrix((1.0, 0.0, x), (0.0, 1.0, y), (0.0, 0.0, 1.0))


def scaling(x: Value, y: Value) -> Tensor:
    """Scales the plane: [N, 3, 3], or [3, 3] of two numbers."""
    return matrix((x, 0.0, 0.0), (0.0, y, 0.0), (0.0, 0.0, 1.0))


def rotation(angle: Tensor) -> Tensor:
    """Turns the plane by angle [N], in radians, from x towards y: [N, 3, 3]."""
    cos, sin = angle.cos(), angle.sin()
    return matrix((cos, -sin, 0.0), (sin, cos, 0.0), (0.0, 0.0, 1.0))


def affine(factor: Value, shift: Value) -> Tensor:
    """Multiplies all colours by a factor [N], then adds a shift [N]: [N, 4, 4]."""
    a, b = factor, shift
    return matrix((a, 0.0, 0.0, b), (0.0, a, 0.0, b), (0.0, 0.0, a, b), (0.0, 0.0, 0.0, 1.0))


def luma_flip(flip: Tensor) -> Tensor:
    """Mirrors colours at the plane across the luma axis where flip [N] is 1: [N, 4, 4]."""
    return torch.eye(4, dtype=DOUBLE) - 2 * GREY.outer(GREY) * flip[:, None, None]


def hue(angle: Tensor) -> Tensor:
    """Turns colours about the luma axis by angle [N]: [N, 4, 4], by Rodrigues' formula."""
    x, y, z = (float(v) for v in GREY[:3])
    cross = torch.tensor([[0, -z, y], [z, 0, -x], [-y, x, 0]], dtype=DOUBLE)
    along = GREY[:3].outer(GREY[:3])
    cos, sin = angle.cos()[:, None, None], angle.sin()[:, None, None]
    turned = torch.eye(4, dtype=DOUBLE).repeat(len(angle), 1, 1)
    turned[:, :3, :3] = cos * torch.eye(3, dtype=DOUBLE) + sin * cross + (1 - cos) * along
    return turned


def saturation(factor: Tensor) -> Tensor:
    """Scales colours' distance from the luma axis by factor [N]: [N, 4, 4]."""
    along = GREY.outer(GREY)
    return along + (torch.eye(4, dtype=DOUBLE) - along) * factor[:, None, None]
