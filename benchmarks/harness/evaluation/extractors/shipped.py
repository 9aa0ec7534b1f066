"""Extractors that need no optional file: the shipped perception networks, and untrained ones. The
former know ParaFaces, not real people. The latter prove that metrics, records and tables work where
nothing can be had: tables refuse to print metrics that are named ``@random-...``.
"""

from functools import cached_property
from pathlib import Path
from typing import Any, cast

import torch
from torch import Tensor

from core import hashing
from core.errors import UserError
from core.networks import perception


def network(weights: str) -> perception.Perception:
    """The shipped ``measure`` or a safetensors file; not the guide, through which losses look."""
    if weights == "measure":
        return perception.load(weights)
    guide = perception.load("guide")
    measuring = guide if weights == "guide" else perception.read(Path(weights))
    own, its = guide.state_dict(), measuring.state_dict()
    if own.keys() == its.keys() and all(torch.equal(own[key], its[key]) for key in own):
        raise UserError(
            f"The network {weights} is the guide, which serves losses and never measures; use "
            "'measure'."
        )
    return measuring


class ParaFaces:
    """Features, identity, landmarks and attributes of a perception network, in one pass."""

    heads = "parafaces"

    def __init__(self, *, weights: str) -> None:
        self.weights, self.network = weights, network(weights)
        self.name = f"{self.heads}:{weights}"

    @cached_property
    def sha256(self) -> str:
        own = perception.ASSETS / "perception_measure.safetensors"
        return hashing.of_file(own if self.weights == "measure" else Path(self.weights))

    def __call__(self, images: Tensor) -> dict[str, Tensor]:
        """``features`` [N, F], ``identity`` [N, E], ``landmarks`` [N, K, 2] px, ``attributes``."""
        heads = self.network.to(images.device)(images)
        names = ("features", "identity", "landmarks", "attributes")
        return {name: getattr(heads, name) for name in names}


class ParaFacesMaps(ParaFaces):
    """Vectors of a perception network whose squared distances are its perceptual distance."""

    heads = "parafaces-maps"

    def __call__(self, images: Tensor) -> dict[str, Tensor]:
        """``maps`` [N, V] in half precision, which halves what a gallery has to keep."""
        return {"maps": self.network.to(images.device).embed(images).to(torch.float16)}


class Untrained:
    """``features`` of timm's architecture of this name whose weights were drawn from a seed."""

    sha256 = ""  # the name says it all

    def __init__(self, *, architecture: str, seed: int) -> None:
        import timm  # 2.5 s of CPU, which no other extractor pays

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
