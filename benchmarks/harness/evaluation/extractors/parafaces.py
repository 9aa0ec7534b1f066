"""What the shipped perception networks see; they know ParaFaces, not real people."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path

import torch
from torch import Tensor

from core import hashing
from core.errors import UserError
from core.networks import perception
from core.networks.perception import Perception


def network(weights: str) -> Perception:
    """The shipped network ``measure``, or one from a safetensors file of the user's own.

    The shipped ``guide`` is refused: losses look through it, so it cannot measure.
    """
    if weights == "guide":
        raise UserError(
            "The perception network 'guide' serves losses and never measures; use 'measure'."
        )
    if weights == "measure":
        return perception.load("measure")
    return perception.read(Path(weights))


class PerceptionExtractor:
    """A perception network and the checksum of its file."""

    def __init__(self, *, weights: str) -> None:
        self.weights = weights
        self.network = network(weights)

    @cached_property
    def sha256(self) -> str:
        own = perception.ASSETS / "perception_measure.safetensors"
        return hashing.of_file(own if self.weights == "measure" else Path(self.weights))


class ParaFaces(PerceptionExtractor):
    """Features, identity, landmarks and attributes of a perception network, in one pass."""

    def __init__(self, *, weights: str) -> None:
        super().__init__(weights=weights)
        self.name = f"parafaces:{weights}"

    def __call__(self, images: Tensor) -> dict[str, Tensor]:
        """``features`` [N, F], ``identity`` [N, E], ``landmarks`` [N, K, 2] px, ``attributes``."""
        heads = self.network.to(images.device)(images)
        names = ("features", "identity", "landmarks", "attributes")
        return {name: getattr(heads, name) for name in names}


class ParaFacesMaps(PerceptionExtractor):
    """Vectors of a perception network whose squared distances are its perceptual distance."""

    def __init__(self, *, weights: str) -> None:
        super().__init__(weights=weights)
        self.name = f"parafaces-maps:{weights}"

    def __call__(self, images: Tensor) -> dict[str, Tensor]:
        """``maps`` [N, V] in half precision, which halves what a gallery has to keep."""
        return {"maps": self.network.to(images.device).embed(images).to(torch.float16)}
