"""Pictures of a style as codes: what a method remembers of every shot."""

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from core.networks.registry import network

SIDE = 8  # px of the thumbnails by which pictures are recognised: few enough to average noise away


def thumbnails(pictures: Tensor) -> Tensor:
    """Pictures [N, 3, R, R] as averages [N, 3, 8, 8]."""
    return F.adaptive_avg_pool2d(pictures, SIDE)


@network
class Exemplars(nn.Module):
    """Z+ codes of K pictures, as many as it was last given: ``structure`` [K, S, Z] and ``colour``
    [K, L - S, Z] are the extrinsic code, which may be trained; ``intrinsic`` [K, L, Z] is the face
    behind the picture.
    """

    intrinsic: Tensor
    thumbnails: Tensor

    def __init__(self, *, count: int, rows: int, structure_rows: int, z_dim: int) -> None:
        super().__init__()
        self.rows, self.structure_rows, self.z_dim = rows, structure_rows, z_dim
        self.structure = nn.Parameter(torch.zeros(count, structure_rows, z_dim))
        self.colour = nn.Parameter(torch.zeros(count, rows - structure_rows, z_dim))
        self.register_buffer("intrinsic", torch.zeros(count, rows, z_dim))
        self.register_buffer("thumbnails", torch.zeros(count, 3, SIDE, SIDE))

    @property
    def config(self) -> dict[str, Any]:
        shape = {"rows": self.rows, "structure_rows": self.structure_rows, "z_dim": self.z_dim}
        return {"count": len(self), **shape}

    def __len__(self) -> int:
        return len(self.structure)

    @property
    def extrinsic(self) -> Tensor:
        """Codes [K, L, Z]."""
        return torch.cat([self.structure, self.colour], dim=1)

    @torch.no_grad()
    def fill(self, extrinsic: Tensor, intrinsic: Tensor, pictures: Tensor) -> None:
        """Remember codes [K, L, Z] and what is needed to recognise their pictures' thumbnails."""
        self._resize(len(extrinsic))
        self.structure.copy_(extrinsic[:, : self.structure_rows])
        self.colour.copy_(extrinsic[:, self.structure_rows :])
        self.intrinsic.copy_(intrinsic)
        self.thumbnails.copy_(pictures)

    def upright(self, pictures: Tensor, ids: Tensor) -> Tensor:
        """Pictures [N, 3, R, R] of the exemplars ids [N]; those that are mirrored, turned back."""
        views, known = thumbnails(pictures), self.thumbnails[ids]
        apart = (views - known).square().sum((1, 2, 3))
        turned = ((views.flip(-1) - known).square().sum((1, 2, 3)) < apart)[:, None, None, None]
        return torch.where(turned, pictures.flip(-1), pictures)

    def nearest(self, picture: Tensor) -> tuple[int, float]:
        """Which exemplar a picture [3, R, R] is most like, and the largest difference from it."""
        gaps = (thumbnails(picture[None]) - self.thumbnails).abs().amax((1, 2, 3))
        return int(gaps.argmin()), float(gaps.min())

    def _resize(self, count: int) -> None:
        for tensor in (*self.parameters(), *self.buffers()):
            if len(tensor) != count:
                tensor.data = tensor.new_zeros(count, *tensor.shape[1:])

    def _load_from_state_dict(self, state_dict: dict[str, Any], prefix: str, *rest: Any) -> None:
        structure = state_dict.get(f"{prefix}structure")
        if structure is not None and structure.ndim == 3:
            self._resize(len(structure))
        super()._load_from_state_dict(state_dict, prefix, *rest)
