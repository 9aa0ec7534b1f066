"""Untrained networks: they prove that metrics, records and tables work where nothing can be had.

Their numbers are no results; tables refuse to print metrics that are named ``@random-...``.
"""

from __future__ import annotations

from typing import Any, cast

import timm
import torch
from torch import Tensor

from core.errors import UserError


class Untrained:
    """``features`` of a timm architecture whose weights were drawn from a seed.

    Args:
        architecture: timm's name of it.
        seed: of the weights.
    """

    sha256 = ""  # the name says it all

    def __init__(self, *, architecture: str, seed: int) -> None:
        if architecture not in timm.list_models():
            raise UserError(f"timm has no architecture {architecture!r}.")
        self.name = f"random-{architecture}:{seed}"
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            network = timm.create_model(architecture, pretrained=False, num_classes=0)
        self.network: Any = cast(Any, network).eval().requires_grad_(False)

    def __call__(self, images: Tensor) -> dict[str, Tensor]:
        """``features`` [N, F] of images [N, 3, R, R] in [-1, 1]."""
        return {"features": self.network.to(images.device)(images).float()}
