"""Extractors by name: those of the list of optional files, the shipped one, untrained ones."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from benchmarks.harness.evaluation.extractors.faces import ArcFace, MobileFaceNet
from benchmarks.harness.evaluation.extractors.inception import Inception
from benchmarks.harness.evaluation.extractors.lpips import LPIPS
from benchmarks.harness.evaluation.extractors.parafaces import ParaFaces, ParaFacesMaps
from benchmarks.harness.evaluation.extractors.transformers import CLIP, DINO, DINOv2
from benchmarks.harness.evaluation.extractors.untrained import Untrained
from core.errors import UserError

NAMES: dict[str, Callable[..., Any]] = {
    "inception": partial(Inception, weights=["inception-pt", "inception"]),
    "lpips-vgg": partial(LPIPS, net="vgg"),
    "lpips-alex": partial(LPIPS, net="alex"),
    "lpips-squeeze": partial(LPIPS, net="squeeze"),
    "arcface-irse50": ArcFace,
    "mobilefacenet": MobileFaceNet,
    "dinov2-l": partial(DINOv2, size="l"),
    "dinov2-b": partial(DINOv2, size="b"),
    "dinov2-s": partial(DINOv2, size="s"),
    "dino-b8": DINO,
    "clip-b32": partial(CLIP, size="b32"),
    "clip-l14": partial(CLIP, size="l14"),
    "parafaces": partial(ParaFaces, weights="measure"),
    "parafaces-maps": partial(ParaFacesMaps, weights="measure"),
}
RANDOM = "random-"


def by_name(name: str, **options: Any) -> Any:
    """The extractor of this name.

    Args:
        name: a key of ``NAMES``, or ``random-`` and an architecture of timm.
        options: what else its class takes, such as ``resize``, ``side`` or ``seed``.

    Raises:
        UserError: there is none, or its file is missing.
    """
    if name.startswith(RANDOM):
        return Untrained(architecture=name.removeprefix(RANDOM), **options)
    if name not in NAMES:
        choices = ", ".join(NAMES)
        raise UserError(
            f"There is no extractor {name!r}: there are {choices}, {RANDOM}ARCHITECTURE."
        )
    return NAMES[name](**options)
