"""Extractors by name: those of the list of optional files, the shipped one, untrained ones."""

from __future__ import annotations

from typing import Any

from benchmarks.harness.evaluation import extractors
from core.errors import UserError

NAMES: dict[str, tuple[str, dict[str, Any]]] = {
    "inception": ("Inception", {"weights": ["inception-pt", "inception"]}),
    "lpips-vgg": ("LPIPS", {"net": "vgg"}),
    "lpips-alex": ("LPIPS", {"net": "alex"}),
    "lpips-squeeze": ("LPIPS", {"net": "squeeze"}),
    "arcface-irse50": ("ArcFace", {}),
    "mobilefacenet": ("MobileFaceNet", {}),
    "dinov2-l": ("DINOv2", {"size": "l"}),
    "dinov2-b": ("DINOv2", {"size": "b"}),
    "dinov2-s": ("DINOv2", {"size": "s"}),
    "dino-b8": ("DINO", {}),
    "clip-b32": ("CLIP", {"size": "b32"}),
    "clip-l14": ("CLIP", {"size": "l14"}),
    "parafaces": ("ParaFaces", {"weights": "measure"}),
    "parafaces-maps": ("ParaFacesMaps", {"weights": "measure"}),
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
        return extractors.Untrained(architecture=name.removeprefix(RANDOM), **options)
    if name not in NAMES:
        choices = ", ".join(NAMES)
        raise UserError(
            f"There is no extractor {name!r}: there are {choices}, {RANDOM}ARCHITECTURE."
        )
    kind, own = NAMES[name]
    return getattr(extractors, kind)(**own, **options)
