"""IR-SE50, a residual network of 50 layers with channel attention, and pSp's loss by its means.
Papers: ArcFace (arXiv:1801.07698) for the network, squeeze and excitation (arXiv:1709.01507), pSp
(arXiv:2008.00951) for the loss. Parameter names are those of the published ``model_ir_se50.pth``.
Departs from the papers in: the first unit of the first stage strides too, as in the published code;
pictures that are not 256 px are resized first, where pSp's code crops whatever it gets.
"""

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from core.networks.perception import resized

STEM = 64  # channels of the first layer
STAGES = ((1, 3), (2, 4), (4, 14), (8, 3))  # channels over the stem's, units; each halves the side
REDUCTION = 16  # channels over those of the attention's hidden layer
INPUT = 112  # side of the picture that identity is read from
EMBEDDING = 512  # numbers of an identity (arXiv:1801.07698)
PICTURE = 256  # side of the pictures that pSp crops the face from
ROWS, COLUMNS = slice(35, 223), slice(32, 220)  # the face in FFHQ's framing: pSp's id_loss.py


class Attention(nn.Module):
    """Squeeze and excitation: channels are scaled by what the whole picture says of them."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.fc1 = nn.Conv2d(channels, channels // REDUCTION, 1, bias=False)
        self.fc2 = nn.Conv2d(channels // REDUCTION, channels, 1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        squeezed = x.mean((2, 3), keepdim=True)
        return x * self.fc2(F.relu(self.fc1(squeezed))).sigmoid()


class Unit(nn.Module):
    """Residual unit; the stride is in its second convolution, nothing follows the sum."""

    def __init__(self, in_channels: int, channels: int, *, stride: int) -> None:
        super().__init__()
        if in_channels == channels:
            self.shortcut_layer: nn.Module = nn.MaxPool2d(1, stride)
        else:
            convolution = nn.Conv2d(in_channels, channels, 1, stride, bias=False)
            self.shortcut_layer = nn.Sequential(convolution, nn.BatchNorm2d(channels))
        self.res_layer = nn.Sequential(
            nn.BatchNorm2d(in_channels),
            nn.Conv2d(in_channels, channels, 3, 1, 1, bias=False),
            nn.PReLU(channels),
            nn.Conv2d(channels, channels, 3, stride, 1, bias=False),
            nn.BatchNorm2d(channels),
            Attention(channels),
        )

    def forward(self, x: Tensor) -> Tensor:
        """Features [N, C, H / stride, W / stride]."""
        return self.shortcut_layer(x) + self.res_layer(x)


def stem(in_channels: int, channels: int = STEM) -> nn.Sequential:
    """The first layer, at full size."""
    convolution = nn.Conv2d(in_channels, channels, 3, 1, 1, bias=False)
    return nn.Sequential(convolution, nn.BatchNorm2d(channels), nn.PReLU(channels))


def trunk(channels: int = STEM) -> nn.Sequential:
    """The units after a stem of so many channels."""
    units, before = [], channels
    for factor, count in STAGES:
        for i in range(count):
            units.append(Unit(before, factor * channels, stride=2 if i == 0 else 1))
            before = factor * channels
    return nn.Sequential(*units)


class IRSE50(nn.Module):
    """The identity network: pictures [N, 3, 112, 112] to embeddings [N, 512]."""

    def __init__(self) -> None:
        super().__init__()
        self.config: dict[str, Any] = {}
        self.input_layer = stem(3)
        self.body = trunk()
        side = INPUT // 2 ** len(STAGES)
        before = nn.BatchNorm2d(EMBEDDING), nn.Dropout(0.6), nn.Flatten()  # as published
        join = nn.Linear(EMBEDDING * side * side, EMBEDDING)
        self.output_layer = nn.Sequential(*before, join, nn.BatchNorm1d(EMBEDDING))

    def forward(self, images: Tensor) -> Tensor:
        """Embeddings [N, 512] of images [N, 3, 112, 112] in [-1, 1], before normalisation."""
        if images.ndim != 4 or images.shape[1:] != (3, INPUT, INPUT):
            raise ValueError(f"images must be [N, 3, {INPUT}, {INPUT}], got {tuple(images.shape)}")
        images = images.contiguous(memory_format=torch.channels_last)
        return self.output_layer(self.body(self.input_layer(images)))


def face_crop(images: Tensor) -> Tensor:
    """The face [N, 3, 112, 112] of aligned pictures [N, 3, R, R]: what IR-SE50 looks at."""
    return F.adaptive_avg_pool2d(resized(images, PICTURE)[:, :, ROWS, COLUMNS], INPUT)


class IdentityLoss(nn.Module):
    """Mean of one minus the cosine of two faces' embeddings by a network like IR-SE50."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network.requires_grad_(False)

    def similarity(self, images: Tensor, reference: Tensor) -> Tensor:
        """Cosine [N] between two batches of aligned faces [N, 3, R, R]; differentiates images."""
        self.network.eval()  # whatever mode the module that holds it is in
        ours = F.normalize(self.network(face_crop(images)))
        theirs = F.normalize(self.network(face_crop(reference))).detach()
        return (ours * theirs).sum(1)

    def forward(self, images: Tensor, reference: Tensor) -> Tensor:
        """Scalar: 0 for one and the same face, 2 at most."""
        return (1 - self.similarity(images, reference)).mean()
