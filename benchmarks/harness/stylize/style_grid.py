"""One picture of several photos in several styles, and one of a style in growing strengths."""

from __future__ import annotations

import torch
from PIL import Image
from torch import Tensor

from benchmarks.harness.io.contact_sheet import stack, to_uint8
from core.networks.styles import Styles, StyleStrength

STYLES = 10  # columns where nobody says which
STRENGTHS = 6  # from nothing to all
TILE = 96


def in_styles(styles: Styles, ws: Tensor, rows: list[Tensor], strength: StyleStrength) -> Tensor:
    """Faces ws [P, L, W] in each of K styles [1, L, W]: images [P, K, 3, R, R]."""
    return torch.stack([styles.apply(ws, each, strength) for each in rows], dim=1).clamp(-1, 1)


def in_strengths(styles: Styles, ws: Tensor, style: Tensor, strength: StyleStrength) -> Tensor:
    """Faces ws [P, L, W] in one style, its structure weighing 0 to 1: [P, STRENGTHS, 3, R, R]."""
    strengths = [strength._replace(structure=float(w)) for w in torch.linspace(0, 1, STRENGTHS)]
    return torch.stack([styles.apply(ws, style, each) for each in strengths], dim=1).clamp(-1, 1)


def table(title: str, heads: Tensor, photos: Tensor, results: Tensor, tile: int) -> Image.Image:
    """Heads [<= K, 3, R, R] above results [P, K, 3, R, R], which have their photos before them."""
    top = torch.cat([torch.ones_like(photos[:1]), heads])
    rows = [torch.cat([photo[None], row]) for photo, row in zip(photos, results, strict=True)]
    return stack([(title, [to_uint8(row) for row in (top, *rows)])], tile)
