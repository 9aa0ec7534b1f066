"""Networks that look at faces: who it is (``IRSE50``), and which style rows show it."""

from core.networks.encoders.compact import Compact, CompactZPlus
from core.networks.encoders.ir_se import IRSE50, IdentityLoss, face_crop
from core.networks.encoders.psp import Encoder4Editing, GradualStyleEncoder

__all__ = ["IRSE50", "Compact", "CompactZPlus", "Encoder4Editing", "GradualStyleEncoder",
           "IdentityLoss", "face_crop"]  # fmt: skip
