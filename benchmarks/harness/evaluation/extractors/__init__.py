"""Networks through which metrics look at pictures, behind one interface.

An extractor has a ``name``, under which a gallery keeps what it saw, the ``sha256`` of its weights,
and turns images [N, 3, R, R] in [-1, 1] into tensors by head. One that prepares pictures in a way
of its own does so in ``prepare``, on the CPU and beside the network. A yaml names its class, or
gives ``by_name`` the name of the list (``name: dinov2-b``). Weights that are not shipped
come from the list of optional files (``conf/weights.yaml``); a missing one is refused before
anything is run, and nothing is ever downloaded. Modules are imported when they are named: timm
alone takes seconds.
"""

from importlib import import_module
from typing import Any

MODULES = {
    "faces": "ArcFace DetectedFaces FramedFaces MobileFaceNet",
    "inception": "Inception",
    "lpips": "LPIPS",
    "names": "by_name",
    "parafaces": "ParaFaces ParaFacesMaps network",
    "published_files": "Published",
    "transformers": "CLIP DINO DINOv2",
    "untrained": "Untrained",
}
HOMES = {name: module for module, names in MODULES.items() for name in names.split()}
__all__ = [*HOMES]


def __getattr__(name: str) -> Any:
    if name not in HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{HOMES[name]}"), name)
