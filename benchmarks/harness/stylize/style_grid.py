"""One picture of several photos in several styles, and one of a style in growing doses."""

from __future__ import annotations

import torch
from PIL import Image
from torch import Tensor

from benchmarks.harness.io.contact_sheet import stack, to_uint8
from core.networks.styles import Dose, Styles

STYLES = 10  # columns where nobody says which
DOSES = 6  # from nothing to all
TILE = 96


def in_styles(styles: Styles, ws: Tensor, rows: list[Tensor], dose: Dose) -> Tensor:
    """Faces ws [P, L, W] in each of K styles [1, L, W]: images [P, K, 3, R, R]."""
    return torch.stack([styles.on(ws, each, dose) for each in rows], dim=1).clamp(-1, 1)


def in_doses(styles: Styles, ws: Tensor, style: Tensor, dose: Dose) -> Tensor:
    """Faces ws [P, L, W] in one style, its structure weighing 0 to 1: [P, DOSES, 3, R, R]."""
    doses = [dose._replace(structure=float(w)) for w in torch.linspace(0, 1, DOSES)]
    return torch.stack([styles.on(ws, style, each) for each in doses], dim=1).clamp(-1, 1)


def table(title: str, heads: Tensor, photos: Tensor, results: Tensor, tile: int) -> Image.Image:
    """Heads [<= K, 3, R, R] above results [P, K, 3, R, R], which have their photos before them."""
    top = torch.cat([torch.ones_like(photos[:1]), heads])
    rows = [torch.cat([photo[None], row]) for photo, row in zip(photos, results, strict=True)]
    return stack([(title, [to_uint8(row) for row in (top, *rows)])], tile)
