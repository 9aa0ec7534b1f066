"""Networks that look at faces: ``IRSE50`` embeds identity; ``GradualStyleEncoder`` (pSp) and
``Encoder4Editing`` (e4e) turn pictures of 256 px into style rows with the same backbone;
``Compact`` does it for small generators.
"""

from core.networks.encoders.compact import Compact, CompactZPlus
from core.networks.encoders.ir_se import IRSE50, IdentityLoss, face_crop
from core.networks.encoders.psp import Encoder4Editing, GradualStyleEncoder

__all__ = ["IRSE50", "Compact", "CompactZPlus", "Encoder4Editing", "GradualStyleEncoder",
           "IdentityLoss", "face_crop"]  # fmt: skip
