"""The identity loss of pSp (arXiv:2008.00951): one minus the cosine of two faces' embeddings.

Departs from the paper in: pictures that are not 256 px are resized first; the published code crops
whatever it is given.
"""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn

PICTURE = 256
ROWS, COLUMNS = slice(35, 223), slice(32, 220)


def face_crop(images: Tensor) -> Tensor:
    """The face [N, 3, 112, 112] of aligned pictures [N, 3, R, R]: what IR-SE50 looks at."""
    if images.shape[-2:] != (PICTURE, PICTURE):
        images = F.interpolate(images, (PICTURE, PICTURE), mode="bilinear", antialias=True)
    return F.adaptive_avg_pool2d(images[:, :, ROWS, COLUMNS], 112)


class IdentityLoss(nn.Module):
    """Mean of one minus the similarity; the network stays in evaluation mode.

    Args:
        network: pictures [N, 3, 112, 112] to embeddings [N, F], such as IR-SE50.
    """

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network.requires_grad_(False)

    def similarity(self, images: Tensor, reference: Tensor) -> Tensor:
        """Cosine [N] between two batches of aligned faces [N, 3, R, R]; differentiates images."""
        self.network.eval()
        ours = F.normalize(self.network(face_crop(images)))
        theirs = F.normalize(self.network(face_crop(reference))).detach()
        return (ours * theirs).sum(1)

    def forward(self, images: Tensor, reference: Tensor) -> Tensor:
        """Scalar: 0 for one and the same face, 2 at most."""
        return (1 - self.similarity(images, reference)).mean()
