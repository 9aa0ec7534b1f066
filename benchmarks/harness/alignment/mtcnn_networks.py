"""The three networks of MTCNN (Zhang et al., IEEE Signal Processing Letters 2016).

The names of the tensors are those of the weights that people have (facenet-pytorch, MIT), so that
these load strictly. The weights are the user's; none is shipped.
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import torch.nn.functional as F
from torch import Tensor, nn

from core.convert.checkpoint_file import opened
from core.convert.format import CheckpointError
from core.errors import UserError


class WindowOutputs(NamedTuple):
    """What a network says of each window.

    Attributes:
        face: probability that it holds a face.
        shift: of left, top, right and bottom edge, in shares of the side.
        points: x of five points, then y, in shares of the side; empty but for the last network.
    """

    face: Tensor
    shift: Tensor
    points: Tensor


class PNet(nn.Module):
    """Looks at every window of 12 pixels, 2 apart: [N, 3, H, W] to maps [N, h, w, ...]."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1, self.prelu1 = nn.Conv2d(3, 10, 3), nn.PReLU(10)
        self.conv2, self.prelu2 = nn.Conv2d(10, 16, 3), nn.PReLU(16)
        self.conv3, self.prelu3 = nn.Conv2d(16, 32, 3), nn.PReLU(32)
        self.conv4_1, self.conv4_2 = nn.Conv2d(32, 2, 1), nn.Conv2d(32, 4, 1)

    def forward(self, images: Tensor) -> WindowOutputs:
        """Maps face [N, h, w] and shift [N, h, w, 4] of images in about [-1, 1]."""
        x = F.max_pool2d(self.prelu1(self.conv1(images)), 2, 2, ceil_mode=True)
        x = self.prelu3(self.conv3(self.prelu2(self.conv2(x))))
        face = self.conv4_1(x).softmax(1)[:, 1]
        shift = self.conv4_2(x).permute(0, 2, 3, 1)
        return WindowOutputs(face, shift, shift[..., :0])


class RNet(nn.Module):
    """Looks again at windows scaled to 24 pixels."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1, self.prelu1 = nn.Conv2d(3, 28, 3), nn.PReLU(28)
        self.conv2, self.prelu2 = nn.Conv2d(28, 48, 3), nn.PReLU(48)
        self.conv3, self.prelu3 = nn.Conv2d(48, 64, 2), nn.PReLU(64)
        self.dense4, self.prelu4 = nn.Linear(576, 128), nn.PReLU(128)
        self.dense5_1, self.dense5_2 = nn.Linear(128, 2), nn.Linear(128, 4)

    def forward(self, images: Tensor) -> WindowOutputs:
        """Face [N] and shift [N, 4] of windows [N, 3, 24, 24]."""
        x = F.max_pool2d(self.prelu1(self.conv1(images)), 3, 2, ceil_mode=True)
        x = F.max_pool2d(self.prelu2(self.conv2(x)), 3, 2, ceil_mode=True)
        x = self.prelu4(self.dense4(_columns_first(self.prelu3(self.conv3(x)))))
        shift = self.dense5_2(x)
        return WindowOutputs(self.dense5_1(x).softmax(1)[:, 1], shift, shift[:, :0])


class ONet(nn.Module):
    """Looks closest, at windows scaled to 48 pixels, and places the points."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1, self.prelu1 = nn.Conv2d(3, 32, 3), nn.PReLU(32)
        self.conv2, self.prelu2 = nn.Conv2d(32, 64, 3), nn.PReLU(64)
        self.conv3, self.prelu3 = nn.Conv2d(64, 64, 3), nn.PReLU(64)
        self.conv4, self.prelu4 = nn.Conv2d(64, 128, 2), nn.PReLU(128)
        self.dense5, self.prelu5 = nn.Linear(1152, 256), nn.PReLU(256)
        self.dense6_1, self.dense6_2 = nn.Linear(256, 2), nn.Linear(256, 4)
        self.dense6_3 = nn.Linear(256, 10)

    def forward(self, images: Tensor) -> WindowOutputs:
        """Face [N], shift [N, 4] and points [N, 10] of windows [N, 3, 48, 48]."""
        x = F.max_pool2d(self.prelu1(self.conv1(images)), 3, 2, ceil_mode=True)
        x = F.max_pool2d(self.prelu2(self.conv2(x)), 3, 2, ceil_mode=True)
        x = F.max_pool2d(self.prelu3(self.conv3(x)), 2, 2, ceil_mode=True)
        x = self.prelu5(self.dense5(_columns_first(self.prelu4(self.conv4(x)))))
        return WindowOutputs(self.dense6_1(x).softmax(1)[:, 1], self.dense6_2(x), self.dense6_3(x))


NETWORKS: dict[str, type[PNet | RNet | ONet]] = {"pnet.pt": PNet, "rnet.pt": RNet, "onet.pt": ONet}


def load(folder: Path) -> tuple[PNet, RNet, ONet]:
    """The three networks with the weights in a folder; nothing in their files is executed.

    Raises:
        UserError: a file is missing or holds something else.
    """
    first, second, third = (_loaded(folder / name) for name in NETWORKS)
    return first, second, third  # type: ignore[return-value]


def _loaded(path: Path) -> nn.Module:
    network = NETWORKS[path.name]()
    try:
        with opened(path) as file:
            state = file.tensors.state_dict(file.tree, path.stem)
        network.load_state_dict(state)
    except (CheckpointError, RuntimeError) as fault:
        reason = " ".join(str(fault).split())
        raise UserError(f"{path} holds no weights of MTCNN's {path.stem}: {reason}.") from fault
    return network.eval().requires_grad_(False)


def _columns_first(maps: Tensor) -> Tensor:
    """Maps [N, C, H, W] as vectors in the order W, H, C of the framework they were trained in."""
    return maps.permute(0, 3, 2, 1).flatten(1)
