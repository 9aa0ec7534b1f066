"""Networks through which metrics look at pictures, behind one interface.

An extractor has a ``name``, under which a gallery keeps what it saw, and turns images
[N, 3, R, R] in [-1, 1] into tensors by head.
"""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor

from core import perception
from core.errors import UserError
from core.perception import Perception


def network(weights: str) -> Perception:
    """The shipped network ``measure``, or one from a safetensors file of the user's own.

    The shipped ``guide`` is refused: losses look through it, so it cannot judge.
    """
    if weights == "guide":
        raise UserError(
            "The perception network 'guide' serves losses and never measures; use 'measure'."
        )
    if weights == "measure":
        return perception.load("measure")
    return perception.read(Path(weights))


class ParaFaces:
    """Features, identity, landmarks and attributes of a perception network, in one pass."""

    def __init__(self, *, weights: str) -> None:
        self.name = f"parafaces:{weights}"
        self.network = network(weights)

    def __call__(self, images: Tensor) -> dict[str, Tensor]:
        """``features`` [N, F], ``identity`` [N, E], ``landmarks`` [N, K, 2] px, ``attributes``."""
        seen = self.network.to(images.device)(images)
        return {
            "features": seen.features,
            "identity": seen.identity,
            "landmarks": seen.landmarks,
            "attributes": seen.attributes,
        }


class ParaFacesMaps:
    """Vectors of a perception network whose squared distances are its perceptual distance."""

    def __init__(self, *, weights: str) -> None:
        self.name = f"parafaces-maps:{weights}"
        self.network = network(weights)

    def __call__(self, images: Tensor) -> dict[str, Tensor]:
        """``maps`` [N, V] in half precision, which halves what a gallery has to keep."""
        return {"maps": self.network.to(images.device).embed(images).to(torch.float16)}
