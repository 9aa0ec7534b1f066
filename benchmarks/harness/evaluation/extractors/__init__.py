"""Networks through which metrics look at pictures: an extractor has a ``name``, under which a
gallery keeps what it saw, the ``sha256`` of its weights, and turns images [N, 3, R, R] in [-1, 1]
into tensors by head. A ``prepare`` of its own runs on the CPU beside the network. Weights that are
not shipped come from the list of optional files (``conf/weights.yaml``): a missing one is refused
before anything is run, nothing is ever downloaded. Modules are imported when they are named.
"""

from typing import Any

from benchmarks.harness.evaluation import lazily
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
exported, __getattr__ = lazily(
    __name__,
    {
        "faces": "ArcFace DetectedFaces FramedFaces MobileFaceNet",
        "inception": "Inception",
        "lpips": "LPIPS",
        "published_files": "Published",
        "shipped": "ParaFaces ParaFacesMaps Untrained network",
        "transformers": "CLIP DINO DINOv2",
    },
)
__all__ = [*exported, "by_name"]


def by_name(name: str, **options: Any) -> Any:
    """The extractor of a key of ``NAMES``, or of ``random-`` and timm's name, with options of its
    class like ``resize``, ``side`` or ``seed``; UserError where it or its file is missing.
    """
    if name.startswith(RANDOM):
        return __getattr__("Untrained")(architecture=name.removeprefix(RANDOM), **options)
    if name not in NAMES:
        choices = f"{', '.join(NAMES)}, {RANDOM}ARCHITECTURE"
        raise UserError(f"There is no extractor {name!r}: there are {choices}.")
    kind, own = NAMES[name]
    return __getattr__(kind)(**own, **options)
