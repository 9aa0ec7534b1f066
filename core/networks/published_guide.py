"""What losses on real faces look through, of published files: LPIPS (arXiv:1801.03924) by VGG-16,
and who it is by IR-SE50 (arXiv:1801.07698). The shipped guide knows rendered heads at 64 px.
"""

from collections.abc import Callable, Sequence
from functools import cached_property
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor

from core.convert.checkpoint_file import opened
from core.convert.format import CheckpointError
from core.convert.states import from_state_dict
from core.errors import UserError
from core.networks.encoders.ir_se import IRSE50, face_crop
from core.networks.lpips import LPIPSNetwork, load_lpips
from core.networks.perception import resized

SEEN = 256  # px at most that LPIPS looks at, as in pSp and StyleGAN2's projector
FIRST = 2  # depth of VGG, relu3_3: 64 px of 256, where contextual losses compare


Place = str | Path | Callable[[], Path]  # or what says where it is, when it is needed


class PublishedGuide:
    """A guide of optional files, read when they are first looked through; called, it is LPIPS."""

    def __init__(self, *, lpips: Place = "", arcface: Place = "") -> None:
        self.files: dict[str, Place] = {"LPIPS": lpips, "identity": arcface}
        self.config = {"network": "published"}

    def __call__(self, pictures: Tensor, photos: Tensor) -> Tensor:
        """Distance [N] of images [N, 3, R, R]."""
        return (self.embed(pictures) - self.embed(photos)).square().sum(1)

    def embed(self, images: Tensor) -> Tensor:
        return self._lpips.to(images.device).embed(seen(images))

    def stages(self, images: Tensor) -> Sequence[Tensor]:
        """VGG's features [N, C, r, r] from a quarter of the side on, fine to coarse."""
        return self._lpips.to(images.device).depths(seen(images))[FIRST:]

    def identity(self, images: Tensor) -> Tensor:
        return F.normalize(self._identity.to(images.device)(face_crop(images)))

    @cached_property
    def _lpips(self) -> LPIPSNetwork:
        return load_lpips("vgg", str(self._file("LPIPS").parent))

    @cached_property
    def _identity(self) -> torch.nn.Module:
        return load_identity(self._file("identity"))

    def _file(self, what: str) -> Path:
        if not self.files[what]:
            raise UserError(f"This guide has no network of {what}: =faces names one that has both.")
        file = self.files[what]
        try:
            return file() if callable(file) else Path(file)
        except UserError as error:
            raise UserError(
                f"{error} The shipped network, which knows rendered heads at 64 px, stands in for "
                "it where its option is =guide."
            ) from error


def seen(images: Tensor) -> Tensor:
    return resized(images, SEEN) if images.shape[-1] > SEEN else images


def load_identity(path: Path) -> IRSE50:
    """IR-SE50 of ``model_ir_se50.pth``, frozen."""
    try:
        with opened(path) as file:
            state = file.tensors.state_dict(file.tree, path.name)
        network = from_state_dict(state, format="ir_se50")
    except CheckpointError as error:
        raise UserError(f"{path}: {str(error).rstrip('.')}.") from error
    return network.eval().requires_grad_(False)  # type: ignore[return-value]
