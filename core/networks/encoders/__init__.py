"""Networks that look at faces: who it is (``IRSE50``), and which style rows show it."""

from core.networks.encoders.compact import Compact, CompactZPlus
from core.networks.encoders.ir_se import IRSE50, IdentityLoss, face_crop
from core.networks.encoders.psp import (
    BackboneEncoder,
    Encoder4Editing,
    GradualStyleEncoder,
    ProgressiveBackboneEncoder,
    StyleEncoder,
)

__all__ = ["IRSE50", "BackboneEncoder", "Compact", "CompactZPlus", "Encoder4Editing",
           "GradualStyleEncoder", "IdentityLoss", "ProgressiveBackboneEncoder", "StyleEncoder",
           "face_crop"]  # fmt: skip
