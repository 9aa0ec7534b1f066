"""Networks through which metrics look at pictures, behind one interface.

An extractor has a ``name``, under which a gallery keeps what it saw, the ``sha256`` of its weights,
and turns images [N, 3, R, R] in [-1, 1] into tensors by head. One that prepares pictures in a way
of its own does so in ``prepare``, on the CPU and beside the network. A yaml names its class, or
gives ``by_name`` the name of the list (``name: dinov2-b``). Weights that are not shipped
come from the list of optional files (``conf/weights.yaml``); a missing one is refused before
anything is run, and nothing is ever downloaded.
"""

from benchmarks.harness.evaluation.extractors.faces import (
    ArcFace,
    DetectedFaces,
    FramedFaces,
    MobileFaceNet,
)
from benchmarks.harness.evaluation.extractors.inception import Inception
from benchmarks.harness.evaluation.extractors.lpips import LPIPS
from benchmarks.harness.evaluation.extractors.names import by_name
from benchmarks.harness.evaluation.extractors.parafaces import ParaFaces, ParaFacesMaps, network
from benchmarks.harness.evaluation.extractors.published import Published
from benchmarks.harness.evaluation.extractors.transformers import CLIP, DINO, DINOv2
from benchmarks.harness.evaluation.extractors.untrained import Untrained

__all__ = [
    "CLIP",
    "DINO",
    "LPIPS",
    "ArcFace",
    "DINOv2",
    "DetectedFaces",
    "FramedFaces",
    "Inception",
    "MobileFaceNet",
    "ParaFaces",
    "ParaFacesMaps",
    "Published",
    "Untrained",
    "by_name",
    "network",
]
